//! Servers that are not at hand, by what they are documented to answer.

mod support;

use support::Exporter;
use tests::TemporaryFolder;
use tests::fake_mysql::{FakeMysql, Reply};
use tests::log::Log;

const FLAGS: &[&str] = &[
    "--collect.binlog_size",
    "--collect.group_replication",
    "--collect.gtid",
    "--collect.host_cache",
    "--collect.info_schema.replica_host",
    "--collect.replica_lag",
    "--collect.slave_hosts",
    "--collect.slave_status",
    "--collector.disable-defaults",
];

const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const RECEIVED: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-120";
const EXECUTED: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-100,\n\
                        2f5c6d1a-0000-11ee-8c99-0242ac120002:1-7:tag:1-3";

fn rows(columns: &[&'static str], rows: &[&[&'static str]]) -> Reply {
    let rows = rows.iter().map(|row| row.iter().map(|cell| Some(*cell)).collect());
    Reply::Rows(columns.to_vec(), rows.collect())
}

fn exporter(server: &FakeMysql, flags: &[&str]) -> Exporter {
    let address = format!("127.0.0.1:{}", server.port);
    Exporter::start(address, "user=exporter\npassword=secret", flags)
}

/// What MySQL 8.4 and 9 say of a channel.
fn newer_status() -> (&'static str, Reply) {
    let columns = [
        "Source_Host",
        "Source_UUID",
        "Channel_Name",
        "Replica_IO_Running",
        "Replica_SQL_Running",
        "Last_IO_Errno",
        "Last_SQL_Errno",
        "Seconds_Behind_Source",
        "Retrieved_Gtid_Set",
    ];
    let row = ["db1", A, "eu", "Yes", "Yes", "0", "0", "5", RECEIVED];
    ("SHOW REPLICA STATUS", rows(&columns, &[&row]))
}

/// What a primary of MySQL 8.4 or 9 says that is a replica, too.
fn newer_replies() -> Vec<(&'static str, Reply)> {
    let replicas = rows(
        &["Server_Id", "Host", "Port", "Source_Id", "Replica_UUID"],
        &[&["2", "db2", "3306", "1", A]],
    );
    let members = rows(
        &[
            "CHANNEL_NAME",
            "MEMBER_ID",
            "MEMBER_HOST",
            "MEMBER_PORT",
            "MEMBER_STATE",
            "MEMBER_ROLE",
            "IS_SELF",
        ],
        &[
            &["group_replication_applier", A, "db1", "3306", "ONLINE", "PRIMARY", "1"],
            &["group_replication_applier", "b", "db2", "3306", "UNREACHABLE", "SECONDARY", "0"],
        ],
    );
    vec![
        newer_status(),
        ("SHOW REPLICAS", replicas),
        ("SHOW BINARY LOGS", rows(&["Log_name", "File_size", "Encrypted"], &[])),
        ("SELECT @@log_bin", rows(&["@@log_bin"], &[&["1"]])),
        ("SELECT @@global.gtid_executed", rows(&["gtid_executed"], &[&[EXECUTED]])),
        ("SELECT *, MEMBER_ID", members),
        ("SELECT COUNT(*) AS hosts", rows(&["hosts", "blocked"], &[&["4", "1"]])),
        (
            "SELECT HOST, IP",
            rows(
                &["HOST", "IP", "SUM_CONNECT_ERRORS", "blocked", "COUNT_HOST_BLOCKED_ERRORS"],
                &[&["app", "10.0.4.9", "100", "1", "7"]],
            ),
        ),
        (
            "SELECT SERVER_ID",
            Reply::Error(1109, "Unknown table 'replica_host_status' in information_schema"),
        ),
    ]
}

