//! The forms that the files of cgroups have.

use common::error::{FirstError, ParseError, parse_number};

/// A file of one number.
pub(crate) fn parse_value(text: &str) -> Result<f64, ParseError> {
    whole_number(text.trim())
}

/// Kernel counters are whole; text such as `nan` or `1e9` is none of them.
fn whole_number(text: &str) -> Result<f64, ParseError> {
    parse_number::<i128>("value", Some(text)).map(|number| number as f64)
}

/// A limit: a number, or `None` for the word `max`.
pub(crate) fn parse_limit(text: &str) -> Result<Option<f64>, ParseError> {
    if text.trim() == "max" { Ok(None) } else { parse_value(text).map(Some) }
}

/// Hands the key and the number of each line to `set`. A line of another form costs itself
/// alone; the error is that of the first one.
pub(crate) fn each_pair(text: &str, mut set: impl FnMut(&str, f64)) -> FirstError<ParseError> {
    let mut errors = FirstError::default();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some((key, value)) = errors.note(parse_pair(line)) {
            set(key, value);
        }
    }
    errors
}

fn parse_pair(line: &str) -> Result<(&str, f64), ParseError> {
    let (key, value) =
        line.split_once(' ').ok_or_else(|| ParseError::form("no key and value", line))?;
    Ok((key, whole_number(value.trim())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::error::Partial;
    use proptest::proptest;

    fn pair(key: &str, value: f64) -> (String, f64) {
        (key.to_owned(), value)
    }

    fn pairs(text: &str) -> Partial<Vec<(String, f64)>, ParseError> {
        let mut found = Vec::new();
        let errors = each_pair(text, |key, value| found.push(pair(key, value)));
        errors.beside(found)
    }

    #[test]
    fn values_limits_and_pairs_are_read() {
        assert_eq!(parse_value("67108864\n"), Ok(67_108_864.0));
        assert_eq!(parse_limit("max\n"), Ok(None));
        assert_eq!(parse_limit("0\n"), Ok(Some(0.0)));
        assert_eq!(
            pairs("anon 1\nfile 2\n"),
            Partial::whole(vec![pair("anon", 1.0), pair("file", 2.0)])
        );
    }

    #[test]
    fn a_line_of_another_form_costs_itself_alone() {
        let found = pairs("anon 1\nnew in some kernel\nfile x\nfile 2\n");
        assert_eq!(found.good, [pair("anon", 1.0), pair("file", 2.0)]);
        assert_eq!(found.error, Some(ParseError::number("value", "in some kernel")));
    }

    #[test]
    fn truncated_and_malformed_content_is_an_error() {
        for text in ["", "\n", "x", "1 2", "maximum", "nan", "1e9"] {
            assert!(parse_value(text).is_err() && parse_limit(text).is_err(), "{text:?}");
        }
        for text in ["anon", "anon ", "anon x", "\0"] {
            assert!(pairs(text).error.is_some(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = (parse_value(&text), parse_limit(&text), pairs(&text));
        }
    }
}
