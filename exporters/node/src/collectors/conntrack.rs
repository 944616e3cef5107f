//! Connection tracking: Documentation/networking/nf_conntrack-sysctl.rst of the
//! kernel, and its statistics in `/proc/net/stat/nf_conntrack`.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::keyed::Keyed;

use crate::host::Host;
use crate::readers::net_stat::{self, Table};
use crate::readers::proc_sys;

/// Keys are files below `/proc/sys/net/netfilter`.
const COUNTS: &[Keyed] = &[
    Keyed::gauge(
        "nf_conntrack_count",
        "node_nf_conntrack_entries",
        "Connections currently tracked.",
    ),
    Keyed::gauge(
        "nf_conntrack_max",
        "node_nf_conntrack_entries_limit",
        "Maximum number of tracked connections.",
    ),
];

/// Keys are headings. Gauges, as in the reference exporter, although all of them count up.
const STATISTICS: &[Keyed] = &[
    Keyed::gauge("found", "node_nf_conntrack_stat_found", "Searches that found their connection."),
    Keyed::gauge("invalid", "node_nf_conntrack_stat_invalid", "Packets that could not be tracked."),
    Keyed::gauge(
        "ignore",
        "node_nf_conntrack_stat_ignore",
        "Packets that were tracked already or need no tracking.",
    ),
    Keyed::gauge("insert", "node_nf_conntrack_stat_insert", "Connections added to the table."),
    Keyed::gauge(
        "insert_failed",
        "node_nf_conntrack_stat_insert_failed",
        "Connections not added, most often because they were there already.",
    ),
    Keyed::gauge(
        "drop",
        "node_nf_conntrack_stat_drop",
        "Packets dropped because their connection could not be added.",
    ),
    Keyed::gauge(
        "early_drop",
        "node_nf_conntrack_stat_early_drop",
        "Connections removed to make room for new ones.",
    ),
    Keyed::gauge(
        "search_restart",
        "node_nf_conntrack_stat_search_restart",
        "Searches restarted because the table was being resized.",
    ),
];

#[derive(Debug, Default)]
pub(super) struct Conntrack;

#[async_trait]
impl Collector<Host> for Conntrack {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut errors = FirstError::default();
        for Keyed { key, desc, .. } in COUNTS {
            let count = proc_sys::number(host, &format!("net/netfilter/{key}"));
            let count = count.and_then(|count| count.ok_or_else(absent));
            if let Some(count) = errors.note(count) {
                sink.value(desc, count);
            }
        }
        // Some kernels let only root read the statistics.
        errors.note(push_statistics(host, sink));
        errors.into_result()
    }
}

fn absent() -> CollectError {
    CollectError::NoData("no connection tracking in the kernel".into())
}

/// Sums over all CPUs; old kernels have no `search_restart`. Without the count of one CPU there is no sum.
fn push_statistics(host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
    let file = net_stat::open(host, "nf_conntrack")?.ok_or_else(absent)?;
    let table = file.parse_rows(Table::parse);
    for Keyed { key, desc, .. } in STATISTICS {
        let sum = table.good.column(key).reduce(|sum, count| Some(sum?.wrapping_add(count?)));
        if let Some(Some(sum)) = sum {
            sink.value(desc, sum as f64);
        }
    }
    table.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::testing;

    fn statistics(tree: &str) -> Vec<String> {
        let mut sink = Sink::default();
        push_statistics(&Host::fixture(tree), &mut sink).unwrap();
        testing::samples(&sink)
    }

    #[test]
    fn statistics_are_sums_over_the_cpus() {
        let samples = statistics("linux-6.1");
        assert_eq!(samples.len(), STATISTICS.len());
        assert!(samples.contains(&"node_nf_conntrack_stat_found 12".to_owned()), "{samples:?}");
        let wide = "node_nf_conntrack_stat_early_drop 4294967302".to_owned();
        assert!(samples.contains(&wide), "{samples:?}");
    }

    #[test]
    fn old_kernels_restart_no_search() {
        let samples = statistics("linux-2.6.32");
        assert_eq!(samples.len(), STATISTICS.len() - 1);
        assert!(!samples.iter().any(|line| line.contains("search_restart")), "{samples:?}");
    }
}
