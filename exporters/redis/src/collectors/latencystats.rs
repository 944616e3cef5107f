//! Percentiles of latency per command: section Latencystats of `INFO` (Redis 7), lines
//! `latency_percentiles_usec_<command>:p50=,p99=,p99.9=`.

use std::collections::HashMap;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError};
use common::exposition::Sink;
use common::metric::Desc;

use super::commandstats;
use crate::replies::info::{Info, malformed_line, parts, verdict};
use crate::scrape::Scrape;

const LATENCIES: Desc<'_> = Desc::summary(
    "redis_latency_percentiles_usec",
    "Microseconds that a command took; the label quantile is a percentage.",
);

/// Percentiles of one command: (percentage, microseconds), ascending.
type Percentiles = Vec<(f64, f64)>;

pub(super) struct LatencyStats;

#[async_trait]
impl Collector<Scrape> for LatencyStats {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let (rows, malformed) = parse(scrape.info());
        // Malformed call counts are reported by the collector of that section.
        let (calls, _) = commandstats::parse(scrape.info());
        let calls: HashMap<&str, commandstats::Calls> = calls.into_iter().collect();
        let mut family = sink.family(&LATENCIES);
        for (command, percentiles) in rows {
            let Some(calls) = calls.get(command) else { continue };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            let count = calls.count as u64;
            family.summary(&[("cmd", command)], percentiles, calls.microseconds, count);
        }
        verdict("INFO Latencystats", malformed)
    }
}

/// Percentiles per command, and the first malformed line.
fn parse(info: &Info) -> (Vec<(&str, Percentiles)>, Option<ParseError>) {
    let mut rows = Vec::new();
    let mut malformed = None;
    for (field, value) in info.section("Latencystats") {
        let Some(command) = field.strip_prefix("latency_percentiles_usec_") else { continue };
        let percentiles: Option<Percentiles> = parts(value)
            .map(|(name, value)| Some((name.strip_prefix('p')?.parse().ok()?, value.parse().ok()?)))
            .collect();
        match percentiles {
            Some(percentiles) => rows.push((command, percentiles)),
            None => drop(malformed.get_or_insert_with(|| malformed_line(field, value))),
        }
    }
    (rows, malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(lines: &str) -> Info {
        Info::new(format!("# Latencystats\r\n{lines}"))
    }

    #[test]
    fn percentiles_are_read_per_command() {
        let info = info(
            "latency_percentiles_usec_config|get:p50=106.495,p99=248.831,p99.9=248.831\r\n\
             latency_percentiles_usec_get:\r\n",
        );
        let percentiles = vec![(50.0, 106.495), (99.0, 248.831), (99.9, 248.831)];
        assert_eq!(parse(&info), (vec![("config|get", percentiles), ("get", vec![])], None));
    }

    #[test]
    fn a_malformed_line_is_reported_and_costs_no_other() {
        for line in ["p50", "q50=1", "p50=x", "px=1"] {
            let info = info(&format!(
                "latency_percentiles_usec_a:{line},p99=2,x=1\r\n\
                 latency_percentiles_usec_b:p50=1\r\n"
            ));
            let (rows, malformed) = parse(&info);
            assert_eq!(rows, [("b", vec![(50.0, 1.0)])], "{line}");
            assert!(malformed.is_some(), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(
            lines in "(latency_percentiles_usec_[a-z]{0,2}:[p=,.0-9é]{0,20}\n)*"
        ) {
            let _ = parse(&info(&lines));
        }
    }
}
