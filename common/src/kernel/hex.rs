//! Hexadecimal numbers without a prefix, as files below `/proc/net` hold them.

use std::num::ParseIntError;
use std::str::FromStr;

/// A number that is written in hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hex(pub u64);

impl FromStr for Hex {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::Hex;

    #[test]
    fn digits_go_up_to_64_bits() {
        assert_eq!("0000588a".parse(), Ok(Hex(22_666)));
        assert_eq!("FFFFFFFFFFFFFFFF".parse(), Ok(Hex(u64::MAX)));
        for text in ["", "0x1", "g", "-1", "1FFFFFFFFFFFFFFFF"] {
            assert!(text.parse::<Hex>().is_err(), "{text:?}");
        }
    }
}
