//! Memory: `memory.stat`, `memory.current` and others of cgroup v2; `memory.*` of v1.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial};
use common::exposition::Sink;
use common::metric::{Desc, Metric, counter, gauge};

use crate::cgroup::{CgroupReader, Controller, Version, each_pair};
use crate::host::meminfo::Meminfo;
use crate::inventory::{Cgroup, Inventory};

const FAILURES: Desc<'static> = Desc::counter(
    "container_memory_failures_total",
    "Page faults; scope container is without those of cgroups below, where the kernel counts them apart.",
);

const METRICS: &[Metric<Row>] = &[
    gauge("container_memory_usage_bytes", "Memory in use, page cache included.", |row| row.usage),
    gauge(
        "container_memory_working_set_bytes",
        "Memory in use less the page cache that can be dropped first.",
        |row| Some((row.usage? - row.stat.inactive_file?).max(0.0)),
    ),
    gauge("container_memory_rss", "Anonymous memory in bytes.", |row| row.stat.anonymous),
    gauge("container_memory_cache", "Page cache in bytes.", |row| row.stat.cache),
    gauge("container_memory_mapped_file", "Bytes of files mapped into memory.", |row| {
        row.stat.mapped_file
    }),
    gauge("container_memory_swap", "Bytes in swap space.", |row| row.swap),
    gauge("container_memory_max_usage_bytes", "Largest amount of memory in use so far.", |row| {
        row.peak
    }),
    gauge("container_memory_kernel_usage", "Kernel memory in bytes.", |row| row.kernel),
    gauge("container_memory_total_active_file_bytes", "Page cache on the active list.", |row| {
        row.stat.active_file
    }),
    gauge(
        "container_memory_total_inactive_file_bytes",
        "Page cache on the inactive list.",
        |row| row.stat.inactive_file,
    ),
    gauge(
        "container_memory_file_dirty_bytes",
        "Page cache that has still to be written back.",
        |row| row.stat.dirty,
    ),
    gauge("container_memory_file_writeback_bytes", "Page cache being written back.", |row| {
        row.stat.writeback
    }),
    counter("container_memory_failcnt", "Times that memory in use hit the limit.", |row| {
        row.limit_hits
    }),
    counter(
        "container_memory_events_high_total",
        "Times that tasks were throttled because memory in use was above memory.high.",
        |row| row.events.high,
    ),
    counter(
        "container_memory_events_max_total",
        "Times that memory in use was about to exceed memory.max.",
        |row| row.events.max,
    ),
    counter("container_memory_pgscan_total", "Pages scanned by reclaim.", |row| {
        row.stat.scanned_pages
    }),
    counter("container_memory_pgsteal_total", "Pages reclaimed.", |row| row.stat.reclaimed_pages),
    counter(
        "container_memory_workingset_refault_file_total",
        "Pages of files that were needed again soon after they had been dropped.",
        |row| row.stat.refaulted_file,
    ),
    counter(
        "container_memory_workingset_refault_anon_total",
        "Anonymous pages that were needed again soon after they had been swapped out.",
        |row| row.stat.refaulted_anonymous,
    ),
];

#[derive(Debug, Default)]
struct Row {
    usage: Option<f64>,
    peak: Option<f64>,
    swap: Option<f64>,
    kernel: Option<f64>,
    limit_hits: Option<f64>,
    events: Events,
    stat: Stat,
}

/// `memory.events`
#[derive(Debug, Default, PartialEq)]
struct Events {
    high: Option<f64>,
    max: Option<f64>,
}

/// `memory.stat`, in bytes and pages, cgroups below included.
#[derive(Debug, Default, PartialEq)]
struct Stat {
    anonymous: Option<f64>,
    cache: Option<f64>,
    mapped_file: Option<f64>,
    active_file: Option<f64>,
    inactive_file: Option<f64>,
    dirty: Option<f64>,
    writeback: Option<f64>,
    swap: Option<f64>,
    kernel: Option<f64>,
    scanned_pages: Option<f64>,
    reclaimed_pages: Option<f64>,
    refaulted_file: Option<f64>,
    refaulted_anonymous: Option<f64>,
    faults: Option<f64>,
    major_faults: Option<f64>,
    /// Without cgroups below.
    own_faults: Option<f64>,
    own_major_faults: Option<f64>,
}

#[derive(Debug)]
pub(super) struct Memory;

#[async_trait]
impl Collector<Inventory> for Memory {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let rows = inventory.rows(|cgroup, reader| match reader.version() {
            Version::V1 => read_v1(reader),
            Version::V2 if cgroup.is_root() => read_v2_root(reader),
            Version::V2 => read_v2(reader),
        });
        sink.table(METRICS, rows.good.iter().map(|(cgroup, row)| (&cgroup.labels, row)));
        push_failures(sink, &rows.good);
        rows.finish()
    }
}

fn read_v1(reader: &mut CgroupReader<'_>) -> Row {
    let memory = Controller::Memory;
    let stat = reader.parse_rows(memory, "memory.stat", parse_v1).unwrap_or_default();
    Row {
        usage: reader.value(memory, "memory.usage_in_bytes"),
        peak: reader.value(memory, "memory.max_usage_in_bytes"),
        swap: stat.swap,
        kernel: reader.value(memory, "memory.kmem.usage_in_bytes"),
        limit_hits: reader.value(memory, "memory.failcnt"),
        events: Events::default(),
        stat,
    }
}

