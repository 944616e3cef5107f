//! Nodes, their memory, cores, caches and distances: `/sys/devices/system/{node,cpu}`,
//! admin-guide/cputopology.rst and ABI/stable/sysfs-devices-node of the kernel.

use std::collections::{BTreeMap, BTreeSet};

use common::error::{FirstError, ParseError, Partial, parse_number};
use common::metric::Desc;

use super::{Detail, cpu_number};
use crate::host::Host;

const CACHE: Desc<'static> = Desc::gauge(
    "machine_cpu_cache_capacity_bytes",
    "Size of a CPU cache; without a core if all CPUs of the node share it.",
);
const SIBLINGS: Desc<'static> = Desc::gauge(
    "machine_thread_siblings_count",
    "Logical CPUs of the core that this thread belongs to.",
);
const MEMORY: Desc<'static> =
    Desc::gauge("machine_node_memory_capacity_bytes", "Memory of the node.");
const HUGE_PAGES: Desc<'static> =
    Desc::gauge("machine_node_hugepages_count", "Huge pages of the node by size in kilobytes.");
const DISTANCE: Desc<'static> = Desc::gauge(
    "machine_node_distance",
    "Relative cost of access to the memory of the target node; 10 for the node itself.",
);

const CPUS: &str = "devices/system/cpu";
const NODES: &str = "devices/system/node";

/// A CPU within its node: its own number, and that of its core.
type Cpu = (u32, String);

pub(super) fn find(host: &Host) -> Partial<Vec<Detail>> {
    let mut errors = FirstError::default();
    let names = errors.note(host.list_sys(NODES)).unwrap_or_default();
    let mut nodes: Vec<u32> = names.iter().filter_map(|name| node_number(name)).collect();
    nodes.sort_unstable();
    let mut details = Vec::new();
    for node in &nodes {
        let id = || ("node_id", node.to_string());
        let folder = format!("{NODES}/node{node}");
        let cpus = cpus_of(host, &folder);
        details.append(&mut errors.take(caches(host, &cpus, *node)));
        details.append(&mut siblings(&cpus, *node));
        let memory = errors.catch(host.parse_sys(&format!("{folder}/meminfo"), parse_memory));
        if let Some(bytes) = memory {
            details.push(Detail { desc: &MEMORY, labels: vec![id()], value: bytes });
        }
        for (size, count) in errors.take(huge_pages(host, &folder)) {
            let labels = vec![id(), ("page_size", size)];
            details.push(Detail { desc: &HUGE_PAGES, labels, value: count });
        }
        let path = format!("{folder}/distance");
        let distances = errors.take(host.parse_sys_rows(&path, parse_distances));
        for (target, distance) in nodes.iter().zip(distances.unwrap_or_default()) {
            let Some(distance) = distance else { continue };
            let labels = vec![id(), ("target_node_id", target.to_string())];
            details.push(Detail { desc: &DISTANCE, labels, value: distance });
        }
    }
    // Family after family, each in order of the nodes.
    details.sort_by_key(|detail| detail.desc.name);
    errors.beside(details)
}

fn node_number(name: &str) -> Option<u32> {
    name.strip_prefix("node")?.parse().ok()
}

/// A CPU that is off has no core.
fn cpus_of(host: &Host, folder: &str) -> Vec<Cpu> {
    let names = host.list_sys(folder).unwrap_or_default();
    let mut numbers: Vec<u32> = names.iter().filter_map(|name| cpu_number(name)).collect();
    numbers.sort_unstable();
    let core = |cpu: &u32| host.read_sys(&format!("{CPUS}/cpu{cpu}/topology/core_id"));
    numbers.into_iter().filter_map(|cpu| Some((cpu, core(&cpu)?))).collect()
}

fn siblings(cpus: &[Cpu], node: u32) -> Vec<Detail> {
    let detail = |(cpu, core): &Cpu| Detail {
        desc: &SIBLINGS,
        labels: vec![
            ("core_id", core.clone()),
            ("node_id", node.to_string()),
            ("thread_id", cpu.to_string()),
        ],
        value: cpus.iter().filter(|(_, other)| other == core).count() as f64,
    };
    cpus.iter().map(detail).collect()
}

