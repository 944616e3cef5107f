//! Columns that are found by a key: a file of sysfs, a field of INFO, a column of a result.

use crate::error::{ParseError, parse_number};
use crate::metric::Desc;

/// One column of a table of keys: where its text is, how it is read, and the family of its numbers.
#[derive(Clone, Copy, Debug)]
pub struct Keyed {
    /// Name of the file, field or column in the source's words.
    pub key: &'static str,
    /// The family that the numbers belong to.
    pub desc: Desc<'static>,
    read: Read,
    factor: f64,
    divisor: f64,
    fallback: Option<f64>,
}

/// Reads the number in a text; `None` if the text says that there is none.
pub type Read = fn(&str) -> Result<Option<f64>, ParseError>;

impl Keyed {
    /// A column of integers in the family's unit, decimal or hexadecimal after `0x`.
    pub const fn new(key: &'static str, desc: Desc<'static>) -> Self {
        Self { key, desc, read: integer, factor: 1.0, divisor: 1.0, fallback: None }
    }

    /// A counter of integers.
    pub const fn counter(key: &'static str, name: &'static str, help: &'static str) -> Self {
        Self::new(key, Desc::counter(name, help))
    }

    /// A gauge of integers.
    pub const fn gauge(key: &'static str, name: &'static str, help: &'static str) -> Self {
        Self::new(key, Desc::gauge(name, help))
    }

    /// An untyped family of integers.
    pub const fn untyped(key: &'static str, name: &'static str, help: &'static str) -> Self {
        Self::new(key, Desc::untyped(name, help))
    }

    /// The source counts in units of `factor`.
    #[must_use]
    pub const fn times(self, factor: f64) -> Self {
        Self { factor, ..self }
    }

    /// The source counts in fractions of `divisor`; divided, not multiplied, to get the
    /// reference exporter's last digit.
    #[must_use]
    pub const fn over(self, divisor: f64) -> Self {
        Self { divisor, ..self }
    }

    /// The text is something else than an integer.
    #[must_use]
    pub const fn read_by(self, read: Read) -> Self {
        Self { read, ..self }
    }

    /// What the reference exporter shows where there is no such text.
    #[must_use]
    pub const fn or(self, value: f64) -> Self {
        Self { fallback: Some(value), ..self }
    }

    /// The value of a text in the family's unit.
    ///
    /// # Errors
    /// The text is no number of the column's form.
    pub fn value(&self, text: &str) -> Result<Option<f64>, ParseError> {
        Ok((self.read)(text)?.map(|value| value * self.factor / self.divisor))
    }

    /// The value where there is no text.
    pub fn fallback(&self) -> Option<f64> {
        self.fallback
    }
}

/// A decimal integer of up to 64 bits with or without a sign, or a hexadecimal one after `0x`.
///
/// # Errors
/// The text is anything else.
pub fn integer(text: &str) -> Result<Option<f64>, ParseError> {
    let Some(digits) = text.strip_prefix("0x") else {
        if let Ok(number) = text.parse::<i64>() {
            return Ok(Some(number as f64));
        }
        // Wide enough for unsigned numbers of 64 bits too.
        return parse_number::<i128>("value", Some(text)).map(|number| Some(number as f64));
    };
    let number = u64::from_str_radix(digits, 16);
    number.map(|number| Some(number as f64)).map_err(|_| ParseError::number("value", text))
}

/// Any number that is written in decimal, with or without a fraction.
///
/// # Errors
/// The text is anything else.
pub fn float(text: &str) -> Result<Option<f64>, ParseError> {
    parse_number("value", Some(text)).map(Some)
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
    fn values_are_in_the_familys_unit() {
        let column = Keyed::counter("time", "t_seconds_total", "Time.");
        assert_eq!(column.over(1e6).value("1500000"), Ok(Some(1.5)));
        assert_eq!(column.times(512.0).value("2"), Ok(Some(1024.0)));
        assert_eq!(column.read_by(float).value("0.5"), Ok(Some(0.5)));
        assert!(column.value("0.5").is_err());
        assert_eq!((column.fallback(), column.or(0.0).fallback()), (None, Some(0.0)));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(0x)?\\PC{0,40}") {
            let _ = (integer(&text), float(&text));
        }
    }
}
