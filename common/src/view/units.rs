//! Numbers as people read them. What is unknown is a dash.

/// What stands for a number that is not there.
pub const UNKNOWN: &str = "-";

const PREFIXES: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];

/// `of` of a value that is there, else a dash.
pub fn known(value: Option<f64>, of: impl FnOnce(f64) -> String) -> String {
    value.filter(|value| !value.is_nan()).map_or_else(|| UNKNOWN.to_owned(), of)
}

/// Three digits or so: `1234`, `12.3`, `0.05`.
pub fn number(value: f64) -> String {
    let magnitude = value.abs();
    match magnitude {
        // Whole ones as they are, and those that have no meaningful digit behind the point.
        _ if value.fract() == 0.0 || magnitude >= 100.0 => format!("{value:.0}"),
        _ if magnitude >= 10.0 => format!("{value:.1}"),
        _ if magnitude >= 0.005 => format!("{value:.2}"),
        _ => format!("{value:.1e}"),
    }
}

/// A value in powers of 1024, and which of them.
fn scaled(value: f64) -> (f64, &'static str) {
    let (mut value, mut power) = (value, 0);
    // What would be rounded to 1024 is one of the next.
    while value.abs() >= 1023.5 && power + 1 < PREFIXES.len() {
        value /= 1024.0;
        power += 1;
    }
    (value, PREFIXES[power])
}

fn digits(value: f64, prefix: &str) -> String {
    if value.abs() < 9.95 && !prefix.is_empty() {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// `512 B`, `1.5 GiB`.
pub fn bytes(value: f64) -> String {
    let (value, prefix) = scaled(value);
    let middle = if prefix.is_empty() { "" } else { "i" };
    format!("{} {prefix}{middle}B", digits(value, prefix))
}

/// The same for narrow columns: `512`, `1.5G`.
pub fn short_bytes(value: f64) -> String {
    let (value, prefix) = scaled(value);
    format!("{}{prefix}", digits(value, prefix))
}

/// A share of one in percent, without the sign: `12.3`.
pub fn percent(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}

/// `15 ms`, `3.2 s`, `12 min 5 s`, `4 h 12 min`, `3 d 4 h`.
pub fn duration(seconds: f64) -> String {
    let parts = |large: f64, name: &str, small: f64, part: &str| {
        // The whole ones of the larger unit, and what is left in the smaller one.
        let units = (seconds / large).floor();
        let rest = ((seconds - units * large) / small).floor();
        if rest > 0.0 { format!("{units} {name} {rest} {part}") } else { format!("{units} {name}") }
    };
    match seconds {
        0.0 => "0 s".to_owned(),
        _ if seconds.abs() < 0.001 => format!("{} us", number(seconds * 1e6)),
        _ if seconds.abs() < 1.0 => format!("{} ms", number(seconds * 1e3)),
        _ if seconds < 120.0 => format!("{} s", number(seconds)),
        _ if seconds < 7200.0 => parts(60.0, "min", 1.0, "s"),
        _ if seconds < 172_800.0 => parts(3600.0, "h", 60.0, "min"),
        _ => parts(86_400.0, "d", 3600.0, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_about_three_digits() {
        for (value, text) in [
            (0.0, "0"),
            (7.0, "7"),
            (123_456.0, "123456"),
            (1234.56, "1235"),
            (12.34, "12.3"),
            (0.051, "0.05"),
            (0.000_12, "1.2e-4"),
            (-3.5, "-3.50"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(known(None, number), "-");
        assert_eq!(known(Some(f64::NAN), number), "-");
    }

    #[test]
    fn bytes_are_in_powers_of_1024() {
        for (value, long, short) in [
            (0.0, "0 B", "0"),
            (1023.0, "1023 B", "1023"),
            (1023.9, "1.0 KiB", "1.0K"),
            (1536.0, "1.5 KiB", "1.5K"),
            (10.2 * 1024.0, "10 KiB", "10K"),
            (1023.7 * 1024.0, "1.0 MiB", "1.0M"),
            (96.0 * 1024.0 * 1024.0, "96 MiB", "96M"),
            (2f64.powi(90), "1073741824 EiB", "1073741824E"),
        ] {
            assert_eq!((bytes(value).as_str(), short_bytes(value).as_str()), (long, short));
        }
        assert_eq!(percent(0.123), "12.3");
    }

    #[test]
    fn durations_have_two_units_at_most() {
        for (seconds, text) in [
            (0.0, "0 s"),
            (0.000_02, "20 us"),
            (0.0153, "15.3 ms"),
            (3.0, "3 s"),
            (125.0, "2 min 5 s"),
            (7260.0, "2 h 1 min"),
            (86_400.0 * 3.0 + 4.0 * 3600.0, "3 d 4 h"),
            (172_800.0, "2 d"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }
}
