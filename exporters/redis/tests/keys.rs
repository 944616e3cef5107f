//! Checks of keys against a real server.

#![expect(clippy::unwrap_used, reason = "part of the tests")]

mod support;

use std::time::{Duration, Instant};

use redis::Connection;
use support::{assert_line, of, value};
use tests::log::Log;
use tests::redis::Redis;

fn connect(server: &Redis) -> Connection {
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", server.port)).unwrap();
    client.get_connection().unwrap()
}

/// Sends commands, one per item, whose words are separated by blanks.
fn send(server: &Redis, commands: &[&str]) {
    let mut connection = connect(server);
    for command in commands {
        let mut words = command.split(' ');
        let mut cmd = redis::cmd(words.next().unwrap());
        for word in words {
            cmd.arg(word);
        }
        cmd.query::<redis::Value>(&mut connection).unwrap();
    }
}

fn set(server: &Redis, pairs: &[(&[u8], &[u8])]) {
    let mut connection = connect(server);
    for (key, value) in pairs {
        redis::cmd("SET").arg(*key).arg(*value).exec(&mut connection).unwrap();
    }
}

/// Memory of this process that is resident, in bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

const KINDS: &[&str] = &[
    "SET text hello",
    "SET number 12.5",
    "SET empty x",
    "SETRANGE empty 0 y",
    "PFADD visitors a b c",
    "RPUSH list a b",
    "SADD set a b c",
    "ZADD zset 1 a",
    "HSET hash a 1 b 2",
    "XADD stream * a b",
    "SELECT 3",
    "SET text other",
];

