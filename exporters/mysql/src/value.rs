//! Numbers in the text values of status, variables and replica status.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A value as a sample: words such as `ON` become 1 or 0, dates become Unix
/// seconds (read as UTC), and what Go takes for a float becomes that number.
/// `None` for any other text, which is no error.
pub fn parse(text: &str) -> Option<f64> {
    match text.as_bytes().first()? {
        // Most values are numbers; none of the other forms reads as one.
        b'0'..=b'9' | b'+' | b'-' | b'.' => number(text).or_else(|| date(text)),
        _ => word(text).or_else(|| number(text)).or_else(|| certificate_date(text)),
    }
}

fn word(text: &str) -> Option<f64> {
    let is_any = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_any(&["yes", "on", "primary"]) {
        Some(1.0)
    } else if is_any(&["no", "off", "disabled", "connecting", "non-primary", "disconnected"]) {
        Some(0.0)
    } else {
        None
    }
}

/// A float as Go reads it: what overflows is no number, infinity itself is one.
fn number(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(hexadecimal) = unsigned.strip_prefix("0x").or(unsigned.strip_prefix("0X")) {
        let magnitude = hexadecimal_float(hexadecimal)?;
        return Some(if text.starts_with('-') { -magnitude } else { magnitude });
    }
    let value: f64 = text.parse().ok()?;
    let overflows = value.is_infinite() && unsigned.starts_with(|c: char| !c.is_alphabetic());
    (!overflows).then_some(value)
}

/// `digits[.digits]p[sign]exponent`, the exponent being a decimal power of two.
fn hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let exponent: i32 = exponent.parse().ok()?;
    let fraction_bits = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    let value = value * f64::from(exponent.checked_sub(fraction_bits)?).exp2();
    value.is_finite().then_some(value)
}

/// `YYYY-MM-DD HH:MM:SS` with or without a fraction, read as UTC, as Unix seconds.
pub fn timestamp(text: &str) -> Option<f64> {
    let fraction = text.split_once('.').map_or(Some(0.0), |(_, digits)| {
        let is_fraction = digits.bytes().all(|byte| byte.is_ascii_digit());
        is_fraction.then(|| format!("0.{digits}").parse().ok())?
    });
    Some(date(text)? + fraction?)
}

/// `YYYY-MM-DD HH:MM:SS`, a fraction being dropped.
fn date(text: &str) -> Option<f64> {
    let (day, time) = text.split_once(' ')?;
    let mut parts = day.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
        return None;
    }
    let time = match time.split_once('.') {
        Some((time, fraction)) if fraction.bytes().all(|byte| byte.is_ascii_digit()) => time,
        Some(_) => return None,
        None => time,
    };
    seconds(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?, time)
}

/// `Mon D HH:MM:SS YYYY ZONE`, as OpenSSL prints the ends of a certificate's life.
fn certificate_date(text: &str) -> Option<f64> {
    let mut parts = text.split_ascii_whitespace();
    let name = parts.next()?;
    let month = MONTHS.iter().zip(1..).find(|(month, _)| **month == name)?.1;
    let day = parts.next()?.parse().ok()?;
    let time = parts.next()?;
    let year = parts.next()?.parse().ok()?;
    let zone = parts.next()?;
    let is_zone = zone.len() >= 3 && zone.bytes().all(|byte| byte.is_ascii_uppercase());
    if !is_zone || parts.next().is_some() {
        return None;
    }
    seconds(year, month, day, time)
}

fn seconds(year: i16, month: i8, day: i8, time: &str) -> Option<f64> {
    let mut parts = time.split(':');
    let mut two_digits = || {
        let part = parts.next()?;
        let is_number = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.parse::<i8>().ok())?
    };
    let (hour, minute, second) = (two_digits()?, two_digits()?, two_digits()?);
    if parts.next().is_some() {
        return None;
    }
    let civil = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    Some(TimeZone::UTC.to_timestamp(civil).ok()?.as_second() as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_one_or_zero_in_any_case() {
        for text in ["yes", "YES", "On", "Primary"] {
            assert_eq!(parse(text), Some(1.0), "{text}");
        }
        for text in ["no", "OFF", "Disabled", "Connecting", "non-Primary", "Disconnected"] {
            assert_eq!(parse(text), Some(0.0), "{text}");
        }
    }

    #[test]
    fn floats_are_read_as_go_reads_them() {
        for (text, value) in [
            ("0", 0.0),
            ("-1", -1.0),
            ("+2.50", 2.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("18446744073709551615", 18_446_744_073_709_551_615.0),
            ("0x1p4", 16.0),
            ("-0X1.8p1", -3.0),
            ("inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
        ] {
            assert_eq!(parse(text), Some(value), "{text}");
        }
        assert!(parse("NaN").is_some_and(f64::is_nan));
    }

    #[test]
    fn dates_are_unix_seconds() {
        for (text, value) in [
            ("2024-02-29 12:00:00", 1_709_208_000.0),
            ("2024-02-29 12:00:00.123456", 1_709_208_000.0),
            ("1969-12-31 23:59:59", -1.0),
            ("Feb 29 12:00:00 2024 GMT", 1_709_208_000.0),
            ("Jan  1 00:00:01 1970 UTC", 1.0),
        ] {
            assert_eq!(parse(text), Some(value), "{text}");
        }
    }

    #[test]
    fn timestamps_keep_their_fraction() {
        assert_eq!(timestamp("2024-02-29 12:00:00.25"), Some(1_709_208_000.25));
        assert_eq!(timestamp("2024-02-29 12:00:00"), Some(1_709_208_000.0));
        for text in ["", "0000-00-00 00:00:00", "2024-02-29 12:00:00.x", "1709208000.5"] {
            assert_eq!(timestamp(text), None, "{text:?}");
        }
    }

    #[test]
    fn other_text_is_no_sample() {
        for text in [
            "",
            " ",
            "true",
            "FORCED",
            "10.11.19",
            "bin.000012",
            "0-1-5",
            "1 ",
            " 1",
            "1_0",
            "0x10",
            "0x",
            "0xp1",
            "1e999",
            "0000-00-00 00:00:00",
            "2024-13-01 00:00:00",
            "2024-02-30 00:00:00",
            "2024-02-29 12:00",
            "2024-02-29 1:00:00",
            "2024-02-29 12:00:00.x",
            "2024-02-29",
            "Foo 1 00:00:00 2024 GMT",
            "Jan 1 00:00:00 2024",
            "Jan 1 00:00:00 2024 gmt",
            "Jan",
            "é",
            "-",
            "+",
            ".",
            "0x1p99999999999",
            "0x1p9999",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "(?s).{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn likely_text_never_panics(text in "[-+0-9a-fpxA-FX:. JanGMT]{0,30}") {
            prop_assert!(parse(&text).is_none() || !text.is_empty());
        }

        #[test]
        fn every_number_is_read_back(value in any::<i64>()) {
            prop_assert_eq!(parse(&value.to_string()), Some(value as f64));
        }
    }
}
