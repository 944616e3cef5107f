//! Replication lag by a table that pt-heartbeat or the like writes on the primary.
//!
//! <https://docs.percona.com/percona-toolkit/pt-heartbeat.html>

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;

use crate::columns::{Column, Label, push_columns};
use crate::grant::Needs;
use crate::privilege::Privilege;
use crate::scrape::Scrape;

const LABELS: &[Label] = &[Label::of("server_id", "server_id")];

const COLUMNS: &[Column] = &[
    Column::gauge(
        "stored",
        "mysql_heartbeat_stored_timestamp_seconds",
        "Time of the newest heartbeat in the table, by the server that wrote it.",
    ),
    Column::gauge(
        "now",
        "mysql_heartbeat_now_timestamp_seconds",
        "Time of the server that was asked.",
    ),
];

/// Servers that are shown at most; a table of heartbeats has a row for each.
const MAX_SERVERS: usize = 1000;

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Schema of the heartbeat table
    #[arg(
        id = "collect.heartbeat.database",
        long = "collect.heartbeat.database",
        value_name = "SCHEMA",
        default_value = "heartbeat"
    )]
    database: String,
    /// Table or view with the columns ts and server_id
    #[arg(
        id = "collect.heartbeat.table",
        long = "collect.heartbeat.table",
        value_name = "TABLE",
        default_value = "heartbeat"
    )]
    table: String,
    /// The heartbeats are in UTC (pt-heartbeat --utc)
    #[arg(id = "collect.heartbeat.utc", long = "collect.heartbeat.utc")]
    is_utc: bool,
}

#[derive(Debug)]
struct Heartbeat {
    statement: String,
    table: String,
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    let options = Options::from_arg_matches(matches)?;
    let table = format!("{}.{}", quoted(&options.database), quoted(&options.table));
    let statement = statement(&table, options.is_utc);
    Ok(Box::new(Heartbeat { statement, table }))
}

#[async_trait]
impl Collector<Scrape> for Heartbeat {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let privilege = Privilege::select(&self.table);
        let table = scrape.query_with(&self.statement, &privilege).await?;
        push_columns(&table, LABELS, COLUMNS, sink)
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        Privilege::select(&self.table).on(scrape.release())
    }
}

/// Of several rows of a server the newest counts; a time of an unknown form is NULL, or 0 on
/// MySQL, and is no sample.
fn statement(table: &str, is_utc: bool) -> String {
    let now = if is_utc { "UTC_TIMESTAMP(6)" } else { "NOW(6)" };
    format!(
        "SELECT server_id, NULLIF(MAX(UNIX_TIMESTAMP(ts)), 0) AS stored, \
         UNIX_TIMESTAMP({now}) AS now FROM {table} GROUP BY server_id LIMIT {MAX_SERVERS}"
    )
}

/// A name between backticks.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command};
    use common::testing;

    use super::*;
    use crate::server::Table;

    fn options(flags: &[&str]) -> Options {
        let command = Options::augment_args(Command::new("test"));
        let flags = std::iter::once("test").chain(flags.iter().copied());
        Options::from_arg_matches(&command.try_get_matches_from(flags).unwrap()).unwrap()
    }

    #[test]
    fn flags_have_the_reference_defaults() {
        let Options { database, table, is_utc } = options(&[]);
        assert_eq!((database.as_str(), table.as_str(), is_utc), ("heartbeat", "heartbeat", false));
        assert!(options(&["--collect.heartbeat.utc"]).is_utc);
    }

    #[test]
    fn the_statement_takes_any_name() {
        assert_eq!(
            statement(&format!("{}.{}", quoted("percona"), quoted("a`b")), true),
            "SELECT server_id, NULLIF(MAX(UNIX_TIMESTAMP(ts)), 0) AS stored, \
             UNIX_TIMESTAMP(UTC_TIMESTAMP(6)) AS now FROM `percona`.`a``b` \
             GROUP BY server_id LIMIT 1000"
        );
        assert!(statement("t", false).contains("UNIX_TIMESTAMP(NOW(6)) AS now"));
    }

    #[test]
    fn each_server_has_its_own_heartbeat() {
        let table = Table::of(
            &["server_id", "stored", "now"],
            &[
                &[Some("1"), Some("1709208000.500000"), Some("1709208001.250000")],
                &[Some("2"), None, Some("1709208001.250000")],
            ],
        );
        let mut sink = Sink::default();
        push_columns(&table, LABELS, COLUMNS, &mut sink).unwrap();
        assert_eq!(
            testing::samples(&sink),
            [
                "mysql_heartbeat_stored_timestamp_seconds{server_id=\"1\"} 1709208000.5",
                "mysql_heartbeat_now_timestamp_seconds{server_id=\"1\"} 1709208001.25",
                "mysql_heartbeat_now_timestamp_seconds{server_id=\"2\"} 1709208001.25",
            ]
        );
    }
}
