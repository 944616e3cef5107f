//! The exporter against real servers.

mod support;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rustix::process::Signal;
use support::{Exporter, PASSWORD, eventually, server};
use tests::log::Log;
use tests::mariadb::MariaDb;

/// Waits until the server has that many, with the one that asks.
async fn connections_become(server: &MariaDb, count: &str) {
    eventually(&format!("{count} connections"), async || {
        server.variable("STATUS", "Threads_connected").ok().filter(|now| now == count)
    })
    .await;
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn values_are_those_of_the_server() {
    let log = Log::capture();
    let server = server(&["--max-connections=77"]);
    server.sql("GRANT PROCESS, SLAVE MONITOR ON *.* TO exporter@localhost").unwrap();
    let exporter = Exporter::of(&server, &[]);
    let scraped = exporter.scrape(10.0).await;
    assert_eq!(scraped.value("mysql_up"), "1");
    for collector in ["global_status", "global_variables", "slave_status"] {
        assert_eq!(scraped.success(collector), "1", "{collector}: {}", log.text());
    }
    assert_eq!(scraped.value("mysql_global_variables_max_connections"), "77");
    let seconds = "mysql_exporter_collector_duration_seconds{collector=\"connection\"}";
    assert!(scraped.value(seconds).parse::<f64>().unwrap() > 0.0);
    assert!(scraped.0.contains("\nmysqld_exporter_build_info{"), "{}", scraped.0);
    assert!(scraped.0.contains("\nmysql_transaction_isolation{level=\"REPEATABLE-READ\"} 1\n"));
    assert!(
        scraped.0.contains(&format!(
            ",version=\"{}\"",
            server.variable("VARIABLES", "version").unwrap()
        ))
    );
    // Two connections of the exporter stay; the client's own is the third, which the server counts
    // for a moment after its end.
    let scraped = eventually("two connections", async || {
        let scraped = exporter.scrape(10.0).await;
        (scraped.value("mysql_global_status_threads_connected") == "2").then_some(scraped)
    })
    .await;
    connections_become(&server, "3").await;
    for name in ["Innodb_page_size", "Open_table_definitions"] {
        let series = format!("mysql_global_status_{}", name.to_lowercase());
        assert_eq!(scraped.value(&series), server.variable("STATUS", name).unwrap());
    }
    let socket = format!("unix://{}", server.socket().display());
    let client = format!("user=exporter\npassword={PASSWORD}");
    let exporter = Exporter::start(&socket, &client, &[]);
    assert_eq!(exporter.scrape(10.0).await.value("mysql_up"), "1", "{}", log.text());
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn a_wrong_password_is_down_and_logged_once_without_it() {
    let log = Log::capture();
    let server = server(&[]);
    let address = format!("127.0.0.1:{}", server.port);
    let client = "user=exporter\npassword=wrong-secret";
    let exporter = Exporter::start(&address, client, &[]);
    for _ in 0..3 {
        let scraped = exporter.scrape(10.0).await;
        assert_eq!(scraped.value("mysql_up"), "0");
        assert!(!scraped.0.contains("mysql_exporter_collector"), "{}", scraped.0);
    }
    assert_eq!(log.count("server is down"), 1, "{}", log.text());
    let log = log.text();
    assert!(log.contains("Access denied for user") && log.contains("(error 1045)"), "{log}");
    assert!(!log.contains("wrong-secret"), "{log}");
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn a_restarted_server_is_up_again_at_once() {
    let log = Log::capture();
    let mut server = server(&[]);
    let exporter = Exporter::of(&server, &[]);
    assert_eq!(exporter.scrape(10.0).await.value("mysql_up"), "1");
    server.stop().unwrap();
    for _ in 0..2 {
        assert_eq!(exporter.scrape(10.0).await.value("mysql_up"), "0");
    }
    server.run().unwrap();
    assert_eq!(exporter.scrape(10.0).await.value("mysql_up"), "1");
    assert_eq!(log.count("server is down"), 1, "{}", log.text());
    assert_eq!(log.count("server is up again"), 1, "{}", log.text());
    // Both connections that it holds are dead now, which costs no scrape.
    server.stop().unwrap();
    server.run().unwrap();
    let scraped = exporter.scrape(10.0).await;
    assert_eq!((scraped.value("mysql_up"), scraped.success("global_status")), ("1", "1"));
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn connections_that_the_server_ends_cost_no_scrape() {
    let log = Log::capture();
    let server = server(&[]);
    server.sql("GRANT PROCESS, SLAVE MONITOR ON *.* TO exporter@localhost").unwrap();
    server.sql("SET GLOBAL wait_timeout = 1").unwrap();
    let exporter = Exporter::of(&server, &[]);
    let ids = "SELECT GROUP_CONCAT('KILL ', ID SEPARATOR '; ') FROM information_schema.processlist \
               WHERE USER = 'exporter'";
    for number in 0..4 {
        let scraped = exporter.scrape(10.0).await;
        assert_eq!(scraped.value("mysql_up"), "1", "{number}: {}", log.text());
        for collector in ["global_status", "global_variables", "slave_status"] {
            assert_eq!(scraped.success(collector), "1", "{number}: {}", log.text());
        }
        match number {
            // Longer than the server would keep a connection that did not ask for more.
            0 => tokio::time::sleep(Duration::from_millis(2500)).await,
            // Both connections, then one of them.
            1 => drop(server.sql(server.sql(ids).unwrap().trim()).unwrap()),
            _ => {
                let kill = server.sql(ids).unwrap();
                let (first, _) = kill.split_once(';').unwrap();
                server.sql(first).unwrap();
            }
        }
    }
    assert_eq!(log.count("server is down"), 0, "{}", log.text());
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn a_server_is_found_by_name_and_by_ipv6() {
    let account = format!("CREATE USER exporter@'%' IDENTIFIED BY '{PASSWORD}'");
    let client = format!("user=exporter\npassword={PASSWORD}");
    let up = async |server: &MariaDb, host: &str| {
        let lines = format!("{client}\nhost={host}\nport={}", server.port);
        let exporter = Exporter::with_option_file(&lines, &[]);
        exporter.scrape(10.0).await.value("mysql_up").to_owned()
    };
    // It listens on IPv4 only, and the name may mean ::1 first.
    let by_name = server(&[]);
    for host in ["localhost", "127.0.0.1"] {
        assert_eq!(up(&by_name, host).await, "1", "{host}");
    }
    let six = MariaDb::start(&["--bind-address=::1"]).unwrap();
    six.sql(&account).unwrap();
    for host in ["::1", "[::1]"] {
        assert_eq!(up(&six, host).await, "1", "{host}");
    }
    let exporter = Exporter::with_option_file(&client, &[]);
    let path = format!("/probe?target=[::1]:{}", six.port);
    assert_eq!(exporter.scrape_path(&path, 10.0).await.value("mysql_up"), "1");
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn a_missing_grant_costs_one_collector_and_is_named() {
    let log = Log::capture();
    let server = server(&[]);
    server.sql("GRANT PROCESS ON *.* TO exporter@localhost").unwrap();
    let exporter = Exporter::of(&server, &[]);
    for _ in 0..3 {
        let scraped = exporter.scrape(10.0).await;
        assert_eq!(scraped.value("mysql_up"), "1");
        assert_eq!(scraped.success("slave_status"), "0");
        assert_eq!(scraped.success("global_status"), "1");
        assert_eq!(scraped.success("global_variables"), "1");
    }
    assert_eq!(log.count("GRANT SLAVE MONITOR ON *.*"), 1, "{}", log.text());
    // One statement a scrape is refused, not twelve.
    assert_eq!(server.variable("STATUS", "Access_denied_errors").unwrap(), "3");
    server.sql("GRANT SLAVE MONITOR ON *.* TO exporter@localhost").unwrap();
    eventually("a grant that works", async || {
        (exporter.scrape(10.0).await.success("slave_status") == "1").then_some(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn a_replica_shows_its_positions() {
    let primary = server(&["--log-bin=bin", "--server-id=1"]);
    let replica = server(&["--server-id=2"]);
    primary
        .sql(
            "GRANT REPLICATION SLAVE ON *.* TO repl@localhost IDENTIFIED BY 'repl'; \
         RESET MASTER; CREATE DATABASE a; CREATE DATABASE b",
        )
        .unwrap();
    replica
        .sql(&format!(
            "GRANT PROCESS, SLAVE MONITOR ON *.* TO exporter@localhost; \
         CHANGE MASTER 'second' TO MASTER_HOST='127.0.0.1', MASTER_PORT={}, MASTER_USER='repl', \
         MASTER_PASSWORD='repl', MASTER_USE_GTID=slave_pos; START SLAVE 'second'",
            primary.port
        ))
        .unwrap();
    let exporter = Exporter::of(&replica, &[]);
    let labels = "channel_name=\"\",connection_name=\"second\",master_host=\"127.0.0.1\",\
                  master_uuid=\"\"";
    let position =
        format!("mysql_slave_status_gtid_io_pos{{{labels},domain_id=\"0\",server_id=\"1\"}} 2\n");
    let scraped = eventually("two transactions", async || {
        Some(exporter.scrape(10.0).await).filter(|scraped| scraped.0.contains(&position))
    })
    .await;
    assert_eq!(scraped.value(&format!("mysql_slave_status_slave_io_running{{{labels}}}")), "1");
    assert_eq!(scraped.value(&format!("mysql_slave_status_slave_sql_running{{{labels}}}")), "1");
    let port = scraped.value(&format!("mysql_slave_status_master_port{{{labels}}}"));
    assert_eq!(port, primary.port.to_string());
    eventually("two transactions applied", async || {
        let scraped = exporter.scrape(10.0).await;
        let applied = position.replace("gtid_io_pos", "gtid_slave_pos");
        scraped.0.contains(&applied).then_some(())
    })
    .await;
    replica.sql("STOP SLAVE 'second'").unwrap();
    let scraped = exporter.scrape(10.0).await;
    assert_eq!(scraped.value(&format!("mysql_slave_status_slave_io_running{{{labels}}}")), "0");
    assert!(!scraped.0.contains("seconds_behind_master"), "NULL is no sample: {}", scraped.0);
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn a_server_that_stalls_is_down_until_it_goes_on() {
    let log = Log::capture();
    let server = server(&[]);
    server.sql("GRANT PROCESS, SLAVE MONITOR ON *.* TO exporter@localhost").unwrap();
    let exporter = Exporter::of(&server, &["--exporter.max_open_connections=1"]);
    assert_eq!(exporter.scrape(10.0).await.value("mysql_up"), "1");
    server.signal(Signal::STOP);
    let started = Instant::now();
    let scraped = exporter.scrape(1.25).await;
    server.signal(Signal::CONT);
    assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
    assert_eq!(scraped.value("mysql_up"), "0");
    assert_eq!(exporter.scrape(10.0).await.value("mysql_up"), "1", "{}", log.text());
    // The connection given up is gone: one is the exporter's, one the client's.
    connections_become(&server, "2").await;
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn a_scrape_is_few_statements_on_kept_connections() {
    let server = server(&["--general-log", "--log-output=TABLE"]);
    server.sql("GRANT PROCESS, SLAVE MONITOR ON *.* TO exporter@localhost").unwrap();
    let exporter = Exporter::of(&server, &["--exporter.log_slow_filter"]);
    let statements = || {
        let text = server
            .sql(
                "SELECT argument FROM mysql.general_log \
             WHERE user_host LIKE '%exporter%' AND command_type = 'Query'",
            )
            .unwrap();
        text.lines().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    exporter.scrape(10.25).await;
    let first = statements();
    let setup = "SET wait_timeout = 600, lock_wait_timeout = 2, \
                 log_slow_filter = 'tmp_table_on_disk,filesort_on_disk'";
    let count = |wanted: &str| first.iter().filter(|statement| *statement == wanted).count();
    assert_eq!((count(setup), count("SET max_statement_time = 10")), (2, 2), "{first:?}");
    exporter.scrape(10.25).await;
    let mut second = statements().split_off(first.len());
    second.sort_unstable();
    let expected = [
        "SELECT @@query_response_time_stats",
        "SELECT @@version",
        "SELECT page_size, buffer_pool_instance, pages_used, pages_free, relocation_ops, \
         relocation_time FROM information_schema.innodb_cmpmem",
        "SELECT page_size, compress_ops, compress_ops_ok, compress_time, uncompress_ops, \
         uncompress_time FROM information_schema.innodb_cmp",
        "SHOW ALL SLAVES STATUS",
        "SHOW GLOBAL STATUS",
        "SHOW GLOBAL VARIABLES",
    ];
    assert_eq!(second, expected);
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn scrapes_at_the_same_time_share_the_connections() {
    let log = Log::capture();
    let server = server(&[]);
    server.sql("GRANT PROCESS, SLAVE MONITOR ON *.* TO exporter@localhost").unwrap();
    let exporter = Exporter::of(&server, &[]);
    // With equal timeouts they would share one collection.
    let scrapes = (0..8).map(|number| exporter.scrape(10.0 + f64::from(number)));
    for scraped in join_all(scrapes).await {
        assert_eq!(scraped.success("slave_status"), "1", "{}", log.text());
    }
    connections_become(&server, "3").await;
    let most: u32 = server.variable("STATUS", "Max_used_connections").unwrap().parse().unwrap();
    assert!(most <= 3, "{most} connections");
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn an_account_of_one_connection_keeps_all_collectors() {
    let log = Log::capture();
    let server = server(&[]);
    server
        .sql(
            "ALTER USER exporter@localhost WITH MAX_USER_CONNECTIONS 1; \
             GRANT SLAVE MONITOR ON *.* TO exporter@localhost",
        )
        .unwrap();
    let exporter = Exporter::of(&server, &[]);
    for _ in 0..10 {
        let scraped = exporter.scrape(10.0).await;
        for collector in ["global_status", "global_variables", "slave_status"] {
            assert_eq!(scraped.success(collector), "1", "{collector}: {}", log.text());
        }
    }
    assert_eq!(log.count("fewer connections are used"), 1, "{}", log.text());
    connections_become(&server, "2").await;
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn other_ways_to_log_in_work() {
    let server = server(&[]);
    let user = rustix::process::geteuid();
    let name = if user.is_root() { "root" } else { return };
    server
        .sql(&format!(
            "CREATE OR REPLACE USER {name}@localhost IDENTIFIED VIA unix_socket; \
             INSTALL SONAME 'auth_ed25519'; \
             CREATE USER ed@localhost IDENTIFIED VIA ed25519 USING PASSWORD('{PASSWORD}')"
        ))
        .unwrap_or_default();
    let socket = format!("socket={}", server.socket().display());
    for lines in
        [format!("user={name}\n{socket}"), format!("user=ed\npassword={PASSWORD}\n{socket}")]
    {
        let exporter = Exporter::start("127.0.0.1:1", &lines, &[]);
        assert_eq!(exporter.scrape(10.0).await.value("mysql_up"), "1", "{lines}");
    }
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn a_password_may_have_any_character() {
    let server = server(&[]);
    for password in ["a$bc", "#;x", "%(user)s", "p=q:r", "&?@/", " é ü🔒", "$$", "a\\tb"] {
        let quoted = password.replace('\\', "\\\\");
        server.sql(&format!("SET PASSWORD FOR exporter@localhost = PASSWORD('{quoted}')")).unwrap();
        let client = format!("user=exporter\npassword=\"{password}\"");
        let exporter = Exporter::start(format_args!("127.0.0.1:{}", server.port), &client, &[]);
        assert_eq!(exporter.scrape(10.0).await.value("mysql_up"), "1", "{password}");
    }
}
