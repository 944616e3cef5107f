//! Percentiles of latency per command: section Latencystats of `INFO` (Redis 7), lines
//! `latency_percentiles_usec_<command>:p50=,p99=,p99.9=`.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial};
use common::exposition::{Percentiles as Summary, Sink};
use common::metric::Desc;
use hashbrown::HashMap;

use crate::replies::commands::Calls;
use crate::replies::info::{Info, Line, decimal};
use crate::rights::Needs;
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
        let Partial { good: rows, error } = parse(scrape.info());
        // Malformed call counts are reported by the collector of that section.
        let calls: HashMap<&str, &Calls> =
            scrape.calls().good.iter().map(|(command, calls)| (&**command, calls)).collect();
        let summaries = rows.into_iter().filter_map(|(command, quantiles)| {
            let calls = calls.get(command)?;
            let (count, sum) = (calls.count?, calls.microseconds?);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            let count = count as u64;
            Some(Summary { labels: vec![("cmd", command)], quantiles, sum, count })
        });
        sink.percentiles(&LATENCIES, &summaries.collect::<Vec<_>>());
        error.map_or(Ok(()), |error| Err(CollectError::malformed("INFO Latencystats", error)))
    }

    fn needs(&self, _: &Scrape) -> Needs {
        Needs::nothing_more()
    }
}

/// Percentiles per command, beside what was malformed first.
fn parse(info: &Info) -> Partial<Vec<(&str, Percentiles)>, ParseError> {
    let mut errors = FirstError::default();
    let mut rows = Vec::new();
    for (command, line) in info.named_lines("Latencystats", "latency_percentiles_usec_") {
        let percentiles = line.parts().map(|(name, text)| percentile(line, name, text));
        let mut percentiles = errors.good(percentiles);
        percentiles.sort_by(|one, other| one.0.total_cmp(&other.0));
        // A percentage that comes twice would be a series twice: the first of them counts.
        percentiles.dedup_by(|one, other| one.0.total_cmp(&other.0).is_eq());
        rows.push((command, percentiles));
    }
    errors.beside(rows)
}

/// One part: `p99.9=248.831`.
fn percentile(line: Line<'_>, name: &str, text: &str) -> Result<(f64, f64), ParseError> {
    let percentage = name.strip_prefix('p').and_then(decimal);
    percentage.zip(decimal(text)).ok_or_else(|| line.malformed_part(name, text))
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
        assert_eq!(
            parse(&info),
            Partial::whole(vec![("config|get", percentiles), ("get", vec![])])
        );
    }

    #[test]
    fn a_malformed_part_is_reported_and_costs_no_other() {
        for part in ["q50=1", "p50=x", "px=1", "p50="] {
            let info = info(&format!(
                "latency_percentiles_usec_a:{part},p99=2,stray\r\n\
                 latency_percentiles_usec_b:p50=1\r\n"
            ));
            let Partial { good, error } = parse(&info);
            assert_eq!(good, [("a", vec![(99.0, 2.0)]), ("b", vec![(50.0, 1.0)])], "{part}");
            assert!(error.unwrap().to_string().contains("latency_percentiles_usec_a"), "{part}");
        }
    }

    #[test]
    fn a_percentage_that_comes_twice_counts_once() {
        let info = info("latency_percentiles_usec_a:p99=2,p50=1,p99.0=3,p50=4\r\n");
        assert_eq!(parse(&info), Partial::whole(vec![("a", vec![(50.0, 1.0), (99.0, 2.0)])]));
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
