//! Collectors that the reference does not have, against a real server.

#![expect(clippy::unwrap_used, reason = "part of the tests")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use support::stub::{bulk, serve};
use support::{Running, assert_line, of, start, value};
use tests::log::Log;
use tests::redis::Redis;
use tests::redis_cluster::RedisCluster;

/// A connection that has sent `commands`, one a line, and got their answers.
fn client(server: &Redis, commands: &[&str]) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    for command in commands {
        stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        let read = stream.read(&mut [0; 256]).unwrap();
        assert!(read > 0, "{command}");
    }
    stream
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn clients_over_the_limit_are_left_out_and_told_once() {
    let server = Redis::start("").unwrap();
    let log = Log::capture();
    let clients: Vec<TcpStream> = (0..3).map(|_| client(&server, &["PING"])).collect();
    let limited = of(&server, &["-export-client-list", "-collector.client_list.max-clients=2"]);
    for _ in 0..2 {
        let body = limited.scrape().await.unwrap();
        assert_line(&body, "redis_connected_clients_left_out 2");
        assert_eq!(body.matches("\nredis_connected_client_info{").count(), 2, "{body}");
        assert_line(&body, "redis_exporter_collector_success{collector=\"client_list\"} 1");
    }
    assert_eq!(log.count("more clients than are shown"), 1, "{}", log.text());
    drop(clients);
    let body = of(&server, &["-export-client-list"]).scrape().await.unwrap();
    assert!(!body.contains("left_out"), "{body}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn clients_are_shown_in_sums() {
    let server = Redis::start("").unwrap();
    let hello = ["CLIENT SETNAME web", "PING"];
    let _clients: Vec<TcpStream> = (0..3).map(|_| client(&server, &hello)).collect();
    let _subscriber = client(&server, &["CLIENT SETNAME news", "SUBSCRIBE channel"]);
    let mut blocked = client(&server, &["CLIENT SETNAME job"]);
    blocked.write_all(b"BLPOP nothing 100\r\n").unwrap();
    let flags = ["-collector.clients", "-collector.clients.idle-after=0"];
    let exporter = of(&server, &flags);
    // The name is set while the first scrape runs; ages are counted in whole seconds.
    exporter.scrape().await.unwrap();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let body = exporter.scrape().await.unwrap();
    let labels = |name| format!("{{name=\"{name}\",user=\"default\",lib=\"\"}}");
    for line in [
        format!("redis_clients_by{} 3", labels("web")),
        format!("redis_clients_by{} 1", labels("redis_exporter")),
        format!("redis_clients_idle_by{} 3", labels("web")),
        format!("redis_clients_subscribed_by{} 1", labels("news")),
        format!("redis_clients_blocked_by{} 1", labels("job")),
        format!("redis_clients_blocked_by{} 0", labels("web")),
    ] {
        assert_line(&body, &line);
    }
    assert!(value(&body, &format!("redis_clients_memory_bytes_by{}", labels("web"))) > 3000.0);
    let one = of(&server, &["-collector.clients", "-collector.clients.max-groups=1"]);
    let body = one.scrape().await.unwrap();
    assert_line(&body, &format!("redis_clients_by{} 3", labels("web")));
    let others = "{name=\"all others\",user=\"all others\",lib=\"all others\"}";
    assert!(value(&body, &format!("redis_clients_by{others}")) >= 3.0);
    assert!(!body.contains("127.0.0.1"), "{body}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn users_have_connections_and_refusals_reasons() {
    let server = Redis::start("user app on >hunter2 ~own:* +@all -config").unwrap();
    let _client = client(
        &server,
        &["AUTH app hunter2", "CONFIG GET port", "GET other", "GET other", "SET own:1 1"],
    );
    client(&server, &["AUTH app hunter3", "AUTH hunter4 hunter5"]);
    let body = of(&server, &["-collector.users"]).scrape().await.unwrap();
    for line in [
        "redis_user_connections{user=\"app\"} 1",
        "redis_acl_log_entries{reason=\"command\"} 1",
        "redis_acl_log_entries{reason=\"key\"} 2",
        "redis_acl_log_entries{reason=\"auth\"} 2",
        "redis_exporter_collector_success{collector=\"users\"} 1",
    ] {
        assert_line(&body, line);
    }
    assert!(!body.contains("hunter"), "{body}");
    let flags = ["-redis.user=app", "-redis.password=hunter2", "-collector.users"];
    server.ask(&["ACL", "SETUSER", "app", "-acl"]).unwrap();
    let body = of(&server, &flags).scrape().await.unwrap();
    assert_line(&body, "redis_user_connections{user=\"app\"} 2");
    assert_line(&body, "redis_exporter_collector_success{collector=\"users\"} 0");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn new_entries_of_the_slow_log_are_counted_by_command() {
    let settings = "slowlog-log-slower-than 100000\nenable-debug-command yes";
    let mut server = Redis::start(settings).unwrap();
    let sleep = |server: &Redis| server.ask(&["DEBUG", "SLEEP", "0.11"]).unwrap();
    sleep(&server);
    let exporter = of(&server, &["-collector.slowlog_by_command"]);
    let series = "redis_slowlog_entries_total{cmd=\"debug\"}";
    let seconds = "redis_slowlog_entries_duration_seconds_total{cmd=\"debug\"}";
    let body = exporter.scrape().await.unwrap();
    assert_line(&body, &format!("{series} 0"));
    sleep(&server);
    sleep(&server);
    let body = exporter.scrape().await.unwrap();
    assert_line(&body, &format!("{series} 2"));
    assert!((0.2..2.0).contains(&value(&body, seconds)), "{body}");
    server.ask(&["SLOWLOG", "RESET"]).unwrap();
    assert_line(&exporter.scrape().await.unwrap(), &format!("{series} 2"));
    sleep(&server);
    assert_line(&exporter.scrape().await.unwrap(), &format!("{series} 3"));
    server.restart().unwrap();
    sleep(&server);
    let body = exporter.scrape().await.unwrap();
    assert_line(&body, &format!("{series} 4"));
    assert_line(&body, "redis_slowlog_entries_missed_total 0");
    server.ask(&["CONFIG", "SET", "slowlog-max-len", "1"]).unwrap();
    sleep(&server);
    sleep(&server);
    let body = exporter.scrape().await.unwrap();
    assert_line(&body, &format!("{series} 5"));
    assert_line(&body, "redis_slowlog_entries_missed_total 1");
    assert!(!body.contains("SLEEP"), "{body}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_node_without_statistics_of_slots_shows_none() {
    let bus = tests::free_port().unwrap();
    let server = Redis::start(&format!("cluster-enabled yes\ncluster-port {bus}")).unwrap();
    let log = Log::capture();
    let exporter = of(&server, &["-collector.slot_stats"]);
    for _ in 0..2 {
        let body = exporter.scrape().await.unwrap();
        assert_line(&body, "redis_exporter_collector_success{collector=\"slot_stats\"} 1");
        assert!(!body.contains("redis_cluster_slot_"), "{body}");
    }
    assert_eq!(log.count("command is not known"), 1, "{}", log.text());
}

/// Scrapes until the sampler of the biggest keys has been through all keys once.
async fn biggest(exporter: &Running) -> String {
    let started = Instant::now();
    loop {
        let body = exporter.scrape().await.unwrap();
        if body.contains("\nredis_biggest_keys_last_pass_keys ") {
            return body;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{body}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn the_biggest_keys_are_found_in_the_background() {
    let server = Redis::start("").unwrap();
    let fill = "for i=1,300 do redis.call('SET','small:'..i,i) end \
                redis.call('SET','text',string.rep('x',50000)) \
                for i=1,2000 do redis.call('HSET','hash',i,string.rep('y',100)) end \
                redis.call('SET','\\255',string.rep('z',90000)) \
                redis.call('SET','long'..string.rep('n',5000),string.rep('z',9000)) \
                redis.call('SELECT',3) redis.call('RPUSH','list',string.rep('v',3000))";
    server.ask(&["EVAL", fill, "0"]).unwrap();
    let exporter = of(&server, &["-collector.biggest_keys", "-collector.biggest_keys.max-keys=3"]);
    let body = exporter.scrape().await.unwrap();
    assert!(!body.contains("biggest_key_memory"), "{body}");
    let body = biggest(&exporter).await;
    let series =
        |labels: &str| value(&body, &format!("redis_biggest_key_memory_usage_bytes{{{labels}}}"));
    let hash = series("db=\"db0\",key=\"hash\",type=\"hash\"");
    let text = series("db=\"db0\",key=\"text\",type=\"string\"");
    let list = series("db=\"db3\",key=\"list\",type=\"list\"");
    assert!(hash > 200_000.0 && (50_000.0..80_000.0).contains(&text) && list > 3000.0, "{body}");
    let long = format!("key=\"long{}…\",type=\"string\"", "n".repeat(252));
    assert!(series(&format!("db=\"db0\",{long}")) > 9000.0);
    assert_eq!(body.matches("\nredis_biggest_key_memory_usage_bytes{").count(), 4, "{body}");
    assert_line(&body, "redis_biggest_keys_last_pass_keys 305");
    assert_line(&body, "redis_biggest_keys_scanned_total 305");
    assert!(value(&body, "redis_biggest_keys_last_pass_timestamp_seconds") > 1.7e9);
    // A name that is no UTF-8 costs its key, and is told.
    assert_line(&body, "redis_exporter_collector_success{collector=\"biggest_keys\"} 1");
    let malformed = "redis_exporter_collector_malformed_total{collector=\"biggest_keys\"}";
    assert!(value(&body, malformed) >= 1.0);
}

#[tokio::test]
async fn odd_replies_to_the_sampler_are_told_and_cost_no_other_collector() {
    let info = "# Server\r\nredis_version:7.0.15\r\n# Keyspace\r\ndb0:keys=2,expires=0\r\n";
    let found = "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n";
    for (scan, memory, words) in [
        ("+OK\r\n", ":1\r\n", "SCAN: unexpected reply"),
        ("-ERR unknown command 'SCAN'\r\n", ":1\r\n", "SCAN: ERR unknown command"),
        (found, "*0\r\n", "MEMORY USAGE: unexpected reply"),
        (found, "-ERR no\r\n", "MEMORY USAGE: ERR no"),
    ] {
        let log = Log::capture();
        let answers = vec![
            ("INFO", bulk(info)),
            ("SELECT", "+OK\r\n".into()),
            ("SCAN", scan.into()),
            ("MEMORY", memory.into()),
            ("TYPE", "+string\r\n".into()),
        ];
        let address = format!("-redis.addr={}", serve(answers).await);
        let exporter = start(&[&address, "-collector.biggest_keys"]);
        exporter.scrape().await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let body = exporter.scrape().await.unwrap();
        assert_line(&body, "redis_exporter_collector_success{collector=\"biggest_keys\"} 0");
        assert_line(&body, "redis_exporter_collector_success{collector=\"keyspace\"} 1");
        assert!(!body.contains("biggest_key_memory"), "{body}");
        assert!(log.text().contains(words), "{words}: {}", log.text());
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn the_sampler_keeps_to_its_rate_and_ends_with_the_exporter() {
    let server = Redis::start("").unwrap();
    let fill = "for i=1,5000 do redis.call('SET','key:'..i,i) end";
    server.ask(&["EVAL", fill, "0"]).unwrap();
    let rate = "-collector.biggest_keys.keys-per-second=100";
    let exporter = of(&server, &["-collector.biggest_keys", rate]);
    exporter.scrape().await.unwrap();
    let started = Instant::now();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let body = exporter.scrape().await.unwrap();
    let scanned = value(&body, "redis_biggest_keys_scanned_total");
    let allowed = (started.elapsed().as_secs_f64() + 0.5) * 100.0;
    assert!(scanned > 20.0 && scanned <= allowed, "{scanned} of {allowed}");
    let stats = server.ask(&["INFO", "commandstats"]).unwrap();
    assert!(!stats.contains("cmdstat_keys:"), "{stats}");
    assert!(server.connections().unwrap() >= 1);
    drop(exporter);
    let started = Instant::now();
    while server.connections().unwrap() > 0 {
        assert!(started.elapsed() < Duration::from_secs(5), "the sampler goes on");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_refusal_of_the_sampler_is_told_in_each_scrape() {
    let server = Redis::start("user me on >hunter2 ~own:* +@all").unwrap();
    let fill = "for i=1,300 do redis.call('SET','key:'..i,i) end redis.call('SET','own:1',1)";
    server.ask(&["EVAL", fill, "0"]).unwrap();
    let flags = ["-redis.user=me", "-redis.password=hunter2", "-collector.biggest_keys"];
    let failed = "redis_exporter_collector_success{collector=\"biggest_keys\"} 0";
    server.ask(&["ACL", "SETUSER", "me", "-memory"]).unwrap();
    let log = Log::capture();
    let denied = of(&server, &flags);
    for _ in 0..2 {
        denied.scrape().await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_line(&denied.scrape().await.unwrap(), failed);
    assert!(log.text().contains("MEMORY USAGE: "), "{}", log.text());
    assert!(!log.text().contains("hunter"), "{}", log.text());
    drop(denied);
    // Keys that are denied cost themselves alone.
    server.ask(&["ACL", "SETUSER", "me", "+memory"]).unwrap();
    let few = "for i=1,270 do redis.call('DEL','key:'..i) end";
    server.ask(&["EVAL", few, "0"]).unwrap();
    let body = biggest(&of(&server, &flags)).await;
    assert!(body.contains("{db=\"db0\",key=\"own:1\",type=\"string\"}"), "{body}");
    assert!(!body.contains("key=\"key:"), "{body}");
    assert_line(&body, failed);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn of_a_cluster_each_primary_has_its_biggest_keys_and_replicas_have_none() {
    let cluster = RedisCluster::start(2, 1, "", &[]).unwrap();
    for key in ["a", "b", "c", "d", "e", "f"] {
        cluster.nodes[0].ask(&["-c", "SET", key, "value"]).unwrap();
    }
    let address = format!("-redis.addr=127.0.0.1:{}", cluster.nodes[0].port);
    let flags = ["-redis.cluster", "-collector.biggest_keys", "-collector.slowlog_by_command"];
    let exporter = start(&[&[address.as_str()], &flags[..]].concat());
    let started = Instant::now();
    let body = loop {
        let body = exporter.scrape().await.unwrap();
        if body.matches("\nredis_biggest_keys_last_pass_keys{").count() == 2 {
            break body;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{body}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let lines = |start: &str| body.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!(lines("redis_biggest_key_memory_usage_bytes{"), 6, "{body}");
    assert_eq!(lines("redis_slowlog_entries_missed_total{"), 4, "{body}");
    let is_of_replica =
        |line: &str| line.starts_with("redis_biggest_key") && line.contains("role=\"slave\"");
    assert!(!body.lines().any(is_of_replica), "{body}");
}