fn read_v2(reader: &mut CgroupReader<'_>) -> Row {
    let memory = Controller::Memory;
    let stat = reader.parse_rows(memory, "memory.stat", parse_v2).unwrap_or_default();
    let events = reader.parse_rows(memory, "memory.events", parse_events).unwrap_or_default();
    Row {
        usage: reader.value(memory, "memory.current"),
        peak: reader.value(memory, "memory.peak"),
        swap: reader.value(memory, "memory.swap.current"),
        kernel: stat.kernel,
        limit_hits: events.max,
        events,
        stat,
    }
}

/// The root of v2 has statistics but no totals: nothing limits it.
fn read_v2_root(reader: &mut CgroupReader<'_>) -> Row {
    let stat = reader.parse_rows(Controller::Memory, "memory.stat", parse_v2);
    let stat = stat.unwrap_or_default();
    let host = reader.proc("meminfo", Meminfo::parse);
    Row {
        usage: stat.anonymous.zip(stat.cache).map(|(anonymous, cache)| anonymous + cache),
        swap: host.map(|host| host.swap_total - host.swap_free),
        kernel: stat.kernel,
        stat,
        ..Row::default()
    }
}

fn push_failures(sink: &mut Sink, rows: &[(&Cgroup, Row)]) {
    let samples = rows.iter().flat_map(|(cgroup, Row { stat, .. })| {
        let counts = [
            ("pgfault", "container", stat.own_faults.or(stat.faults)),
            ("pgfault", "hierarchy", stat.faults),
            ("pgmajfault", "container", stat.own_major_faults.or(stat.major_faults)),
            ("pgmajfault", "hierarchy", stat.major_faults),
        ];
        counts.into_iter().filter_map(|(kind, scope, count)| {
            Some(((&cgroup.labels, [("failure_type", kind), ("scope", scope)]), count?))
        })
    });
    sink.samples(&FAILURES, samples);
}

/// Keys with `total_` include the cgroups below; without a hierarchy they are the cgroup's own.
fn parse_v1(text: &str) -> Partial<Stat, ParseError> {
    let mut stat = Stat::default();
    let errors = each_pair(text, |key, value| {
        let field = match key {
            "pgfault" => &mut stat.own_faults,
            "pgmajfault" => &mut stat.own_major_faults,
            "total_pgfault" => &mut stat.faults,
            "total_pgmajfault" => &mut stat.major_faults,
            "total_rss" => &mut stat.anonymous,
            "total_cache" => &mut stat.cache,
            "total_mapped_file" => &mut stat.mapped_file,
            "total_active_file" => &mut stat.active_file,
            "total_inactive_file" => &mut stat.inactive_file,
            "total_dirty" => &mut stat.dirty,
            "total_writeback" => &mut stat.writeback,
            "total_swap" => &mut stat.swap,
            "total_workingset_refault_file" => &mut stat.refaulted_file,
            "total_workingset_refault_anon" => &mut stat.refaulted_anonymous,
            _ => return,
        };
        *field = Some(value);
    });
    check(stat, errors)
}

/// All keys include the cgroups below.
fn parse_v2(text: &str) -> Partial<Stat, ParseError> {
    let mut stat = Stat::default();
    let errors = each_pair(text, |key, value| {
        let field = match key {
            "anon" => &mut stat.anonymous,
            "file" => &mut stat.cache,
            "kernel" => &mut stat.kernel,
            "file_mapped" => &mut stat.mapped_file,
            "active_file" => &mut stat.active_file,
            "inactive_file" => &mut stat.inactive_file,
            "file_dirty" => &mut stat.dirty,
            "file_writeback" => &mut stat.writeback,
            "pgscan" => &mut stat.scanned_pages,
            "pgsteal" => &mut stat.reclaimed_pages,
            "workingset_refault_file" => &mut stat.refaulted_file,
            "workingset_refault_anon" => &mut stat.refaulted_anonymous,
            "pgfault" => &mut stat.faults,
            "pgmajfault" => &mut stat.major_faults,
            _ => return,
        };
        *field = Some(value);
    });
    check(stat, errors)
}

/// Every kernel has these keys: a file without them is malformed.
fn check(stat: Stat, mut errors: FirstError<ParseError>) -> Partial<Stat, ParseError> {
    if stat.anonymous.is_none() {
        errors.keep(ParseError::Missing { field: "anonymous memory" });
    }
    if stat.inactive_file.is_none() {
        errors.keep(ParseError::Missing { field: "inactive_file" });
    }
    errors.beside(stat)
}

fn parse_events(text: &str) -> Partial<Events, ParseError> {
    let mut events = Events::default();
    let errors = each_pair(text, |key, count| match key {
        "high" => events.high = Some(count),
        "max" => events.max = Some(count),
        _ => {}
    });
    errors.beside(events)
}

#[cfg(test)]
mod tests;
