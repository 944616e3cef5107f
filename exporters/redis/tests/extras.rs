//! Collectors that the reference does not have, against a real server.

#![expect(clippy::unwrap_used, reason = "part of the tests")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use support::{assert_line, of, value};
use tests::log::Log;
use tests::redis::Redis;

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