#[tokio::test]
#[ignore = "needs redis-server"]
async fn keys_of_every_type_have_size_memory_and_value() {
    let server = Redis::start("").unwrap();
    send(&server, KINDS);
    let flags = ["-check-keys=*,text,db3=t*", "-check-single-keys=list,gone,db3=*,db99=text"];
    let body = of(&server, &flags).scrape().await.unwrap();
    for line in [
        "redis_key_size{db=\"db0\",key=\"text\"} 5",
        "redis_key_value_as_string{db=\"db0\",key=\"text\",val=\"hello\"} 1",
        "redis_key_value{db=\"db0\",key=\"number\"} 12.5",
        "redis_key_size{db=\"db0\",key=\"visitors\"} 3",
        "redis_key_size{db=\"db0\",key=\"list\"} 2",
        "redis_key_size{db=\"db0\",key=\"set\"} 3",
        "redis_key_size{db=\"db0\",key=\"zset\"} 1",
        "redis_key_size{db=\"db0\",key=\"hash\"} 2",
        "redis_key_size{db=\"db0\",key=\"stream\"} 1",
        "redis_key_size{db=\"db0\",key=\"gone\"} 0",
        "redis_key_size{db=\"db3\",key=\"*\"} 0",
        "redis_key_value_as_string{db=\"db3\",key=\"text\",val=\"other\"} 1",
        "redis_db_keys{db=\"db0\"} 9",
    ] {
        assert_line(&body, line);
    }
    assert!(value(&body, "redis_key_memory_usage_bytes{db=\"db0\",key=\"list\"}") > 16.0);
    assert!(!body.contains("key=\"visitors\",val") && !body.contains("db99"), "{body}");
    assert_eq!(body.matches("key_size{db=\"db0\",key=\"list\"}").count(), 1, "{body}");
    assert_eq!(body.matches("# TYPE redis_key_size gauge").count(), 1, "{body}");
    let again = of(&server, &["-check-keys=*", "-disable-exporting-key-values"]);
    let body = again.scrape().await.unwrap();
    assert_line(&body, "redis_key_size{db=\"db0\",key=\"visitors\"} 3");
    assert!(!body.contains("redis_key_value"), "{body}");
    assert!(!body.contains("err=\"WRONGTYPE\"") && !body.contains("cmd=\"get\""), "{body}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn odd_names_and_values_are_shown_as_they_are() {
    let server = Redis::start("").unwrap();
    set(
        &server,
        &[
            (b"he said \"hi\"\n\\x", b"5"),
            ("emoji🔥ключ".as_bytes(), b"7"),
            (b"a b", b"1"),
            (b"a+b", b"2"),
            (b"a,b", b"3"),
            (b"50%", b"5"),
            (b"num", b"1e400"),
            (b"hex", b"0x10"),
            (b"tiny", b"1e-400"),
            (b"minus", b"-0"),
            (b"blank", b" 1"),
            (b"not", b"NaN"),
            (b"below", b"-1e400"),
            (b"sp", b" 12 "),
            (b"big", b"9007199254740993"),
            (b"inf", b"inf"),
            (b"nan", b"nan"),
            (b"bytes", b"\xff\xfe"),
            (b"\xff", b"1"),
        ],
    );
    let flags = ["-check-single-keys=a+b,a%2Bb,a%2Cb,50%25"];
    let body = of(&server, &flags).scrape().await.unwrap();
    for (key, number) in [("a b", 1), ("a+b", 2), ("a,b", 3), ("50%", 5)] {
        assert_line(&body, &format!("redis_key_value{{db=\"db0\",key=\"{key}\"}} {number}"));
    }
    let body = of(&server, &["-check-keys=*"]).scrape().await.unwrap();
    for line in [
        "redis_key_value{db=\"db0\",key=\"he said \\\"hi\\\"\\n\\\\x\"} 5",
        "redis_key_value{db=\"db0\",key=\"emoji🔥ключ\"} 7",
        "redis_key_value_as_string{db=\"db0\",key=\"num\",val=\"1e400\"} 1",
        "redis_key_value_as_string{db=\"db0\",key=\"hex\",val=\"0x10\"} 1",
        "redis_key_value_as_string{db=\"db0\",key=\"sp\",val=\" 12 \"} 1",
        "redis_key_value_as_string{db=\"db0\",key=\"blank\",val=\" 1\"} 1",
        "redis_key_value_as_string{db=\"db0\",key=\"below\",val=\"-1e400\"} 1",
        "redis_key_value{db=\"db0\",key=\"tiny\"} 0",
        "redis_key_value{db=\"db0\",key=\"minus\"} 0",
        "redis_key_value{db=\"db0\",key=\"not\"} NaN",
        "redis_key_value{db=\"db0\",key=\"inf\"} +Inf",
        "redis_key_value{db=\"db0\",key=\"nan\"} NaN",
        "redis_key_size{db=\"db0\",key=\"bytes\"} 2",
        "redis_up 1",
    ] {
        assert_line(&body, line);
    }
    assert!(!body.contains("key=\"bytes\",val"), "{body}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_denied_key_and_a_denied_command_cost_themselves_alone() {
    let acl = "user me on >hunter2 ~open* ~also* +@all -getrange -memory|usage";
    let server = Redis::start(acl).unwrap();
    let keys = ["SET open 1", "SET secret 22", "RPUSH openlist a b c", "PFADD also a b"];
    send(&server, &keys);
    let log = Log::capture();
    let flags =
        ["-redis.user=me", "-redis.password=hunter2", "-check-keys=*", "-check-single-keys=secret"];
    let exporter = of(&server, &flags);
    for _ in 0..2 {
        let body = exporter.scrape().await.unwrap();
        for line in [
            "redis_up 1",
            "redis_key_size{db=\"db0\",key=\"open\"} 1",
            "redis_key_value{db=\"db0\",key=\"open\"} 1",
            "redis_key_size{db=\"db0\",key=\"openlist\"} 3",
            "redis_key_size{db=\"db0\",key=\"also\"} 2",
            "redis_exporter_collector_success{collector=\"keys\"} 0",
            "redis_exporter_collector_success{collector=\"slowlog\"} 1",
        ] {
            assert_line(&body, line);
        }
        assert!(!body.contains("key=\"secret\"") && !body.contains("key_memory"), "{body}");
    }
    assert_eq!(log.count("collector failed"), 1, "{}", log.text());
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn ten_thousand_keys_take_few_round_trips() {
    let server = Redis::start("enable-debug-command yes").unwrap();
    send(&server, &["DEBUG POPULATE 10000"]);
    let started = Instant::now();
    let body = of(&server, &["-check-keys=*"]).scrape().await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(body.matches("\nredis_key_size{").count(), 10_000);
    assert_eq!(body.matches("\nredis_key_value_as_string{").count(), 10_000);
    assert_line(&body, "redis_exporter_collector_success{collector=\"keys\"} 1");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_million_keys_are_bounded_in_time_and_memory() {
    let server = Redis::start("enable-debug-command yes").unwrap();
    send(&server, &["DEBUG POPULATE 1000000"]);
    let exporter = of(&server, &["-check-keys=*"]);
    let before = resident();
    let started = Instant::now();
    let body = exporter.scrape().await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    let grown = resident().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes, the text of {} among them", body.len());
    assert_line(&body, "redis_up 1");
    assert_line(&body, "redis_exporter_collector_success{collector=\"keys\"} 0");
    assert!(body.matches("\nredis_key_size{").count() > 10_000);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn counts_are_per_pattern_and_database() {
    let server = Redis::start("").unwrap();
    send(&server, &["MSET a1 1 a2 1 b 1", "SELECT 2", "MSET a1 1 c 1"]);
    let flags = ["-count-keys=a*,b,none*,db2=*,db99=*", "-check-keys-batch-size=1"];
    let body = of(&server, &flags).scrape().await.unwrap();
    for line in [
        "redis_keys_count{db=\"db0\",key=\"a*\"} 2",
        "redis_keys_count{db=\"db0\",key=\"b\"} 1",
        "redis_keys_count{db=\"db0\",key=\"none*\"} 0",
        "redis_keys_count{db=\"db2\",key=\"*\"} 2",
        "redis_exporter_collector_success{collector=\"key_counts\"} 0",
    ] {
        assert_line(&body, line);
    }
    assert!(!body.contains("redis_keys_count{db=\"db99\""), "{body}");
    let replicas = [flags[0], "-check-keys=*", "-skip-checkkeys-for-role-master"];
    let body = of(&server, &replicas).scrape().await.unwrap();
    assert!(!body.contains("redis_keys_count{") && !body.contains("redis_key_size{"), "{body}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_streams_unknown_lag_has_no_sample() {
    let server = Redis::start("").unwrap();
    let commands = [
        "XGROUP CREATE s g $ MKSTREAM",
        "XADD s 0-1 a b",
        "XADD s 0-2 a b",
        "XADD s 0-3 a b",
        "XREADGROUP GROUP g alice COUNT 1 STREAMS s >",
        "XDEL s 0-2",
        "XGROUP CREATE s g\"q=1 0-1",
        "SET text 1",
        "SELECT 1",
        "XADD whole 5-1 a b",
        "XGROUP CREATE whole all 0",
        "XREADGROUP GROUP all bob STREAMS whole >",
    ];
    send(&server, &commands);
    let flags = ["-check-streams=s,*,db1=w*", "-check-single-streams=text,s"];
    let body = of(&server, &flags).scrape().await.unwrap();
    for line in [
        "redis_stream_length{db=\"db0\",stream=\"s\"} 2",
        "redis_stream_entries_added_total{db=\"db0\",stream=\"s\"} 3",
        "redis_stream_group_messages_pending{db=\"db0\",stream=\"s\",group=\"g\"} 1",
        "redis_stream_group_entries_read{db=\"db0\",stream=\"s\",group=\"g\"} 1",
        "redis_stream_group_consumers{db=\"db0\",stream=\"s\",group=\"g\\\"q=1\"} 0",
        "redis_stream_group_lag{db=\"db1\",stream=\"whole\",group=\"all\"} 0",
        "redis_stream_last_entry_id{db=\"db1\",stream=\"whole\"} 5",
        "redis_exporter_collector_success{collector=\"streams\"} 0",
    ] {
        assert_line(&body, line);
    }
    let pending = "redis_stream_group_consumer_messages_pending{db=\"db0\",stream=\"s\",\
                   group=\"g\",consumer=\"alice\"} 1";
    assert_line(&body, pending);
    assert!(!body.contains("group_lag{db=\"db0\"") && !body.contains("stream=\"text\""), "{body}");
    assert!(!body.contains("entries_read{db=\"db0\",stream=\"s\",group=\"g\\\""), "{body}");
    server_without_consumers().await;
}

async fn server_without_consumers() {
    let server = Redis::start("").unwrap();
    send(&server, &["XGROUP CREATE s g $ MKSTREAM", "XGROUP CREATECONSUMER s g eve"]);
    let exporter = of(&server, &["-check-streams=s", "-streams-exclude-consumer-metrics"]);
    exporter.scrape().await.unwrap();
    let body = exporter.scrape().await.unwrap();
    assert_line(&body, "redis_stream_group_consumers{db=\"db0\",stream=\"s\",group=\"g\"} 1");
    assert!(
        !body.contains("consumer=\"eve\"") && !body.contains("cmd=\"xinfo|consumers\""),
        "{body}"
    );
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_script_that_fails_costs_no_other() {
    let server = Redis::start("").unwrap();
    let write = |name: &str, text: &str| {
        let file = server.folder().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let good = write("ok.lua", "return {\"queue:mail\", \"12\", \"queue \\\"x\\\"\", \"3.5\"}");
    let bad = write("bad.lua", "a = \"test\"\nreturn a");
    let none = write("none.lua", "return {}");
    let writer = write("writer.lua", "redis.call('SET', 'k', '1') return {'k', '1'}");
    let log = Log::capture();
    for (first, second) in [(&good, &bad), (&bad, &good)] {
        let flag = format!("-script={first},{second},{none},{writer}");
        let body = of(&server, &[&flag, "-lua-script-read-only"]).scrape().await.unwrap();
        for line in [
            format!("redis_script_values{{filename=\"{good}\",key=\"queue:mail\"}} 12"),
            format!("redis_script_values{{filename=\"{good}\",key=\"queue \\\"x\\\"\"}} 3.5"),
            format!("redis_script_result{{filename=\"{good}\"}} 1"),
            format!("redis_script_result{{filename=\"{bad}\"}} 0"),
            format!("redis_script_result{{filename=\"{none}\"}} 2"),
            format!("redis_script_result{{filename=\"{writer}\"}} 0"),
            "redis_up 1".to_owned(),
        ] {
            assert_line(&body, &line);
        }
    }
    assert_eq!(log.count("collector failed"), 2, "once for each exporter: {}", log.text());
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn keys_are_grouped_by_lua_patterns() {
    let server = Redis::start("databases 3").unwrap();
    let keys = "MSET user:1:a x user:2:b x order:7 x zz x temp x";
    send(&server, &[keys, "SELECT 2", "SET user:9:c x"]);
    let patterns = "-check-key-groups=^(user):%d+:(.*)$,^(order):,temp";
    let body = of(&server, &[patterns, "-check-keys-batch-size=2"]).scrape().await.unwrap();
    for (labels, count) in [
        ("db=\"db0\",key_group=\"usera\"", 1),
        ("db=\"db0\",key_group=\"order\"", 1),
        ("db=\"db0\",key_group=\"\"", 1),
        ("db=\"db0\",key_group=\"unclassified\"", 1),
        ("db=\"db2\",key_group=\"userc\"", 1),
    ] {
        assert_line(&body, &format!("redis_key_group_count{{{labels}}} {count}"));
        assert!(value(&body, &format!("redis_key_group_memory_usage_bytes{{{labels}}}")) > 8.0);
    }
    for line in [
        "redis_number_of_distinct_key_groups{db=\"db0\"} 5",
        "redis_number_of_distinct_key_groups{db=\"db1\"} 0",
        "redis_number_of_distinct_key_groups{db=\"db2\"} 1",
    ] {
        assert_line(&body, line);
    }
    let body = of(&server, &[patterns, "-max-distinct-key-groups=2"]).scrape().await.unwrap();
    assert_line(&body, "redis_key_group_count{db=\"db0\",key_group=\"overflow\"} 3");
    assert_line(&body, "redis_number_of_distinct_key_groups{db=\"db0\"} 5");
    let body = of(&server, &["-check-key-groups=%"]).scrape().await.unwrap();
    assert_line(&body, "redis_exporter_collector_success{collector=\"key_groups\"} 0");
    assert_line(&body, "redis_up 1");
    let body = of(&server, &[]).scrape().await.unwrap();
    assert_line(&body, "redis_last_key_groups_scrape_duration_milliseconds 0");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_scan_ends_in_time_with_what_it_has_got() {
    let server = Redis::start("enable-debug-command yes").unwrap();
    send(&server, &["DEBUG POPULATE 300000"]);
    let log = Log::capture();
    let flags = ["-check-keys=*", "-count-keys=*", "-check-keys-batch-size=1"];
    let started = Instant::now();
    let body = of(&server, &flags).scrape_within(1.5).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    for line in [
        "redis_up 1",
        "redis_exporter_collector_success{collector=\"keys\"} 0",
        "redis_exporter_collector_success{collector=\"key_counts\"} 0",
    ] {
        assert_line(&body, line);
    }
    assert!(body.contains("\nredis_key_size{") && !body.contains("\nredis_keys_count{"));
    assert!(log.text().contains("since the time is up"), "{}", log.text());
}
