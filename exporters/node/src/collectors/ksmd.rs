//! Merging of equal pages: `/sys/kernel/mm/ksm`, Documentation/admin-guide/mm/ksm.rst of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::keyed::Keyed;

use crate::host::Host;
use crate::readers::attributes::Table;

const ATTRIBUTES: &[Keyed] = &[
    Keyed::counter(
        "full_scans",
        "node_ksmd_full_scans_total",
        "Times that all mergeable memory was scanned.",
    ),
    // Since Linux 6.4. Below zero where the bookkeeping outweighs what is saved;
    // the reference exporter fails there.
    Keyed::gauge(
        "general_profit",
        "node_ksmd_general_profit_bytes",
        "Memory saved, less what merging itself takes.",
    ),
    Keyed::gauge(
        "merge_across_nodes",
        "node_ksmd_merge_across_nodes",
        "1 if pages of different NUMA nodes are merged.",
    ),
    Keyed::gauge("pages_shared", "node_ksmd_pages_shared", "Merged pages in use."),
    Keyed::gauge(
        "pages_sharing",
        "node_ksmd_pages_sharing",
        "Further uses of merged pages: pages saved.",
    ),
    Keyed::gauge(
        "pages_to_scan",
        "node_ksmd_pages_to_scan",
        "Pages to be scanned before the next sleep.",
    ),
    Keyed::gauge(
        "pages_unshared",
        "node_ksmd_pages_unshared",
        "Pages found unique when they were last scanned.",
    ),
    Keyed::gauge(
        "pages_volatile",
        "node_ksmd_pages_volatile",
        "Pages that change too fast to be merged.",
    ),
    Keyed::gauge("run", "node_ksmd_run", "0 if stopped, 1 if running, 2 if stopped and undone."),
    Keyed::gauge(
        "sleep_millisecs",
        "node_ksmd_sleep_seconds",
        "Sleep between two scans, in seconds.",
    )
    .over(1000.0),
];

#[derive(Debug, Default)]
pub(super) struct Ksmd;

#[async_trait]
impl Collector<Host> for Ksmd {
    /// Files that the kernel lacks are left out, even if that is all of them.
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let (mut table, mut errors) = (Table::new(ATTRIBUTES, []), FirstError::default());
        table.read(host, "kernel/mm/ksm/", [], &mut errors);
        table.push(sink);
        errors.into_result()
    }
}
