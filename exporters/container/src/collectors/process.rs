//! Processes, threads, open files: `cgroup.procs` and `pids.*` of a cgroup, `fd` of
//! its processes and `limits` of the init process, proc(5).

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError, parse_number};
use common::exposition::Sink;
use common::metric::{Desc, Metric, gauge};

use crate::cgroup::{CgroupReader, Controller, UNSEEN, parse_limit};
use crate::host::Host;
use crate::inventory::process::init_process;
use crate::inventory::{Cgroup, Inventory};

const METRICS: &[Metric<Row>] = &[
    gauge("container_processes", "Processes, without those in cgroups below.", |row| row.processes),
    gauge("container_file_descriptors", "Files that these processes have open.", |row| {
        row.descriptors
    }),
    gauge("container_sockets", "Sockets among the open files.", |row| row.sockets),
    gauge("container_threads", "Threads, those in cgroups below included.", |row| row.threads),
    gauge("container_threads_max", "Most threads allowed; 0 means unlimited.", |row| {
        row.threads_max
    }),
];

const ULIMIT: Desc<'static> = Desc::gauge(
    "container_ulimits_soft",
    "Soft limit of a container's init process; -1 means unlimited.",
);

#[derive(Debug, Default)]
struct Row {
    processes: Option<f64>,
    descriptors: Option<f64>,
    sockets: Option<f64>,
    threads: Option<f64>,
    threads_max: Option<f64>,
    open_files_limit: Option<f64>,
}

#[derive(Debug)]
pub(super) struct Process {
    /// Also look at the open files of each process.
    pub(super) has_files: bool,
}

#[async_trait]
impl Collector<Inventory> for Process {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let rows = inventory.rows(|cgroup, reader| {
            if self.has_files { read(reader, cgroup, inventory) } else { count(reader) }
        });
        sink.table(METRICS, rows.good.iter().map(|(cgroup, row)| (&cgroup.labels, row)));
        let limits = rows.good.iter().filter_map(|(cgroup, row)| {
            Some(((&cgroup.labels, [("ulimit", "max_open_files")]), row.open_files_limit?))
        });
        sink.samples(&ULIMIT, limits);
        rows.finish()
    }
}

/// What the files of the cgroup tell.
fn count(reader: &mut CgroupReader<'_>) -> Row {
    Row {
        processes: reader.processes().map(|ids| ids.len() as f64),
        threads: reader.value(Controller::Pids, "pids.current"),
        ..Row::default()
    }
}

fn read(reader: &mut CgroupReader<'_>, cgroup: &Cgroup, inventory: &Inventory) -> Row {
    let processes = reader.processes();
    let open = processes.as_ref().and_then(|ids| reader.keep(count_open(ids, &inventory.host)));
    let threads_max = reader.parse(Controller::Pids, "pids.max", parse_limit);
    let pid = init_process(inventory, cgroup, reader);
    Row {
        processes: processes.map(|ids| ids.len() as f64),
        descriptors: open.map(|open| open.descriptors),
        sockets: open.map(|open| open.sockets),
        threads: reader.value(Controller::Pids, "pids.current"),
        threads_max: threads_max.map(|limit| limit.unwrap_or(0.0)),
        open_files_limit: pid
            .and_then(|pid| reader.proc(&format!("{pid}/limits"), parse_open_files)),
    }
}

/// Open files of several processes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Open {
    descriptors: f64,
    sockets: f64,
}

/// `None` if one of the processes cannot be seen; one that ends meanwhile has no files.
fn count_open(ids: &[u32], host: &Host) -> Result<Option<Open>, CollectError> {
    let mut open = Open::default();
    for id in ids {
        if *id == UNSEEN {
            return Ok(None);
        }
        for (_, target) in host.links(&format!("{id}/fd"))?.unwrap_or_default() {
            open.descriptors += 1.0;
            open.sockets += if target.starts_with("socket:") { 1.0 } else { 0.0 };
        }
    }
    Ok(Some(open))
}

/// The line `Max open files  1024  524288  files`.
fn parse_open_files(text: &str) -> Result<f64, ParseError> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"));
    match line.and_then(|line| line.split_ascii_whitespace().next()) {
        Some("unlimited") => Ok(-1.0),
        number => parse_number::<u64>("Max open files", number).map(|limit| limit as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    #[test]
    fn the_soft_limit_is_the_first_number() {
        let text = "Limit  Soft Limit  Hard Limit  Units\nMax open files  1024  524288  files\n";
        assert_eq!(parse_open_files(text), Ok(1024.0));
        assert_eq!(parse_open_files("Max open files unlimited unlimited files"), Ok(-1.0));
        for text in ["", "Max open files", "Max open files x"] {
            assert!(parse_open_files(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(Max open files)?.*") {
            let _ = parse_open_files(&text);
        }
    }
}
