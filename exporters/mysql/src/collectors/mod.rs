//! The list of collectors: one line each, in alphabetical order.

mod binlog_size;
mod custom_query;
mod engine_innodb_status;
mod engine_tokudb_status;
mod global_status;
mod global_variables;
mod group_replication;
mod gtid;
mod heartbeat;
mod host_cache;
mod info_schema;
mod innodb_trx;
mod mysql_user;
mod perf_schema;
mod replica_host;
mod replica_lag;
mod slave_hosts;
mod slave_status;
mod sys;

use std::path::PathBuf;

use clap::{ArgMatches, Args as _};
use common::collector::{Collector, Entry, Release};

use crate::scrape::Scrape;
use crate::server::{mariadb, mysql};
use crate::tabular::{BoundFlag, Tabular, View};

/// What the reference exporter asks from these releases on.
const SINCE_5_5: &[Release] = &[mysql(5, 5, 0), mariadb(5, 5, 0)];
const SINCE_5_6: &[Release] = &[mysql(5, 6, 0), mariadb(10, 0, 0)];
const SINCE_5_7: &[Release] = &[mysql(5, 7, 0), mariadb(10, 0, 0)];
const SINCE_8_0: &[Release] = &[mysql(8, 0, 0), mariadb(10, 0, 0)];

type Boxed = Box<dyn Collector<Scrape>>;

/// The collector of a view.
fn of(view: &View) -> Boxed {
    Box::new(Tabular::new(view))
}

/// The collector of a view whose rows a flag bounds.
fn bounded(view: &View, flag: BoundFlag, matches: &ArgMatches) -> Boxed {
    Box::new(Tabular::new(view).bounded(flag.bound(matches)))
}

/// The collector of queries from files.
pub(crate) const CUSTOM_QUERY: &str = "custom_query";

/// The flag that names files of queries.
pub(crate) const QUERY_FILE: &str = custom_query::FILE;

/// The files of queries that flags name.
pub(crate) fn query_files(matches: &ArgMatches) -> anyhow::Result<Vec<PathBuf>> {
    custom_query::files(matches)
}

