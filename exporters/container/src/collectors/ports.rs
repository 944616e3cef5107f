//! Ports of containers, as the runtime reports them.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::Desc;

use crate::inventory::Inventory;
use crate::runtimes::container::Port;

const PORT: Desc<'static> = Desc::gauge(
    "container_port_info",
    "A port of a running container and where the host has it; the value is always 1.",
);

#[derive(Debug)]
pub(super) struct Ports;

#[async_trait]
impl Collector<Inventory> for Ports {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let samples = inventory.containers.iter().flat_map(|listed| {
            let ports = listed.container.ports.iter();
            ports.map(|port| ((listed.steady_labels(), labels(port)), 1.0))
        });
        sink.samples(&PORT, samples);
        Ok(())
    }
}

/// Empty values are as good as none.
fn labels(port: &Port) -> Vec<(&'static str, &str)> {
    let labels = [
        ("container_port", port.container.as_str()),
        ("host_ip", &port.host_ip),
        ("host_port", &port.host),
        ("protocol", &port.protocol),
    ];
    labels.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}
