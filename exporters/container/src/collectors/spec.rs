//! Limits: `cpu.max`, `cpu.weight`, `memory.max` and others of cgroup v2;
//! `cpu.cfs_*`, `cpu.shares`, `memory.*limit_in_bytes` of v1.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError};
use common::exposition::Sink;
use common::metric::{Metric, gauge};

use crate::cgroup::{CgroupReader, Controller, Version, parse_limit, parse_value};
use crate::host::meminfo::Meminfo;
use crate::inventory::Inventory;
use crate::runtimes::container::Container;

const METRICS: &[Metric<Row>] = &[
    gauge(
        "container_spec_cpu_period",
        "Enforcement period of the CPU quota in microseconds.",
        |row| row.cpu_period,
    ),
    gauge(
        "container_spec_cpu_quota",
        "CPU time allowed per period, in microseconds; absent if unlimited.",
        |row| row.cpu_quota,
    ),
    gauge(
        "container_spec_cpu_shares",
        "Weight in the competition for CPU time, on the scale of cgroup v1 (default 1024).",
        |row| row.cpu_shares,
    ),
    gauge("container_spec_memory_limit_bytes", "Memory limit; 0 means unlimited.", |row| {
        row.memory_limit
    }),
    gauge(
        "container_spec_memory_swap_limit_bytes",
        "Limit of swap (cgroup v2) or of memory and swap together (v1); 0 means unlimited.",
        |row| row.swap_limit,
    ),
    gauge(
        "container_spec_memory_reservation_limit_bytes",
        "Memory that reclaim leaves alone as long as it can take from others; 0 means none.",
        |row| row.memory_reservation,
    ),
];

/// What the reference takes for unlimited; version 1 has no word for it but its largest number.
const UNLIMITED_BYTES: f64 = (1_u64 << 62) as f64;

#[derive(Debug, Default, PartialEq)]
struct Row {
    cpu_period: Option<f64>,
    cpu_quota: Option<f64>,
    cpu_shares: Option<f64>,
    memory_limit: Option<f64>,
    swap_limit: Option<f64>,
    memory_reservation: Option<f64>,
}

impl Row {
    /// What the runtime was asked for stands: a weight does not tell by which formula it was made of
    /// shares, and the kernel rounds a reservation to pages.
    fn ask(&mut self, container: &Container) {
        let given = |asked: Option<i64>| asked.map(|asked| asked as f64);
        self.cpu_shares = given(container.cpu_shares).or(self.cpu_shares);
        self.memory_reservation = given(container.memory_reservation).or(self.memory_reservation);
    }
}

#[derive(Debug)]
pub(super) struct Spec;

#[async_trait]
impl Collector<Inventory> for Spec {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let rows = inventory.rows(|cgroup, reader| {
            let mut row = match reader.version() {
                Version::V1 => read_v1(reader),
                Version::V2 => read_v2(reader),
            };
            // What limits the root is the machine.
            if cgroup.is_root()
                && let Some(host) = reader.proc("meminfo", Meminfo::parse)
            {
                row.memory_limit = Some(host.total);
                row.swap_limit = Some(host.swap_total);
            }
            if let Some(container) = &cgroup.container {
                row.ask(container);
            }
            row
        });
        sink.table(METRICS, rows.good.iter().map(|(cgroup, row)| (&cgroup.labels, row)));
        rows.finish()
    }
}

fn read_v1(reader: &mut CgroupReader<'_>) -> Row {
    let (cpu, memory) = (Controller::Cpu, Controller::Memory);
    let mut limit = |name: &str| -> Option<f64> {
        reader.value(memory, name).map(|bytes| zero_if_unlimited(Some(bytes)))
    };
    let memory_limit = limit("memory.limit_in_bytes");
    let swap_limit = limit("memory.memsw.limit_in_bytes");
    let memory_reservation = limit("memory.soft_limit_in_bytes");
    let quota = reader.value(cpu, "cpu.cfs_quota_us");
    Row {
        cpu_period: reader.value(cpu, "cpu.cfs_period_us"),
        cpu_quota: quota.filter(|quota| *quota > 0.0),
        cpu_shares: reader.value(cpu, "cpu.shares"),
        memory_limit,
        swap_limit,
        memory_reservation,
    }
}

