//! CPUs and memory of the host. The count of physical cores and the sizes of
//! memory come from the sysinfo crate, which reads the running system only; the
//! rest from files below the configurable roots.

mod memory_modules;
mod topology;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use common::cli::CommaList;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::{LabelSet, Sink};
use common::metric::{Desc, Metric, gauge};
use common::sync::lock;
use sysinfo::System;

use crate::host::Host;
use crate::inventory::Inventory;

const SCRAPE_ERROR: Desc<'static> = Desc::gauge(
    "machine_scrape_error",
    "1 if something about the machine could not be read, else 0.",
);

const METRICS: &[Metric<Facts>] = &[
    gauge("machine_cpu_cores", "Logical CPUs that are online.", |facts| facts.cpus),
    gauge("machine_cpu_physical_cores", "Physical CPU cores of all sockets.", |facts| {
        facts.physical_cores
    }),
    gauge("machine_cpu_sockets", "CPU sockets in use.", |facts| facts.sockets),
    gauge("machine_cpu_books", "Books of sockets, which mainframes have.", |facts| facts.books),
    gauge("machine_cpu_drawers", "Drawers of books, which mainframes have.", |facts| facts.drawers),
    gauge("machine_memory_bytes", "Memory of the machine.", |facts| facts.memory_bytes),
    gauge("machine_swap_bytes", "Swap space of the machine.", |facts| facts.swap_bytes),
];

/// How long facts are believed, as in the reference. `/proc/cpuinfo` wakes every CPU.
const REFRESH: Duration = Duration::from_mins(5);

/// Options of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Paths")]
#[group(skip)]
pub(super) struct MachineArgs {
    /// Files that may hold the machine's id; the first readable one counts
    #[arg(
        id = "machine_id_file",
        long = "machine_id_file",
        value_name = "FILES",
        default_value = "/etc/machine-id,/var/lib/dbus/machine-id"
    )]
    machine_id: CommaList,
    /// Files that may hold the id of this boot; the first readable one counts
    #[arg(
        id = "boot_id_file",
        long = "boot_id_file",
        value_name = "FILES",
        default_value = "/proc/sys/kernel/random/boot_id"
    )]
    boot_id: CommaList,
}

#[derive(Debug, Default)]
struct Facts {
    labels: LabelSet,
    cpus: Option<f64>,
    physical_cores: Option<f64>,
    sockets: Option<f64>,
    books: Option<f64>,
    drawers: Option<f64>,
    memory_bytes: Option<f64>,
    swap_bytes: Option<f64>,
    /// What has labels of its own, family after family.
    details: Vec<Detail>,
}

/// A sample with labels beside the machine's.
#[derive(Clone, Debug)]
struct Detail {
    desc: &'static Desc<'static>,
    /// In order of the names; empty values are left out.
    labels: Vec<(&'static str, String)>,
    value: f64,
}

/// Keeps the facts for [`REFRESH`].
#[derive(Debug)]
pub(super) struct Machine {
    args: MachineArgs,
    has_topology: bool,
    known: Mutex<Option<(Instant, Facts)>>,
}

impl Machine {
    /// `has_topology` adds the families of the group `cpu_topology`.
    pub(super) fn new(args: MachineArgs, has_topology: bool) -> Self {
        Self { args, has_topology, known: Mutex::default() }
    }

