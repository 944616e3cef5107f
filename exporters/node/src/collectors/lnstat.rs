//! Statistics of the kernel's network caches per CPU: `/proc/net/stat`, lnstat(8).

use std::collections::BTreeSet;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
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
        let tables = names.into_iter().filter_map(|name| {
            let table = errors.catch(Table::read(host, &name))?;
            Some((name, errors.take(table)))
        });
        push(&tables.collect::<Vec<_>>(), sink);
        errors.into_result()
    }
}

/// One family per heading, whichever tables have it.
fn push(tables: &[(String, Table)], sink: &mut Sink) {
    let headings: BTreeSet<&str> =
        tables.iter().flat_map(|(_, table)| &table.headings).map(String::as_str).collect();
    for heading in headings {
        let name = sanitize_name(&format!("node_lnstat_{heading}_total"));
        let help = format!("Column {heading} of the tables in /proc/net/stat.");
        let mut family = sink.family(&Desc::counter(&name, &help));
        for (subsystem, table) in tables {
            // The row's number, which is not the CPU's where a lower one is off.
            for (cpu, count) in table.column(heading).enumerate() {
                let Some(count) = count else { continue };
                family.sample(&[("cpu", &cpu.to_string()), ("subsystem", subsystem)], count as f64);
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
        let tables: Vec<(String, Table)> = ["arp_cache", "synproxy"]
            .map(|name| (name.to_owned(), Table::read(&host, name).unwrap().unwrap().good))
            .into();
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
