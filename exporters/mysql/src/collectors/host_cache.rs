//! Hosts that the server refuses because of errors while they connected:
//! `performance_schema.host_cache`. Not in the reference.
//!
//! <https://mariadb.com/kb/en/performance-schema-host_cache-table/>

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;

use crate::columns::{Column, Label, push_columns};
use crate::grant::Needs;
use crate::privilege::Privilege;
use crate::scrape::Scrape;
use crate::server::Table;

/// What is read.
const TABLE: &str = "performance_schema.host_cache";

const SUMS: &[Column] = &[
    Column::gauge("hosts", "mysql_host_cache_hosts", "Hosts in the server's cache."),
    Column::gauge(
        "blocked",
        "mysql_host_cache_blocked_hosts",
        "Hosts that the server refuses: their connect errors have reached max_connect_errors.",
    ),
];

const SUMS_STATEMENT: &str = "SELECT COUNT(*) AS hosts, \
     COUNT(CASE WHEN SUM_CONNECT_ERRORS >= @@global.max_connect_errors THEN 1 END) AS blocked \
     FROM performance_schema.host_cache";

/// `@@performance_schema` is 0 on MariaDB also while it is on.
const SWITCH: &str = "SHOW GLOBAL VARIABLES LIKE 'performance_schema'";

const LABELS: &[Label] = &[Label::of("host", "HOST"), Label::of("ip", "IP")];

const HOSTS: &[Column] = &[
    Column::gauge(
        "SUM_CONNECT_ERRORS",
        "mysql_host_cache_connect_errors",
        "Connect errors of a host that count towards max_connect_errors.",
    ),
    Column::gauge(
        "blocked",
        "mysql_host_cache_blocked",
        "1 if the server refuses a host because of its connect errors, else 0.",
    ),
    Column::counter(
        "COUNT_HOST_BLOCKED_ERRORS",
        "mysql_host_cache_refused_connections_total",
        "Connections of a host that the server refused because the host is blocked.",
    ),
];

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Hosts with connect errors that are shown one by one, those with the most errors
    #[arg(
        id = "collect.host_cache.limit",
        long = "collect.host_cache.limit",
        value_name = "N",
        default_value_t = 20
    )]
    limit: u16,
}

#[derive(Debug)]
struct HostCache {
    statement: String,
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    let statement = hosts_statement(Options::from_arg_matches(matches)?.limit);
    Ok(Box::new(HostCache { statement }))
}

#[async_trait]
impl Collector<Scrape> for HostCache {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let privilege = Privilege::select(TABLE);
        let sums = scrape.query_if_present(SUMS_STATEMENT, &privilege).await?;
        if is_empty(&sums) {
            // MariaDB hides the hosts then, also those that it refuses.
            let switch = scrape.query(SWITCH).await?;
            let off = switch.pairs()?.any(|(_, value)| value == Some("OFF"));
            if off {
                return Err(CollectError::NoData("the performance schema is off".into()));
            }
        }
        push_columns(&sums, &[], SUMS, sink)?;
        let hosts = scrape.query_if_present(&self.statement, &privilege).await?;
        push_columns(&hosts, LABELS, HOSTS, sink)
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        Privilege::select(TABLE).on(scrape.release())
    }
}

fn is_empty(sums: &Table) -> bool {
    sums.rows().next().and_then(|row| row.named(&["hosts"])) == Some("0")
}

fn hosts_statement(limit: u16) -> String {
    format!(
        "SELECT HOST, IP, SUM_CONNECT_ERRORS, \
         SUM_CONNECT_ERRORS >= @@global.max_connect_errors AS blocked, COUNT_HOST_BLOCKED_ERRORS \
         FROM performance_schema.host_cache \
         WHERE SUM_CONNECT_ERRORS > 0 OR COUNT_HOST_BLOCKED_ERRORS > 0 \
         ORDER BY SUM_CONNECT_ERRORS DESC, IP LIMIT {limit}"
    )
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;

    #[test]
    fn hosts_are_counted_and_the_worst_are_named() {
        let mut sink = Sink::default();
        let sums = Table::of(&["hosts", "blocked"], &[&[Some("12"), Some("1")]]);
        push_columns(&sums, &[], SUMS, &mut sink).unwrap();
        let columns = ["HOST", "IP", "SUM_CONNECT_ERRORS", "blocked", "COUNT_HOST_BLOCKED_ERRORS"];
        let hosts = Table::of(
            &columns,
            &[
                &[Some("app.example"), Some("10.0.4.9"), Some("100"), Some("1"), Some("7")],
                // The name could not be found out.
                &[None, Some("10.0.4.10"), Some("3"), Some("0"), Some("0")],
            ],
        );
        push_columns(&hosts, LABELS, HOSTS, &mut sink).unwrap();
        let (app, other) =
            ("{host=\"app.example\",ip=\"10.0.4.9\"}", "{host=\"\",ip=\"10.0.4.10\"}");
        assert_eq!(
            testing::samples(&sink),
            [
                "mysql_host_cache_hosts 12".to_owned(),
                "mysql_host_cache_blocked_hosts 1".to_owned(),
                format!("mysql_host_cache_connect_errors{app} 100"),
                format!("mysql_host_cache_connect_errors{other} 3"),
                format!("mysql_host_cache_blocked{app} 1"),
                format!("mysql_host_cache_blocked{other} 0"),
                format!("mysql_host_cache_refused_connections_total{app} 7"),
                format!("mysql_host_cache_refused_connections_total{other} 0"),
            ]
        );
    }

    #[test]
    fn a_cache_without_hosts_is_told_from_one_with_some() {
        let sums = |hosts| Table::of(&["hosts", "blocked"], &[&[hosts, Some("0")]]);
        assert!(is_empty(&sums(Some("0"))));
        assert!(!is_empty(&sums(Some("1"))) && !is_empty(&sums(None)));
    }

    #[test]
    fn the_number_of_hosts_is_bounded() {
        assert!(hosts_statement(20).ends_with("DESC, IP LIMIT 20"));
    }
}
