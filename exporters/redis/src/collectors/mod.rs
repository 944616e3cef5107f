//! The list of collectors: one line each, in alphabetical order.

mod biggest_keys;
mod client_list;
mod clients;
mod cluster;
mod commandlog;
mod commandstats;
mod config;
mod config_values;
mod errorstats;
mod info;
mod instance;
mod instantaneous;
mod key_counts;
mod key_groups;
mod keys;
mod keyspace;
mod latency;
mod latencystats;
mod modules;
mod rdb_file;
mod replication;
mod scripts;
mod search_indexes;
mod sentinel;
mod sentinel_masters;
mod slot_stats;
mod slowlog;
mod slowlog_by_command;
mod streams;
mod tile38;
mod users;

use clap::Args as _;
use common::collector::Entry;
#[cfg(test)]
use common::exposition::Sink;

use crate::scrape::Scrape;

/// Every collector of this exporter.
pub const COLLECTORS: &[Entry<Scrape>] = &[
    Entry::off(
        "biggest_keys",
        "the biggest keys, looked for in the background",
        biggest_keys::build,
    )
    .with_flags(biggest_keys::Options::augment_args),
    Entry::off("client_list", "every connection of the server", client_list::build)
        .with_flags(client_list::flags)
        .turned_on_by(&[client_list::FLAG]),
    Entry::off("clients", "connections in sums by name, user and library", clients::build)
        .with_flags(clients::Options::augment_args),
    Entry::on("cluster", "state of the cluster, as this node sees it", |_| {
        Ok(Box::new(cluster::Cluster))
    }),
    Entry::on("commandlog", "lengths and limits of the command logs; Valkey 8.1", |_| {
        Ok(Box::new(commandlog::CommandLog))
    }),
    Entry::on("commandstats", "calls and time per command", |_| {
        Ok(Box::new(commandstats::CommandStats))
    }),
    Entry::on("config", "limits that the server is set to", |_| Ok(Box::new(config::Config))),
    Entry::off("config_values", "every setting of the server", config_values::build)
        .with_flags(config_values::flags)
        .turned_on_by(&[config_values::FLAG]),
    Entry::on("errorstats", "error replies by kind", |_| Ok(Box::new(errorstats::ErrorStats))),
    Entry::on("info", "fields of INFO that are plain numbers", info::build)
        .with_flags(info::Options::augment_args),
    Entry::on("instance", "what the server is: version, role and the like", |_| {
        Ok(Box::new(instance::Instance))
    }),
    Entry::off("instantaneous", "rates that the server measures itself", |_| {
        Ok(Box::new(instantaneous::Instantaneous))
    }),
    Entry::on("key_counts", "keys that match chosen patterns", |_| {
        Ok(Box::new(key_counts::KeyCounts))
    }),
    Entry::on("key_groups", "keys by groups that Lua patterns make", key_groups::build)
        .with_flags(key_groups::Options::augment_args),
    Entry::on("keys", "size, memory and value of chosen keys", keys::build)
        .with_flags(keys::Options::augment_args),
    Entry::on("keyspace", "keys per database", keyspace::build)
        .with_flags(keyspace::Options::augment_args),
    Entry::on("latency", "latency spikes, and histograms of latency per command", latency::build)
        .with_flags(latency::Options::augment_args),
    Entry::on("latencystats", "percentiles of latency per command", |_| {
        Ok(Box::new(latencystats::LatencyStats))
    }),
    Entry::off("modules", "loaded modules and their fields", modules::build)
        .with_flags(modules::flags)
        .turned_on_by(&[modules::FLAG]),
    Entry::off("rdb_file", "size of the snapshot's file", rdb_file::build)
        .with_flags(rdb_file::flags)
        .turned_on_by(&[rdb_file::FLAG]),
    Entry::on("replication", "links to master and replicas", |_| {
        Ok(Box::new(replication::Replication))
    }),
    Entry::off("search_indexes", "indexes of the search module", search_indexes::build)
        .with_flags(search_indexes::flags)
        .turned_on_by(&[search_indexes::FLAG]),
    Entry::off("scripts", "what Lua scripts of the user return", scripts::build)
        .with_flags(scripts::Options::augment_args)
        .turned_on_by(&["script"]),
    Entry::on("sentinel", "masters that a sentinel monitors", |_| Ok(Box::new(sentinel::Sentinel))),
    Entry::on(
        "sentinel_masters",
        "settings, quorum and peers of a sentinel's masters",
        sentinel_masters::build,
    )
    .with_flags(sentinel_masters::Options::augment_args),
    Entry::off("slot_stats", "slots of a cluster node that have or do most", slot_stats::build)
        .with_flags(slot_stats::Options::augment_args),
    Entry::on("slowlog", "length and latest entry of the slow log", |_| {
        Ok(Box::new(slowlog::SlowLog))
    }),
    Entry::off(
        "slowlog_by_command",
        "new entries of the slow log by command",
        slowlog_by_command::build,
    )
    .with_flags(slowlog_by_command::Options::augment_args),
    Entry::off("tile38", "state of a Tile38 server", tile38::build)
        .with_flags(tile38::flags)
        .turned_on_by(&[tile38::FLAG]),
    Entry::on("streams", "chosen streams, their groups and consumers", streams::build)
        .with_flags(streams::Options::augment_args),
    Entry::off("users", "connections by user, and refusals in the ACL log by reason", users::build)
        .with_flags(users::Options::augment_args),
];

/// What a collector pushes for the text of an INFO.
#[cfg(test)]
fn pushed(text: &str, push: impl FnOnce(&crate::replies::info::Info, &mut Sink)) -> String {
    let info = crate::replies::info::Info::new(text.to_owned());
    common::testing::exposed(|sink| push(&info, sink))
}

/// A reply that is a list of these words.
#[cfg(test)]
fn reply_of(words: &str) -> redis::Value {
    let words = words.split(' ').map(|word| redis::Value::BulkString(word.into()));
    redis::Value::Array(words.collect())
}
