//! Clusters and masters of sentinels that are read as a whole, against real servers.

#![expect(clippy::unwrap_used, reason = "part of the tests")]

mod support;

use support::{assert_line, of};
use tests::redis::Redis;
use tests::redis_cluster::RedisCluster;

/// Sends commands, following redirections; words are separated by blanks.
fn send(node: &Redis, commands: &[&str]) {
    for command in commands {
        let words = ["-c"].into_iter().chain(command.split(' '));
        let said = node.ask(&words.collect::<Vec<_>>()).unwrap();
        assert!(!said.contains("ERR"), "{command}: {said}");
    }
}

/// A key that is in the slot of `other` too.
fn beside(other: &str, name: &str) -> String {
    format!("{{{other}}}{name}")
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn keys_of_all_nodes_are_found_from_any_of_them() {
    let cluster = RedisCluster::start(3, 1, "", &[]).unwrap();
    let [first, second, ..] = cluster.nodes.as_slice() else { return };
    // Slots 3300, 7365, 11298, 15495 and 12182.
    send(first, &["SET b 1", "SET c two", "SET d 3", "RPUSH a x y", "SET foo 4"]);
    send(first, &["XADD events * f v", "XGROUP CREATE events group 0", "XADD other * f v"]);
    let flags = [
        "-is-cluster",
        "-check-keys=[a-c],foo,gone",
        "-check-single-keys=d",
        "-count-keys=?,*",
        "-check-streams=e*",
        "-check-single-streams=other",
        "-check-key-groups=^(.)$",
    ];
    let lines = [
        "redis_key_size{db=\"db0\",key=\"a\"} 2",
        "redis_key_value{db=\"db0\",key=\"b\"} 1",
        "redis_key_value_as_string{db=\"db0\",key=\"c\",val=\"two\"} 1",
        "redis_key_value{db=\"db0\",key=\"d\"} 3",
        "redis_key_value{db=\"db0\",key=\"foo\"} 4",
        "redis_key_size{db=\"db0\",key=\"gone\"} 0",
        "redis_keys_count{db=\"db0\",key=\"?\"} 4",
        "redis_keys_count{db=\"db0\",key=\"*\"} 7",
        "redis_stream_length{db=\"db0\",stream=\"events\"} 1",
        "redis_stream_group_consumers{db=\"db0\",stream=\"events\",group=\"group\"} 0",
        "redis_stream_length{db=\"db0\",stream=\"other\"} 1",
        "redis_key_group_count{db=\"db0\",key_group=\"a\"} 1",
        "redis_key_group_count{db=\"db0\",key_group=\"unclassified\"} 3",
        "redis_number_of_distinct_key_groups{db=\"db0\"} 5",
    ];
    for node in &cluster.nodes {
        let body = of(node, &flags).scrape().await.unwrap();
        for line in lines {
            assert_line(&body, line);
        }
        assert!(!body.contains("redis_exporter_collector_malformed"), "{body}");
        for collector in ["keys", "key_counts", "key_groups", "streams"] {
            let verdict =
                format!("redis_exporter_collector_success{{collector=\"{collector}\"}} 1");
            assert_line(&body, &verdict);
        }
    }
    // The slot of b, 3300, is on its way: of its keys one has moved, one has not.
    let (stays, moves) = (beside("b", "stays"), beside("b", "moves"));
    send(first, &[&format!("SET {stays} 5"), &format!("SET {moves} 6")]);
    let ids = [first, second].map(|node| node.ask(&["CLUSTER", "MYID"]).unwrap());
    second.ask(&["CLUSTER", "SETSLOT", "3300", "IMPORTING", &ids[0]]).unwrap();
    first.ask(&["CLUSTER", "SETSLOT", "3300", "MIGRATING", &ids[1]]).unwrap();
    let port = second.port.to_string();
    assert_eq!(first.ask(&["MIGRATE", "127.0.0.1", &port, &moves, "0", "1000"]).unwrap(), "OK");
    let patterns = "-check-keys=*s";
    let names = format!("-check-single-keys={stays},{moves}");
    for check in [patterns, &names] {
        let body = of(first, &["-is-cluster", check]).scrape().await.unwrap();
        assert_line(&body, &format!("redis_key_value{{db=\"db0\",key=\"{stays}\"}} 5"));
        assert_line(&body, &format!("redis_key_value{{db=\"db0\",key=\"{moves}\"}} 6"));
        assert_line(&body, "redis_exporter_collector_success{collector=\"keys\"} 1");
    }
}
