//! The forms that the files of cgroups have.

use common::error::{ParseError, parse_number};

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

/// Lines of a key and a number.
pub(crate) fn key_values(text: &str) -> impl Iterator<Item = Result<(&str, f64), ParseError>> {
    text.lines().filter(|line| !line.is_empty()).map(|line| {
        let (key, value) = line.split_once(' ').ok_or(ParseError::Missing { field: "value" })?;
        Ok((key, whole_number(value.trim())?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    #[test]
    fn values_limits_and_pairs_are_read() {
        assert_eq!(parse_value("67108864\n"), Ok(67_108_864.0));
        assert_eq!(parse_limit("max\n"), Ok(None));
        assert_eq!(parse_limit("0\n"), Ok(Some(0.0)));
        let pairs: Result<Vec<_>, _> = key_values("anon 1\nfile 2\n").collect();
        assert_eq!(pairs.unwrap(), [("anon", 1.0), ("file", 2.0)]);
    }

    #[test]
    fn truncated_and_malformed_content_is_an_error() {
        for text in ["", "\n", "x", "1 2", "maximum", "nan", "1e9"] {
            assert!(parse_value(text).is_err() && parse_limit(text).is_err(), "{text:?}");
        }
        for text in ["anon", "anon ", "anon x", "\0"] {
            assert!(key_values(text).any(|pair| pair.is_err()), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = (parse_value(&text), parse_limit(&text), key_values(&text).count());
        }
    }
}
