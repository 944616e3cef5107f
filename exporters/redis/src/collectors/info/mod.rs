//! Fields of `INFO` that are plain numbers: one family each, found by the field's name.

mod counters;
mod gauges;

use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::{Desc, Kind, sanitize_name};

use crate::families::Families;
use crate::info::{Info, malformed_line, number, verdict};
use crate::session::Session;
use counters::COUNTERS;
use gauges::GAUGES;

const SYSTEM_MEMORY: Field = renamed(
    "total_system_memory",
    "total_system_memory_bytes",
    "Memory of the host that the server runs on.",
);
const START_TIME: Desc<'_> =
    Desc::gauge("start_time_seconds", "When the server started, as Unix time.");
const IO_THREAD_TIME: Desc<'_> = Desc::counter(
    "active_time_io_thread_seconds_total",
    "Seconds that an I/O thread was busy, by number of the thread.",
);
/// Fields about the cluster are exposed even where no table knows them.
const CLUSTER_PREFIX: &str = "cluster_";
const UNKNOWN_HELP: &str = "A field of INFO about the cluster.";
const IO_THREAD_PREFIX: &str = "used_active_time_io_thread_";

/// A field of INFO and the family that it becomes.
struct Field {
    /// Name in the answer of the server.
    source: &'static str,
    /// The family's name without the namespace.
    name: &'static str,
    help: &'static str,
    /// What the field's value is divided by.
    divisor: f64,
}

/// A field whose family has its name.
const fn same(source: &'static str, help: &'static str) -> Field {
    renamed(source, source, help)
}

/// A field whose family has another name.
const fn renamed(source: &'static str, name: &'static str, help: &'static str) -> Field {
    Field { source, name, help, divisor: 1.0 }
}

/// A field in microseconds whose family is in seconds.
const fn microseconds(source: &'static str, name: &'static str, help: &'static str) -> Field {
    Field { source, name, help, divisor: 1e6 }
}

pub(super) struct InfoFields {
    /// Exposes the memory of the server's host too.
    pub(super) includes_system: bool,
}

#[async_trait]
impl Collector<Session> for InfoFields {
    async fn collect(&self, session: &Session, sink: &mut Sink) -> Result<(), CollectError> {
        self.write(session.info(), &mut session.families(sink))
    }
}

impl InfoFields {
    /// Writes all fields that are known; reports the first that is no number.
    fn write(&self, info: &Info, families: &mut Families<'_>) -> Result<(), CollectError> {
        let mut malformed = None;
        let mut threads = Vec::new();
        for (field, text) in info.fields() {
            if let Some((kind, known)) = self.find(field) {
                match number(text) {
                    Some(value) => {
                        let desc = Desc { name: known.name, help: known.help, kind };
                        families.value(&desc, value / known.divisor);
                    }
                    None => drop(malformed.get_or_insert_with(|| malformed_line(field, text))),
                }
            } else if let Some(thread) = field.strip_prefix(IO_THREAD_PREFIX) {
                threads.extend(number(text).map(|seconds| (thread, seconds)));
            } else if field.starts_with(CLUSTER_PREFIX)
                && let Some(value) = number(text)
            {
                families.value(&Desc::gauge(&sanitize_name(field), UNKNOWN_HELP), value);
            }
        }
        let mut family = families.family(&IO_THREAD_TIME);
        for (thread, seconds) in threads {
            family.sample(&[("thread", thread)], seconds);
        }
        drop(family);
        if let Some(seconds) = start_time(info, SystemTime::now()) {
            families.value(&START_TIME, seconds);
        }
        verdict("INFO", malformed)
    }

    fn find(&self, field: &str) -> Option<(Kind, &'static Field)> {
        if field == SYSTEM_MEMORY.source {
            return self.includes_system.then_some((Kind::Gauge, &SYSTEM_MEMORY));
        }
        find(GAUGES, field)
            .map(|known| (Kind::Gauge, known))
            .or_else(|| find(COUNTERS, field).map(|known| (Kind::Counter, known)))
    }
}

fn find(table: &'static [Field], field: &str) -> Option<&'static Field> {
    table.binary_search_by(|known| known.source.cmp(field)).ok().and_then(|index| table.get(index))
}

/// When the server started. By the server's own clock where it tells it, since
/// that was read together with the uptime; by `now` the result varies by a second.
fn start_time(info: &Info, now: SystemTime) -> Option<f64> {
    let uptime: f64 = info.field("uptime_in_seconds")?.parse().ok()?;
    let server_time = info.field("server_time_usec").and_then(|usec| usec.parse::<f64>().ok());
    let time = match server_time {
        Some(microseconds) => microseconds / 1e6,
        None => now.duration_since(UNIX_EPOCH).ok()?.as_secs_f64(),
    };
    Some(time.floor() - uptime)
}

#[cfg(test)]
mod tests;
