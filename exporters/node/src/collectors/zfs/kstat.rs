//! Files of named values: a line of numbers, the header `name type data`, and one line for each value.

use common::error::{ParseError, Partial, parse_number};

/// Types of the values that are exposed, of `kstat_named_t`.
const INT64: &str = "3";
const UINT64: &str = "4";

/// A named value.
#[derive(Debug, PartialEq)]
pub(super) struct Figure<'a> {
    pub(super) name: &'a str,
    pub(super) value: f64,
}

/// The integers of a file.
pub(super) fn figures(text: &str) -> Partial<Vec<Figure<'_>>, ParseError> {
    match lines(text) {
        Ok(lines) => integers(lines),
        Err(error) => Partial::failed(error),
    }
}

fn integers<'a>(
    lines: impl Iterator<Item = (&'a str, &'a str, &'a str)>,
) -> Partial<Vec<Figure<'a>>, ParseError> {
    let integers = lines.filter(|(_, kind, _)| matches!(*kind, INT64 | UINT64));
    integers.map(|(name, _, data)| figure(name, data)).collect()
}

/// Name and integers of a dataset's file; the name may hold spaces.
pub(super) fn dataset(
    text: &str,
) -> Result<(&str, Partial<Vec<Figure<'_>>, ParseError>), ParseError> {
    let mut names = lines(text)?.filter(|(name, _, _)| *name == "dataset_name");
    let (_, _, name) = names.next().ok_or(ParseError::Missing { field: "dataset_name" })?;
    Ok((name, figures(text)))
}

/// The figures of a pool's `io`: a line of names from `nread` on, and one of values.
pub(super) fn io(text: &str) -> Partial<Vec<Figure<'_>>, ParseError> {
    let mut lines = text.lines().skip_while(|line| !line.trim_start().starts_with("nread"));
    let Some(names) = lines.next() else {
        return Partial::failed(ParseError::Missing { field: "nread" });
    };
    let mut values = lines.next().unwrap_or_default().split_ascii_whitespace();
    let names = names.split_ascii_whitespace();
    names.map(|name| figure(name, values.next().unwrap_or_default())).collect()
}

/// The state of a pool in the letters of the label, whether it is one that is known or not.
pub(super) fn state(text: &str) -> Result<String, ParseError> {
    let state = text.trim();
    let is_word = !state.is_empty() && state.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_word { Ok(state.to_ascii_lowercase()) } else { Err(ParseError::Form("no state".into())) }
}

/// Name, type and the rest of each line behind the header.
fn lines(text: &str) -> Result<impl Iterator<Item = (&str, &str, &str)>, ParseError> {
    let mut lines = text.lines();
    lines
        .find(|line| line.split_ascii_whitespace().eq(["name", "type", "data"]))
        .ok_or_else(|| ParseError::Form("no header of names, types and data".into()))?;
    Ok(lines.filter_map(|line| {
        let (name, rest) = line.trim().split_once(char::is_whitespace)?;
        let rest = rest.trim_start();
        let (kind, data) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        Some((name, kind, data.trim_start()))
    }))
}

/// Wide enough for what is signed and what is not.
fn figure<'a>(name: &'a str, data: &str) -> Result<Figure<'a>, ParseError> {
    let value: i128 = parse_number("data", Some(data))?;
    Ok(Figure { name, value: value as f64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARCSTATS: &str = "6 1 0x01 91 4368 5266997922 97951858082072\n\
        name                            type data\n\
        hits                            4    8772612\n\
        memory_available_bytes          3    -922337176\n\
        comment                         7    ten 10\n\
        l2-size                         4    18446744073709551615\n";

    fn named(figures: &[Figure<'_>]) -> Vec<(String, f64)> {
        figures.iter().map(|figure| (figure.name.to_owned(), figure.value)).collect()
    }

    #[test]
    fn integers_are_taken_and_other_types_left() {
        let expected = [
            ("hits".to_owned(), 8_772_612.0),
            ("memory_available_bytes".to_owned(), -922_337_176.0),
            ("l2-size".to_owned(), 18_446_744_073_709_551_615.0),
        ];
        let figures = figures(ARCSTATS);
        assert_eq!((named(&figures.good), figures.error), (expected.into(), None));
    }

    #[test]
    fn datasets_may_have_spaces_in_their_names() {
        let text = "23 1 0x01 7 2160 221578688875 6665999035587\nname type data\n\
            dataset_name                    7    pool1/my data\nwrites     4    7\n";
        let (name, figures) = dataset(text).unwrap();
        assert_eq!(
            (name, named(&figures.good)),
            ("pool1/my data", vec![("writes".to_owned(), 7.0)])
        );
        assert!(dataset("name type data\nwrites 4 7\n").is_err());
    }

    #[test]
    fn io_is_a_line_of_names_and_one_of_values() {
        let text = "12 3 0x00 1 80 79205351707403 395818011156865\n\
            nread    nwritten reads\n1884160  3206144  22\n";
        let expected = [
            ("nread".into(), 1_884_160.0),
            ("nwritten".into(), 3_206_144.0),
            ("reads".into(), 22.0),
        ];
        assert_eq!(named(&io(text).good), expected);
    }

    #[test]
    fn states_are_words() {
        assert_eq!(state("ONLINE\n"), Ok("online".into()));
        assert!(state("").is_err() && state("\0\n").is_err());
    }

    #[test]
    fn truncated_and_malformed_content_is_an_error() {
        for text in [
            "",
            "6 1 0x01\n",
            "name type\n",
            "name type data\nhits 4 x\n",
            "name type data\nhits 4\n",
        ] {
            assert!(figures(text).error.is_some(), "{text:?}");
        }
        for text in ["", "nread\n", "nread reads\n1\n", "nread\nx\n"] {
            assert!(io(text).error.is_some(), "{text:?}");
        }
        assert_eq!(figures("name type data\ncomment 7\nhits\n"), Partial::whole(vec![]));
    }

    #[test]
    fn a_malformed_value_costs_only_itself() {
        let good = figures("name type data\nhits 4 x\nmisses 4 7\n").good;
        assert_eq!(named(&good), [("misses".into(), 7.0)]);
        assert_eq!(named(&io("nread reads\nx 7\n").good), [("reads".into(), 7.0)]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(name type data\n|nread |dataset_name 7 |[a-z0-9 \n]|\\PC){0,60}") {
            let _ = (figures(&text), dataset(&text), io(&text));
        }
    }
}
