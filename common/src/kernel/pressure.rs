//! Pressure stall information: `/proc/pressure/*` and `*.pressure` of cgroups,
//! Documentation/accounting/psi.rst of the kernel.
//!
//! Parsed here because the procfs crate demands both lines of every file and does not know `irq`.

use super::text::{lines, words};
use crate::error::{FirstError, ParseError, Partial, parse_number};

/// Time lost, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pressure {
    /// Time in which some tasks waited; interrupts have none.
    pub some_seconds: Option<f64>,
    /// Time in which all tasks waited; the CPU has none before Linux 5.13.
    pub full_seconds: Option<f64>,
}

/// Reads `some avg10=0.00 avg60=0.00 avg300=0.00 total=123`, in microseconds, and the same of
/// `full`. Lines of other kinds are errors of their own.
pub fn parse(text: &str) -> Partial<Pressure, ParseError> {
    let (mut pressure, mut errors) = (Pressure::default(), FirstError::default());
    for line in lines(text).filter(|line| !line.is_empty()) {
        let total = words(line).find_map(|field| field.strip_prefix("total="));
        let seconds = parse_number::<u64>("total", total).map(|micros| micros as f64 / 1e6);
        match line.split(' ').next() {
            Some("some") => pressure.some_seconds = errors.note(seconds),
            Some("full") => pressure.full_seconds = errors.note(seconds),
            _ => errors.keep(ParseError::form("neither some nor full", line)),
        }
    }
    let partial = errors.beside(pressure);
    if partial.error.is_none() && pressure == Pressure::default() {
        return Partial { good: pressure, error: Some(ParseError::Form("no line".into())) };
    }
    partial
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: &str = "some avg10=1.00 avg60=2.00 avg300=3.00 total=2500000\n";
    const FULL: &str = "full avg10=0.00 avg60=0.00 avg300=0.00 total=500000\n";

    #[test]
    fn microseconds_become_seconds() {
        let both = Pressure { some_seconds: Some(2.5), full_seconds: Some(0.5) };
        assert_eq!(parse(&format!("{SOME}{FULL}")), Partial::whole(both));
        assert_eq!(parse(SOME), Partial::whole(Pressure { full_seconds: None, ..both }));
        assert_eq!(parse(FULL), Partial::whole(Pressure { some_seconds: None, ..both }));
    }

    #[test]
    fn truncated_and_malformed_lines_are_errors_and_cost_only_themselves() {
        for line in ["some", "some avg10=0.00", "some total=x", "x total=1", "some total="] {
            let pressure = parse(&format!("{line}\n{FULL}"));
            assert_eq!(pressure.good.full_seconds, Some(0.5), "{line:?}");
            assert!(pressure.error.is_some() && pressure.good.some_seconds.is_none(), "{line:?}");
        }
        assert!(parse("").error.is_some());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed(text in "((some|full) .{0,9}total=[0-9]*\n){0,3}.*") {
            let _ = parse(&text);
        }
    }
}
