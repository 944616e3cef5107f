//! Durations as Go's flags spell them.

use std::time::Duration;

/// Reads `300ms`, `5s`, `1m30s`, `2.5h`; `0` needs no unit.
///
/// # Errors
/// A text saying what is expected.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let malformed = || "expected a duration such as 500ms, 5s or 1m30s".to_owned();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return Err(malformed());
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(malformed)?;
        let number: f64 = rest[..digits].parse().map_err(|_| malformed())?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        seconds += number * unit_seconds(&rest[..unit]).ok_or_else(malformed)?;
        rest = &rest[unit..];
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| "the duration is too long".to_owned())
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_spellings_are_understood() {
        for (text, milliseconds) in
            [("0", 0), ("5s", 5_000), ("1m30s", 90_000), ("500ms", 500), ("1.5h", 5_400_000)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "5", "s", "-1s", "1d", "1s2", "1..5s", "99999999999999999999h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
