//! Statistics of the kernel's network caches per CPU: `/proc/net/stat`, lnstat(8).

use std::collections::BTreeSet;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::kernel::KernelFile;
use common::metric::{Desc, sanitize_name};

use crate::host::Host;
use crate::readers::net_stat::{self, Table};

#[derive(Debug, Default)]
pub(super) struct Lnstat;

#[async_trait]
impl Collector<Host> for Lnstat {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let names = host.list_proc(net_stat::DIRECTORY)?.unwrap_or_default();
        let mut errors = FirstError::default();
        let files = names.into_iter().filter_map(|name| {
            let file = errors.catch(net_stat::open(host, &name))?;
            Some((name, file))
        });
        let files: Vec<(String, KernelFile<'_>)> = files.collect();
        let tables = files.iter().map(|(name, file)| {
            let table = errors.take(file.parse_rows(Table::parse));
            (name.as_str(), table)
        });
        push(&tables.collect::<Vec<_>>(), sink);
        errors.into_result()
    }
}

/// One family per heading, whichever tables have it.
fn push(tables: &[(&str, Table<'_>)], sink: &mut Sink) {
    let headings: BTreeSet<&str> =
        tables.iter().flat_map(|(_, table)| &table.headings).copied().collect();
    for heading in headings {
        let name = sanitize_name(&format!("node_lnstat_{heading}_total"));
        let help = format!("Column {heading} of the tables in /proc/net/stat.");
        let mut family = sink.family(&Desc::counter(&name, &help));
        for (subsystem, table) in tables {
            // The row's number, which is not the CPU's where a lower one is off.
            for (cpu, count) in table.column(heading).enumerate() {
                let Some(count) = count else { continue };
                let cpu = cpu.to_string();
                family.sample(&[("cpu", &*cpu), ("subsystem", subsystem)], count as f64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::testing;

    #[test]
    fn tables_share_the_families_of_equal_headings() {
        let host = Host::fixture("linux-6.1");
        let files = ["arp_cache", "synproxy"]
            .map(|name| (name, net_stat::open(&host, name).unwrap().unwrap()));
        let tables =
            files.each_ref().map(|(name, file)| (*name, file.parse_rows(Table::parse).good));
        let text = testing::exposed(|sink| push(&tables, sink));
        assert_eq!(text.matches("# TYPE node_lnstat_entries_total counter").count(), 1);
        for line in [
            "node_lnstat_entries_total{cpu=\"1\",subsystem=\"arp_cache\"} 20\n",
            "node_lnstat_syn_received_total{cpu=\"0\",subsystem=\"synproxy\"} 48879\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
