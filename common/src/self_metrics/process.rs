//! `process_*`: what this process uses, from its own files below `/proc/self` (proc(5)).

use std::fmt;
use std::path::Path;

use procfs::process::{LimitValue, Process, Stat};
use procfs::{CurrentSI as _, FromRead as _, KernelStats, WithCurrentSystemInfo as _};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rustix::fs::AtFlags;

use crate::kernel::{Budget, Root, USER_HZ};

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

impl Collector for OwnProcess {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut writer = Writer(&mut encoder);
        let read = |path: &'static str| self.root.as_ref()?.read(path).ok();
        let stat = read("stat").and_then(|text| Stat::from_read(text.as_bytes()).ok());
        if let Some(stat) = stat {
            let ticks = stat.utime + stat.stime;
            writer.counter(
                "process_cpu_seconds",
                "CPU time that the exporter has used in user and system mode, in seconds.",
                Some(ticks as f64 / USER_HZ),
            )?;
            writer.gauge(
                "process_resident_memory_bytes",
                "Memory of the exporter that is in RAM, in bytes.",
                Some(stat.rss_bytes().get() as f64),
            )?;
            writer.gauge(
                "process_virtual_memory_bytes",
                "Address space of the exporter, in bytes.",
                Some(stat.vsize as f64),
            )?;
        }
        writer.gauge("process_open_fds", "File descriptors that are open.", self.open_files())?;
        writer.gauge(
            "process_max_fds",
            "File descriptors that may be open at once.",
            self.max_open_files,
        )?;
        writer.gauge(
            "process_virtual_memory_max_bytes",
            "Largest allowed address space, in bytes.",
            self.max_address_space_bytes,
        )?;
        writer.gauge(
            "process_start_time_seconds",
            "When the exporter started, in seconds since the epoch.",
            self.start_time_seconds,
        )?;
        let (received, sent) = read("net/netstat").and_then(|text| parse_octets(&text)).unzip();
        writer.counter(
            "process_network_receive_bytes",
            "Bytes received in the exporter's network namespace.",
            received,
        )?;
        writer.counter(
            "process_network_transmit_bytes",
            "Bytes sent in the exporter's network namespace.",
            sent,
        )
    }
}

/// Writes one family per call; a value that could not be read is left out.
struct Writer<'a, 'e>(&'a mut DescriptorEncoder<'e>);

impl Writer<'_, '_> {
    fn counter(&mut self, name: &str, help: &str, value: Option<f64>) -> fmt::Result {
        value.map_or(Ok(()), |value| self.metric(name, help, &ConstCounter::new(value)))
    }

    fn gauge(&mut self, name: &str, help: &str, value: Option<f64>) -> fmt::Result {
        value.map_or(Ok(()), |value| self.metric(name, help, &ConstGauge::new(value)))
    }

    fn metric(&mut self, name: &str, help: &str, metric: &impl EncodeMetric) -> fmt::Result {
        metric.encode(self.0.encode_descriptor(name, help, None, metric.metric_type())?)
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
fn parse_octets(netstat: &str) -> Option<(f64, f64)> {
    let mut lines = netstat.lines().filter_map(|line| line.strip_prefix("IpExt: "));
    let (names, values) = (lines.next()?, lines.next()?);
    let find = |wanted: &str| {
        let mut pairs = names.split(' ').zip(values.split(' '));
        pairs.find(|(name, _)| *name == wanted).and_then(|(_, value)| value.parse().ok())
    };
    find("InOctets").zip(find("OutOctets"))
}

#[cfg(test)]
mod tests {
    use super::parse_octets;

    #[test]
    fn octets_are_found_by_name() {
        let netstat = "TcpExt: A B\nTcpExt: 1 2\nIpExt: X InOctets OutOctets\nIpExt: 0 5 6\n";
        assert_eq!(parse_octets(netstat), Some((5.0, 6.0)));
        assert_eq!(parse_octets("IpExt: InOctets\n"), None);
        assert_eq!(parse_octets(""), None);
    }
}
