//! The tables of docs/migrating/redis.md.

use std::collections::BTreeSet;

use common::compare::{Known, Word};
use redis_exporter::RedisExporter;

#[test]
fn the_page_about_migrating_has_all_flags_and_differences() {
    let reference = include_str!("reference-flags.txt");
    let compared = tests::migrating::compare::<RedisExporter>("redis.md", reference);
    assert!(compared.is_ok(), "{:#}", compared.unwrap_err());
}

/// Families that only servers newer than redis_exporter 1.45 have, so that it cannot have them. Those
/// of a cluster's node are older, but in no older golden file.
#[test]
fn families_of_newer_servers_have_a_reason() {
    const OLD: [&str; 5] = [
        include_str!("golden/redis-2.8.prom"),
        include_str!("golden/redis-5.0.prom"),
        include_str!("golden/redis-6.0.prom"),
        include_str!("golden/redis-7.0.15.prom"),
        include_str!("golden/keydb-6.3.prom"),
    ];
    const NEW: [&str; 9] = [
        include_str!("golden/redis-7.2.prom"),
        include_str!("golden/redis-7.4.prom"),
        include_str!("golden/redis-8.0.prom"),
        include_str!("golden/redis-8.10.prom"),
        include_str!("golden/valkey-7.2.prom"),
        include_str!("golden/valkey-8.0.prom"),
        include_str!("golden/valkey-8.1.prom"),
        include_str!("golden/valkey-9.0.prom"),
        include_str!("golden/valkey-9.1.prom"),
    ];
    const OF_CLUSTERS: [&str; 3] =
        ["redis_cluster_state", "redis_cluster_size", "redis_cluster_stats_messages_"];
    let known = Known::parse(include_str!("../differences.txt")).unwrap();
    let families = |texts: &[&'static str]| -> BTreeSet<&'static str> {
        let headers = texts.iter().flat_map(|text| text.lines());
        headers.filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect()
    };
    let old = families(&OLD);
    let newer = families(&NEW).into_iter().filter(|family| !old.contains(family));
    let newer = newer.filter(|family| !OF_CLUSTERS.iter().any(|start| family.starts_with(start)));
    let unexplained: Vec<&str> =
        newer.filter(|family| known.reason(Word::Ours, family).is_none()).collect();
    assert_eq!(unexplained, [""; 0]);
}