fn read_v2(reader: &mut CgroupReader<'_>) -> Row {
    let mut limit = |name: &str| -> Option<f64> {
        let limit = reader.parse(Controller::Memory, name, parse_limit);
        limit.map(zero_if_unlimited)
    };
    let memory_limit = limit("memory.max");
    let swap_limit = limit("memory.swap.max");
    // Runtimes write the reservation here; memory.min, which the reference reads, stays 0.
    let memory_reservation = limit("memory.low");
    let quota = reader.parse(Controller::Cpu, "cpu.max", parse_cpu_max);
    let weight = reader.value(Controller::Cpu, "cpu.weight");
    Row {
        cpu_period: quota.map(|quota| quota.period),
        cpu_quota: quota.and_then(|quota| quota.limit),
        cpu_shares: weight.map(shares_of_weight),
        memory_limit,
        swap_limit,
        memory_reservation,
    }
}

fn zero_if_unlimited(limit: Option<f64>) -> f64 {
    limit.filter(|bytes| *bytes < UNLIMITED_BYTES).unwrap_or(0.0)
}

/// The reverse of what runtimes do to turn shares, 2 to 262144, into a weight, 1 to 10000.
fn shares_of_weight(weight: f64) -> f64 {
    2.0 + ((weight - 1.0) * 262_142.0 / 9_999.0).floor()
}

/// `cpu.max`, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct CpuMax {
    limit: Option<f64>,
    period: f64,
}

/// `max 100000`
fn parse_cpu_max(text: &str) -> Result<CpuMax, ParseError> {
    let mut fields = text.split_ascii_whitespace();
    let limit = parse_limit(fields.next().unwrap_or_default())?;
    let period = fields.next().ok_or(ParseError::Missing { field: "period" })?;
    Ok(CpuMax { limit, period: parse_value(period)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    #[test]
    fn unlimited_is_zero_in_both_versions() {
        let limits = [Some(9_223_372_036_854_771_712.0), None, Some(67_108_864.0)];
        let limits: Vec<f64> = limits.into_iter().map(zero_if_unlimited).collect();
        assert_eq!(limits, [0.0, 0.0, 67_108_864.0]);
    }

    #[test]
    fn weights_become_shares() {
        let weights = [1.0, 39.0, 100.0, 10_000.0];
        let shares: Vec<f64> = weights.into_iter().map(shares_of_weight).collect();
        assert_eq!(shares, [2.0, 998.0, 2597.0, 262_144.0]);
    }

    #[test]
    fn what_was_asked_for_stands() {
        let mut row =
            Row { cpu_shares: Some(2597.0), memory_reservation: Some(0.0), ..Row::default() };
        row.ask(&Container::default());
        assert_eq!((row.cpu_shares, row.memory_reservation), (Some(2597.0), Some(0.0)));
        let asked = Container {
            cpu_shares: Some(1024),
            memory_reservation: Some(100_000_001),
            ..Container::default()
        };
        row.ask(&asked);
        assert_eq!((row.cpu_shares, row.memory_reservation), (Some(1024.0), Some(100_000_001.0)));
        let mut absent = Row::default();
        absent.ask(&Container { cpu_shares: Some(39), ..Container::default() });
        assert_eq!((absent.cpu_shares, absent.memory_reservation), (Some(39.0), None));
    }

    #[test]
    fn the_quota_has_two_fields() {
        let max = |limit, period| Ok(CpuMax { limit, period });
        assert_eq!(parse_cpu_max("max 100000\n"), max(None, 100_000.0));
        assert_eq!(parse_cpu_max("50000 100000\n"), max(Some(50_000.0), 100_000.0));
        for text in ["", "max", "50000", "x 100000", "max x"] {
            assert!(parse_cpu_max(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = parse_cpu_max(&text);
        }
    }
}
