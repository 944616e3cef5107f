//! The exporter against real servers, each on a free port in a folder of its own.

mod support;

use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::{assert_line, of, start, value};
use tests::log::Log;
use tests::redis::Redis;

/// Asserts that every collector that ran succeeded, those in `failed` excepted.
#[track_caller]
fn assert_collectors(body: &str, failed: &[&str]) {
    let prefix = "redis_exporter_collector_success{collector=\"";
    let verdicts: Vec<(&str, bool)> = body
        .lines()
        .filter_map(|line| line.strip_prefix(prefix)?.split_once("\"} "))
        .map(|(collector, verdict)| (collector, verdict == "1"))
        .collect();
    assert_eq!(verdicts.len(), 15, "{body}");
    for (collector, succeeded) in verdicts {
        assert_eq!(succeeded, !failed.contains(&collector), "{collector}\n{body}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_plain_server_is_read_over_one_connection() {
    let server = Redis::start("maxclients 100\nio-threads 1").unwrap();
    let exporter = of(&server, &["-ping-on-connect"]);
    let body = exporter.scrape().await.unwrap();
    for line in [
        "redis_up 1",
        "redis_exporter_last_scrape_error{err=\"\"} 0",
        "redis_connected_clients 1",
        "redis_max_clients 100",
        "redis_config_maxclients 100",
        "redis_config_io_threads 1",
        "redis_db_keys{db=\"db15\"} 0",
        "redis_slowlog_length 0",
        "redis_cluster_enabled 0",
    ] {
        assert_line(&body, line);
    }
    assert!(value(&body, "redis_exporter_last_scrape_ping_time_seconds") < 1.0);
    assert!(body.contains("\nredis_instance_info{") && body.contains("role=\"master\""), "{body}");
    assert_collectors(&body, &[]);
    let connections = value(&body, "redis_connections_received_total");
    let body = exporter.scrape().await.unwrap();
    assert!((value(&body, "redis_connections_received_total") - connections).abs() < 0.5);
    assert_line(&body, "redis_commands_total{cmd=\"client|setname\"} 1");
    assert!(!body.contains("client|setinfo"), "{body}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_server_is_read_over_its_socket_file() {
    let server = Redis::start("").unwrap();
    let address = format!("-redis.addr=unix://{}/socket", server.folder().display());
    assert_line(&start(&[&address]).scrape().await.unwrap(), "redis_up 1");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn passwords_are_sent_and_wrong_ones_told_but_not_repeated() {
    let server = Redis::start("requirepass hunter2").unwrap();
    let log = Log::capture();
    assert_line(&of(&server, &["-redis.password=hunter2"]).scrape().await.unwrap(), "redis_up 1");
    let with_database = format!("-redis.addr=redis://:hunter2@127.0.0.1:{}/3", server.port);
    assert_line(&start(&[&with_database]).scrape().await.unwrap(), "redis_up 1");
    for (flags, error) in [
        (&[][..], "INFO: NOAUTH Authentication required."),
        (
            &["-redis.password=hunter3"],
            "AUTH: WRONGPASS invalid username-password pair or user is disabled.",
        ),
    ] {
        let body = of(&server, flags).scrape().await.unwrap();
        assert_line(&body, "redis_up 0");
        assert_line(&body, &format!("redis_exporter_last_scrape_error{{err=\"{error}\"}} 1"));
        assert!(!body.contains("hunter"), "{body}");
    }
    let no_database = format!("-redis.addr=redis://:hunter2@127.0.0.1:{}/99", server.port);
    let body = start(&[&no_database]).scrape().await.unwrap();
    assert!(body.contains("{err=\"SELECT: ERR DB index is out of range\"} 1"), "{body}");
    assert!(!log.text().contains("hunter"), "{}", log.text());
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn passwords_come_from_files_too() {
    let server = Redis::start("requirepass hunter2\nuser me on >hunter4 +@all ~*").unwrap();
    let file = server.folder().join("password");
    let flag = format!("-redis.password-file={}", file.display());
    std::fs::write(&file, "hunter2\n").unwrap();
    assert_line(&of(&server, &[&flag]).scrape().await.unwrap(), "redis_up 1");
    let map = format!("{{\"redis://me@127.0.0.1:{}\": \"hunter4\"}}", server.port);
    std::fs::write(&file, map).unwrap();
    assert_line(&of(&server, &[&flag, "-redis.user=me"]).scrape().await.unwrap(), "redis_up 1");
    assert_line(&of(&server, &[&flag]).scrape().await.unwrap(), "redis_up 0");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn refused_commands_cost_their_own_collectors_alone() {
    let settings = "user me on >hunter2 ~* +@all -config -slowlog -client\ndatabases 4";
    let server = Redis::start(settings).unwrap();
    let log = Log::capture();
    let exporter = of(&server, &["-redis.user=me", "-redis.password=hunter2"]);
    for _ in 0..2 {
        let body = exporter.scrape().await.unwrap();
        assert_line(&body, "redis_up 1");
        assert_collectors(&body, &["config", "slowlog"]);
        assert_line(&body, "redis_db_keys{db=\"db15\"} 0");
        assert!(!body.contains("redis_config_") && !body.contains("slowlog_length"), "{body}");
    }
    assert_eq!(log.count("collector failed"), 2, "{}", log.text());
    assert!(log.text().contains("NOPERM"), "{}", log.text());
    let exporter = of(
        &server,
        &[
            "-redis.user=me",
            "-redis.password=hunter2",
            "-config-command=-",
            "-include-metrics-for-empty-databases=false",
        ],
    );
    let body = exporter.scrape().await.unwrap();
    assert_collectors(&body, &["slowlog"]);
    assert!(!body.contains("redis_db_keys"), "{body}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_server_that_comes_back_is_read_again_and_each_change_logged_once() {
    let mut server = Redis::start("").unwrap();
    let log = Log::capture();
    let exporter = of(&server, &[]);
    assert_line(&exporter.scrape().await.unwrap(), "redis_up 1");
    server.stop().unwrap();
    for _ in 0..3 {
        let body = exporter.scrape().await.unwrap();
        assert_line(&body, "redis_up 0");
        assert!(body.contains("{err=\"connect: Connection refused"), "{body}");
    }
    server.restart().unwrap();
    assert_line(&exporter.scrape().await.unwrap(), "redis_up 1");
    // The connection that was kept is dead, which no scrape may notice.
    server.stop().unwrap();
    server.restart().unwrap();
    assert_line(&exporter.scrape().await.unwrap(), "redis_up 1");
    assert_eq!(log.count("the server cannot be read"), 1, "{}", log.text());
    assert_eq!(log.count("the server can be read again"), 1, "{}", log.text());
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_server_that_hangs_costs_no_more_than_the_deadline_and_recovers() {
    let server = Redis::start("").unwrap();
    let exporter = of(&server, &[]);
    assert_line(&exporter.scrape().await.unwrap(), "redis_up 1");
    server.signal(Signal::STOP);
    let started = Instant::now();
    let body = exporter.scrape_within(0.75).await.unwrap();
    let elapsed = started.elapsed();
    server.signal(Signal::CONT);
    assert_line(&body, "redis_up 0");
    assert_line(&body, "redis_exporter_last_scrape_error{err=\"INFO: timed out\"} 1");
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
    assert_line(&exporter.scrape().await.unwrap(), "redis_up 1");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn too_many_clients_are_told_as_the_cause() {
    let server = Redis::start("maxclients 1").unwrap();
    // The connection that showed that the server listens is gone by then.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let _other = tokio::net::TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let body = of(&server, &[]).scrape().await.unwrap();
    assert!(body.contains("{err=\"INFO: ERR max number of clients reached\"} 1"), "{body}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_hundred_scrapes_leave_one_connection() {
    let mut server = Redis::start("").unwrap();
    let exporter = of(&server, &[]);
    for round in 0..100 {
        if round == 50 {
            server.stop().unwrap();
            assert_line(&exporter.scrape().await.unwrap(), "redis_up 0");
            server.restart().unwrap();
        }
        assert_line(&exporter.scrape().await.unwrap(), "redis_up 1");
    }
    assert_eq!(server.connections().unwrap(), 1);
    let together = tokio::join!(exporter.scrape(), exporter.scrape(), exporter.scrape());
    assert_line(&together.2.unwrap(), "redis_connected_clients 1");
    drop(exporter);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(server.connections().unwrap(), 0);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn cluster_nodes_tell_the_state_of_the_cluster() {
    let server = Redis::start("cluster-enabled yes").unwrap();
    let body = of(&server, &[]).scrape().await.unwrap();
    for line in [
        "redis_up 1",
        "redis_cluster_enabled 1",
        "redis_cluster_state 0",
        "redis_cluster_known_nodes 1",
        "redis_cluster_messages_sent_total 0",
        "redis_db_keys{db=\"db0\"} 0",
    ] {
        assert_line(&body, line);
    }
    assert!(!body.contains("db=\"db1\""), "{body}");
    assert_collectors(&body, &[]);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn replicas_and_sentinels_tell_of_their_master() {
    let master = Redis::start("").unwrap();
    let replica = Redis::start(&format!("replicaof 127.0.0.1 {}", master.port)).unwrap();
    let sentinel =
        Redis::start(&format!("sentinel monitor one 127.0.0.1 {} 1", master.port)).unwrap();
    let body = of(&replica, &[]).scrape().await.unwrap();
    let labels = format!("{{master_host=\"127.0.0.1\",master_port=\"{}\"", master.port);
    assert_line(&body, &format!("redis_slave_info{labels},read_only=\"1\"}} 1"));
    assert!(body.contains(&format!("\nredis_master_link_up{labels}}} ")), "{body}");
    let body = of(&sentinel, &[]).scrape().await.unwrap();
    assert_line(&body, "redis_sentinel_masters 1");
    let labels = format!("{{master_name=\"one\",master_address=\"127.0.0.1:{}\"", master.port);
    assert_line(&body, &format!("redis_sentinel_master_status{labels},master_status=\"ok\"}} 1"));
    assert_line(&body, &format!("redis_sentinel_master_sentinels{labels}}} 1"));
    assert!(!body.contains("redis_db_keys"), "{body}");
    assert_collectors(&body, &[]);
}
