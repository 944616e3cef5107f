//! Sizes of layers, as the runtime told when it was last asked.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::{Metric, gauge};

use crate::docker::Size;
use crate::scene::Scene;

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
impl Collector<Scene> for Sizes {
    async fn collect(&self, scene: &Scene, sink: &mut Sink) -> Result<(), CollectError> {
        for metric in METRICS {
            let mut family = sink.family(&metric.desc);
            for listed in &scene.containers {
                let Some(size) = scene.known.size(&listed.id) else { continue };
                if let Some(value) = (metric.value)(&size) {
                    family.sample_with(&listed.labels, &[], value);
                }
            }
        }
        Ok(())
    }
}