/// Caches of the cores; each is seen from all of its CPUs and counts once.
fn caches(host: &Host, cpus: &[Cpu], node: u32) -> Partial<Vec<Detail>> {
    let mut errors = FirstError::default();
    let mut found = BTreeMap::<(String, String, String), f64>::new();
    for (cpu, core) in cpus {
        let folder = format!("{CPUS}/cpu{cpu}/cache");
        let names = errors.note(host.list_sys(&folder)).unwrap_or_default();
        for index in names.iter().filter(|name| name.starts_with("index")) {
            let attribute = |name: &str| host.read_sys(&format!("{folder}/{index}/{name}"));
            let size = host.parse_sys(&format!("{folder}/{index}/size"), parse_size);
            let size = errors.catch(size);
            let sharing = host.parse_sys(&format!("{folder}/{index}/shared_cpu_list"), parse_cpus);
            let Some(sharing) = errors.note(sharing) else { continue };
            let (Some(level), Some(kind), Some(size)) =
                (attribute("level"), attribute("type"), size)
            else {
                continue;
            };
            let is_of_node = cpus.len() > 1
                && sharing.is_some_and(|sharing| cpus.iter().all(|(cpu, _)| sharing.contains(cpu)))
                && cpus.iter().any(|(_, other)| other != core);
            let core = if is_of_node { String::new() } else { core.clone() };
            found.insert((core, level, kind), size);
        }
    }
    let detail = |((core, level, kind), size)| Detail {
        desc: &CACHE,
        labels: vec![
            ("core_id", core),
            ("level", level),
            ("node_id", node.to_string()),
            ("type", kind),
        ],
        value: size,
    };
    errors.beside(found.into_iter().map(detail).collect())
}

/// Sizes in kilobytes and numbers of pages.
fn huge_pages(host: &Host, folder: &str) -> Partial<Vec<(String, f64)>> {
    let mut errors = FirstError::default();
    let mut pages = Vec::new();
    let names = errors.note(host.list_sys(&format!("{folder}/hugepages")));
    for name in names.unwrap_or_default() {
        let size = name.strip_prefix("hugepages-").and_then(|size| size.strip_suffix("kB"));
        let path = format!("{folder}/hugepages/{name}/nr_hugepages");
        let count = host.parse_sys(&path, |text| parse_number::<u64>("pages", Some(text)));
        let count = errors.catch(count);
        if let Some((size, count)) = size.zip(count) {
            pages.push((size.to_owned(), count as f64));
        }
    }
    errors.beside(pages)
}

/// The line `Node 0 MemTotal:       24684092 kB`.
fn parse_memory(text: &str) -> Result<f64, ParseError> {
    let line = text.lines().find_map(|line| line.split_once(" MemTotal:"));
    let number = line.and_then(|(_, rest)| rest.split_ascii_whitespace().next());
    parse_number::<u64>("MemTotal", number).map(|kibibytes| kibibytes as f64 * 1024.0)
}

/// `32K`
fn parse_size(text: &str) -> Result<f64, ParseError> {
    let (number, unit) = match text.strip_suffix('M') {
        Some(number) => (number, 1_048_576.0),
        None => (text.trim_end_matches('K'), 1024.0),
    };
    parse_number::<u64>("size", Some(number)).map(|size| size as f64 * unit)
}

/// `10 21`: one for each node, by its place in the line.
fn parse_distances(text: &str) -> Partial<Vec<Option<f64>>, ParseError> {
    let mut errors = FirstError::default();
    let distances = text.split_ascii_whitespace().map(|word| {
        let distance = parse_number::<u32>("distance", Some(word));
        errors.note(distance).map(f64::from)
    });
    let distances = distances.collect();
    errors.beside(distances)
}

/// `0-1,8`; a CPU beyond the 8192 that a kernel can have is no CPU.
fn parse_cpus(text: &str) -> Result<BTreeSet<u32>, ParseError> {
    let mut cpus = BTreeSet::new();
    for range in text.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let first: u32 = parse_number("CPU", Some(first))?;
        let last: u32 = parse_number("CPU", Some(last))?;
        if last > 8192 {
            return Err(ParseError::Form(format!("no list of CPUs: {text:?}")));
        }
        cpus.extend(first..=last);
    }
    Ok(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    #[test]
    fn sizes_lists_and_distances_are_read() {
        assert_eq!(parse_size("32K"), Ok(32_768.0));
        assert_eq!(parse_size("8M"), Ok(8_388_608.0));
        assert_eq!(parse_cpus("0-1,8"), Ok(BTreeSet::from([0, 1, 8])));
        assert_eq!(parse_distances("10 21"), Partial::whole(vec![Some(10.0), Some(21.0)]));
        assert_eq!(parse_distances("10 x 31").good, [Some(10.0), None, Some(31.0)]);
        assert_eq!(parse_memory("\nNode 0 MemTotal:       4 kB\nNode 0 MemFree: 1 kB"), Ok(4096.0));
    }

    #[test]
    fn truncated_and_malformed_content_is_an_error() {
        assert!(parse_size("").is_err() && parse_size("K").is_err());
        assert!(parse_cpus("").is_err() && parse_cpus("0-4294967295").is_err());
        assert!(parse_distances("10 x").error.is_some());
        assert!(parse_memory("Node 0 MemTotal:").is_err() && parse_memory("").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9KM,-]*.*") {
            let _ = (parse_size(&text), parse_cpus(&text), parse_distances(&text));
            let _ = parse_memory(&text);
        }
    }
}
