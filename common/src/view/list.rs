//! Every series with its value in the unit that its name tells, for programs and families without
//! a table of their own.

use jiff::Timestamp;

use super::samples::{Reading, Sample};
use super::table::{Column, Table};
use super::units::{bytes, duration, known, number, percent};
use crate::metric::Kind;

const COLUMNS: &[Column] = &[
    Column::text("METRIC"),
    Column::number("VALUE"),
    Column::number("PER SECOND"),
    Column::text("LABELS"),
];

/// Seconds since 1970 from which on a `…_seconds` is taken for a moment: 2001.
const MOMENTS: f64 = 1e9;

/// A row for each series but the buckets of histograms. Counters that grow have a rate.
pub fn list(reading: &Reading<'_>) -> Table {
    let mut table = Table::new(COLUMNS);
    for (name, family) in reading.families() {
        let has_rate = matches!(family.kind, Kind::Counter | Kind::Histogram | Kind::Summary);
        for sample in &family.samples {
            if family.kind == Kind::Histogram && sample.name().ends_with("_bucket") {
                continue;
            }
            let unit = Unit::of(if sample.name().ends_with("_count") { "" } else { name });
            let grows = |sample| reading.rate(sample).filter(|rate| *rate > 0.0 && has_rate);
            table.row([
                sample.name().to_owned(),
                unit.show(sample.value, family.kind),
                grows(sample).map_or_else(String::new, |rate| unit.show_rate(rate)),
                labels(sample),
            ]);
        }
    }
    table
}

fn labels(sample: &Sample) -> String {
    let pairs = sample.labels.iter().map(|(name, value)| format!("{name}={value:?}"));
    pairs.collect::<Vec<_>>().join(" ")
}

/// What a family counts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    Bytes,
    Seconds,
    Celsius,
    Ratio,
    Plain,
}

impl Unit {
    fn of(family: &str) -> Self {
        let name = family.strip_suffix("_total").unwrap_or(family);
        let is = |unit: &str| name.split('_').any(|word| word == unit);
        match () {
            () if is("bytes") => Self::Bytes,
            () if is("seconds") => Self::Seconds,
            () if is("celsius") => Self::Celsius,
            () if is("ratio") => Self::Ratio,
            () => Self::Plain,
        }
    }

    fn show(self, value: f64, kind: Kind) -> String {
        let is_moment = self == Self::Seconds && kind == Kind::Gauge && value >= MOMENTS;
        match (self, Timestamp::from_second(rounded(value))) {
            _ if !value.is_finite() => known(Some(value), number),
            (_, Ok(moment)) if is_moment => moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            (Self::Bytes, _) => bytes(value),
            (Self::Seconds, _) => duration(value),
            (Self::Celsius, _) => format!("{} C", number(value)),
            (Self::Ratio, _) => format!("{} %", percent(value)),
            (Self::Plain, _) => number(value),
        }
    }

    /// Seconds in a second are a share.
    fn show_rate(self, rate: f64) -> String {
        match self {
            Self::Bytes => format!("{}/s", bytes(rate)),
            Self::Seconds => format!("{} %", percent(rate)),
            _ => format!("{}/s", number(rate)),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "what is out of range is no moment")]
fn rounded(seconds: f64) -> i64 {
    seconds as i64
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::Samples;
    use super::*;

    #[test]
    fn each_series_has_its_value_in_its_unit() {
        let text = |count: u32| {
            format!(
                "# TYPE a_boot_time_seconds gauge\na_boot_time_seconds 1700000000\n\
                 # TYPE b_bytes_total counter\nb_bytes_total{{x=\"\u{1b}[31m\"}} {count}000\n\
                 # TYPE c_seconds histogram\nc_seconds_bucket{{le=\"+Inf\"}} 2\n\
                 c_seconds_sum 0.25\nc_seconds_count 2\n\
                 # TYPE d_ratio gauge\nd_ratio 0.5\n# TYPE e_celsius gauge\ne_celsius 41.5\n\
                 # TYPE f gauge\nf NaN\n# TYPE g gauge\ng +Inf\n"
            )
        };
        let start = Instant::now();
        let before = Samples::parse(&text(1), start);
        let now = Samples::parse(&text(3), start + Duration::from_secs(2));
        let lines = list(&Reading::new(&before, &now)).lines(None);
        let words: Vec<Vec<&str>> =
            lines[1..].iter().map(|line| line.split_ascii_whitespace().collect()).collect();
        assert_eq!(
            words,
            [
                vec!["a_boot_time_seconds", "2023-11-14T22:13:20Z"],
                vec!["b_bytes_total", "2.9", "KiB", "1000", "B/s", r#"x="\u{1b}[31m""#],
                vec!["c_seconds_sum", "250", "ms"],
                vec!["c_seconds_count", "2"],
                vec!["d_ratio", "50.0", "%"],
                vec!["e_celsius", "41.5", "C"],
                vec!["f", "-"],
                vec!["g", "inf"],
            ]
        );
    }
}