    /// What cannot be read costs itself alone.
    fn read_facts(&self, host: &Host) -> Partial<Facts> {
        let mut errors = FirstError::default();
        let id = |files: &CommaList| host.read_first(&files.0).unwrap_or_default();
        let (machine_id, boot_id) = (id(&self.args.machine_id), id(&self.args.boot_id));
        // Without firmware that has an id, the reference takes the machine's for it.
        let uuid = host.read_sys("class/dmi/id/product_uuid");
        let uuid = uuid.unwrap_or_else(|| machine_id.clone());
        let labels = [("boot_id", &boot_id), ("machine_id", &machine_id), ("system_uuid", &uuid)];
        let given = labels.into_iter().filter(|(_, value)| !value.is_empty());
        let cpus = errors.catch(host.parse_sys("devices/system/cpu/online", count_cpus));
        let system = errors.note(running_system());
        let mut details = errors.take(memory_modules::find(host));
        if self.has_topology {
            details.append(&mut errors.take(topology::find(host)));
        }
        let names = errors.note(host.list_sys("devices/system/cpu"));
        let count = |id| names.as_ref().map(|names| count_ids(host, names, id));
        let facts = Facts {
            labels: LabelSet::new(given.map(|(name, value)| (name, value.as_str()))),
            cpus: cpus.map(f64::from),
            physical_cores: System::physical_core_count().ok().map(|count| count as f64),
            sockets: errors.catch(host.parse_proc("cpuinfo", |text| Ok(count_sockets(text)))),
            books: count("book_id"),
            drawers: count("drawer_id"),
            memory_bytes: system.as_ref().map(|system| system.total_memory() as f64),
            swap_bytes: system.as_ref().map(|system| system.total_swap() as f64),
            details,
        };
        errors.beside(facts)
    }
}

fn running_system() -> Result<System, CollectError> {
    let mut system =
        System::new().map_err(|error| CollectError::query("system information", &error))?;
    system.refresh_memory();
    Ok(system)
}

#[async_trait]
impl Collector<Inventory> for Machine {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let mut known = lock(&self.known);
        if let Some((since, facts)) = &*known
            && since.elapsed() < REFRESH
        {
            push(sink, facts, true);
            return Ok(());
        }
        let found = self.read_facts(&inventory.host);
        push(sink, &found.good, found.error.is_none());
        // Facts with a gap are read again by the next scrape, which shows the error too.
        let Partial { good: facts, error } = found;
        *known = error.is_none().then(|| (Instant::now(), facts));
        error.map_or(Ok(()), Err)
    }
}

fn push(sink: &mut Sink, facts: &Facts, is_complete: bool) {
    sink.value(&SCRAPE_ERROR, if is_complete { 0.0 } else { 1.0 });
    sink.table(METRICS, std::iter::once((&facts.labels, facts)));
    push_details(sink, facts);
}

fn push_details(sink: &mut Sink, facts: &Facts) {
    for family in facts.details.chunk_by(|one, next| one.desc.name == next.desc.name) {
        let Some(first) = family.first() else { continue };
        let samples = family.iter().map(|detail| {
            let labels = detail.labels.iter().map(|(name, value)| (*name, value.as_str()));
            let labels: Vec<_> = labels.filter(|(_, value)| !value.is_empty()).collect();
            ((&facts.labels, labels), detail.value)
        });
        sink.samples(first.desc, samples);
    }
}

/// Distinct numbers of the larger units that the CPUs are in; machines without such have none.
fn count_ids(host: &Host, names: &[String], id: &str) -> f64 {
    let ids = names
        .iter()
        .filter(|name| cpu_number(name).is_some())
        .filter_map(|name| host.read_sys(&format!("devices/system/cpu/{name}/topology/{id}")));
    ids.collect::<BTreeSet<String>>().len() as f64
}

/// `12` of `cpu12`.
fn cpu_number(name: &str) -> Option<u32> {
    name.strip_prefix("cpu")?.parse().ok()
}

/// CPUs in a list such as `0-3,8,10-11`.
fn count_cpus(text: &str) -> Result<u32, ParseError> {
    let mut count = 0_u32;
    for range in text.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let first: u32 = parse_number("CPU", Some(first))?;
        let last: u32 = parse_number("CPU", Some(last))?;
        let length = last.checked_sub(first).and_then(|more| more.checked_add(1));
        let sum = length.and_then(|length| count.checked_add(length));
        count = sum.ok_or_else(|| ParseError::Form(format!("no range: {range:?}")))?;
    }
    Ok(count)
}

/// Distinct values of `physical id`; processors without such lines sit in one socket.
fn count_sockets(text: &str) -> f64 {
    let ids: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("physical id")?.split_once(':'))
        .map(|(_, id)| id.trim())
        .collect();
    ids.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    #[test]
    fn lists_of_cpus_are_counted() {
        assert_eq!(count_cpus("0-3,8,10-11"), Ok(7));
        assert_eq!(count_cpus("0"), Ok(1));
        for list in ["", "a", "3-1", "0-", "0-4294967295", "0,,1"] {
            assert!(count_cpus(list).is_err(), "{list:?}");
        }
    }

    #[test]
    fn sockets_are_distinct_physical_ids() {
        let text = "physical id\t: 0\ncore id\t: 0\nphysical id\t: 1\nphysical id\t: 0\n";
        let counts: Vec<f64> =
            [text, "CPU part : 0xd0c\n"].into_iter().map(count_sockets).collect();
        assert_eq!(counts, [2.0, 1.0]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([0-9]*-?[0-9]*,?)*.*") {
            let _ = (count_cpus(&text), count_sockets(&text));
        }
    }
}
