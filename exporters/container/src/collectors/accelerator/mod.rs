//! Use of graphics cards and other accelerators by the processes of a cgroup and those below it:
//! `/proc/PID/fdinfo/FD` of files of the kernel's DRM, Documentation/gpu/drm-usage-stats.rst.
//!
//! Every open file of every process is a link to look at, so that this is done on request only. The
//! driver of NVIDIA tells nothing there.

mod accounts;
mod client;

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, excerpt};
use common::exposition::Sink;
use common::failures::OddityLog;
use common::metric::Desc;
use common::sync::lock;

use crate::cgroup::{CgroupReader, UNSEEN};
use crate::host::Host;
use crate::inventory::{Cgroup, Inventory};
use accounts::Accounts;
use client::{Client, Kind, Usage};

/// Of each kind its family, and the label that has the name.
const FAMILIES: [(Kind, Desc<'static>, &str); 4] = [
    (
        Kind::Clock,
        Desc::counter(
            "container_accelerator_engine_clock_cycles_total",
            "Cycles that an engine could have worked, whoever used it.",
        ),
        "engine",
    ),
    (
        Kind::Cycles,
        Desc::counter(
            "container_accelerator_engine_cycles_total",
            "Cycles that an engine worked for the processes, where the driver counts these.",
        ),
        "engine",
    ),
    (
        Kind::Seconds,
        Desc::counter(
            "container_accelerator_engine_seconds_total",
            "Time that an engine worked for the processes.",
        ),
        "engine",
    ),
    (
        Kind::Memory,
        Desc::gauge(
            "container_accelerator_memory_used_bytes",
            "Memory that the processes have in use on an accelerator or for it.",
        ),
        "region",
    ),
];

/// Connections to drivers that the processes of a cgroup have open, at most.
const MAX_CLIENTS: usize = 1000;

/// Flags of this collector.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Metrics")]
#[group(skip)]
pub(super) struct Options {
    /// Show the use of graphics cards and other accelerators by container: a link per open file is
    /// read, of which those of other users need CAP_SYS_PTRACE
    #[arg(id = "container.accelerators", long = "container.accelerators")]
    is_enabled: bool,
}

/// True if the collector is asked for.
pub(super) fn is_enabled(matches: &ArgMatches) -> bool {
    Options::from_arg_matches(matches).is_ok_and(|options| options.is_enabled)
}

/// Keeps what was used from scrape to scrape: what a process that ends has used stays in the sum.
#[derive(Debug, Default)]
pub(super) struct Accelerator {
    accounts: Mutex<Accounts>,
    too_many: OddityLog,
}

#[async_trait]
impl Collector<Inventory> for Accelerator {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let mut reader = CgroupReader::new(&inventory.hierarchies, &inventory.host);
        let mut errors = FirstError::default();
        let mut accounts = lock(&self.accounts);
        let all = || inventory.cgroups.iter().chain(&inventory.unlisted);
        for cgroup in all() {
            reader.move_to(&cgroup.id, cgroup.found);
            let Some(processes) = reader.processes() else { continue };
            if processes.contains(&UNSEEN) {
                let reason = "not in the host's process namespace";
                return Err(CollectError::NoData(reason.into()));
            }
            let read = self.clients(cgroup, &processes, &inventory.host, &mut errors);
            if let Some(clients) = errors.note(read) {
                accounts.update(&cgroup.id, clients);
            }
        }
        accounts.retain(&all().map(|cgroup| cgroup.id.as_str()).collect());
        push(sink, &inventory.cgroups, &accounts.sums());
        errors.note(reader.into_errors().into_result());
        errors.into_result()
    }
}

impl Accelerator {
    /// The connections of the processes, by what tells them apart: several files may be one.
    fn clients(
        &self,
        cgroup: &Cgroup,
        processes: &[u32],
        host: &Host,
        errors: &mut FirstError,
    ) -> Result<HashMap<String, Usage>, CollectError> {
        let mut clients = HashMap::new();
        for process in processes {
            for (file, target) in host.links(&format!("{process}/fd"))?.unwrap_or_default() {
                if !is_of_drm(&target) {
                    continue;
                }
                let path = format!("{process}/fdinfo/{file}");
                let found = errors.take(host.parse_proc_rows(&path, client::parse));
                let Some(Client { id, usage }) = found.flatten() else { continue };
                if clients.len() == MAX_CLIENTS {
                    self.warn(cgroup);
                    return Ok(clients);
                }
                clients.insert(id.unwrap_or(path), usage);
            }
        }
        Ok(clients)
    }

    fn warn(&self, cgroup: &Cgroup) {
        if self.too_many.is_new(&cgroup.id) {
            let (id, most) = (excerpt(&cgroup.id), MAX_CLIENTS);
            tracing::warn!(
                id,
                most,
                "a cgroup has too many files of accelerators open: some are left out"
            );
        }
    }
}

/// `/dev/dri/renderD128`, `/dev/accel/accel0`; in a container the folder may be elsewhere.
fn is_of_drm(target: &str) -> bool {
    target.contains("/dri/") || target.contains("/accel/")
}

fn push(sink: &mut Sink, cgroups: &[Cgroup], sums: &HashMap<&str, Usage>) {
    for (kind, desc, label) in &FAMILIES {
        let samples = cgroups.iter().flat_map(|cgroup| {
            let usage = sums.get(cgroup.id.as_str()).into_iter().flat_map(|usage| usage.of(*kind));
            usage.map(|(key, value)| {
                let mut own =
                    [("acc_id", key.device.as_str()), ("make", &key.make), (*label, &key.name)];
                own.sort_unstable();
                ((&cgroup.labels, own), value)
            })
        });
        sink.samples(desc, samples);
    }
}

/// The paths of the cgroups that there are.
type Ids<'a> = HashSet<&'a str>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_drm_are_told_by_their_folder() {
        for (target, expected) in [
            ("/dev/dri/renderD128", true),
            ("/dev/dri/card0", true),
            ("/dev/accel/accel0", true),
            ("/dev/nvidia0", false),
            ("socket:[7]", false),
        ] {
            assert_eq!(is_of_drm(target), expected, "{target}");
        }
    }
}
