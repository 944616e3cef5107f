//! The exporter against real servers, each on a free port in a folder of its own.

#![expect(clippy::unwrap_used, reason = "part of the tests")]

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
    // Those that are on by default; flags may add others.
    assert!(verdicts.len() >= 18, "{body}");
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

#[tokio::test]
#[ignore = "needs redis-server"]
async fn latencies_are_told_per_command_and_event() {
    let server = Redis::start("latency-monitor-threshold 1\nenable-debug-command yes").unwrap();
    server.ask(&["GEORADIUS_RO", "none", "0", "0", "1", "km"]).unwrap();
    server.ask(&["DEBUG", "SLEEP", "0.01"]).unwrap();
    let exporter = of(&server, &[]);
    let body = exporter.scrape().await.unwrap();
    assert_line(&body, "redis_commands_latencies_usec_count{cmd=\"georadius_ro\"} 1");
    let sum = value(&body, "redis_commands_latencies_usec_sum{cmd=\"georadius_ro\"}");
    let seconds = value(&body, "redis_commands_duration_seconds_total{cmd=\"georadius_ro\"}");
    assert!((sum - seconds * 1e6).abs() < 0.5 && sum > 0.0, "{sum}\n{body}");
    assert!(value(&body, "redis_latency_spike_duration_seconds{event_name=\"command\"}") >= 0.01);
    assert!(value(&body, "redis_latency_spike_last{event_name=\"command\"}") > 1e9);
    assert_collectors(&body, &[]);
    let body = of(&server, &["-exclude-latency-histogram-metrics"]).scrape().await.unwrap();
    assert!(!body.contains("latencies_usec") && !body.contains("latency_spike"), "{body}");
    assert_line(&body, "redis_total_error_replies 0");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_refused_latency_command_costs_itself_and_is_logged_once() {
    let server = Redis::start("user me on >hunter2 ~* +@all -latency|histogram").unwrap();
    let log = Log::capture();
    let exporter = of(&server, &["-redis.user=me", "-redis.password=hunter2"]);
    for _ in 0..3 {
        assert_collectors(&exporter.scrape().await.unwrap(), &["latency"]);
    }
    assert_eq!(log.count("collector failed collector"), 1, "{}", log.text());
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn all_settings_are_shown_where_asked_for_but_no_password() {
    let server = Redis::start(
        "requirepass hunter2\nmasterauth hunter3\nmaxmemory 100mb\nrename-command CONFIG SETUP",
    )
    .unwrap();
    let flags = ["-redis.password=hunter2", "-include-config-metrics"];
    let rdb = "-include-rdb-file-size-metric";
    let body = of(&server, &[&flags[..], &["-config-command=SETUP", rdb]].concat());
    let body = body.scrape().await.unwrap();
    assert_line(&body, "redis_config_value{key=\"maxmemory\"} 104857600");
    assert_line(&body, "redis_config_maxmemory 104857600");
    assert_line(&body, "redis_config_key_value{key=\"appendonly\",value=\"no\"} 1");
    assert_line(&body, "redis_rdb_current_size_bytes 0");
    assert!(!body.contains("hunter"), "{body}");
    server.ask(&["-a", "hunter2", "SAVE"]).unwrap();
    let whole = of(
        &server,
        &[&flags[..], &["-config-command=SETUP", "-redact-config-metrics=false", rdb]].concat(),
    );
    let whole = whole.scrape().await.unwrap();
    assert_line(&whole, "redis_config_key_value{key=\"masterauth\",value=\"hunter3\"} 1");
    assert!(value(&whole, "redis_rdb_current_size_bytes") > 50.0);
    let unknown = of(&server, &flags).scrape().await.unwrap();
    assert_line(&unknown, "redis_up 1");
    assert_line(&unknown, "redis_exporter_collector_success{collector=\"config\"} 0");
    assert!(!unknown.contains("redis_config_"), "{unknown}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn sentinels_tell_of_quorum_and_peers_and_not_what_is_denied() {
    let master = Redis::start("").unwrap();
    let monitor = |extra: &str| {
        let port = master.port;
        let user = "user me on >hunter2 +info +sentinel|masters +sentinel|slaves +client";
        Redis::start(&format!(
            "sentinel monitor one 127.0.0.1 {port} 2\nsentinel sentinel-pass hunter3\n{user}{extra}"
        ))
        .unwrap()
    };
    let (sentinel, _other) = (monitor(""), monitor(""));
    let exporter = of(&sentinel, &["-include-sentinel-peer-info", "-include-config-metrics"]);
    let labels = format!("{{master_name=\"one\",master_address=\"127.0.0.1:{}\"", master.port);
    let both = format!("redis_sentinel_master_ok_sentinels{labels}}} 2");
    let found = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let body = exporter.scrape().await.unwrap();
            if body.contains(&both) {
                break body;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let body = found.await.unwrap();
    assert_collectors(&body, &[]);
    assert_line(&body, &format!("redis_sentinel_master_setting_ckquorum{labels}}} 2"));
    assert_line(&body, &format!("redis_sentinel_master_ok_slaves{labels}}} 0"));
    let status = "redis_sentinel_master_ckquorum_status{master_name=\"one\",message=\"";
    assert!(body.contains(&format!("\n{status}OK 2 usable Sentinels")), "{body}");
    assert!(body.contains(&format!("\nredis_sentinel_peer_info{labels},name=\"")), "{body}");
    assert!(body.contains("\nredis_sentinel_config_key_value{"), "{body}");
    assert!(!body.contains("hunter"), "{body}");
    let denied = of(&sentinel, &["-redis.user=me", "-redis.password=hunter2"]);
    let body = denied.scrape().await.unwrap();
    assert_collectors(&body, &["sentinel_masters"]);
    assert_line(&body, &format!("redis_sentinel_master_ok_slaves{labels}}} 0"));
    assert!(!body.contains("ok_sentinels") && !body.contains("ckquorum_status"), "{body}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn every_client_is_listed_where_asked_for() {
    let server = Redis::start("").unwrap();
    let plain = of(&server, &[]).scrape().await.unwrap();
    assert!(!plain.contains("redis_connected_client_"), "{plain}");
    let address = format!("-redis.addr=unix://{}/socket", server.folder().display());
    let exporter = start(&[&address, "-export-client-list", "-export-client-port"]);
    // The name is set while the first scrape runs.
    exporter.scrape().await.unwrap();
    let body = exporter.scrape().await.unwrap();
    assert_collectors(&body, &[]);
    let host = format!("host=\"{}/socket\",port=\"0\",user=\"default\"", server.folder().display());
    assert!(
        body.contains(&format!("name=\"redis_exporter\",flags=\"U\",db=\"0\",{host}")),
        "{body}"
    );
    let created = "\nredis_connected_client_created_at_timestamp{";
    assert_eq!(body.matches(created).count(), 1, "{body}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_server_without_modules_has_none_to_show() {
    let server = Redis::start("").unwrap();
    let log = Log::capture();
    let flags = ["-include-modules-metrics", "-include-search-indexes-metrics"];
    let exporter = of(&server, &flags);
    for _ in 0..3 {
        let body = exporter.scrape().await.unwrap();
        assert_collectors(&body, &[]);
        assert!(body.contains("{collector=\"search_indexes\"} 1"), "{body}");
        assert!(!body.contains("redis_module_info") && !body.contains("redis_search_"), "{body}");
    }
    assert_eq!(log.count("command is not known"), 1, "{}", log.text());
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn the_role_is_a_label_of_all_that_is_about_the_server() {
    let mut server = Redis::start("").unwrap();
    let exporter = of(&server, &["-append-instance-role-label", "-ping-on-connect"]);
    let body = exporter.scrape().await.unwrap();
    let own = [
        "redis_exporter_last_scrape_connect_time_seconds",
        "redis_exporter_last_scrape_ping_time_seconds",
        "redis_exporter_scrapes_total",
        "redis_exporter_scrape_duration_seconds",
        "redis_exporter_build_info",
        "redis_target_scrape_request_errors_total",
    ];
    for line in body.lines().filter(|line| line.starts_with("redis_")) {
        let has_role = line.contains("{instance_role=\"master\"");
        assert_eq!(has_role, !own.iter().any(|name| line.starts_with(name)), "{line}");
    }
    assert_line(&body, "redis_up{instance_role=\"master\"} 1");
    assert_line(&body, "redis_db_keys{instance_role=\"master\",db=\"db0\"} 0");
    assert!(body.lines().any(|line| line.starts_with("process_open_fds ")), "{body}");
    server.stop().unwrap();
    assert_line(&exporter.scrape().await.unwrap(), "redis_up{instance_role=\"\"} 0");
}

/// Scrapes until the answer has the sample line `line`, for 30 seconds at most.
async fn scrape_until(exporter: &support::Running, line: &str) -> String {
    let started = Instant::now();
    loop {
        let body = exporter.scrape().await.unwrap();
        if body.lines().any(|found| found == line) || started.elapsed().as_secs() >= 30 {
            assert_line(&body, line);
            return body;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn both_ends_of_a_replication_tell_of_it() {
    let master = Redis::start("repl-diskless-sync-delay 0").unwrap();
    let replica = Redis::start(&format!("replicaof 127.0.0.1 {}", master.port)).unwrap();
    let labels = format!("{{master_host=\"127.0.0.1\",master_port=\"{}\"}}", master.port);
    let (of_replica, of_master) = (of(&replica, &[]), of(&master, &[]));
    let up = format!("redis_master_link_up{labels} 1");
    scrape_until(&of_replica, &up).await;
    // By the link, so that its offset has grown.
    master.ask(&["SET", "key", "value", "EX", "1000"]).unwrap();
    let body = scrape_until(&of_replica, "redis_db_keys{db=\"db0\"} 1").await;
    assert_line(&body, &format!("redis_master_sync_in_progress{labels} 0"));
    assert_line(&body, "redis_db_keys_expiring{db=\"db0\"} 1");
    assert!(value(&body, &format!("redis_slave_repl_offset{labels}")) > 0.0);
    assert!(value(&body, &format!("redis_master_last_io_seconds_ago{labels}")) >= 0.0);
    let port = replica.port;
    let labels = format!("{{slave_ip=\"127.0.0.1\",slave_port=\"{port}\",slave_state=\"online\"}}");
    // A replica says once a second how far it is.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let body = of_master.scrape().await.unwrap();
    assert_line(&body, "redis_connected_slaves 1");
    assert!(value(&body, &format!("redis_connected_slave_offset_bytes{labels}")) > 0.0);
    assert!(value(&body, &format!("redis_connected_slave_lag_seconds{labels}")) >= 0.0);
    assert_collectors(&body, &[]);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn three_nodes_tell_of_their_cluster() {
    let nodes: Vec<Redis> = (0..3)
        .map(|_| {
            let bus = tests::free_port().unwrap();
            Redis::start(&format!("cluster-enabled yes\ncluster-port {bus}")).unwrap()
        })
        .collect();
    let addresses: Vec<String> =
        nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    let mut create = vec!["--cluster", "create"];
    create.extend(addresses.iter().map(String::as_str));
    create.push("--cluster-yes");
    let said = nodes[0].ask(&create).unwrap();
    assert!(said.contains("All 16384 slots covered"), "{said}");
    for node in &nodes {
        let exporter = of(node, &[]);
        let body = scrape_until(&exporter, "redis_cluster_state 1").await;
        for line in [
            "redis_cluster_size 3",
            "redis_cluster_known_nodes 3",
            "redis_cluster_slots_assigned 16384",
            "redis_cluster_slots_ok 16384",
            "redis_cluster_slots_fail 0",
            "redis_db_keys{db=\"db0\"} 0",
        ] {
            assert_line(&body, line);
        }
        assert!(value(&body, "redis_cluster_messages_sent_total") > 0.0);
        assert!(value(&body, "redis_cluster_stats_messages_ping_sent") > 0.0);
        assert!(!body.contains("db=\"db1\""), "{body}");
        assert_collectors(&body, &[]);
    }
    // With a node gone, its slots fail and the state of the cluster with them.
    let mut nodes = nodes;
    nodes[2].stop().unwrap();
    let config = nodes[0].ask(&["CONFIG", "SET", "cluster-node-timeout", "500"]).unwrap();
    nodes[1].ask(&["CONFIG", "SET", "cluster-node-timeout", "500"]).unwrap();
    assert_eq!(config, "OK");
    let body = scrape_until(&of(&nodes[0], &[]), "redis_cluster_state 0").await;
    assert!(value(&body, "redis_cluster_slots_ok") < 16_384.0);
}