/// Every collector of this exporter.
pub const COLLECTORS: &[Entry<Scrape>] = &[
    Entry::off("auto_increment.columns", "columns that count by themselves", |matches| {
        Ok(Box::new(info_schema::auto_increment::AutoIncrement::new(matches)))
    })
    .with_flags(|command| info_schema::auto_increment::FLAGS.add(command)),
    Entry::off("binlog_size", "size and number of binary logs", |_| {
        Ok(Box::new(binlog_size::BinlogSize))
    }),
    Entry::off(CUSTOM_QUERY, "queries from a file", custom_query::build)
        .with_flags(custom_query::Options::augment_args)
        .turned_on_by(&[custom_query::FILE]),
    Entry::off("engine_innodb_status", "SHOW ENGINE INNODB STATUS", |_| {
        Ok(Box::new(engine_innodb_status::EngineInnodbStatus))
    }),
    Entry::off("engine_tokudb_status", "SHOW ENGINE TOKUDB STATUS", |_| {
        Ok(Box::new(engine_tokudb_status::EngineTokudbStatus))
    }),
    Entry::on("global_status", "SHOW GLOBAL STATUS", |_| Ok(Box::new(global_status::GlobalStatus))),
    Entry::on("global_variables", "SHOW GLOBAL VARIABLES", |_| {
        Ok(Box::new(global_variables::GlobalVariables))
    }),
    Entry::off("group_replication", "members of a MySQL group as numbers", |_| {
        Ok(Box::new(group_replication::GroupReplication))
    })
    .since(group_replication::SINCE),
    Entry::off("gtid", "progress of global transaction identifiers", |_| Ok(Box::new(gtid::Gtid)))
        .since(gtid::SINCE),
    Entry::off("heartbeat", "the table of pt-heartbeat", heartbeat::build)
        .with_flags(heartbeat::Options::augment_args),
    Entry::off("host_cache", "hosts that the server refuses", host_cache::build)
        .with_flags(host_cache::Options::augment_args),
    Entry::off("info_schema.clientstats", "what clients did; needs userstat", |matches| {
        use info_schema::user_statistics::{CLIENTS, Statistics};
        Ok(Box::new(Statistics::new(&CLIENTS, matches)))
    })
    .with_flags(|command| info_schema::user_statistics::CLIENTS.max_rows.add(command))
    .since(SINCE_5_5),
    Entry::on("info_schema.innodb_cmp", "work of InnoDB's page compression", |_| {
        Ok(of(&info_schema::innodb_cmp::VIEW))
    })
    .since(SINCE_5_5),
    Entry::on("info_schema.innodb_cmpmem", "compressed pages in InnoDB's buffer pool", |_| {
        Ok(of(&info_schema::innodb_cmpmem::VIEW))
    })
    .since(SINCE_5_5),
    Entry::off("info_schema.innodb_metrics", "InnoDB's own counters that are enabled", |_| {
        Ok(Box::new(info_schema::innodb_metrics::InnodbMetrics::default()))
    })
    .since(SINCE_5_6),
    Entry::off("info_schema.innodb_tablespaces", "InnoDB's tablespaces and files", |matches| {
        Ok(Box::new(info_schema::innodb_tablespaces::Tablespaces::new(matches)))
    })
    .with_flags(|command| info_schema::innodb_tablespaces::MAX_ROWS.add(command))
    .since(SINCE_5_7),
    Entry::off("info_schema.innodb_trx", "open transactions and lock waits", innodb_trx::build)
        .with_flags(innodb_trx::Options::augment_args),
    Entry::off(
        "info_schema.processlist",
        "threads by what they do, for whom and from where",
        info_schema::processlist::build,
    )
    .with_flags(info_schema::processlist::Options::augment_args),
    Entry::on("info_schema.query_response_time", "how long statements took; a plugin", |_| {
        Ok(Box::new(info_schema::query_response_time::QueryResponseTime))
    })
    .since(SINCE_5_5),
    Entry::off("info_schema.replica_host", "replicas of an Amazon Aurora cluster", |_| {
        Ok(Box::new(replica_host::ReplicaHost))
    }),
    Entry::off("info_schema.rocksdb_perf_context", "counters of MyRocks by table", |_| {
        Ok(Box::new(info_schema::rocksdb_perf_context::RocksdbPerfContext))
    })
    .since(SINCE_5_6),
    Entry::off("info_schema.schemastats", "rows by schema; needs userstat", |matches| {
        Ok(Box::new(info_schema::schemastats::tabular(matches)))
    })
    .with_flags(|command| info_schema::schemastats::MAX_ROWS.add(command)),
    Entry::off("info_schema.tables", "rows and sizes of tables", info_schema::tables::build)
        .with_flags(info_schema::tables::flags),
    Entry::off("info_schema.tablestats", "rows by table; needs userstat", |matches| {
        use info_schema::tablestats::{MAX_ROWS, VIEW};
        Ok(bounded(&VIEW, MAX_ROWS, matches))
    })
    .with_flags(|command| info_schema::tablestats::MAX_ROWS.add(command)),
    Entry::off("info_schema.userstats", "what users did; needs userstat", |matches| {
        use info_schema::user_statistics::{Statistics, USERS};
        Ok(Box::new(Statistics::new(&USERS, matches)))
    })
    .with_flags(|command| info_schema::user_statistics::USERS.max_rows.add(command)),
    Entry::off("mysql.user", "limits of accounts", mysql_user::build)
        .with_flags(mysql_user::Options::augment_args),
    Entry::off(
        "perf_schema.eventsstatements",
        "the statements that took the most time, by digest",
        perf_schema::eventsstatements::build,
    )
    .with_flags(perf_schema::eventsstatements::Options::augment_args)
    .since(SINCE_5_6),
    Entry::off("perf_schema.eventsstatementssum", "sums over all statement digests", |_| {
        Ok(Box::new(perf_schema::eventsstatementssum::tabular()))
    })
    .since(SINCE_5_7),
    Entry::off("perf_schema.eventswaits", "waits by event", |_| {
        Ok(of(&perf_schema::eventswaits::VIEW))
    })
    .since(SINCE_5_5),
    Entry::off("perf_schema.file_events", "input and output of files by event", |_| {
        Ok(of(&perf_schema::file_events::VIEW))
    })
    .since(SINCE_5_6),
    Entry::off(
        "perf_schema.file_instances",
        "input and output of each open file",
        perf_schema::file_instances::build,
    )
    .with_flags(perf_schema::file_instances::Options::augment_args)
    .since(SINCE_5_5),
    Entry::off("perf_schema.indexiowaits", "waits for input and output by index", |matches| {
        use perf_schema::indexiowaits::{MAX_ROWS, VIEW};
        Ok(bounded(&VIEW, MAX_ROWS, matches))
    })
    .with_flags(|command| perf_schema::indexiowaits::MAX_ROWS.add(command))
    .since(SINCE_5_6),
    Entry::off("perf_schema.memory_events", "memory by event", perf_schema::memory_events::build)
        .with_flags(perf_schema::memory_events::Options::augment_args)
        .since(SINCE_5_7),
    Entry::off(
        "perf_schema.replication_applier_status_by_worker",
        "times of replicated transactions",
        |_| Ok(Box::new(perf_schema::replication_applier_status_by_worker::tabular())),
    )
    .since(SINCE_8_0),
    Entry::off(
        "perf_schema.replication_group_member_stats",
        "group replication as this member sees it",
        |_| Ok(of(&perf_schema::replication_group_member_stats::VIEW)),
    )
    .since(SINCE_5_7),
    Entry::off("perf_schema.replication_group_members", "members of the replication group", |_| {
        Ok(Box::new(perf_schema::replication_group_members::GroupMembers))
    })
    .since(SINCE_5_7),
    Entry::off("perf_schema.tableiowaits", "waits for input and output by table", |matches| {
        use perf_schema::tableiowaits::{MAX_ROWS, VIEW};
        Ok(bounded(&VIEW, MAX_ROWS, matches))
    })
    .with_flags(|command| perf_schema::tableiowaits::MAX_ROWS.add(command))
    .since(SINCE_5_6),
    Entry::off("perf_schema.tablelocks", "waits for table locks", |matches| {
        use perf_schema::tablelocks::{MAX_ROWS, VIEW};
        Ok(bounded(&VIEW, MAX_ROWS, matches))
    })
    .with_flags(|command| perf_schema::tablelocks::MAX_ROWS.add(command))
    .since(SINCE_5_6),
    Entry::off("replica_lag", "lag and state of replication, also while it is stopped", |_| {
        Ok(Box::new(replica_lag::ReplicaLag))
    }),
    Entry::off("slave_hosts", "replicas that have registered with this server", |_| {
        Ok(Box::new(slave_hosts::SlaveHosts))
    }),
    Entry::on("slave_status", "replication, as this server's replica threads report it", |_| {
        Ok(Box::new(slave_status::SlaveStatus))
    }),
    Entry::off("sys.user_summary", "what users did and hold", |matches| {
        use sys::user_summary::{MAX_ROWS, VIEW};
        Ok(bounded(&VIEW, MAX_ROWS, matches))
    })
    .with_flags(|command| sys::user_summary::MAX_ROWS.add(command))
    .since(SINCE_5_7),
];

/// Answers of any rows, of which the last one is `good`: whatever the others are, it is to be shown.
#[cfg(test)]
fn any_rows_and(
    columns: &'static [&'static str],
    good: &'static [&'static str],
) -> impl proptest::strategy::Strategy<Value = crate::server::Table> {
    use proptest::prelude::*;

    let cell = proptest::option::of("[-+0-9.e]{0,24}|(?s).{0,12}");
    let rows = proptest::collection::vec(proptest::collection::vec(cell, columns.len()), 0..6);
    rows.prop_map(|mut rows| {
        rows.push(good.iter().map(|text| Some((*text).to_owned())).collect());
        let rows: Vec<Vec<Option<&str>>> =
            rows.iter().map(|row| row.iter().map(Option::as_deref).collect()).collect();
        crate::server::Table::of(columns, &rows.iter().map(Vec::as_slice).collect::<Vec<_>>())
    })
}
