//! Sizes with the letter of a binary unit, as bcache and bcachefs print them.

use common::error::ParseError;

/// Letters of the powers of 1024, from the first on.
const UNITS: &str = "kMGTPEZY";

/// A number as `bch_hprint` of bcache writes it (drivers/md/bcache/util.c), such as `1.5k` or `-17.1M`.
///
/// Read as the reference exporter reads it: it takes the digit behind the point for
/// 1024ths divided by 100, so that `1.5k` gives 1524 for 1536, and drops the rest of a byte.
pub(crate) fn bcache(text: &str) -> Result<f64, ParseError> {
    let (number, unit) = split(text)?;
    let (sign, digits) = number.strip_prefix('-').map_or((1.0, number), |digits| (-1.0, digits));
    let mantissa = match digits.split_once('.') {
        Some((whole, tenths)) if unit > 1.0 && !tenths.contains('.') => {
            decimal(whole)? + decimal(tenths)? / 10.24
        }
        _ => decimal(digits)?,
    };
    Ok(sign * (mantissa * unit).trunc())
}

/// A number as bcachefs writes it, such as `542k`, `1.32T` or, in some releases, `1.32 TiB`.
pub(crate) fn bcachefs(text: &str) -> Result<f64, ParseError> {
    let (number, unit) = split(text)?;
    Ok((decimal(number)? * unit).trunc())
}

/// The digits, and the unit's size behind them.
fn split(text: &str) -> Result<(&str, f64), ParseError> {
    let text = text.trim();
    let bare = text.strip_suffix('B').unwrap_or(text);
    let bare = bare.strip_suffix('i').unwrap_or(bare);
    let Some(letter) = bare.chars().next_back().filter(char::is_ascii_alphabetic) else {
        return Ok((bare.trim_end(), 1.0));
    };
    let letter = if letter == 'K' { 'k' } else { letter };
    let power = UNITS.find(letter).ok_or_else(|| no_number(text))?;
    let unit = (0..=power).fold(1.0, |unit, _| unit * 1024.0);
    Ok((bare.trim_end_matches(char::is_alphabetic).trim_end(), unit))
}

/// A decimal number without sign or exponent.
fn decimal(text: &str) -> Result<f64, ParseError> {
    let is_plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.parse().ok().filter(|_| is_plain).ok_or_else(|| no_number(text))
}

fn no_number(text: &str) -> ParseError {
    ParseError::number("size", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_bcache_have_a_fraction_of_their_own() {
        assert_eq!(bcache("0"), Ok(0.0));
        assert_eq!(bcache("289"), Ok(289.0));
        assert_eq!(bcache("1.1M"), Ok(1_150_976.0));
        assert_eq!(bcache("1.5k"), Ok(1524.0));
        assert_eq!(bcache("20.0G"), Ok(21_474_836_480.0));
        assert_eq!(bcache("-2.0k"), Ok(-2048.0));
        assert_eq!(bcache("1.5"), Ok(1.0));
    }

    #[test]
    fn sizes_of_bcachefs_are_decimal() {
        for (text, value) in [
            ("405", 405.0),
            ("542k", 555_008.0),
            ("1.50G", 1_610_612_736.0),
            ("1.32 TiB", 1_451_355_348_664.0),
            ("2Ki", 2048.0),
            ("0 B", 0.0),
        ] {
            assert_eq!(bcachefs(text), Ok(value), "{text:?}");
        }
    }

    #[test]
    fn malformed_sizes_are_errors() {
        for text in
            ["", "k", "x", "1x", "1.2.3k", "--1k", "nan", "inf", "1e3", "B", ".", "k1", "1 k2"]
        {
            assert!(bcache(text).is_err(), "{text:?}");
            assert!(bcachefs(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([0-9.kMGTiB -]|\\PC){0,20}") {
            let _ = (bcache(&text), bcachefs(&text));
        }
    }
}
