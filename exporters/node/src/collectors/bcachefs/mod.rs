//! bcachefs: `/sys/fs/bcachefs`, "Sysfs interface" of the bcachefs manual.

mod devices;
mod parse;

use std::collections::BTreeMap;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::{LabelSet, Sink};
use common::metric::{Desc, sanitize_name};

use super::device_table::{self, Attribute, Device, FirstFailure};
use super::humanized;
use crate::host::Host;

const DIRECTORY: &str = "fs/bcachefs";

const INFO: Desc<'_> = Desc::gauge("node_bcachefs_info", "File systems; always 1.");

const CACHE: &[Attribute] = &[Attribute {
    file: "btree_cache_size",
    desc: Desc::gauge(
        "node_bcachefs_btree_cache_size_bytes",
        "Memory that caches nodes of the trees, in bytes.",
    ),
    parse: |text| humanized::bcachefs(text).map(Some),
}];

/// A file that is a table: each line is named by its first word.
struct Table {
    file: &'static str,
    has_header: bool,
    /// Key of the label that the name becomes.
    label: &'static str,
    columns: &'static [Desc<'static>],
}

const TABLES: &[Table] = &[
    Table {
        file: "compression_stats",
        has_header: true,
        label: "algorithm",
        columns: &[
            Desc::gauge(
                "node_bcachefs_compression_compressed_bytes",
                "Bytes on disk of what is compressed.",
            ),
            Desc::gauge(
                "node_bcachefs_compression_uncompressed_bytes",
                "Bytes of data that is compressed.",
            ),
        ],
    },
    Table {
        file: "errors",
        has_header: false,
        label: "error_type",
        columns: &[Desc::counter(
            "node_bcachefs_errors_total",
            "Errors of the file system's structure, by kind.",
        )],
    },
    Table {
        file: "btree_write_stats",
        has_header: true,
        label: "type",
        columns: &[
            Desc::counter("node_bcachefs_btree_writes_total", "Writes of nodes, by reason."),
            Desc::gauge(
                "node_bcachefs_btree_write_average_size_bytes",
                "Mean size of writes of nodes, in bytes.",
            ),
        ],
    },
];

#[derive(Debug)]
pub(super) struct Bcachefs;

#[async_trait]
impl Collector<Host> for Bcachefs {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let uuids = host.list_sys(DIRECTORY)?.unwrap_or_default();
        if uuids.is_empty() {
            return Err(CollectError::NoData("no bcachefs is mounted".into()));
        }
        let mut failures = FirstFailure::default();
        let systems: Vec<Device> = uuids
            .iter()
            .map(|uuid| Device {
                path: format!("{DIRECTORY}/{uuid}"),
                labels: LabelSet::new([("uuid", &**uuid)]),
            })
            .collect();
        let mut family = sink.family(&INFO);
        for system in &systems {
            family.sample_with(&system.labels, &[], 1.0);
        }
        drop(family);
        device_table::push(CACHE, &systems, host, sink, &mut failures);
        for table in TABLES {
            push_table(table, &uuids, host, sink, &mut failures);
        }
        push_counters(&uuids, host, sink, &mut failures);
        devices::push(&uuids, host, sink, &mut failures);
        failures.into_result()
    }
}

fn push_table(
    table: &Table,
    uuids: &[String],
    host: &Host,
    sink: &mut Sink,
    failures: &mut FirstFailure,
) {
    let mut rows = Vec::new();
    for uuid in uuids {
        let path = format!("{DIRECTORY}/{uuid}/{}", table.file);
        let lines = device_table::read(host, &path, |text| parse::lines(text, table.has_header));
        let lines = failures.note(lines).flatten().unwrap_or_default();
        for row in lines.iter().map(|line| parse::row(line, table.columns.len())) {
            let row = row.map_err(|error| host.malformed_sys(&path, error));
            rows.extend(failures.note(row).map(|row| (uuid, row)));
        }
    }
    for (column, desc) in table.columns.iter().enumerate() {
        let mut family = sink.family(desc);
        for (uuid, row) in &rows {
            if let Some(value) = row.values.get(column) {
                family.sample(&[(table.label, &row.name), ("uuid", uuid)], *value);
            }
        }
    }
}

/// Pushes the counters of the kernel's events, which are kept on disk.
fn push_counters(uuids: &[String], host: &Host, sink: &mut Sink, failures: &mut FirstFailure) {
    let mut counters: BTreeMap<String, Vec<(&str, f64)>> = BTreeMap::new();
    for uuid in uuids {
        let path = format!("{DIRECTORY}/{uuid}/counters");
        for name in failures.note(host.list_sys(&path)).flatten().unwrap_or_default() {
            let path = format!("{path}/{name}");
            let value = device_table::read(host, &path, |text| parse::counter(text).map(Some));
            if let Some(Some(value)) = failures.note(value) {
                counters.entry(name).or_default().push((uuid, value));
            }
        }
    }
    for (name, samples) in &counters {
        let full_name = format!("node_bcachefs_{}_total", sanitize_name(name));
        let help = format!("Counter {name} since the file system was made.");
        let mut family = sink.family(&Desc::counter(&full_name, &help));
        for (uuid, value) in samples {
            family.sample(&[("uuid", uuid)], *value);
        }
    }
}
