//! `process_*`: what this process uses, from its own files below `/proc/self` (proc(5)).

use std::path::Path;

use procfs::process::{LimitValue, Process};
use procfs::{CurrentSI as _, KernelStats};
use rustix::fs::AtFlags;
use rustix::param::page_size;

use crate::exposition::Sink;
use crate::kernel::{Budget, Root, USER_HZ, lines, split, words};
use crate::metric::{Metric, counter, gauge};

const METRICS: &[Metric<Usage>] = &[
    counter(
        "process_cpu_seconds_total",
        "CPU time that the exporter has used in user and system mode, in seconds.",
        |usage| usage.stat.as_ref().map(|stat| stat.ticks as f64 / USER_HZ),
    ),
    gauge(
        "process_resident_memory_bytes",
        "Memory of the exporter that is in RAM, in bytes.",
        |usage| usage.stat.as_ref().map(|stat| stat.resident_pages as f64 * page_size() as f64),
    ),
    gauge("process_virtual_memory_bytes", "Address space of the exporter, in bytes.", |usage| {
        usage.stat.as_ref().map(|stat| stat.virtual_bytes as f64)
    }),
    gauge("process_open_fds", "File descriptors that are open.", |usage| usage.open_files),
    gauge("process_max_fds", "File descriptors that may be open at once.", |usage| {
        usage.max_open_files
    }),
    gauge(
        "process_virtual_memory_max_bytes",
        "Largest allowed address space, in bytes.",
        |usage| usage.max_address_space_bytes,
    ),
    gauge(
        "process_start_time_seconds",
        "When the exporter started, in seconds since the epoch.",
        |usage| usage.start_time_seconds,
    ),
    counter(
        "process_network_receive_bytes_total",
        "Bytes received in the exporter's network namespace.",
        |usage| usage.octets.map(|[received, _]| received),
    ),
    counter(
        "process_network_transmit_bytes_total",
        "Bytes sent in the exporter's network namespace.",
        |usage| usage.octets.map(|[_, sent]| sent),
    ),
];

/// What the process uses at one moment.
struct Usage {
    stat: Option<Stat>,
    open_files: Option<f64>,
    /// Received and sent.
    octets: Option<[f64; 2]>,
    start_time_seconds: Option<f64>,
    max_open_files: Option<f64>,
    max_address_space_bytes: Option<f64>,
}

/// What is wanted of `stat`. The procfs crate reads all of its 52 fields, which takes seven times
/// as long.
#[derive(Debug, PartialEq)]
struct Stat {
    /// In user and system mode.
    ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    /// Fields are counted from 1; the second is a name in brackets, which may hold anything.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = words(rest);
        let mut next = |skipped: usize| fields.nth(skipped)?.parse::<u64>().ok();
        let (user, system) = (next(14 - 3)?, next(0)?);
        let (virtual_bytes, resident_pages) = (next(23 - 16)?, next(0)?);
        Some(Self { ticks: user.saturating_add(system), virtual_bytes, resident_pages })
    }
}

/// Descriptors that are kept open for it: two files, and one to spare.
const KEPT: usize = 3;

/// Reads this process at each scrape; what never changes is read once.
#[derive(Debug)]
pub(super) struct OwnProcess {
    /// `/proc/self`; `None` without a proc file system.
    root: Option<Root>,
    start_time_seconds: Option<f64>,
    max_open_files: Option<f64>,
    max_address_space_bytes: Option<f64>,
}

impl OwnProcess {
    pub(super) fn new() -> Self {
        let process = Process::myself().ok();
        let limits = process.as_ref().and_then(|process| process.limits().ok());
        let boot_time = KernelStats::current().ok().map(|stats| stats.btime as f64);
        let start_ticks =
            process.as_ref().and_then(|process| process.stat().ok()).map(|stat| stat.starttime);
        Self {
            root: Root::open(Path::new("/proc/self"), &Budget::new(KEPT)).ok(),
            start_time_seconds: boot_time
                .zip(start_ticks)
                .map(|(boot, ticks)| boot + ticks as f64 / USER_HZ),
            max_open_files: limits.as_ref().map(|limits| limit(limits.max_open_files.soft_limit)),
            max_address_space_bytes: limits
                .map(|limits| limit(limits.max_address_space.soft_limit)),
        }
    }
}

