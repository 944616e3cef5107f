//! Time lost due to lack of CPU, memory or I/O: `*.pressure` of cgroup v2, also where
//! it is mounted beside v1, accounting/psi.rst of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError, parse_number};
use common::exposition::Sink;
use common::metric::{Metric, counter};

use crate::cgroup::{CgroupReader, Controller};
use crate::inventory::{Cgroup, Inventory};

const METRICS: &[Metric<Row>] = &[
    counter(
        "container_pressure_cpu_waiting_seconds_total",
        "Time in which some task waited for a CPU.",
        |row| row.cpu.some,
    ),
    counter(
        "container_pressure_cpu_stalled_seconds_total",
        "Time in which all tasks with work to do waited for a CPU.",
        |row| row.cpu.full,
    ),
    counter(
        "container_pressure_memory_waiting_seconds_total",
        "Time in which some task waited for memory.",
        |row| row.memory.some,
    ),
    counter(
        "container_pressure_memory_stalled_seconds_total",
        "Time in which all tasks with work to do waited for memory.",
        |row| row.memory.full,
    ),
    counter(
        "container_pressure_io_waiting_seconds_total",
        "Time in which some task waited for I/O.",
        |row| row.io.some,
    ),
    counter(
        "container_pressure_io_stalled_seconds_total",
        "Time in which all tasks with work to do waited for I/O.",
        |row| row.io.full,
    ),
];

#[derive(Debug)]
struct Row {
    cpu: Stall,
    memory: Stall,
    io: Stall,
}

/// Seconds in which some and in which all tasks waited; kernels before 5.13 do
/// not count the latter for the CPU.
#[derive(Debug, Default, PartialEq)]
struct Stall {
    some: Option<f64>,
    full: Option<f64>,
}

#[derive(Debug)]
pub(super) struct Pressure;

#[async_trait]
impl Collector<Inventory> for Pressure {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let rows = inventory.rows(|cgroup, reader| Row {
            cpu: read(reader, cgroup, "cpu"),
            memory: read(reader, cgroup, "memory"),
            io: read(reader, cgroup, "io"),
        });
        sink.table(METRICS, rows.good.iter().map(|(cgroup, row)| (&cgroup.labels, row)));
        rows.finish()
    }
}

fn read(reader: &mut CgroupReader<'_>, cgroup: &Cgroup, resource: &str) -> Stall {
    let own = reader.parse(Controller::Unified, &format!("{resource}.pressure"), parse);
    // The root's is the host's, wherever v2 is.
    match own {
        None if cgroup.is_root() => reader.proc(&format!("pressure/{resource}"), parse),
        own => own,
    }
    .unwrap_or_default()
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=123`, in microseconds, then the same of `full`.
fn parse(text: &str) -> Result<Stall, ParseError> {
    let mut stall = Stall::default();
    for line in text.lines() {
        let total = line.split_ascii_whitespace().find_map(|field| field.strip_prefix("total="));
        let seconds = parse_number::<u64>("total", total)? as f64 / 1e6;
        match line.split(' ').next() {
            Some("some") => stall.some = Some(seconds),
            Some("full") => stall.full = Some(seconds),
            _ => return Err(ParseError::Form(format!("neither some nor full: {line:?}"))),
        }
    }
    stall.some.map(|_| stall).ok_or(ParseError::Missing { field: "some" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    const SOME: &str = "some avg10=1.00 avg60=2.00 avg300=3.00 total=2500000\n";

    #[test]
    fn microseconds_become_seconds() {
        let both = format!("{SOME}full avg10=0.00 avg60=0.00 avg300=0.00 total=500000\n");
        assert_eq!(parse(&both), Ok(Stall { some: Some(2.5), full: Some(0.5) }));
        assert_eq!(parse(SOME), Ok(Stall { some: Some(2.5), full: None }));
    }

    #[test]
    fn truncated_and_malformed_content_is_an_error() {
        for text in ["", "some", "some avg10=0.00", "some total=x", "full total=1\n", "x total=1"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "((some|full) .{0,9}total=[0-9]*\n){0,3}.*") {
            let _ = parse(&text);
        }
    }
}
