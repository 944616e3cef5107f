//! NVMe controllers and their namespaces: `/sys/class/nvme`,
//! Documentation/ABI/testing/sysfs-nvme and sysfs-block of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::metric::{Desc, Metric, gauge};

use crate::host::Host;
use crate::readers::attributes::{devices, push_info, texts};
use crate::readers::nvme::namespace_number;

const DIRECTORY: &str = "class/nvme";

const INFO: Desc<'_> =
    Desc::gauge("node_nvme_info", "Information about each NVMe controller; always 1.");
const NAMESPACE_INFO: Desc<'_> = Desc::gauge(
    "node_nvme_namespace_info",
    "Access to each namespace through its controller; always 1.",
);

const TEXTS: [(&str, &str); 5] = [
    ("cntlid", "cntlid"),
    ("firmware_revision", "firmware_rev"),
    ("model", "model"),
    ("serial", "serial"),
    ("state", "state"),
];

/// As the reference exporter has it, sizes are multiplied by the block size, though the kernel
/// counts them in sectors of 512 bytes: wrong for namespaces with larger blocks.
const METRICS: &[Metric<Namespace>] = &[
    gauge("node_nvme_namespace_capacity_bytes", "Capacity of a namespace.", |namespace| {
        namespace.bytes(namespace.size)
    }),
    gauge("node_nvme_namespace_size_bytes", "Size of a namespace.", |namespace| {
        namespace.bytes(namespace.size)
    }),
    gauge("node_nvme_namespace_used_bytes", "Allocated part of a namespace.", |namespace| {
        namespace.bytes(namespace.used_blocks)
    }),
    gauge(
        "node_nvme_namespace_logical_block_size_bytes",
        "Size of a logical block of a namespace.",
        |namespace| namespace.block_bytes,
    ),
];

#[derive(Debug)]
struct Namespace {
    controller: String,
    number: String,
    ana_state: String,
    size: Option<f64>,
    /// Since Linux 6.8.
    used_blocks: Option<f64>,
    block_bytes: Option<f64>,
}

impl Namespace {
    fn bytes(&self, blocks: Option<f64>) -> Option<f64> {
        Some(blocks? * self.block_bytes?)
    }
}

#[derive(Debug, Default)]
pub(super) struct Nvme;

#[async_trait]
impl Collector<Host> for Nvme {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut errors = FirstError::default();
        let (mut infos, mut namespaces) = (Vec::new(), Vec::new());
        for controller in devices(host, DIRECTORY)? {
            let prefix = format!("{DIRECTORY}/{controller}/");
            let entries = errors.catch(host.list_sys(&prefix)).unwrap_or_default();
            for entry in &entries {
                if let Some(number) = namespace_number(entry) {
                    let prefix = format!("{prefix}{entry}/");
                    namespaces.push(read(host, &prefix, &controller, number, &mut errors));
                }
            }
            if let Some(mut texts) = texts(host, &prefix, &TEXTS, &mut errors) {
                texts.push(("device", controller));
                infos.push(texts);
            }
        }
        push_info(sink, &INFO, infos);
        push(&namespaces, sink);
        errors.into_result()
    }
}

fn read(
    host: &Host,
    prefix: &str,
    controller: &str,
    number: &str,
    errors: &mut FirstError,
) -> Namespace {
    let ana_state = errors.catch(host.attribute(&format!("{prefix}ana_state")));
    let mut number_in = |file: &str| errors.catch(host.number(&format!("{prefix}{file}")));
    Namespace {
        controller: controller.to_owned(),
        number: number.to_owned(),
        ana_state: ana_state.unwrap_or_else(|| "unknown".to_owned()),
        size: number_in("size"),
        used_blocks: number_in("nuse"),
        block_bytes: number_in("queue/logical_block_size"),
    }
}

fn push(namespaces: &[Namespace], sink: &mut Sink) {
    let samples = namespaces.iter().map(|Namespace { controller, number, ana_state, .. }| {
        ([("ana_state", ana_state), ("device", controller), ("nsid", number)], 1.0)
    });
    sink.samples(&NAMESPACE_INFO, samples);
    let rows = namespaces.iter().map(|namespace| {
        ([("device", &*namespace.controller), ("nsid", &*namespace.number)], namespace)
    });
    sink.table(METRICS, rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_costs_only_what_needs_it() {
        let namespace = Namespace {
            controller: "nvme0".into(),
            number: "1".into(),
            ana_state: "unknown".into(),
            size: Some(10.0),
            used_blocks: None,
            block_bytes: Some(512.0),
        };
        let values: Vec<_> = METRICS.iter().map(|metric| (metric.value)(&namespace)).collect();
        assert_eq!(values, [Some(5120.0), Some(5120.0), None, Some(512.0)]);
    }
}
