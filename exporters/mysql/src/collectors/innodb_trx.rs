//! Transactions that are open in InnoDB, and waits for locks: `information_schema.innodb_trx`.
//! Not in the reference.
//!
//! <https://mariadb.com/kb/en/information-schema-innodb_trx-table/>

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;

use crate::columns::{Column, push_columns};
use crate::grant::Needs;
use crate::privilege::Privilege;
use crate::scrape::Scrape;

const COLUMNS: &[Column] = &[
    Column::gauge("open", "mysql_innodb_transactions", "Transactions that are open in InnoDB."),
    Column::gauge(
        "long",
        "mysql_innodb_transactions_long",
        "Transactions that are open for longer than --collect.info_schema.innodb_trx.long.",
    ),
    Column::gauge(
        "waiting",
        "mysql_innodb_transactions_waiting",
        "Transactions that wait for a lock.",
    ),
    Column::gauge(
        "oldest",
        "mysql_innodb_transaction_oldest_seconds",
        "Age of the transaction that is open for the longest time; absent if there is none.",
    ),
    Column::gauge(
        "longest_wait",
        "mysql_innodb_lock_wait_longest_seconds",
        "Time that a transaction has waited for a lock, the longest; absent if none waits.",
    ),
    Column::gauge(
        "rows_locked",
        "mysql_innodb_transactions_locked_rows",
        "Rows that open transactions have locked, about.",
    ),
    Column::gauge(
        "rows_modified",
        "mysql_innodb_transactions_modified_rows",
        "Rows that open transactions have changed.",
    ),
];

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// From which age on a transaction is counted as long
    #[arg(
        id = "collect.info_schema.innodb_trx.long",
        long = "collect.info_schema.innodb_trx.long",
        value_name = "SECONDS",
        default_value_t = 60
    )]
    long: u32,
}

#[derive(Debug)]
struct InnodbTrx {
    statement: String,
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    let statement = statement(Options::from_arg_matches(matches)?.long);
    Ok(Box::new(InnodbTrx { statement }))
}

#[async_trait]
impl Collector<Scrape> for InnodbTrx {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let table = scrape.query_if_present(&self.statement, &Privilege::PROCESS).await?;
        push_columns(&table, &[], COLUMNS, sink)
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        Privilege::PROCESS.on(scrape.release())
    }
}

/// The times are in the zone of the server's machine, unlike NOW(). A sum of no rows is NULL, a
/// count is 0.
fn statement(long: u32) -> String {
    let now = "CONVERT_TZ(NOW(), @@session.time_zone, 'SYSTEM')";
    let age = |column: &str| format!("TIMESTAMPDIFF(SECOND, {column}, {now})");
    let (started, waiting) = (age("trx_started"), age("trx_wait_started"));
    format!(
        "SELECT COUNT(*) AS open, COUNT(CASE WHEN {started} >= {long} THEN 1 END) AS `long`, \
         COUNT(CASE WHEN trx_state = 'LOCK WAIT' THEN 1 END) AS waiting, \
         MAX({started}) AS oldest, MAX({waiting}) AS longest_wait, \
         COALESCE(SUM(trx_rows_locked), 0) AS rows_locked, \
         COALESCE(SUM(trx_rows_modified), 0) AS rows_modified \
         FROM information_schema.innodb_trx"
    )
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;
    use crate::server::Table;

    const NAMES: &[&str] =
        &["open", "long", "waiting", "oldest", "longest_wait", "rows_locked", "rows_modified"];

    fn samples(row: &[Option<&str>]) -> Vec<String> {
        let mut sink = Sink::default();
        push_columns(&Table::of(NAMES, &[row]), &[], COLUMNS, &mut sink).unwrap();
        testing::samples(&sink)
    }

    #[test]
    fn counts_are_shown_also_without_transactions_and_ages_are_not() {
        let zero = Some("0");
        assert_eq!(
            samples(&[zero, zero, zero, None, None, zero, zero]),
            [
                "mysql_innodb_transactions 0",
                "mysql_innodb_transactions_long 0",
                "mysql_innodb_transactions_waiting 0",
                "mysql_innodb_transactions_locked_rows 0",
                "mysql_innodb_transactions_modified_rows 0",
            ]
        );
        let busy = ["3", "1", "1", "3605", "12", "18446744073709551616", "7"].map(Some);
        assert_eq!(
            samples(&busy)[3..6],
            [
                "mysql_innodb_transaction_oldest_seconds 3605",
                "mysql_innodb_lock_wait_longest_seconds 12",
                "mysql_innodb_transactions_locked_rows 1.8446744073709552e+19",
            ]
        );
    }

    #[test]
    fn the_statement_has_every_column_and_the_age() {
        let statement = statement(90);
        for name in NAMES {
            assert!(statement.contains(&format!("AS {name}")) || *name == "long", "{name}");
        }
        assert!(statement.contains(">= 90 THEN"), "{statement}");
    }
}
