//! Servers that behave as no real one does on request.

mod support;

use tests::fake_mysql::{FakeMysql, Reply};

use support::{fake_exporter, fake_server, replies};

#[tokio::test]
async fn settings_that_are_refused_cost_nothing_else() {
    let unknown = Reply::Error(1193, "Unknown system variable");
    let denied = Reply::Error(1227, "Access denied; you need SUPER");
    let combined = ("SET wait_timeout = 600, ", Reply::Error(1049, "Unknown database"));
    for (further, last) in [
        (vec![("SET ", unknown)], "SET lock_wait_timeout = 2"),
        (vec![combined, ("SET wait_timeout = 600", denied)], "SET lock_wait_timeout = 2"),
    ] {
        let server = fake_server("8.0.36", &further);
        let exporter = fake_exporter(&server);
        for _ in 0..2 {
            let body = exporter.scrape(5.0).await;
            assert_eq!(body.value("mysql_up"), "1");
            assert_eq!(body.success("global_status"), "1");
            assert_eq!(body.value("mysql_global_variables_max_connections"), "3");
        }
        let statements = server.statements();
        assert!(statements.iter().any(|statement| statement == last), "{statements:?}");
    }
}

#[tokio::test]
async fn a_thread_that_prepares_does_not_run() {
    let columns = vec![
        "Connection_name",
        "Slave_IO_State",
        "Master_Host",
        "Slave_IO_Running",
        "Slave_SQL_Running",
        "Seconds_Behind_Master",
    ];
    let rows = vec![
        vec![
            Some("eu"),
            Some("Checking master version"),
            Some("db-1.example"),
            Some("Preparing"),
            Some("Yes"),
            None,
        ],
        vec![Some("us"), Some(""), Some("db-2.example"), Some("Connecting"), Some("No"), None],
    ];
    let status = ("SHOW ALL SLAVES STATUS", Reply::Rows(columns, rows));
    let server = fake_server("11.4.5-MariaDB-deb12-log", &[status]);
    let body = fake_exporter(&server).scrape(5.0).await;
    for (connection, host, sql) in [("eu", "db-1.example", "1"), ("us", "db-2.example", "0")] {
        let labels = format!(
            "channel_name=\"\",connection_name=\"{connection}\",master_host=\"{host}\",\
             master_uuid=\"\""
        );
        let value = |family| body.value(&format!("mysql_slave_status_{family}{{{labels}}}"));
        assert_eq!((value("slave_io_running"), value("slave_sql_running")), ("0", sql));
    }
}

#[tokio::test]
async fn an_account_of_one_connection_loses_nothing() {
    let slaves = ("SHOW SLAVE STATUS", Reply::Rows(vec!["a"], Vec::new()));
    for most in [1, 2] {
        let server =
            FakeMysql::with_limit("8.0.36", replies(std::slice::from_ref(&slaves)), most).unwrap();
        let exporter = fake_exporter(&server);
        for _ in 0..5 {
            let body = exporter.scrape(5.0).await;
            assert_eq!(body.value("mysql_up"), "1");
            for collector in ["global_status", "global_variables", "slave_status"] {
                assert_eq!(body.success(collector), "1", "{collector}: {}", body.0);
            }
        }
    }
    let none = FakeMysql::with_limit("8.0.36", replies(&[]), 0).unwrap();
    assert_eq!(fake_exporter(&none).scrape(5.0).await.value("mysql_up"), "0");
}
