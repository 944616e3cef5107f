//! Merging of equal pages: `/sys/kernel/mm/ksm`, Documentation/admin-guide/mm/ksm.rst of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;

/// File, family and what the file's number is divided by.
const FILES: &[(&str, Desc<'static>, f64)] = &[
    (
        "full_scans",
        Desc::counter("node_ksmd_full_scans_total", "Times that all mergeable memory was scanned."),
        1.0,
    ),
    (
        // Since Linux 6.4. Below zero where the bookkeeping outweighs what is saved;
        // the reference exporter fails there.
        "general_profit",
        Desc::gauge(
            "node_ksmd_general_profit_bytes",
            "Memory saved, less what merging itself takes.",
        ),
        1.0,
    ),
    (
        "merge_across_nodes",
        Desc::gauge(
            "node_ksmd_merge_across_nodes",
            "1 if pages of different NUMA nodes are merged.",
        ),
        1.0,
    ),
    (
        "pages_shared",
        Desc::gauge("node_ksmd_pages_shared", "Pages that stand for several equal ones."),
        1.0,
    ),
    (
        "pages_sharing",
        Desc::gauge("node_ksmd_pages_sharing", "Places that share them: pages saved."),
        1.0,
    ),
    (
        "pages_to_scan",
        Desc::gauge("node_ksmd_pages_to_scan", "Pages to be scanned before the next sleep."),
        1.0,
    ),
    (
        "pages_unshared",
        Desc::gauge("node_ksmd_pages_unshared", "Pages found unique when they were last scanned."),
        1.0,
    ),
    (
        "pages_volatile",
        Desc::gauge("node_ksmd_pages_volatile", "Pages that change too fast to be merged."),
        1.0,
    ),
    (
        "run",
        Desc::gauge("node_ksmd_run", "0 if stopped, 1 if running, 2 if stopped and undone."),
        1.0,
    ),
    (
        "sleep_millisecs",
        Desc::gauge("node_ksmd_sleep_seconds", "Sleep between two scans, in seconds."),
        1000.0,
    ),
];

#[derive(Debug)]
pub(super) struct Ksmd;

#[async_trait]
impl Collector<Host> for Ksmd {
    /// Files that the kernel lacks are left out, even if that is all of them.
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut verdict = Ok(());
        for (file, desc, divisor) in FILES {
            match host.number::<i64>(&format!("kernel/mm/ksm/{file}")) {
                Ok(Some(number)) => sink.value(desc, number as f64 / divisor),
                Ok(None) => {}
                Err(error) => verdict = verdict.and(Err(error)),
            }
        }
        verdict
    }
}
