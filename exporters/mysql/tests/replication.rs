//! Replication between real servers: a replica of two primaries, over GTIDs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Exporter, Scraped, eventually, server};
use tests::log::Log;
use tests::mariadb::MariaDb;

const ALL: &[&str] = &[
    "--collect.binlog_size",
    "--collect.gtid",
    "--collect.heartbeat",
    "--collect.replica_lag",
    "--collect.slave_hosts",
];

/// A primary that writes to the replication domain of its number.
fn primary(number: u32) -> MariaDb {
    let id = format!("--server-id={number}");
    let domain = format!("--gtid-domain-id={number}");
    let primary = server(&["--log-bin=bin", &id, &domain]);
    let grants = "GRANT REPLICATION SLAVE ON *.* TO repl@localhost IDENTIFIED BY 'repl'; \
                  GRANT SLAVE MONITOR, BINLOG MONITOR, REPLICATION MASTER ADMIN ON *.* \
                  TO exporter@localhost; RESET MASTER";
    primary.sql(grants).unwrap();
    primary
}

/// A replica of `first` over the connection `eu` and of `second` over `us`.
fn replica(first: &MariaDb, second: &MariaDb) -> MariaDb {
    let replica = server(&["--server-id=9", "--report-host=replica.example"]);
    let follow = |name: &str, port: u16| {
        format!(
            "CHANGE MASTER '{name}' TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, \
             MASTER_USER='repl', MASTER_PASSWORD='repl', MASTER_USE_GTID=slave_pos, \
             MASTER_CONNECT_RETRY=1; START SLAVE '{name}';"
        )
    };
    let (eu, us) = (follow("eu", first.port), follow("us", second.port));
    replica.sql(&format!("GRANT SLAVE MONITOR ON *.* TO exporter@localhost; {eu} {us}")).unwrap();
    replica
}

fn labels(connection: &str) -> String {
    format!(
        "channel_name=\"\",connection_name=\"{connection}\",master_host=\"127.0.0.1\",\
         master_uuid=\"\""
    )
}

fn state<'a>(scraped: &'a Scraped, connection: &str, state: &str) -> &'a str {
    let labels = labels(connection);
    scraped.value(&format!("mysql_replica_state{{{labels},state=\"{state}\"}}"))
}

fn lag<'a>(scraped: &'a Scraped, connection: &str) -> &'a str {
    scraped.value(&format!("mysql_replica_lag_seconds{{{}}}", labels(connection)))
}

