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
mod innodb_trx;
mod mysql_user;
mod replica_host;
mod replica_lag;
mod slave_hosts;
mod slave_status;

use clap::Args as _;
use common::collector::Entry;

use crate::scrape::Scrape;

/// Every collector of this exporter.
pub const COLLECTORS: &[Entry<Scrape>] = &[
    Entry::off("binlog_size", "size and number of binary logs", |_| {
        Ok(Box::new(binlog_size::BinlogSize))
    }),
    Entry::off("custom_query", "queries from a file", custom_query::build)
        .with_flags(custom_query::Options::augment_args),
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
    Entry::off("info_schema.innodb_trx", "open transactions and lock waits", innodb_trx::build)
        .with_flags(innodb_trx::Options::augment_args),
    Entry::off("info_schema.replica_host", "replicas of an Amazon Aurora cluster", |_| {
        Ok(Box::new(replica_host::ReplicaHost))
    }),
    Entry::off("mysql.user", "limits of accounts", mysql_user::build)
        .with_flags(mysql_user::Options::augment_args),
    Entry::off("replica_lag", "lag and state of replication, also while it is stopped", |_| {
        Ok(Box::new(replica_lag::ReplicaLag))
    }),
    Entry::off("slave_hosts", "replicas that have registered with this server", |_| {
        Ok(Box::new(slave_hosts::SlaveHosts))
    }),
    Entry::on("slave_status", "replication, as this server's replica threads report it", |_| {
        Ok(Box::new(slave_status::SlaveStatus))
    }),
];
