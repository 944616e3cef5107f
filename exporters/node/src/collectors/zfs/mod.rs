//! ZFS: `/proc/spl/kstat/zfs` of the spl module, whose format is that of kstat(1).

mod kstat;

use std::io::ErrorKind;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::{LabelSet, Sink};
use common::metric::{Desc, sanitize_name};

use super::device_table::FirstFailure;
use crate::host::Host;
use kstat::Figure;

const DIRECTORY: &str = "spl/kstat/zfs";

/// File and start of its families' names. Which there are depends on the release of ZFS.
const FILES: &[(&str, &str)] = &[
    ("abdstats", "node_zfs_abd_"),
    ("arcstats", "node_zfs_arc_"),
    ("dbufstats", "node_zfs_dbuf_"),
    ("dmu_tx", "node_zfs_dmu_tx_"),
    ("dnodestats", "node_zfs_dnode_"),
    ("fm", "node_zfs_fm_"),
    ("vdev_cache_stats", "node_zfs_vdev_cache_"),
    ("vdev_mirror_stats", "node_zfs_vdev_mirror_"),
    ("xuio_stats", "node_zfs_xuio_"),
    ("zfetchstats", "node_zfs_zfetch_"),
    ("zil", "node_zfs_zil_"),
];

const POOL_STATE: Desc<'_> =
    Desc::gauge("node_zfs_zpool_state", "1 for the state that the pool is in.");

const POOL_STATES: &[&str] =
    &["online", "degraded", "faulted", "offline", "removed", "unavail", "suspended"];

/// What one file shows.
struct Row<'a> {
    labels: LabelSet,
    figures: Vec<Figure<'a>>,
}

#[derive(Debug)]
pub(super) struct Zfs;

#[async_trait]
impl Collector<Host> for Zfs {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let Some(names) = host.list_proc(DIRECTORY)? else {
            return Err(CollectError::NoData("ZFS is not loaded".into()));
        };
        let mut failures = FirstFailure::default();
        for (file, prefix) in FILES {
            let path = format!("{DIRECTORY}/{file}");
            let text = failures.note(host.read_proc_if_present(&path)).flatten();
            if let Some(text) = text {
                let figures = kstat::figures(&text);
                let figures = figures.map_err(|error| host.malformed_proc(&path, error));
                let figures = failures.note(figures).unwrap_or_default();
                push_rows(prefix, file, &[Row { labels: LabelSet::default(), figures }], sink);
            }
        }
        let mut pools = Vec::new();
        for name in &names {
            let files = list_pool(host, &format!("{DIRECTORY}/{name}"));
            if let Some(Some(files)) = failures.note(files) {
                pools.push(Pool { name, files });
            }
        }
        push_io(&pools, host, sink, &mut failures);
        push_datasets(&pools, host, sink, &mut failures);
        push_states(&pools, host, sink, &mut failures);
        failures.into_result()
    }
}

/// A pool and the names in its directory.
struct Pool<'a> {
    name: &'a str,
    files: Vec<String>,
}

impl Pool<'_> {
    /// Path and content of those files that `is_wanted` finds; a file that is gone is left out.
    fn read(
        &self,
        host: &Host,
        is_wanted: fn(&str) -> bool,
        failures: &mut FirstFailure,
    ) -> Vec<(String, String)> {
        let wanted = self.files.iter().filter(|name| is_wanted(name));
        wanted
            .filter_map(|name| {
                let path = format!("{DIRECTORY}/{}/{name}", self.name);
                let text = failures.note(host.read_proc_if_present(&path)).flatten()?;
                Some((path, text))
            })
            .collect()
    }
}

/// `None` for what is no directory, or no more.
fn list_pool(host: &Host, path: &str) -> Result<Option<Vec<String>>, CollectError> {
    match host.list_proc(path) {
        Err(CollectError::Read { source, .. }) if source.kind() == ErrorKind::NotADirectory => {
            Ok(None)
        }
        result => result,
    }
}

fn push_io(pools: &[Pool<'_>], host: &Host, sink: &mut Sink, failures: &mut FirstFailure) {
    let read = |pool: &Pool<'_>, failures: &mut FirstFailure| {
        let files = pool.read(host, |name| name == "io", failures);
        files.into_iter().map(|(path, text)| (pool.name.to_owned(), path, text)).collect()
    };
    let files: Vec<(String, String, String)> =
        pools.iter().flat_map(|pool| -> Vec<_> { read(pool, failures) }).collect();
    let rows: Vec<Row<'_>> = files
        .iter()
        .filter_map(|(pool, path, text)| {
            let figures = kstat::io(text).map_err(|error| host.malformed_proc(path, error));
            let figures = failures.note(figures)?;
            Some(Row { labels: LabelSet::new([("zpool", &**pool)]), figures })
        })
        .collect();
    push_rows("node_zfs_zpool_", "io", &rows, sink);
}

fn push_datasets(pools: &[Pool<'_>], host: &Host, sink: &mut Sink, failures: &mut FirstFailure) {
    let mut files = Vec::new();
    for pool in pools {
        let texts = pool.read(host, |name| name.starts_with("objset-"), failures);
        files.extend(texts.into_iter().map(|(path, text)| (pool.name, path, text)));
    }
    let mut rows = Vec::new();
    for (pool, path, text) in &files {
        let dataset = kstat::dataset(text).map_err(|error| host.malformed_proc(path, error));
        if let Some((dataset, figures)) = failures.note(dataset) {
            let labels = LabelSet::new([("dataset", dataset), ("zpool", pool)]);
            rows.push(Row { labels, figures });
        }
    }
    push_rows("node_zfs_zpool_dataset_", "objset-*", &rows, sink);
}

fn push_states(pools: &[Pool<'_>], host: &Host, sink: &mut Sink, failures: &mut FirstFailure) {
    let mut family = sink.family(&POOL_STATE);
    for pool in pools {
        for (path, text) in pool.read(host, |name| name == "state", failures) {
            let current = kstat::state(&text).map_err(|error| host.malformed_proc(&path, error));
            let Some(current) = failures.note(current) else { continue };
            for state in POOL_STATES {
                let is_in = if *state == current { 1.0 } else { 0.0 };
                family.sample(&[("state", state), ("zpool", pool.name)], is_in);
            }
        }
    }
}

/// Pushes a family for each name that occurs in `rows`.
fn push_rows(prefix: &str, file: &str, rows: &[Row<'_>], sink: &mut Sink) {
    let mut names: Vec<&str> = Vec::new();
    for figure in rows.iter().flat_map(|row| &row.figures) {
        if !names.contains(&figure.name) {
            names.push(figure.name);
        }
    }
    for name in names {
        let full_name = format!("{prefix}{}", sanitize_name(name));
        let help = format!("Field {name} of {file} in /proc/{DIRECTORY}.");
        let mut family = sink.family(&Desc::untyped(&full_name, &help));
        for row in rows {
            if let Some(figure) = row.figures.iter().find(|figure| figure.name == name) {
                family.sample_with(&row.labels, &[], figure.value);
            }
        }
    }
}
