//! Whether memory follows tasks to other nodes: `cpuset.memory_migrate` of cgroup v1,
//! cpusets(7); v2 has no such choice.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::{Metric, gauge};

use crate::cgroup::Controller;
use crate::inventory::Inventory;

const METRICS: &[Metric<Option<f64>>] = &[gauge(
    "container_memory_migrate",
    "1 if memory is moved to the nodes that a task may use from now on, 0 if it stays.",
    |is_moved| *is_moved,
)];

#[derive(Debug)]
pub(super) struct Cpuset;

#[async_trait]
impl Collector<Inventory> for Cpuset {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let rows =
            inventory.rows(|_, reader| reader.value(Controller::Cpuset, "cpuset.memory_migrate"));
        sink.table(METRICS, rows.good.iter().map(|(cgroup, row)| (&cgroup.labels, row)));
        rows.finish()
    }
}
