//! The further collectors against a real server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use mysql_exporter::custom::is_reserved;
use support::{Exporter, Scraped, eventually, server};
use tests::TemporaryFolder;
use tests::log::Log;
use tests::mariadb::MariaDb;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const ALL: &[&str] = &[
    "--collect.binlog_size",
    "--collect.engine_innodb_status",
    "--collect.engine_tokudb_status",
    "--collect.group_replication",
    "--collect.gtid",
    "--collect.host_cache",
    "--collect.info_schema.innodb_trx",
    "--collect.info_schema.replica_host",
    "--collect.mysql.user",
    "--collect.mysql.user.privileges",
    "--collect.replica_lag",
    "--collect.slave_hosts",
];

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn what_the_server_lacks_is_said_once_and_is_no_failure() {
    let log = Log::capture();
    let server = server(&["--performance-schema=ON"]);
    let grants = "GRANT PROCESS, SLAVE MONITOR, REPLICATION MASTER ADMIN ON *.* \
                  TO exporter@localhost; GRANT SELECT ON mysql.user TO exporter@localhost; \
                  GRANT SELECT ON performance_schema.* TO exporter@localhost";
    server.sql(grants).unwrap();
    let exporter = Exporter::of(&server, ALL);
    for _ in 0..3 {
        let scraped = exporter.scrape(10.0).await;
        for flag in ALL.iter().filter(|flag| !flag.ends_with(".privileges")) {
            let collector = flag.trim_start_matches("--collect.");
            assert_eq!(scraped.success(collector), "1", "{collector}: {}", log.text());
        }
        for absent in ["engine_tokudb", "group_replication", "info_schema_replica_host", "binlog"] {
            assert!(!scraped.0.contains(&format!("\nmysql_{absent}_")), "{absent}: {}", scraped.0);
        }
    }
    for reason in ["engine_tokudb_status", "group_replication", "info_schema.replica_host"] {
        let is_about = |line: &&str| {
            line.contains("INFO") && line.contains(reason) && line.contains("has no data")
        };
        assert_eq!(log.text().lines().filter(is_about).count(), 1, "{reason}: {}", log.text());
    }
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn accounts_show_limits_and_privileges() {
    let server = server(&[]);
    server
        .sql(
            "GRANT SELECT ON mysql.user TO exporter@localhost; \
             CREATE USER app@'10.%' WITH MAX_USER_CONNECTIONS -1 MAX_QUERIES_PER_HOUR 7; \
             GRANT SELECT, PROCESS ON *.* TO app@'10.%'; CREATE ROLE reader",
        )
        .unwrap();
    let scraped = Exporter::of(&server, ALL).scrape(10.0).await;
    assert_eq!(scraped.success("mysql.user"), "1");
    let app = "{mysql_user=\"app\",hostmask=\"10.%\"}";
    for (family, value) in [
        ("max_user_connections", "-1"),
        ("max_questions", "7"),
        ("max_updates", "0"),
        ("select_priv", "1"),
        ("process_priv", "1"),
        ("super_priv", "0"),
    ] {
        assert_eq!(scraped.value(&format!("mysql_mysql_{family}{app}")), value, "{family}");
    }
    assert!(scraped.0.contains("mysql_mysql_select_priv{mysql_user=\"reader\",hostmask=\"\"} 0"));
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn long_transactions_and_waits_for_locks_are_counted() {
    let log = Log::capture();
    let server = server(&[]);
    // Far from UTC: ages are true all the same.
    server
        .sql(
            "SET GLOBAL time_zone = '+05:30'; GRANT PROCESS ON *.* TO exporter@localhost; \
             CREATE DATABASE a; CREATE TABLE a.t (n INT PRIMARY KEY); INSERT INTO a.t VALUES (1)",
        )
        .unwrap();
    let flags = ["--collect.info_schema.innodb_trx", "--collect.info_schema.innodb_trx.long=2"];
    let exporter = Exporter::of(&server, &flags);
    let scraped = exporter.scrape(10.0).await;
    assert_eq!(scraped.success("info_schema.innodb_trx"), "1", "{}", log.text());
    assert_eq!(scraped.value("mysql_innodb_transactions"), "0");
    assert_eq!(scraped.value("mysql_innodb_transactions_waiting"), "0");
    assert!(!scraped.0.contains("oldest_seconds"), "NULL is no sample: {}", scraped.0);
    let update = "BEGIN; UPDATE a.t SET n = n + 1; SELECT SLEEP(60)";
    let _holder = server.session(update).unwrap();
    eventually("a transaction", async || {
        (exporter.scrape(10.0).await.value("mysql_innodb_transactions") == "1").then_some(())
    })
    .await;
    let _waiter = server.session(update).unwrap();
    let scraped = eventually("a long transaction and a wait", async || {
        let scraped = exporter.scrape(10.0).await;
        let is_waiting = scraped.value("mysql_innodb_transactions_waiting") == "1";
        let is_long = scraped.value("mysql_innodb_transactions_long") != "0";
        (is_waiting && is_long).then_some(scraped)
    })
    .await;
    let seconds = |name: &str| scraped.value(name).parse::<f64>().unwrap();
    assert!((2.0..60.0).contains(&seconds("mysql_innodb_transaction_oldest_seconds")));
    assert!((0.0..60.0).contains(&seconds("mysql_innodb_lock_wait_longest_seconds")));
    assert!(seconds("mysql_innodb_transactions_modified_rows") >= 1.0);
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn missing_privileges_are_named() {
    let log = Log::capture();
    let server = server(&["--performance-schema=ON"]);
    let scraped = Exporter::of(&server, ALL).scrape(10.0).await;
    for (collector, grant) in [
        ("engine_innodb_status", "GRANT PROCESS ON *.*"),
        ("host_cache", "GRANT SELECT ON performance_schema.host_cache"),
        ("info_schema.innodb_trx", "GRANT PROCESS ON *.*"),
        ("mysql.user", "GRANT SELECT ON mysql.user"),
    ] {
        assert_eq!(scraped.success(collector), "0", "{collector}");
        let log = log.text();
        let is_named =
            |line: &str| line.contains(&format!("collect.{collector}")) && line.contains(grant);
        assert!(log.lines().any(is_named), "{collector}: {log}");
    }
}

/// Connects from a second address of the machine and breaks off the login.
async fn break_off(port: u16) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut stream = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap();
    stream.read_u8().await.unwrap();
    stream.write_all(b"\x01\x00\x00\x01\x00").await.unwrap();
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn blocked_hosts_are_counted_and_named() {
    let log = Log::capture();
    for (switch, is_shown) in [("ON", true), ("OFF", false)] {
        let performance_schema = format!("--performance-schema={switch}");
        let server = server(&[&performance_schema, "--max-connect-errors=2"]);
        let grants = "CREATE USER app@'127.0.0.2'; \
                      GRANT SELECT ON performance_schema.host_cache TO exporter@localhost";
        server.sql(grants).unwrap();
        for _ in 0..5 {
            break_off(server.port).await;
        }
        let scraped = Exporter::of(&server, &["--collect.host_cache"]).scrape(10.0).await;
        assert_eq!(scraped.success("host_cache"), "1", "{}", log.text());
        if is_shown {
            assert_eq!(scraped.value("mysql_host_cache_blocked_hosts"), "1");
            let host = "{host=\"\",ip=\"127.0.0.2\"}";
            assert_eq!(scraped.value(&format!("mysql_host_cache_blocked{host}")), "1");
            let refused = format!("mysql_host_cache_refused_connections_total{host}");
            assert_eq!(scraped.value(&refused), "3");
        } else {
            // No zero, because the host is blocked here too.
            assert!(!scraped.0.contains("\nmysql_host_cache"), "{}", scraped.0);
        }
    }
    assert_eq!(log.count("the performance schema is off"), 1, "{}", log.text());
}

/// A file of queries and the flags that name it.
fn queries(content: &str) -> (TemporaryFolder, Vec<String>) {
    let folder = TemporaryFolder::new("mysql-exporter").unwrap();
    let file = folder.path().join("queries.yml");
    std::fs::write(&file, content).unwrap();
    let flag = format!("--collect.custom_query.file={}", file.display());
    (folder, vec!["--collect.custom_query".to_owned(), flag])
}

fn with_queries(server: &MariaDb, content: &str) -> Exporter {
    let (_folder, flags) = queries(content);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    Exporter::of(server, &flags)
}

fn success(scraped: &Scraped, query: &str) -> String {
    scraped.value(&format!("mysql_custom_query_success{{query=\"{query}\"}}")).to_owned()
}

const SHOP: &str = "
queries:
  - name: shop_orders
    statement: SELECT state, COUNT(*) AS n, SUM(amount) AS amount FROM shop.orders GROUP BY state;
    interval: 1h
    labels: [state]
    columns:
      n: {type: gauge, help: Orders.}
      amount: {type: gauge, help: Amount.}
  - name: shop_transactions
    statement: >
      SELECT COUNT(*) AS n, TIMESTAMPDIFF(SECOND, MIN(trx_started), NOW()) AS age
      FROM information_schema.innodb_trx
    columns:
      n: {type: gauge, help: Transactions.}
      age: {type: gauge, help: Age of the oldest.}
  - name: shop_broken
    statement: SELECT a FROM shop.missing
    columns:
      a: {type: gauge, help: A.}
";

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn queries_from_a_file_become_families() {
    let log = Log::capture();
    let server = server(&[]);
    server
        .sql(
            "SET GLOBAL time_zone = '+05:30'; GRANT PROCESS ON *.* TO exporter@localhost; \
             CREATE DATABASE shop; CREATE TABLE shop.orders (state VARCHAR(9), amount INT); \
             INSERT INTO shop.orders VALUES ('new', 3), ('new', 4), ('paid', NULL); \
             GRANT SELECT ON shop.orders TO exporter@localhost",
        )
        .unwrap();
    let exporter = with_queries(&server, SHOP);
    let scraped = exporter.scrape(10.0).await;
    assert_eq!(scraped.value("shop_orders_n{state=\"new\"}"), "2", "{}", log.text());
    assert_eq!(scraped.value("shop_orders_amount{state=\"new\"}"), "7");
    assert!(!scraped.0.contains("shop_orders_amount{state=\"paid\"}"), "{}", scraped.0);
    assert_eq!(scraped.value("shop_transactions_n"), "0");
    assert!(!scraped.0.contains("shop_transactions_age"), "{}", scraped.0);
    for (query, value) in [("shop_orders", "1"), ("shop_transactions", "1"), ("shop_broken", "0")] {
        assert_eq!(success(&scraped, query), value, "{query}: {}", log.text());
    }
    assert_eq!(scraped.success("custom_query"), "0");
    assert_eq!(
        log.count("custom queries: shop_broken: SELECT command denied"),
        1,
        "{}",
        log.text()
    );
    // Within its interval a query is not run again; others are.
    let update = "INSERT INTO shop.orders VALUES ('new', 1); BEGIN; \
                  UPDATE shop.orders SET amount = 9; SELECT SLEEP(60)";
    let _session = server.session(update).unwrap();
    let scraped = eventually("an open transaction of age", async || {
        let scraped = exporter.scrape(10.0).await;
        let age = scraped.0.lines().find_map(|line| line.strip_prefix("shop_transactions_age "));
        age.and_then(|age| age.parse::<f64>().ok()).filter(|age| (2.0..60.0).contains(age))?;
        Some(scraped)
    })
    .await;
    assert_eq!(scraped.value("shop_orders_n{state=\"new\"}"), "2");
    let age = scraped.value("mysql_custom_query_age_seconds{query=\"shop_orders\"}");
    assert!(age.parse::<f64>().unwrap() > 1.0, "{age}");
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn queries_from_a_file_cannot_write_and_cannot_hang() {
    let log = Log::capture();
    let server = server(&[]);
    server
        .sql(
            "CREATE DATABASE shop; CREATE TABLE shop.t (n INT); \
             GRANT ALL ON shop.* TO exporter@localhost; SET GLOBAL log_bin_trust_function_creators = 1; \
             CREATE FUNCTION shop.writes() RETURNS INT MODIFIES SQL DATA \
             RETURN (SELECT 1); DROP FUNCTION shop.writes",
        )
        .unwrap();
    server
        .sql(
            "DELIMITER |\nCREATE FUNCTION shop.writes() RETURNS INT MODIFIES SQL DATA BEGIN \
             INSERT INTO shop.t VALUES (1); RETURN 1; END|\nDELIMITER ;",
        )
        .unwrap();
    let exporter = with_queries(
        &server,
        "
queries:
  - name: shop_writes
    statement: SELECT shop.writes() AS n
    columns: {n: {type: gauge, help: N.}}
  - name: shop_sleeps
    statement: SELECT SLEEP(30) AS n
    timeout: 500ms
    columns: {n: {type: gauge, help: N.}}
  - name: shop_many
    statement: SELECT seq FROM shop.seq_1_to_1000000
    rows: 3
    labels: [seq]
    columns: {seq: {type: gauge, help: N.}}
",
    );
    let scraped = exporter.scrape(10.0).await;
    let shown = log.text();
    assert_eq!(success(&scraped, "shop_writes"), "0", "{shown}");
    assert!(shown.contains("shop_writes: Cannot execute statement in a READ ONLY"), "{shown}");
    assert!(shown.contains("shop_sleeps: no answer within 0.5 s"), "{shown}");
    assert!(shown.contains("shop_many: more than 3 rows"), "{shown}");
    assert_eq!(server.sql("SELECT COUNT(*) FROM shop.t").unwrap().trim(), "0");
    assert_eq!(success(&scraped, "shop_sleeps"), "0");
    let took = "mysql_custom_query_duration_seconds{query=\"shop_sleeps\"}";
    assert!(scraped.value(took).parse::<f64>().unwrap() < 2.0);
    assert_eq!(success(&scraped, "shop_many"), "1", "{shown}");
    assert_eq!(scraped.0.matches("\nshop_many_seq{").count(), 3);
    assert_eq!(scraped.success("global_status"), "1");
    let started = std::time::Instant::now();
    exporter.scrape(1.25).await;
    assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn every_family_of_the_exporter_is_reserved() {
    let server = server(&["--performance-schema=ON", "--log-bin=bin"]);
    server.sql("GRANT ALL ON *.* TO exporter@localhost").unwrap();
    let scraped = Exporter::of(&server, ALL).scrape(10.0).await;
    let names =
        scraped.0.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let free: Vec<&str> = names.filter(|name| !is_reserved(name)).collect();
    assert!(free.is_empty(), "{free:?}");
}
