//! ZFS: `/proc/spl/kstat/zfs` of the spl module, whose format is that of kstat(1).

mod kstat;

use std::io::ErrorKind;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::{LabelSet, Sink};
use common::kernel::KernelFile;
use common::metric::{Desc, sanitize_name};

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

#[derive(Debug, Default)]
pub(super) struct Zfs;

#[async_trait]
impl Collector<Host> for Zfs {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let Some(names) = host.list_proc(DIRECTORY)? else {
            return Err(CollectError::NoData("ZFS is not loaded".into()));
        };
        let mut errors = FirstError::default();
        for (file, prefix) in FILES {
            let path = format!("{DIRECTORY}/{file}");
            let text = errors.catch(host.proc_if_present(&path));
            if let Some(text) = text {
                let figures = kstat::figures(&text);
                let figures = figures.map_error(|error| text.blame(error));
                let figures = errors.take(figures);
                push_rows(prefix, file, &[Row { labels: LabelSet::default(), figures }], sink);
            }
        }
        let mut pools = Vec::new();
        for name in &names {
            let files = list_pool(host, &format!("{DIRECTORY}/{name}"));
            if let Some(files) = errors.catch(files) {
                pools.push(Pool { name, files });
            }
        }
        push_io(&pools, host, sink, &mut errors);
        push_datasets(&pools, host, sink, &mut errors);
        push_states(&pools, host, sink, &mut errors);
        errors.into_result()
    }
}

/// A pool and the names in its directory.
struct Pool<'a> {
    name: &'a str,
    files: Vec<String>,
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

/// A file of a pool.
struct File<'a> {
    pool: &'a str,
    text: KernelFile<'a>,
}

/// Those files of the pools that `is_wanted` finds; a file that is gone is left out.
fn read<'a>(
    pools: &[Pool<'a>],
    is_wanted: fn(&str) -> bool,
    host: &'a Host,
    errors: &mut FirstError,
) -> Vec<File<'a>> {
    let mut files = Vec::new();
    for Pool { name: pool, files: names } in pools {
        for name in names.iter().filter(|name| is_wanted(name)) {
            let text = host.proc_if_present(format!("{DIRECTORY}/{pool}/{name}"));
            files.extend(errors.catch(text).map(|text| File { pool, text }));
        }
    }
    files
}

fn push_io<'a>(pools: &[Pool<'a>], host: &'a Host, sink: &mut Sink, errors: &mut FirstError) {
    let files = read(pools, |name| name == "io", host, errors);
    let rows = files.iter().map(|File { pool, text }| {
        let figures = text.parse_rows(kstat::io);
        Row { labels: LabelSet::new([("zpool", *pool)]), figures: errors.take(figures) }
    });
    push_rows("node_zfs_zpool_", "io", &rows.collect::<Vec<_>>(), sink);
}

fn push_datasets<'a>(pools: &[Pool<'a>], host: &'a Host, sink: &mut Sink, errors: &mut FirstError) {
    let files = read(pools, |name| name.starts_with("objset-"), host, errors);
    let rows = files.iter().filter_map(|File { pool, text }| {
        let malformed = |error| text.blame(error);
        let (dataset, figures) = errors.note(kstat::dataset(text).map_err(malformed))?;
        let figures = errors.take(figures.map_error(malformed));
        Some(Row { labels: LabelSet::new([("dataset", dataset), ("zpool", *pool)]), figures })
    });
    push_rows("node_zfs_zpool_dataset_", "objset-*", &rows.collect::<Vec<_>>(), sink);
}

fn push_states<'a>(pools: &[Pool<'a>], host: &'a Host, sink: &mut Sink, errors: &mut FirstError) {
    let mut family = sink.family(&POOL_STATE);
    for File { pool, text } in read(pools, |name| name == "state", host, errors) {
        let current = text.parse(kstat::state);
        let Some(current) = errors.note(current) else { continue };
        for state in POOL_STATES {
            let is_in = f64::from(*state == current);
            family.sample(&[("state", *state), ("zpool", pool)], is_in);
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
        let samples = rows.iter().filter_map(|row| {
            let figure = row.figures.iter().find(|figure| figure.name == name)?;
            Some((&row.labels, figure.value))
        });
        sink.samples(&Desc::untyped(&full_name, &help), samples);
    }
}
