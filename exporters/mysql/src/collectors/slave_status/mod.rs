//! Replica status: `SHOW ALL SLAVES STATUS` (MariaDB, one row per connection),
//! `SHOW SLAVE STATUS`, or `SHOW REPLICA STATUS` (one row per channel).
//!
//! <https://mariadb.com/kb/en/show-replica-status/>

use std::sync::Mutex;

use async_trait::async_trait;
use common::collector::{Collector, Release};
use common::error::{CollectError, FirstError, ParseError, Partial};
use common::exposition::{LabelSet, Sink};
use common::keyed::Keyed;
use common::metric::Kind;
use common::sync::lock;

use crate::grant::Needs;
use crate::naming::Namer;
use crate::privilege::Privilege;
use crate::scrape::Scrape;
use crate::server::{Cells, QueryError, Table, mariadb, mysql};
use crate::value;

const ALL_SLAVES: &str = "SHOW ALL SLAVES STATUS";
const SLAVE: &str = "SHOW SLAVE STATUS";
const REPLICA: &str = "SHOW REPLICA STATUS";

/// `ER_PARSE_ERROR`: the server does not know the statement.
const SYNTAX_ERROR: u16 = 1064;

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
                    return push(&table, sink);
                }
                Err(error @ QueryError::Refused { code: SYNTAX_ERROR, .. }) => {
                    refusal = Some((statement, error));
                }
                Err(error) => {
                    return Err(Privilege::REPLICA_STATUS.explain(statement, &error, release));
                }
            }
        }
        Err(match refusal {
            Some((statement, error)) => CollectError::query(statement, &error),
            None => CollectError::NoData("no statement for this server".into()),
        })
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        [Privilege::REPLICA_STATUS.on(scrape.release())].into_iter().collect()
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
                family.sample(&(labels, ids), position.sequence);
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

/// The positions of a list, beside what was malformed first.
fn positions(list: &str) -> Partial<Vec<Position<'_>>, ParseError> {
    let texts = list.split(',').map(str::trim).filter(|text| !text.is_empty());
    let malformed = |text| ParseError::form("a position is not domain-server-sequence", text);
    texts.map(|text| parse_position(text).ok_or_else(|| malformed(text))).collect()
}

fn parse_position(text: &str) -> Option<Position<'_>> {
    let mut parts = text.split('-');
    let (domain, server, sequence) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number = |text: &str| text.parse::<u32>().is_ok();
    let is_whole = parts.next().is_none() && is_number(domain) && is_number(server);
    let sequence = sequence.parse::<u64>().ok()? as f64;
    is_whole.then_some(Position { domain, server, sequence })
}

#[cfg(test)]
mod tests;
