//! Calls and time per command, of section Commandstats of `INFO`.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, Partial};
use common::exposition::Sink;
use common::metric::{Metric, counter};

use crate::replies::commands::Calls;
use crate::rights::Needs;
use crate::scrape::Scrape;

const METRICS: &[Metric<Calls>] = &[
    counter("redis_commands_total", "Calls of a command.", |row| row.count),
    counter("redis_commands_duration_seconds_total", "Time spent on a command.", |row| {
        row.microseconds.map(|microseconds| microseconds / 1e6)
    }),
    counter(
        "redis_commands_rejected_calls_total",
        "Calls rejected before execution; since Redis 6.2.",
        |row| row.rejected,
    ),
    counter(
        "redis_commands_failed_calls_total",
        "Calls that failed during execution; since Redis 6.2.",
        |row| row.failed,
    ),
    counter(
        "redis_commands_slowlog_total",
        "Calls that went into the slow log; since Redis 8.8, of commands that have some.",
        |row| row.slow,
    ),
    counter(
        "redis_commands_slowlog_duration_seconds_total",
        "Time of the calls that went into the slow log; since Redis 8.8.",
        |row| row.slow_milliseconds.map(|milliseconds| milliseconds / 1e3),
    ),
];

pub(super) struct CommandStats;

#[async_trait]
impl Collector<Scrape> for CommandStats {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let Partial { good, error } = scrape.calls();
        sink.table(METRICS, good.iter().map(|(command, calls)| ([("cmd", command)], calls)));
        let error = error.clone().map(|error| CollectError::malformed("INFO Commandstats", error));
        error.map_or(Ok(()), Err)
    }

    fn needs(&self, _: &Scrape) -> Needs {
        Needs::nothing_more()
    }
}
