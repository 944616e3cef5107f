//! Commands that a real redis-server denies or knows by another name.

mod support;

use std::collections::BTreeSet;

use support::{assert_line, of};
use tests::redis::Redis;

/// Commands that the exporter sends with [`FLAGS`], and the collectors that lose something
/// without them; none where the server cannot be read at all.
const COMMANDS: &[(&str, &[&str])] = &[
    ("info", &[]),
    ("select", &["key_counts", "key_groups", "keys", "streams"]),
    ("client|setname", &["-"]),
    ("client|list", &["client_list"]),
    ("config|get", &["config", "config_values"]),
    ("slowlog|len", &["slowlog"]),
    ("slowlog|get", &["slowlog"]),
    ("latency|latest", &["latency"]),
    ("latency|histogram", &["latency"]),
    ("ping", &["-"]),
    ("scan", &["key_counts", "key_groups", "keys"]),
    ("type", &["keys"]),
    ("memory|usage", &["key_groups", "keys"]),
    ("strlen", &["keys"]),
    ("getrange", &["-"]),
    ("pfcount", &["keys"]),
    ("llen", &["keys"]),
    ("hlen", &["keys"]),
    ("scard", &["keys"]),
    ("zcard", &["keys"]),
    ("xlen", &["keys"]),
    ("xinfo|stream", &["streams"]),
    ("xinfo|groups", &["streams"]),
    ("xinfo|consumers", &["streams"]),
    ("eval", &["key_groups"]),
];

const FLAGS: &[&str] = &[
    "-redis.user=me",
    "-redis.password=hunter2",
    "-check-keys=*",
    "-check-single-streams=stream",
    "-count-keys=*",
    "-check-key-groups=^(s)",
    "-export-client-list",
    "-include-config-metrics",
    "-ping-on-connect",
];

const KEYS: &[&[&str]] = &[
    &["SET", "text", "hello"],
    &["SET", "number", "12.5"],
    &["PFADD", "visitors", "a", "b", "c"],
    &["RPUSH", "list", "a", "b"],
    &["SADD", "set", "a", "b", "c"],
    &["ZADD", "zset", "1", "a"],
    &["HSET", "hash", "a", "1", "b", "2"],
    &["XADD", "stream", "5-1", "a", "b"],
    &["XGROUP", "CREATE", "stream", "group", "0"],
    &["XREADGROUP", "GROUP", "group", "me", "STREAMS", "stream", ">"],
];

/// The samples whose values are the same in every scrape here.
fn about_keys(body: &str) -> BTreeSet<&str> {
    let families = ["redis_key_", "redis_keys_", "redis_stream_", "redis_db_", "redis_number_of_d"];
    let is_steady = |line: &&str| {
        families.iter().any(|family| line.starts_with(family)) && !line.contains("idle_seconds")
    };
    body.lines().filter(is_steady).collect()
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn each_command_that_is_denied_costs_its_own_collectors_alone() {
    let server = Redis::start("latency-monitor-threshold 1").unwrap();
    for words in KEYS {
        server.ask(words).unwrap();
    }
    let allow = |denied: &str| {
        let rules = ["ACL", "SETUSER", "me", "reset", "on", ">hunter2", "allkeys", "+@all"];
        let answer = if denied.is_empty() {
            server.ask(&rules)
        } else {
            server.ask(&[&rules[..], &[&format!("-{denied}")]].concat())
        };
        assert_eq!(answer.unwrap(), "OK", "{denied}");
    };
    allow("");
    let whole = of(&server, FLAGS).scrape().await.unwrap();
    for line in [
        "redis_up 1",
        "redis_key_size{db=\"db0\",key=\"visitors\"} 3",
        "redis_stream_group_messages_pending{db=\"db0\",stream=\"stream\",group=\"group\"} 1",
        "redis_keys_count{db=\"db0\",key=\"*\"} 8",
    ] {
        assert_line(&whole, line);
    }
    for (command, expected) in COMMANDS {
        allow(command);
        let exporter = of(&server, FLAGS);
        for _ in 0..2 {
            let body = exporter.scrape().await.unwrap();
            if expected.is_empty() {
                assert_line(&body, "redis_up 0");
                let plain = "NOPERM this user has no permissions to run the 'info' command";
                let label = format!("redis_exporter_last_scrape_error{{err=\"INFO: {plain}\"}} 1");
                assert_line(&body, &label);
                continue;
            }
            assert_line(&body, "redis_up 1");
            let failed: Vec<&str> = body
                .lines()
                .filter_map(|line| {
                    let rest =
                        line.strip_prefix("redis_exporter_collector_success{collector=\"")?;
                    rest.strip_suffix("\"} 0")
                })
                .collect();
            let expected: Vec<&str> =
                expected.iter().copied().filter(|name| *name != "-").collect();
            assert_eq!(failed, expected, "without {command}");
            let shifted: Vec<_> =
                about_keys(&body).difference(&about_keys(&whole)).copied().collect();
            assert!(shifted.is_empty(), "without {command}: {shifted:?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_config_command_of_another_name_is_found_where_told_and_missed_alone() {
    let server = Redis::start("rename-command CONFIG secret-config").unwrap();
    let body = of(&server, &["-config-command=secret-config"]).scrape().await.unwrap();
    assert_line(&body, "redis_config_maxclients 10000");
    assert_line(&body, "redis_exporter_collector_success{collector=\"config\"} 1");
    let body = of(&server, &[]).scrape().await.unwrap();
    for line in [
        "redis_up 1",
        "redis_exporter_collector_success{collector=\"config\"} 0",
        "redis_exporter_collector_success{collector=\"keyspace\"} 1",
        "redis_exporter_collector_success{collector=\"commandlog\"} 1",
        "redis_db_keys{db=\"db15\"} 0",
    ] {
        assert_line(&body, line);
    }
    assert!(!body.contains("redis_config_"), "{body}");
    let gone = Redis::start("rename-command INFO \"\"").unwrap();
    let body = of(&gone, &[]).scrape().await.unwrap();
    assert_line(&body, "redis_up 0");
    assert!(body.contains("err=\"INFO: ERR unknown command 'INFO'"), "{body}");
}
