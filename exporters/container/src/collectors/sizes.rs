//! Sizes of layers, as the runtime reported them when it was last asked.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::{Metric, gauge};

use crate::inventory::Inventory;
use crate::runtimes::docker::Size;

const METRICS: &[Metric<Size>] = &[
    gauge(
        "container_writable_layer_size_bytes",
        "Bytes that the container has written beside its image.",
        |size| Some(size.layer_bytes as f64),
    ),
    gauge(
        "container_image_size_bytes",
        "Bytes in the layers of the container's image, shared or not.",
        |size| size.image_bytes.map(|bytes| bytes as f64),
    ),
];

#[derive(Debug)]
pub(super) struct Sizes;

#[async_trait]
impl Collector<Inventory> for Sizes {
    async fn collect(&self, inventory: &Inventory, sink: &mut Sink) -> Result<(), CollectError> {
        let rows = inventory
            .containers
            .iter()
            .filter_map(|listed| Some((listed.steady_labels(), inventory.known.size(&listed.id)?)));
        let rows: Vec<_> = rows.collect();
        sink.table(METRICS, rows.iter().map(|(labels, size)| (*labels, size)));
        Ok(())
    }
}