#[tokio::test]
async fn mysql_8_4_and_9_are_read_in_their_own_words() {
    for version in ["8.4.3", "9.1.0"] {
        let server = FakeMysql::start(version, newer_replies()).unwrap();
        let body = exporter(&server, FLAGS).scrape(5.0).await;
        for flag in FLAGS.iter().filter_map(|flag| flag.strip_prefix("--collect.")) {
            assert_eq!(body.success(flag), "1", "{version}: {}", body.0);
        }
        let channel = format!(
            "channel_name=\"eu\",connection_name=\"\",master_host=\"db1\",master_uuid=\"{A}\""
        );
        for (series, value) in [
            (format!("mysql_slave_status_seconds_behind_source{{{channel}}}"), "5"),
            (format!("mysql_replica_lag_seconds{{{channel}}}"), "5"),
            (format!("mysql_replica_state{{{channel},state=\"running\"}}"), "1"),
            (format!("mysql_gtid_executed_transactions{{source_uuid=\"{A}\"}}"), "100"),
            (
                "mysql_gtid_executed_transactions{source_uuid=\"2f5c6d1a-0000-11ee-8c99-0242ac120002\"}".to_owned(),
                "10",
            ),
            (
                format!("mysql_gtid_unapplied_transactions{{{channel},domain_id=\"\",source_uuid=\"{A}\"}}"),
                "20",
            ),
            ("mysql_group_replication_members_online".to_owned(), "1"),
            ("mysql_binlog_files".to_owned(), "0"),
            ("mysql_binlog_size_bytes".to_owned(), "0"),
            ("mysql_host_cache_blocked{host=\"app\",ip=\"10.0.4.9\"}".to_owned(), "1"),
        ] {
            assert_eq!(body.value(&series), value, "{version}");
        }
        assert!(!body.0.contains("mysql_binlog_file_number"), "{}", body.0);
        let asked = server.statements();
        let count = asked.iter().filter(|statement| statement.contains("REPLICA STATUS")).count();
        assert_eq!(count, 1, "one statement for three collectors: {asked:?}");
    }
}

#[tokio::test]
async fn what_an_older_server_lacks_is_no_failure() {
    let log = Log::capture();
    let replies = vec![
        ("SELECT @@log_bin", rows(&["@@log_bin"], &[&["1"]])),
        ("SHOW BINARY LOGS", Reply::Error(1381, "You are not using binary logging")),
        ("SHOW SLAVE STATUS", rows(&["Master_Host"], &[])),
        ("SELECT COUNT(*) AS hosts", Reply::Error(1146, "Table doesn't exist")),
        ("SELECT SERVER_ID", Reply::Error(1109, "Unknown table")),
    ];
    let server = FakeMysql::start("5.5.62-log", replies).unwrap();
    let exporter = exporter(&server, FLAGS);
    for _ in 0..3 {
        let body = exporter.scrape(5.0).await;
        for flag in FLAGS.iter().filter_map(|flag| flag.strip_prefix("--collect.")) {
            assert_eq!(body.success(flag), "1", "{flag}: {}", log.text());
        }
        let families = ["mysql_binlog", "mysql_group", "mysql_gtid", "mysql_replica", "mysql_host"];
        for family in families {
            assert!(!body.0.contains(&format!("\n{family}")), "{family}: {}", body.0);
        }
    }
    let log = log.text();
    assert!(!log.contains("WARN") || !log.contains("collector failed"), "{log}");
    assert!(log.contains("neither SHOW SLAVE HOSTS nor its other forms"), "{log}");
}

#[tokio::test]
async fn a_server_that_knows_no_replica_status_is_asked_three_times_at_most() {
    let server = FakeMysql::start("5.7.25-TiDB-v7.1.0", Vec::new()).unwrap();
    let exporter = exporter(&server, &["--collect.replica_lag", "--collect.gtid"]);
    let body = exporter.scrape(5.0).await;
    assert_eq!((body.success("slave_status"), body.success("replica_lag")), ("1", "1"));
    let asked = server.statements();
    let count = asked.iter().filter(|statement| statement.ends_with(" STATUS")).count();
    // Three forms, and SHOW GLOBAL STATUS.
    assert_eq!(count, 4, "{asked:?}");
}

#[tokio::test]
async fn a_query_from_a_file_needs_a_read_only_transaction() {
    let log = Log::capture();
    let replies = vec![
        ("SET SESSION TRANSACTION", Reply::Error(1064, "You have an error in your SQL syntax")),
        ("SELECT secret", rows(&["n"], &[&["1"]])),
    ];
    let server = FakeMysql::start("8.0.36", replies).unwrap();
    let folder = TemporaryFolder::new("mysql-exporter").unwrap();
    let file = folder.path().join("queries.yml");
    let query = "shop:\n  query: SELECT secret\n  metrics:\n    - n: {usage: GAUGE}\n";
    std::fs::write(&file, query).unwrap();
    let flag = format!("--collect.custom_query.file={}", file.display());
    let body = exporter(&server, &["--collect.custom_query", &flag]).scrape(5.0).await;
    assert_eq!(body.value("mysql_custom_query_success{query=\"shop\"}"), "0", "{}", log.text());
    assert!(!server.statements().iter().any(|statement| statement.contains("secret")));
}