fn unapplied<'a>(scraped: &'a Scraped, connection: &str, domain: u32) -> &'a str {
    let labels = labels(connection);
    scraped.value(&format!(
        "mysql_gtid_unapplied_transactions{{{labels},domain_id=\"{domain}\",source_uuid=\"\"}}"
    ))
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn a_replica_of_two_primaries_shows_lag_state_and_progress() {
    let log = Log::capture();
    let (first, second) = (primary(1), primary(2));
    let replica = replica(&first, &second);
    let exporter = Exporter::of(&replica, ALL);
    first.sql("CREATE DATABASE a; CREATE TABLE a.t (n INT); INSERT INTO a.t VALUES (1)").unwrap();
    second.sql("CREATE DATABASE b").unwrap();
    let position =
        |domain: u32| format!("mysql_gtid_sequence{{domain_id=\"{domain}\",position=\"slave\"}}");
    let scraped = eventually("both primaries followed", async || {
        let scraped = exporter.scrape(10.0).await;
        let has = |domain, sequence: u32| {
            scraped.0.contains(&format!("\n{} {sequence}\n", position(domain)))
        };
        (has(1, 3) && has(2, 1)).then_some(scraped)
    })
    .await;
    assert_eq!(scraped.success("gtid"), "1", "{}", log.text());
    for connection in ["eu", "us"] {
        assert_eq!(state(&scraped, connection, "running"), "1");
        assert_eq!(state(&scraped, connection, "stopped"), "0");
        assert_eq!(lag(&scraped, connection), "0");
    }
    assert_eq!(unapplied(&scraped, "eu", 1), "0");
    // The primary's position is the one to compare with.
    let of_primary = Exporter::of(&first, ALL).scrape(10.0).await;
    let series = "mysql_gtid_sequence{domain_id=\"1\",position=\"binlog\"}";
    assert_eq!(of_primary.value(series), "3");
    assert!(!of_primary.0.contains("mysql_replica_"), "{}", of_primary.0);
    let info = format!(
        "mysql_heartbeat_mysql_slave_hosts_info{{master_id=\"1\",port=\"{}\",server_id=\"9\",\
         slave_host=\"replica.example\",slave_uuid=\"\"}}",
        replica.port
    );
    assert_eq!(of_primary.value(&info), "1");
    assert_eq!(of_primary.success("slave_hosts"), "1", "{}", log.text());
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn what_stops_a_replica_is_seen() {
    let (first, mut second) = (primary(1), primary(2));
    let replica = replica(&first, &second);
    let exporter = Exporter::of(&replica, ALL);
    first.sql("CREATE TABLE mysql.t (n INT PRIMARY KEY)").unwrap();
    eventually("the table", async || replica.sql("SELECT * FROM mysql.t").ok()).await;
    // Only the applying thread is stopped: what comes in is counted.
    replica.sql("STOP SLAVE 'eu' SQL_THREAD").unwrap();
    first.sql("INSERT INTO mysql.t VALUES (1); INSERT INTO mysql.t VALUES (2)").unwrap();
    let scraped = eventually("two transactions received", async || {
        let scraped = exporter.scrape(10.0).await;
        (unapplied(&scraped, "eu", 1) == "2").then_some(scraped)
    })
    .await;
    assert_eq!((lag(&scraped, "eu"), state(&scraped, "eu", "stopped")), ("+Inf", "1"));
    assert!(!scraped.0.contains("seconds_behind_master{channel_name=\"\",connection_name=\"eu\""));
    assert_eq!((lag(&scraped, "us"), state(&scraped, "us", "running")), ("0", "1"));
    // A row that is there already.
    replica.sql("INSERT INTO mysql.t VALUES (2); START SLAVE 'eu' SQL_THREAD").unwrap();
    eventually("a failed thread", async || {
        let scraped = exporter.scrape(10.0).await;
        let errno = format!("mysql_slave_status_last_sql_errno{{{}}}", labels("eu"));
        (state(&scraped, "eu", "failed") == "1" && scraped.value(&errno) == "1062").then_some(())
    })
    .await;
    second.stop().unwrap();
    eventually("a primary that is gone", async || {
        let scraped = exporter.scrape(10.0).await;
        (state(&scraped, "us", "failed") == "1" && lag(&scraped, "us") == "+Inf").then_some(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn binary_logs_are_summed_and_without_them_there_is_nothing() {
    let log = Log::capture();
    let without = server(&[]);
    let exporter = Exporter::of(&without, ALL);
    for _ in 0..2 {
        let scraped = exporter.scrape(10.0).await;
        assert_eq!(scraped.success("binlog_size"), "1");
        assert!(!scraped.0.contains("mysql_binlog"), "{}", scraped.0);
    }
    assert_eq!(log.count("the server writes no binary log"), 1, "{}", log.text());

    let with = primary(1);
    with.sql("FLUSH BINARY LOGS; FLUSH BINARY LOGS").unwrap();
    let scraped = Exporter::of(&with, ALL).scrape(10.0).await;
    assert_eq!(scraped.success("binlog_size"), "1", "{}", log.text());
    assert_eq!(scraped.value("mysql_binlog_files"), "3");
    assert_eq!(scraped.value("mysql_binlog_file_number"), "3");
    let sizes = with.sql("SHOW BINARY LOGS").unwrap();
    let sizes = sizes.lines().filter_map(|line| line.split('\t').nth(1)?.parse::<u64>().ok());
    assert_eq!(scraped.value("mysql_binlog_size_bytes"), sizes.sum::<u64>().to_string());
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn a_heartbeat_counts_by_the_newest_row_of_each_server() {
    let log = Log::capture();
    let server = server(&[]);
    server
        .sql(
            "CREATE DATABASE heartbeat; \
             CREATE TABLE heartbeat.heartbeat (ts VARCHAR(26), server_id INT UNSIGNED NULL); \
             INSERT INTO heartbeat.heartbeat VALUES \
             (NOW(6) - INTERVAL 1 HOUR, 1), (NOW(6) - INTERVAL 5 SECOND, 1), (NULL, 2), \
             ('soon', 3), (NOW(6), 4)",
        )
        .unwrap();
    let exporter = Exporter::of(&server, ALL);
    let scraped = exporter.scrape(10.0).await;
    assert_eq!(scraped.success("heartbeat"), "0");
    let grant = "GRANT SELECT ON `heartbeat`.`heartbeat` to the exporter's user";
    assert_eq!(log.count(grant), 1, "{}", log.text());
    server.sql("GRANT SELECT ON heartbeat.heartbeat TO exporter@localhost").unwrap();
    let scraped = eventually("a grant that works", async || {
        Some(exporter.scrape(10.0).await).filter(|scraped| scraped.success("heartbeat") == "1")
    })
    .await;
    let value = |family: &str, server: u32| {
        let series =
            format!("mysql_heartbeat_{family}_timestamp_seconds{{server_id=\"{server}\"}}");
        scraped.value(&series).parse::<f64>().unwrap()
    };
    let lag = value("now", 1) - value("stored", 1);
    assert!((5.0..60.0).contains(&lag), "{lag}");
    assert!((0.0..60.0).contains(&(value("now", 4) - value("stored", 4))));
    for unknown in [2, 3] {
        let series = format!("stored_timestamp_seconds{{server_id=\"{unknown}\"}}");
        assert!(!scraped.0.contains(&series), "{}", scraped.0);
    }
    // pt-heartbeat --utc, on a server elsewhere.
    server
        .sql(
            "SET GLOBAL time_zone = '+05:30'; CREATE VIEW heartbeat.utc AS \
                SELECT UTC_TIMESTAMP(6) AS ts, 7 AS server_id; \
                GRANT SELECT ON heartbeat.utc TO exporter@localhost",
        )
        .unwrap();
    let flags = ["--collect.heartbeat", "--collect.heartbeat.utc", "--collect.heartbeat.table=utc"];
    let scraped = Exporter::of(&server, &flags).scrape(10.0).await;
    let value = |family: &str| {
        let series = format!("mysql_heartbeat_{family}_timestamp_seconds{{server_id=\"7\"}}");
        scraped.value(&series).parse::<f64>().unwrap()
    };
    assert!((value("now") - value("stored")).abs() < 1.0, "{}", log.text());
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn the_least_grants_are_named() {
    let log = Log::capture();
    let server = server(&["--log-bin=bin", "--server-id=1"]);
    let exporter = Exporter::of(&server, ALL);
    let scraped = exporter.scrape(10.0).await;
    for (collector, grant) in [
        ("binlog_size", "GRANT BINLOG MONITOR ON *.*"),
        ("gtid", "GRANT SLAVE MONITOR ON *.*"),
        ("replica_lag", "GRANT SLAVE MONITOR ON *.*"),
        ("slave_hosts", "GRANT REPLICATION MASTER ADMIN ON *.*"),
        ("slave_status", "GRANT SLAVE MONITOR ON *.*"),
    ] {
        assert_eq!(scraped.success(collector), "0", "{collector}");
        let named = log.text();
        let is_named =
            |line: &str| line.contains(&format!("collect.{collector}")) && line.contains(grant);
        assert!(named.lines().any(is_named), "{collector}: {named}");
    }
    assert_eq!(scraped.success("global_status"), "1");
    // What needs no privilege is there.
    assert!(scraped.0.contains("mysql_gtid_sequence{"), "{}", scraped.0);
}
