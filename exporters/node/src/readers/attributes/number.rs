//! Numbers as devices write them.

use common::error::{ParseError, parse_number};

/// `0` of `cpu0`; nothing if `name` is not `prefix` with a number.
pub(crate) fn number_after<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let number = name.strip_prefix(prefix)?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

/// A decimal integer, or a hexadecimal one after `0x`.
pub(crate) fn integer(text: &str) -> Result<Option<f64>, ParseError> {
    let Some(digits) = text.strip_prefix("0x") else {
        // Wide enough for signed and unsigned numbers of 64 bits.
        return parse_number::<i128>("value", Some(text)).map(|number| Some(number as f64));
    };
    let number = u64::from_str_radix(digits, 16);
    number.map(|number| Some(number as f64)).map_err(|_| ParseError::number("value", text))
}

/// The number at the start, with words behind: `2.5 GT/s PCIe`.
pub(crate) fn leading_number(text: &str) -> Result<Option<f64>, ParseError> {
    parse_number("value", text.split_ascii_whitespace().next()).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_decimal_or_hexadecimal() {
        assert_eq!(integer("-12"), Ok(Some(-12.0)));
        assert_eq!(integer("18446744073709551615"), Ok(Some(18_446_744_073_709_551_615.0)));
        assert_eq!(integer("0xff"), Ok(Some(255.0)));
        for text in ["", "0x", "1 2", "1.5", "N/A", "0x1ffffffffffffffff"] {
            assert!(integer(text).is_err(), "{text:?}");
        }
    }

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
        fn any_text_is_parsed_or_refused(text in "(0x)?\\PC{0,40}") {
            let _ = (integer(&text), leading_number(&text), number_after(&text, "0"));
        }
    }
}
