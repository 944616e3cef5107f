//! Ports of containers, as the runtime tells.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::Desc;

use crate::inventory::Inventory;

const PORT: Desc<'static> = Desc::gauge(
    "container_port_info",
    "A port of a running container and where the host has it; the value is always 1.",
);

#[derive(Debug)]
pub(super) struct Ports;

#[async_trait]
impl Collector<Inventory> for Ports {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let mut family = sink.family(&PORT);
        for listed in &inventory.containers {
            for port in &listed.container.ports {
                let labels = [
                    ("container_port", port.container.as_str()),
                    ("host_ip", &port.host_ip),
                    ("host_port", &port.host),
                    ("protocol", &port.protocol),
                ];
                let is_told = |(_, value): &(&str, &str)| !value.is_empty();
                let labels: Vec<_> = labels.into_iter().filter(is_told).collect();
                family.sample(&(&listed.labels, labels), 1.0);
            }
        }
        Ok(())
    }
}
