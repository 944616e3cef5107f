//! Spelling of sample values and of the numbers inside `le` and `quantile` labels.

use super::buffer::Buffer;

/// Largest magnitude up to which every whole number has its own `f64`.
const EXACT_INTEGER_LIMIT: f64 = 9_007_199_254_740_992.0;

/// Room for the digits of a number.
pub(super) struct Digits {
    whole: itoa::Buffer,
    other: zmij::Buffer,
}

impl Digits {
    #[inline]
    pub(super) fn new() -> Self {
        Self { whole: itoa::Buffer::new(), other: zmij::Buffer::new() }
    }

    /// A sample value: whole numbers as integers, the rest as the shortest
    /// digits that read back to the same `f64`.
    #[inline]
    pub(super) fn of(&mut self, value: f64) -> &[u8] {
        if value.abs() < EXACT_INTEGER_LIMIT {
            #[expect(clippy::cast_possible_truncation, reason = "compared with the original below")]
            let whole = value as i64;
            #[expect(clippy::float_cmp, reason = "asks whether the value is a whole number")]
            if whole as f64 == value {
                return self.whole.format(whole).as_bytes();
            }
        } else if !value.is_finite() {
            return special(value);
        }
        self.other.format_finite(value).as_bytes()
    }
}

/// Appends a sample value.
#[inline]
pub(super) fn put_value(out: &mut Buffer, value: f64) {
    out.put(Digits::new().of(value));
}

/// Appends an integer in decimal.
#[inline]
pub(super) fn put_integer(out: &mut Buffer, value: i64) {
    out.put(itoa::Buffer::new().format(value).as_bytes());
}

fn special(value: f64) -> &'static [u8] {
    match (value.is_nan(), value > 0.0) {
        (true, _) => b"NaN",
        (false, true) => b"+Inf",
        (false, false) => b"-Inf",
    }
}

/// Spells a `le` or `quantile` value as Go does, because before Prometheus 3
/// that spelling is part of the series' identity: shortest digits, with an
/// exponent of sign and two digits below 1e-04 and from 1e+06 on. OpenMetrics
/// wants a point in whole numbers: `1.0`.
pub(super) fn put_bound(out: &mut Buffer, value: f64, openmetrics: bool) {
    if !value.is_finite() {
        out.put(special(value));
        return;
    }
    if value == 0.0 || (1e-4..1e6).contains(&value.abs()) {
        put_value(out, value);
        if openmetrics && value.fract() == 0.0 {
            out.put(b".0");
        }
        return;
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    out.put(format!("{mantissa}e{sign}{:02}", exponent.abs()).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(value: f64) -> String {
        let mut out = Buffer::default();
        put_value(&mut out, value);
        String::from_utf8(out.as_slice().to_vec()).unwrap()
    }

    fn bound(value: f64, openmetrics: bool) -> String {
        let mut out = Buffer::default();
        put_bound(&mut out, value, openmetrics);
        String::from_utf8(out.as_slice().to_vec()).unwrap()
    }

    #[test]
    fn whole_numbers_are_plain_integers() {
        assert_eq!(value(0.0), "0");
        assert_eq!(value(-0.0), "0");
        assert_eq!(value(-1.0), "-1");
        assert_eq!(value(8_589_934_592.0), "8589934592");
    }

    #[test]
    fn special_values_have_prometheus_words() {
        assert_eq!(value(f64::NAN), "NaN");
        assert_eq!(value(f64::INFINITY), "+Inf");
        assert_eq!(value(f64::NEG_INFINITY), "-Inf");
    }

    #[test]
    fn bounds_are_spelled_as_go_spells_them() {
        for (number, text, openmetrics) in [
            (0.005, "0.005", "0.005"),
            (1.0, "1", "1.0"),
            (0.0, "0", "0.0"),
            (100_000.0, "100000", "100000.0"),
            (1_000_000.0, "1e+06", "1e+06"),
            (1_234_567.0, "1.234567e+06", "1.234567e+06"),
            (0.0001, "0.0001", "0.0001"),
            (0.000_001, "1e-06", "1e-06"),
            (f64::INFINITY, "+Inf", "+Inf"),
            (99.9, "99.9", "99.9"),
        ] {
            assert_eq!(bound(number, false), text);
            assert_eq!(bound(number, true), openmetrics);
        }
    }

    proptest::proptest! {
        #[test]
        fn every_value_reads_back_to_itself(number in proptest::num::f64::NORMAL | proptest::num::f64::ZERO) {
            let read: f64 = value(number).parse().unwrap();
            proptest::prop_assert_eq!(read.to_bits(), (number + 0.0).to_bits());
        }

        #[test]
        fn every_bound_has_an_exponent_where_go_writes_one(number in proptest::num::f64::NORMAL, power in -8..9) {
            for number in [number, number.signum() * 1.7 * 10_f64.powi(power)] {
                let text = bound(number, false);
                proptest::prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits());
                let is_plain = (1e-4..1e6).contains(&number.abs());
                proptest::prop_assert_eq!(text.contains('e'), !is_plain, "{}", text);
            }
        }
    }
}
