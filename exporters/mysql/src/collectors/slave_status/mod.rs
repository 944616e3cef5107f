//! Replica status: `SHOW ALL SLAVES STATUS` (MariaDB, one row per connection),
//! `SHOW SLAVE STATUS`, or `SHOW REPLICA STATUS` (one row per channel).
//!
//! <https://mariadb.com/kb/en/show-replica-status/>

use std::sync::Mutex;

use async_trait::async_trait;
use common::collector::{Collector, Release};
use common::error::CollectError;
use common::exposition::{LabelSet, Sink};
use common::metric::{Desc, Kind};
use common::sync::lock;

use crate::naming::Namer;
use crate::scrape::Scrape;
use crate::server::{Cells, QueryError, Table, mariadb, mysql};
use crate::value;

const ALL_SLAVES: &str = "SHOW ALL SLAVES STATUS";
const SLAVE: &str = "SHOW SLAVE STATUS";
const REPLICA: &str = "SHOW REPLICA STATUS";

/// `ER_PARSE_ERROR`: the server does not know the statement.
const SYNTAX_ERROR: u16 = 1064;

/// MariaDB's lists of domain-server-sequence positions.
const POSITIONS: &[(&str, Desc<'_>)] = &[
    (
        "Gtid_IO_Pos",
        Desc::gauge(
            "mysql_slave_status_gtid_io_pos",
            "Sequence number of the last transaction received, by replication domain.",
        ),
    ),
    (
        "Gtid_Slave_Pos",
        Desc::gauge(
            "mysql_slave_status_gtid_slave_pos",
            "Sequence number of the last transaction applied, by replication domain.",
        ),
    ),
];

/// Remembers which statement a version understands, so that the others are not tried at each scrape.
#[derive(Debug, Default)]
pub(super) struct SlaveStatus {
    known: Mutex<Option<(Release, &'static str)>>,
}

#[async_trait]
impl Collector<Scrape> for SlaveStatus {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let release = scrape.release();
        let mut refusal = None;
        for statement in self.candidates(release) {
            match scrape.try_query(statement).await {
                Ok(table) => {
                    self.remember(release, statement);
                    push(&table, sink);
                    return Ok(());
                }
                Err(error @ QueryError::Refused { code: SYNTAX_ERROR, .. }) => {
                    refusal = Some((statement, error));
                }
                Err(error) => return Err(explain(statement, &error, release)),
            }
        }
        Err(match refusal {
            Some((statement, error)) => CollectError::query(statement, &error),
            None => CollectError::NoData("no statement for this server".into()),
        })
    }
}

impl SlaveStatus {
    /// The statement that worked with this version, or those to try, the likeliest first.
    fn candidates(&self, release: Release) -> impl Iterator<Item = &'static str> + use<> {
        let known = *lock(&self.known);
        let known = known.filter(|(known, _)| *known == release).map(|(_, statement)| statement);
        let others = statements(release).into_iter().filter(move |other| known != Some(*other));
        known.into_iter().chain(others)
    }

    fn remember(&self, release: Release, statement: &'static str) {
        *lock(&self.known) = Some((release, statement));
    }
}

/// MySQL keeps the older words, and with them the metric names, until it drops them in 8.4.
fn statements(release: Release) -> [&'static str; 3] {
    if release.is_covered_by(&[mysql(8, 4, 0)]) {
        [REPLICA, SLAVE, ALL_SLAVES]
    } else if release.is_covered_by(&[mariadb(10, 0, 1)]) {
        [ALL_SLAVES, SLAVE, REPLICA]
    } else {
        [SLAVE, REPLICA, ALL_SLAVES]
    }
}

/// An error that says which privilege to grant if one is missing.
fn explain(statement: &str, error: &QueryError, release: Release) -> CollectError {
    if !error.is_about_privileges() {
        return CollectError::query(statement, error);
    }
    let privilege = privilege(release);
    let message = format!("{error}; GRANT {privilege} ON *.* to the exporter's user");
    CollectError::query(statement, &message)
}

fn privilege(release: Release) -> &'static str {
    if release.is_covered_by(&[mariadb(10, 5, 9)]) {
        "SLAVE MONITOR"
    } else if release.is_covered_by(&[mariadb(10, 5, 2)]) {
        "REPLICATION SLAVE ADMIN"
    } else {
        "REPLICATION CLIENT"
    }
}

/// A family for each column that holds a number in any row; none for a server that is no replica.
fn push(table: &Table, sink: &mut Sink) {
    let labels: Vec<LabelSet> = table.rows().map(labels).collect();
    let mut namer = Namer::new("mysql_slave_status_", "Replica status column ");
    for (index, column) in table.columns().iter().enumerate() {
        let mut family = sink.family(&namer.describe(column, Kind::Untyped));
        for (row, labels) in table.rows().zip(&labels) {
            if let Some(value) = row.at(index).and_then(value::parse) {
                family.sample(labels, value);
            }
        }
    }
    for (column, desc) in POSITIONS {
        let mut family = sink.family(desc);
        for (row, labels) in table.rows().zip(&labels) {
            for position in positions(row.named(&[column]).unwrap_or_default()) {
                let ids = [("domain_id", position.domain), ("server_id", position.server)];
                family.sample(&(labels, ids), position.sequence);
            }
        }
    }
}

fn labels(row: Cells<'_>) -> LabelSet {
    let text = |names: &[&str]| row.named(names).unwrap_or_default();
    LabelSet::new([
        ("channel_name", text(&["Channel_Name"])),
        ("connection_name", text(&["Connection_name"])),
        ("master_host", text(&["Master_Host", "Source_Host"])),
        ("master_uuid", text(&["Master_UUID", "Source_UUID"])),
    ])
}

/// One `domain-server-sequence`.
#[derive(Debug, PartialEq)]
struct Position<'a> {
    domain: &'a str,
    server: &'a str,
    sequence: f64,
}

/// The well-formed parts of a list of positions.
fn positions(list: &str) -> impl Iterator<Item = Position<'_>> {
    list.split(',').filter_map(|position| {
        let mut parts = position.trim().split('-');
        let (domain, server, sequence) = (parts.next()?, parts.next()?, parts.next()?);
        let is_number = |text: &str| text.parse::<u32>().is_ok();
        let is_whole = parts.next().is_none() && is_number(domain) && is_number(server);
        let sequence = sequence.parse::<u64>().ok()? as f64;
        is_whole.then_some(Position { domain, server, sequence })
    })
}

#[cfg(test)]
mod tests;
