//! CPUs and memory of the host, from files below the configurable roots: in a guest behind lxcfs,
//! or in a container, the running system's own are those of another machine.

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

use crate::host::Host;
use crate::host::meminfo::Meminfo;
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

/// Where the machine's id is, machine-id(5), below the host's root.
const MACHINE_ID: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/// Where the id of this boot is, random(4).
const BOOT_ID: [&str; 1] = ["/proc/sys/kernel/random/boot_id"];

/// How long facts are believed, as in the reference. `/proc/cpuinfo` wakes every CPU.
const REFRESH: Duration = Duration::from_mins(5);

/// Options of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Paths")]
#[group(skip)]
pub(super) struct MachineArgs {
    /// Files that may hold the machine's id; the first readable one counts, below the root or as
    /// given (default: /etc/machine-id,/var/lib/dbus/machine-id below the root)
    #[arg(
        id = "machine_id_file",
        long = "machine_id_file",
        value_name = "FILES",
        default_value = "",
        hide_default_value = true
    )]
    machine_id: CommaList,
    /// Files that may hold the id of this boot; the first readable one counts, below the root or as
    /// given (default: sys/kernel/random/boot_id below the proc file system)
    #[arg(
        id = "boot_id_file",
        long = "boot_id_file",
        value_name = "FILES",
        default_value = "",
        hide_default_value = true
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
        let id = |files: &CommaList, default: &[&str]| {
            let id = match files.0.as_slice() {
                [] => host.read_first(default),
                files => host.read_given(files),
            };
            id.unwrap_or_default()
        };
        let machine_id = id(&self.args.machine_id, &MACHINE_ID);
        let boot_id = id(&self.args.boot_id, &BOOT_ID);
        // Without firmware that has an id, the reference takes the machine's for it.
        let uuid = host.read_sys("class/dmi/id/product_uuid");
        let uuid = uuid.unwrap_or_else(|| machine_id.clone());
        let labels = [("boot_id", &boot_id), ("machine_id", &machine_id), ("system_uuid", &uuid)];
        let given = labels.into_iter().filter(|(_, value)| !value.is_empty());
        let cpus = errors.catch(host.parse_sys("devices/system/cpu/online", count_cpus));
        let memory = errors.catch(host.parse_proc("meminfo", Meminfo::parse));
        let packages = errors.catch(host.parse_proc("cpuinfo", |text| Ok(Packages::parse(text))));
        let mut details = errors.take(memory_modules::find(host));
        if self.has_topology {
            details.append(&mut errors.take(topology::find(host)));
        }
        let names = errors.note(host.list_sys("devices/system/cpu"));
        let count = |id| names.as_ref().map(|names| count_ids(host, names, id));
        let facts = Facts {
            labels: LabelSet::new(given.map(|(name, value)| (name, value.as_str()))),
            cpus: cpus.map(f64::from),
            physical_cores: packages
                .as_ref()
                .and_then(|packages| packages.cores)
                .or_else(|| names.as_ref().and_then(|names| count_cores(host, names))),
            sockets: packages.map(|packages| packages.sockets),
            books: count("book_id"),
            drawers: count("drawer_id"),
            memory_bytes: memory.map(|memory| memory.total),
            swap_bytes: memory.map(|memory| memory.swap_total),
            details,
        };
        errors.beside(facts)
    }
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

/// What `/proc/cpuinfo` tells of packages.
#[derive(Debug, PartialEq)]
struct Packages {
    /// Distinct values of `physical id`; processors without such lines sit in one socket.
    sockets: f64,
    /// Distinct pairs of `physical id` and `core id`; `None` where the architecture has no such lines.
    cores: Option<f64>,
}

impl Packages {
    fn parse(text: &str) -> Self {
        let (mut sockets, mut cores) = (BTreeSet::new(), BTreeSet::new());
        for processor in text.split("\n\n") {
            let value = |key: &str| {
                let line = processor.lines().find_map(|line| line.strip_prefix(key));
                line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
            };
            let (socket, core) = (value("physical id"), value("core id"));
            sockets.extend(socket);
            cores.extend(core.map(|core| (socket, core)));
        }
        let cores = (!cores.is_empty()).then_some(cores.len() as f64);
        Self { sockets: sockets.len().max(1) as f64, cores }
    }
}

/// Distinct pairs of package and core in sysfs; `None` if there are none.
fn count_cores(host: &Host, names: &[String]) -> Option<f64> {
    let cpus = names.iter().filter(|name| cpu_number(name).is_some());
    let cores = cpus.filter_map(|name| {
        let read = |id| host.read_sys(&format!("devices/system/cpu/{name}/topology/{id}"));
        Some((read("physical_package_id"), read("core_id")?))
    });
    let cores: BTreeSet<_> = cores.collect();
    (!cores.is_empty()).then_some(cores.len() as f64)
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
    fn sockets_are_distinct_physical_ids_and_cores_pairs_of_ids() {
        let cpu = |socket, core| {
            format!("processor\t: 9\nphysical id\t: {socket}\ncore id\t\t: {core}\n\n")
        };
        // Two sockets of two cores, one of them with two threads.
        let text = [cpu(0, 0), cpu(0, 1), cpu(1, 0), cpu(1, 1), cpu(0, 1)].concat();
        assert_eq!(Packages::parse(&text), Packages { sockets: 2.0, cores: Some(4.0) });
        let arm = "processor : 0\nCPU part : 0xd0c\n";
        assert_eq!(Packages::parse(arm), Packages { sockets: 1.0, cores: None });
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([0-9]*-?[0-9]*,?)*.*") {
            let _ = (count_cpus(&text), Packages::parse(&text));
        }
    }
}
