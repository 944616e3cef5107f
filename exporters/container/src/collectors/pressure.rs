//! Time lost due to lack of CPU, memory or I/O: `*.pressure` of cgroup v2, also where
//! it is mounted beside v1, accounting/psi.rst of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::kernel::pressure;
use common::metric::{Metric, counter};

use crate::cgroup::{CgroupReader, Controller};
use crate::inventory::{Cgroup, Inventory};

const METRICS: &[Metric<Row>] = &[
    counter(
        "container_pressure_cpu_waiting_seconds_total",
        "Time in which some task waited for a CPU.",
        |row| row.cpu.some_seconds,
    ),
    counter(
        "container_pressure_cpu_stalled_seconds_total",
        "Time in which all tasks with work to do waited for a CPU.",
        |row| row.cpu.full_seconds,
    ),
    counter(
        "container_pressure_memory_waiting_seconds_total",
        "Time in which some task waited for memory.",
        |row| row.memory.some_seconds,
    ),
    counter(
        "container_pressure_memory_stalled_seconds_total",
        "Time in which all tasks with work to do waited for memory.",
        |row| row.memory.full_seconds,
    ),
    counter(
        "container_pressure_io_waiting_seconds_total",
        "Time in which some task waited for I/O.",
        |row| row.io.some_seconds,
    ),
    counter(
        "container_pressure_io_stalled_seconds_total",
        "Time in which all tasks with work to do waited for I/O.",
        |row| row.io.full_seconds,
    ),
];

#[derive(Debug)]
struct Row {
    cpu: pressure::Pressure,
    memory: pressure::Pressure,
    io: pressure::Pressure,
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

fn read(reader: &mut CgroupReader<'_>, cgroup: &Cgroup, resource: &str) -> pressure::Pressure {
    let file = format!("{resource}.pressure");
    let own = reader.parse_rows(Controller::Unified, &file, pressure::parse);
    // The root's is the host's, wherever v2 is.
    match own {
        None if cgroup.is_root() => {
            reader.proc_rows(&format!("pressure/{resource}"), pressure::parse)
        }
        own => own,
    }
    .unwrap_or_default()
}
