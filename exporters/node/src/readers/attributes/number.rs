//! Numbers as devices write them.

use common::error::{ParseError, parse_number};

/// `0` of `cpu0`; nothing if `name` is not `prefix` with a number.
pub(crate) fn number_after<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let number = name.strip_prefix(prefix)?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

/// The number at the start, with words behind: `2.5 GT/s PCIe`.
pub(crate) fn leading_number(text: &str) -> Result<Option<f64>, ParseError> {
    parse_number("value", text.split_ascii_whitespace().next()).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_behind_a_number_are_ignored() {
        assert_eq!(leading_number("2.5 GT/s PCIe"), Ok(Some(2.5)));
        assert!(leading_number("").is_err() && leading_number("GT/s").is_err());
        assert_eq!(number_after("cpu12", "cpu"), Some("12"));
        assert_eq!(number_after("cpufreq", "cpu"), None);
        assert_eq!(number_after("cpu", "cpu"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "[0-9]{0,9}\\PC{0,40}") {
            let _ = (leading_number(&text), number_after(&text, "0"));
        }
    }
}
