//! Replica status: `SHOW ALL SLAVES STATUS` (MariaDB, one row per connection),
//! `SHOW SLAVE STATUS`, or `SHOW REPLICA STATUS` (one row per channel).
//!
//! <https://mariadb.com/kb/en/show-replica-status/>

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::{LabelSet, Sink};
use common::keyed::Keyed;
use common::metric::Kind;

use crate::grant::Needs;
use crate::gtid::positions;
use crate::naming::Namer;
use crate::privilege::Privilege;
use crate::replica_status::labels;
use crate::scrape::Scrape;
use crate::server::Table;
use crate::value;

/// MariaDB's lists of domain-server-sequence positions.
const POSITIONS: &[Keyed] = &[
    Keyed::gauge(
        "Gtid_IO_Pos",
        "mysql_slave_status_gtid_io_pos",
        "Sequence number of the last transaction received, by replication domain.",
    ),
    Keyed::gauge(
        "Gtid_Slave_Pos",
        "mysql_slave_status_gtid_slave_pos",
        "Sequence number of the last transaction applied, by replication domain.",
    ),
];

#[derive(Debug)]
pub(super) struct SlaveStatus;

#[async_trait]
impl Collector<Scrape> for SlaveStatus {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        push(scrape.replica_status().await?, sink)
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        Privilege::REPLICA_STATUS.on(scrape.release())
    }
}

/// A family for each column that holds a number in any row; none for a server that is no replica.
fn push(table: &Table, sink: &mut Sink) -> Result<(), CollectError> {
    let labels: Vec<LabelSet> = table.rows().map(labels).collect();
    let mut namer = Namer::new("mysql_slave_status_", "Replica status column ");
    for (index, column) in table.columns().iter().enumerate() {
        let is_about_a_thread = is_about_a_thread(column);
        let samples = table.rows().zip(&labels).filter_map(|(row, labels)| {
            let value = value::parse(row.at(index)?);
            // MariaDB has four words: No, Preparing, Connecting, Yes.
            let value = if is_about_a_thread { Some(value.unwrap_or_default()) } else { value };
            Some((labels, value?))
        });
        sink.samples(&namer.describe(column, Kind::Untyped), samples);
    }
    let mut errors = FirstError::default();
    for known in POSITIONS {
        let mut family = sink.family(&known.desc);
        for (row, labels) in table.rows().zip(&labels) {
            let list = row.named(&[known.key]).unwrap_or_default();
            for position in errors.take(positions(list)) {
                let ids = [("domain_id", position.domain), ("server_id", position.server)];
                family.sample(&(labels, ids), position.sequence as f64);
            }
        }
    }
    errors.into_result().map_err(|error| table.malformed(error))
}

/// True for `Slave_IO_Running`, `Replica_SQL_Running` and the like.
fn is_about_a_thread(column: &str) -> bool {
    let column = column.to_ascii_lowercase();
    column.ends_with("_io_running") || column.ends_with("_sql_running")
}

#[cfg(test)]
mod tests;