impl OwnProcess {
    /// Pushes the families; a value that cannot be read is left out. `octets` are those received
    /// and sent, if they are known already.
    pub(super) fn push(&self, sink: &mut Sink, octets: Option<[f64; 2]>) {
        sink.row(METRICS, &self.usage(octets));
    }

    fn usage(&self, octets: Option<[f64; 2]>) -> Usage {
        let read = |path: &'static str| self.root.as_ref()?.read(path).ok();
        let octets = octets.or_else(|| read("net/netstat").and_then(|text| parse_octets(&text)));
        Usage {
            stat: read("stat").and_then(|text| Stat::parse(&text)),
            open_files: self.open_files(),
            octets,
            start_time_seconds: self.start_time_seconds,
            max_open_files: self.max_open_files,
            max_address_space_bytes: self.max_address_space_bytes,
        }
    }

    /// Kernels from 6.2 on give the count as the size of the folder; it is counted on older ones.
    fn open_files(&self) -> Option<f64> {
        let root = self.root.as_ref()?;
        let size = rustix::fs::statat(root.directory(), "fd", AtFlags::empty()).ok()?.st_size;
        if size > 0 {
            return Some(size as f64);
        }
        // The folder itself is open while it is read.
        root.list("fd").ok()?.map(|entries| entries.len().saturating_sub(1) as f64)
    }
}

/// An unlimited value counts as the largest 64-bit number, as the Go client has it.
fn limit(limit: LimitValue) -> f64 {
    match limit {
        LimitValue::Unlimited => u64::MAX as f64,
        LimitValue::Value(value) => value as f64,
    }
}

/// `InOctets` and `OutOctets` of the two `IpExt:` lines, the first of which holds the names.
fn parse_octets(netstat: &str) -> Option<[f64; 2]> {
    let mut lines = lines(netstat).filter_map(|line| line.strip_prefix("IpExt: "));
    let (names, values) = (lines.next()?, lines.next()?);
    let find = |wanted: &str| {
        let mut pairs = split(names, b' ').zip(split(values, b' '));
        pairs.find(|(name, _)| *name == wanted).and_then(|(_, value)| value.parse().ok())
    };
    Some([find("InOctets")?, find("OutOctets")?])
}

#[cfg(test)]
mod tests {
    use super::{Stat, parse_octets};

    const STAT: &str = "30777 (a) b) S 1 2 3 0 -1 4194560 837 0 1 0 21 14 5 6 20 0 3 0 416 \
                        12345678 2021 18446744073709551615 1 1 0 0 0";

    #[test]
    fn fields_of_stat_are_counted_from_the_last_bracket() {
        let stat = Stat { ticks: 35, virtual_bytes: 12_345_678, resident_pages: 2021 };
        assert_eq!(Stat::parse(STAT), Some(stat));
    }

    #[test]
    fn a_stat_that_is_cut_short_or_odd_is_none() {
        for text in ["", "1 (a) S 1 2 3", "1 a S", &STAT.replace(" 21 ", " x "), &STAT[..70]] {
            assert_eq!(Stat::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn octets_are_found_by_name() {
        let netstat = "TcpExt: A B\nTcpExt: 1 2\nIpExt: X InOctets OutOctets\nIpExt: 0 5 6\n";
        assert_eq!(parse_octets(netstat), Some([5.0, 6.0]));
        assert_eq!(parse_octets("IpExt: InOctets\n"), None);
        assert_eq!(parse_octets(""), None);
    }
}
