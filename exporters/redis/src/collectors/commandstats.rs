//! Calls and time per command: section Commandstats of `INFO`, lines
//! `cmdstat_<command>:calls=,usec=,usec_per_call=,rejected_calls=,failed_calls=`.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError};
use common::exposition::Sink;
use common::metric::{Metric, counter};

use crate::replies::info::{Info, malformed_line, parts, verdict};
use crate::scrape::Scrape;

const METRICS: &[Metric<Calls>] = &[
    counter("redis_commands_total", "Calls of a command.", |row| Some(row.count)),
    counter("redis_commands_duration_seconds_total", "Time spent on a command.", |row| {
        Some(row.microseconds / 1e6)
    }),
    counter(
        "redis_commands_rejected_calls_total",
        "Calls refused before they ran; Redis 6.2.",
        |row| row.rejected,
    ),
    counter("redis_commands_failed_calls_total", "Calls that ran and failed; Redis 6.2.", |row| {
        row.failed
    }),
];

/// How often a command was called, and how long that took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Calls {
    pub(super) count: f64,
    pub(super) microseconds: f64,
    rejected: Option<f64>,
    failed: Option<f64>,
}

pub(super) struct CommandStats;

#[async_trait]
impl Collector<Scrape> for CommandStats {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let (rows, malformed) = parse(scrape.info());
        let labelled = rows.iter().map(|(command, calls)| ([("cmd", *command)], calls));
        sink.table(METRICS, labelled);
        verdict("INFO Commandstats", malformed)
    }
}

/// One row per command (`config|get` for a subcommand), and the first malformed line.
pub(super) fn parse(info: &Info) -> (Vec<(&str, Calls)>, Option<ParseError>) {
    let mut rows = Vec::new();
    let mut malformed = None;
    for (field, value) in info.section("Commandstats") {
        let Some(command) = field.strip_prefix("cmdstat_") else { continue };
        match parse_calls(value) {
            Some(calls) => rows.push((command, calls)),
            None => drop(malformed.get_or_insert_with(|| malformed_line(field, value))),
        }
    }
    (rows, malformed)
}

fn parse_calls(value: &str) -> Option<Calls> {
    let (mut calls, mut microseconds, mut rejected, mut failed) = (None, None, None, None);
    for (name, text) in parts(value) {
        let slot = match name {
            "calls" => &mut calls,
            "usec" => &mut microseconds,
            "rejected_calls" => &mut rejected,
            "failed_calls" => &mut failed,
            _ => continue,
        };
        *slot = Some(text.parse().ok()?);
    }
    Some(Calls { count: calls?, microseconds: microseconds?, rejected, failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(lines: &str) -> Info {
        Info::new(format!("# Commandstats\r\n{lines}"))
    }

    #[test]
    fn subcommands_and_refusals_are_read() {
        let info = info(
            "cmdstat_config|get:calls=2,usec=212,usec_per_call=106.00,rejected_calls=1,\
             failed_calls=3\r\n",
        );
        let row = Calls { count: 2.0, microseconds: 212.0, rejected: Some(1.0), failed: Some(3.0) };
        assert_eq!(parse(&info), (vec![("config|get", row)], None));
    }

    #[test]
    fn redis_6_0_has_neither_refusals_nor_failures() {
        let info = info("cmdstat_get:calls=1,usec=7,usec_per_call=7.00\r\n");
        let row = Calls { count: 1.0, microseconds: 7.0, rejected: None, failed: None };
        assert_eq!(parse(&info), (vec![("get", row)], None));
    }

    #[test]
    fn a_malformed_line_is_reported_and_costs_no_other() {
        for line in ["cmdstat_a:", "cmdstat_a:calls=1", "cmdstat_a:calls=x,usec=1"] {
            let info = info(&format!("{line}\r\ncmdstat_b:calls=1,usec=2\r\n"));
            let (rows, malformed) = parse(&info);
            assert_eq!(rows.len(), 1, "{line}");
            assert!(malformed.unwrap().to_string().contains("cmdstat_a"), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(lines in "(cmdstat_[a-z|]{0,3}:[a-z_=,0-9é]{0,20}\n)*") {
            let _ = parse(&info(&lines));
        }
    }
}
