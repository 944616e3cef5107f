//! Fields of `INFO` that are plain numbers: one family each, found by the field's name.

use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::keyed::Keyed;
use common::metric::Desc;

use crate::fields;
use crate::replies::info::{Info, gauge};
use crate::rights::Needs;
use crate::scrape::Scrape;

const SYSTEM_MEMORY: Keyed = gauge(
    "total_system_memory",
    "redis_total_system_memory_bytes",
    "Memory of the host that the server runs on.",
);
const START_TIME: Desc<'_> =
    Desc::gauge("redis_start_time_seconds", "When the server started, as Unix time.");

/// Options of the `info` collector.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Metrics")]
#[group(skip)]
pub(super) struct Options {
    /// Expose the memory of the server's host
    #[arg(
        id = "include-system-metrics",
        long = "include-system-metrics",
        env = "REDIS_EXPORTER_INCL_SYSTEM_METRICS"
    )]
    includes_system: bool,
}

struct InfoFields {
    options: Options,
    order: fields::Order,
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    Ok(Box::new(InfoFields::new(Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Scrape> for InfoFields {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        self.push(scrape.info(), sink).map_err(|error| CollectError::malformed("INFO", error))
    }

    fn needs(&self, _: &Scrape) -> Needs {
        Needs::nothing_more()
    }
}

impl InfoFields {
    fn new(options: Options) -> Self {
        Self { options, order: fields::Order::default() }
    }

    /// Pushes all fields that are known; says which is no number.
    fn push(&self, info: &Info, sink: &mut Sink) -> Result<(), ParseError> {
        let mut errors = FirstError::default();
        fields::push(info.fields(), &self.order, &mut errors, sink);
        if self.options.includes_system
            && let Some(text) = info.field(SYSTEM_MEMORY.key)
        {
            fields::push_known(&SYSTEM_MEMORY, text, &mut errors, sink);
        }
        if let Some(seconds) = start_time(info, SystemTime::now()) {
            sink.value(&START_TIME, seconds);
        }
        errors.into_result()
    }
}

/// When the server started. By the server's own clock where `INFO` has it, since
/// that was read together with the uptime; by `now` the result varies by a second.
fn start_time(info: &Info, now: SystemTime) -> Option<f64> {
    let uptime: f64 = info.server_field("uptime_in_seconds")?.parse().ok()?;
    let time = match info.server_time() {
        Some(time) => time,
        None => now.duration_since(UNIX_EPOCH).ok()?.as_secs_f64(),
    };
    Some(time.floor() - uptime)
}

#[cfg(test)]
mod tests;
