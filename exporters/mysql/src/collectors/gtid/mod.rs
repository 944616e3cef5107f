//! How far the global transaction identifiers of a server have got: the variables `gtid_*` and
//! the replica status. Not in the reference.
//!
//! <https://mariadb.com/kb/en/gtid/>,
//! <https://dev.mysql.com/doc/refman/8.4/en/replication-gtids.html>

use std::collections::BTreeMap;

use async_trait::async_trait;
use common::collector::{Collector, Release};
use common::error::{CollectError, FirstError, ParseError, Partial};
use common::exposition::{Family, LabelSet, Sink};
use common::metric::Desc;

use crate::grant::Needs;
use crate::gtid::{GtidSet, positions};
use crate::privilege::Privilege;
use crate::replica_status::labels;
use crate::scrape::Scrape;
use crate::server::{Cells, Table, mariadb, mysql};

const SEQUENCE: Desc<'_> = Desc::gauge(
    "mysql_gtid_sequence",
    "Sequence number of the last transaction of a replication domain (MariaDB): written to the binary log, applied as a replica, or the later of both.",
);
const EXECUTED: Desc<'_> = Desc::gauge(
    "mysql_gtid_executed_transactions",
    "Transactions in gtid_executed (MySQL), by the server that committed them first.",
);
const UNAPPLIED: Desc<'_> = Desc::gauge(
    "mysql_gtid_unapplied_transactions",
    "Transactions that a replica has received and not applied, by domain (MariaDB) or server (MySQL).",
);

/// Domains or servers that are shown at most: as many are a mistake.
const MAX_ORIGINS: usize = 256;

/// Values of the label and the variables that they stand for.
const POSITIONS: [(&str, &str); 3] =
    [("binlog", "gtid_binlog_pos"), ("current", "gtid_current_pos"), ("slave", "gtid_slave_pos")];

#[derive(Debug)]
pub(super) struct Gtid;

#[async_trait]
impl Collector<Scrape> for Gtid {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let is_mariadb = scrape.release().is_covered_by(&[MARIADB]);
        let statement = if is_mariadb { OF_MARIADB } else { OF_MYSQL };
        let own = scrape.query(statement).await?;
        let pushed =
            if is_mariadb { push_sequences(&own, sink) } else { push_executed(&own, sink) };
        let mut errors = FirstError::default();
        errors.catch(pushed.map(Some).map_err(|error| own.malformed(error)));
        match scrape.replica_status().await {
            // The server's own progress needs no privilege: it is shown without the replica's.
            Err(error) => drop(errors.catch(Err::<Option<()>, _>(error))),
            Ok(status) => {
                let pushed = if is_mariadb {
                    push_lists(status, sink)
                } else {
                    push_sets(status, &own, sink)
                };
                errors.catch(pushed.map(Some).map_err(|error| status.malformed(error)));
            }
        }
        errors.into_result()
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        Privilege::REPLICA_STATUS.on(scrape.release())
    }
}

/// The first releases with GTIDs, of each form.
pub(super) const SINCE: &[Release] = &[MARIADB, mysql(5, 6, 5)];
const MARIADB: Release = mariadb(10, 0, 2);

const OF_MARIADB: &str = "SELECT @@global.gtid_binlog_pos AS gtid_binlog_pos, \
     @@global.gtid_current_pos AS gtid_current_pos, @@global.gtid_slave_pos AS gtid_slave_pos";
const OF_MYSQL: &str = "SELECT @@global.gtid_executed AS gtid_executed";

fn text<'a>(table: &'a Table, column: &str) -> &'a str {
    table.rows().next().and_then(|row| row.named(&[column])).unwrap_or_default()
}

/// MariaDB: a domain has one position in each variable.
fn push_sequences(own: &Table, sink: &mut Sink) -> Result<(), ParseError> {
    let mut errors = FirstError::default();
    let mut family = sink.family(&SEQUENCE);
    for (position, variable) in POSITIONS {
        for (domain, sequence) in errors.take(bounded(sequences(text(own, variable)))) {
            family.sample(&[("domain_id", domain), ("position", position)], sequence as f64);
        }
    }
    drop(family);
    errors.into_result()
}

/// The sequence numbers of a list by domain.
fn sequences(list: &str) -> Partial<BTreeMap<&str, u64>, ParseError> {
    let Partial { good, error } = positions(list);
    let good = good.into_iter().map(|position| (position.domain, position.sequence)).collect();
    Partial { good, error }
}

/// MariaDB: both positions are in the row. Their difference in a domain is the number of
/// transactions, because each has the next number.
fn push_lists(status: &Table, sink: &mut Sink) -> Result<(), ParseError> {
    let mut errors = FirstError::default();
    let mut family = sink.family(&UNAPPLIED);
    for row in status.rows() {
        let list = |column: &str| sequences(row.named(&[column]).unwrap_or_default());
        let received = errors.take(bounded(list("Gtid_IO_Pos")));
        let applied = errors.take(list("Gtid_Slave_Pos"));
        let labels = labels(row);
        for (domain, received) in received {
            let applied = applied.get(domain).copied().unwrap_or_default();
            push_unapplied(&mut family, &labels, domain, "", received.saturating_sub(applied));
        }
    }
    drop(family);
    errors.into_result()
}

/// MySQL: sets of all transactions, by the server that committed them first.
fn push_executed(own: &Table, sink: &mut Sink) -> Result<(), ParseError> {
    let executed = GtidSet::parse(text(own, "gtid_executed"))?;
    let mut family = sink.family(&EXECUTED);
    for (uuid, size) in executed.sizes().take(MAX_ORIGINS) {
        family.sample(&[("source_uuid", uuid)], size as f64);
    }
    drop(family);
    within_bound(executed.sizes().count())
}

/// MySQL: what was received and is not in `gtid_executed`.
fn push_sets(status: &Table, own: &Table, sink: &mut Sink) -> Result<(), ParseError> {
    let executed = GtidSet::parse(text(own, "gtid_executed"))?;
    let mut errors = FirstError::default();
    let mut family = sink.family(&UNAPPLIED);
    for row in status.rows() {
        if let Some(received) = errors.catch(received(row)) {
            let labels = labels(row);
            for (uuid, size) in received.sizes_without(&executed).take(MAX_ORIGINS) {
                push_unapplied(&mut family, &labels, "", uuid, size);
            }
            errors.catch(within_bound(received.sizes().count()).map(Some));
        }
    }
    drop(family);
    errors.into_result()
}

/// `None` where there is no such column.
fn received(row: Cells<'_>) -> Result<Option<GtidSet>, ParseError> {
    row.named(&["Retrieved_Gtid_Set"]).map(GtidSet::parse).transpose()
}

fn push_unapplied(
    family: &mut Family<'_>,
    labels: &LabelSet,
    domain: &str,
    uuid: &str,
    transactions: u64,
) {
    let origin = [("domain_id", domain), ("source_uuid", uuid)];
    family.sample(&(labels, origin), transactions as f64);
}

/// The first domains of a list, and an error if there are more.
fn bounded(
    sequences: Partial<BTreeMap<&str, u64>, ParseError>,
) -> Partial<BTreeMap<&str, u64>, ParseError> {
    let Partial { good, error } = sequences;
    let error = error.or_else(|| within_bound(good.len()).err());
    Partial { good: good.into_iter().take(MAX_ORIGINS).collect(), error }
}

fn within_bound(origins: usize) -> Result<(), ParseError> {
    let form = || ParseError::Form(format!("more than {MAX_ORIGINS} domains or servers in a list"));
    if origins > MAX_ORIGINS { Err(form()) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
