//! Whether the container runtime answers. Without it containers keep their last known names.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::Desc;

use crate::inventory::Inventory;
use crate::runtimes::docker::State;

const UP: Desc<'static> =
    Desc::gauge("container_runtime_up", "1 if the container runtime answers, 0 if it does not.");

#[derive(Debug)]
pub(super) struct Runtime;

#[async_trait]
impl Collector<Inventory> for Runtime {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let runtimes = inventory.known.snapshots();
        let samples = runtimes.filter(|runtime| runtime.state != State::Absent).map(|runtime| {
            ([("runtime", runtime.engine.name())], f64::from(runtime.state == State::Up))
        });
        sink.samples(&UP, samples);
        Ok(())
    }
}
