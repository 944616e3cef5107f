//! bcachefs: `/sys/fs/bcachefs`, "Sysfs interface" of the bcachefs manual.

mod devices;
mod parse;

use std::collections::BTreeMap;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::keyed::Keyed;
use common::metric::{Desc, squeeze_name};

use crate::host::Host;
use crate::readers::attributes::Table;
use crate::readers::size_units;

const DIRECTORY: &str = "fs/bcachefs";

const INFO: Desc<'_> = Desc::gauge("node_bcachefs_info", "bcachefs file systems; always 1.");

const CACHE: &[Keyed] = &[Keyed::gauge(
    "btree_cache_size",
    "node_bcachefs_btree_cache_size_bytes",
    "Memory that caches nodes of the trees, in bytes.",
)
.read_by(size)];

/// A file that is a table: each line is named by its first word.
struct Lines {
    file: &'static str,
    has_header: bool,
    /// Key of the label that the name becomes.
    label: &'static str,
    columns: &'static [Desc<'static>],
}

const TABLES: &[Lines] = &[
    Lines {
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
    Lines {
        file: "errors",
        has_header: false,
        label: "error_type",
        columns: &[Desc::counter(
            "node_bcachefs_errors_total",
            "Errors of the file system's structure, by kind.",
        )],
    },
    Lines {
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

#[derive(Debug, Default)]
pub(super) struct Bcachefs;

#[async_trait]
impl Collector<Host> for Bcachefs {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let uuids = host.list_sys(DIRECTORY)?.unwrap_or_default();
        if uuids.is_empty() {
            return Err(CollectError::NoData("no bcachefs is mounted".into()));
        }
        let mut errors = FirstError::default();
        let mut caches = Table::new(CACHE, ["uuid"]);
        sink.samples(&INFO, uuids.iter().map(|uuid| ([("uuid", uuid)], 1.0)));
        for uuid in &uuids {
            caches.read(host, &format!("{DIRECTORY}/{uuid}/"), [uuid], &mut errors);
        }
        caches.push(sink);
        for table in TABLES {
            push_table(table, &uuids, host, sink, &mut errors);
        }
        push_counters(&uuids, host, sink, &mut errors);
        devices::push(&uuids, host, sink, &mut errors);
        errors.into_result()
    }
}

fn push_table(
    table: &Lines,
    uuids: &[String],
    host: &Host,
    sink: &mut Sink,
    errors: &mut FirstError,
) {
    let mut rows = Vec::new();
    for uuid in uuids {
        let path = format!("{DIRECTORY}/{uuid}/{}", table.file);
        let lines = host.parsed(&path, |text| parse::lines(text, table.has_header));
        let lines = errors.catch(lines).unwrap_or_default();
        for line in lines {
            let row = parse::row(&line, table.columns.len());
            let row = row.map_err(|error| host.malformed_sys(&path, error));
            rows.extend(errors.note(row).map(|row| (uuid, row)));
        }
    }
    for (column, desc) in table.columns.iter().enumerate() {
        let samples = rows.iter().filter_map(|(uuid, row)| {
            let value = row.values.get(column)?;
            Some(([(table.label, &row.name), ("uuid", uuid)], *value))
        });
        sink.samples(desc, samples);
    }
}

/// Pushes the counters of the kernel's events, which are kept on disk.
fn push_counters(uuids: &[String], host: &Host, sink: &mut Sink, errors: &mut FirstError) {
    let mut counters: BTreeMap<String, Vec<(&str, f64)>> = BTreeMap::new();
    for uuid in uuids {
        let path = format!("{DIRECTORY}/{uuid}/counters");
        for name in errors.catch(host.list_sys(&path)).unwrap_or_default() {
            let path = format!("{path}/{name}");
            let value = host.parsed(&path, parse::counter);
            if let Some(value) = errors.catch(value) {
                counters.entry(name).or_default().push((uuid, value));
            }
        }
    }
    for (name, samples) in &counters {
        let full_name = format!("node_bcachefs_{}_total", squeeze_name(name));
        let help = format!("Counter {name} since the file system was made.");
        let samples = samples.iter().map(|(uuid, value)| ([("uuid", uuid)], *value));
        sink.samples(&Desc::counter(&full_name, &help), samples);
    }
}

fn size(text: &str) -> Result<Option<f64>, ParseError> {
    size_units::bcachefs(text).map(Some)
}
