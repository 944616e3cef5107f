//! Servers that behave as no real one does on request.

mod support;

use tests::fake_mysql::{FakeMysql, Reply};
use tests::log::Log;

use support::{Exporter, fake_exporter, fake_server, replies};

#[tokio::test]
async fn settings_that_are_refused_cost_nothing_else() {
    let unknown = Reply::Error(1193, "Unknown system variable");
    let denied = Reply::Error(1227, "Access denied; you need SUPER");
    let combined = ("SET wait_timeout = 600, ", Reply::Error(1049, "Unknown database"));
    let (both, without) = (&[][..], &["--no-exporter.enable_lock_wait_timeout"][..]);
    let no_schema = Reply::Error(1049, "Unknown database");
    for (further, flags, last, said) in [
        (vec![("SET ", unknown)], both, "SET lock_wait_timeout = 2", 2),
        (vec![combined, ("SET wait_timeout = 600", denied)], both, "SET lock_wait_timeout = 2", 1),
        // A proxy that takes the one setting that is left for a statement about a schema.
        (vec![("SET wait_timeout", no_schema)], without, "SET wait_timeout = 600", 1),
    ] {
        let log = Log::capture();
        let slaves = ("SHOW SLAVE STATUS", Reply::Rows(vec!["a"], Vec::new()));
        let server = fake_server("8.0.36", &[further.as_slice(), &[slaves]].concat());
        let address = format!("127.0.0.1:{}", server.port);
        let exporter = Exporter::start(address, "user=exporter\npassword=secret", flags);
        for _ in 0..2 {
            let body = exporter.scrape(5.0).await;
            assert_eq!(body.value("mysql_up"), "1");
            assert_eq!(body.success("global_status"), "1");
            assert_eq!(body.value("mysql_global_variables_max_connections"), "3");
            assert_eq!(body.success("slave_status"), "1");
        }
        let text = log.text();
        assert_eq!(log.count("the server takes no such setting"), said, "{text}");
        assert!(text.contains("setting=\"wait_timeout = 600\""), "{text}");
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
    for (most, error) in [(1, 1226), (2, 1226), (1, 1203), (1, 1040)] {
        let log = Log::capture();
        let replies = replies(std::slice::from_ref(&slaves));
        let server = FakeMysql::with_limit("8.0.36", replies, most, error).unwrap();
        let exporter = fake_exporter(&server);
        for _ in 0..5 {
            let body = exporter.scrape(5.0).await;
            assert_eq!(body.value("mysql_up"), "1");
            for collector in ["global_status", "global_variables", "slave_status"] {
                assert_eq!(body.success(collector), "1", "{collector}: {}", body.0);
            }
        }
        let said = log.count("fewer connections are used from now on");
        assert_eq!(said, usize::from(most == 1), "{error}: {}", log.text());
    }
    let none = FakeMysql::with_limit("8.0.36", replies(&[]), 0, 1226).unwrap();
    assert_eq!(fake_exporter(&none).scrape(5.0).await.value("mysql_up"), "0");
}

fn exporter_with(server: &FakeMysql, collector: &str, further: &[&str]) -> Exporter {
    let address = format!("127.0.0.1:{}", server.port);
    let collector = format!("--collect.{collector}");
    let only = ["--collector.disable-defaults", collector.as_str()];
    Exporter::start(address, "user=exporter\npassword=secret", &[&only, further].concat())
}

#[tokio::test]
async fn sums_beyond_all_integers_are_numbers() {
    let columns =
        vec!["SUM_COUNT_STAR", "SUM_SUM_LOCK_TIME", "SUM_SUM_TIMER_WAIT", "SUM_SUM_ROWS_SENT"];
    let huge = Some("83505516706205592384");
    let beyond = Some("340282366920938463463374607431768211456");
    let row = vec![Some("7"), huge, huge, beyond];
    let sums = ("SELECT SUM(COUNT_STAR)", Reply::Rows(columns, vec![row]));
    let server = fake_server("8.0.36", &[sums]);
    let body = exporter_with(&server, "perf_schema.eventsstatementssum", &[]).scrape(5.0).await;
    let name = "mysql_perf_schema_events_statements_sum";
    let value = |suffix: &str| body.value(&format!("{name}_{suffix}")).parse::<f64>().unwrap();
    assert!((value("timer_wait") - 83_505_516.706_205_59).abs() < 1e-6, "{}", body.0);
    assert!((value("lock_time") / 8.350_551_670_620_56e19 - 1.0).abs() < 1e-15, "{}", body.0);
    assert!((value("rows_sent") / 2_f64.powi(128) - 1.0).abs() < 1e-15, "{}", body.0);
    assert_eq!(body.success("perf_schema.eventsstatementssum"), "1");
}

#[tokio::test]
async fn names_that_become_one_are_one_sample() {
    let pair = |name, value| vec![Some(name), Some(value)];
    let rows = |first, second| {
        let rows = vec![pair(first, "8"), pair(second, "9"), pair("max_connections", "3")];
        Reply::Rows(vec!["Variable_name", "Value"], rows)
    };
    let variables = rows("validate_password.length", "validate_password_length");
    let status = rows("Rocksdb.bytes-read", "rocksdb_bytes_read");
    let replies = [("SHOW GLOBAL VARIABLES", variables), ("SHOW GLOBAL STATUS", status)];
    let server = fake_server("8.0.36", &replies);
    let body = fake_exporter(&server).scrape(5.0).await;
    for name in ["variables_validate_password_length", "status_rocksdb_bytes_read"] {
        let samples = body.0.matches(&format!("\nmysql_global_{name} ")).count();
        assert_eq!(samples, 1, "{name}: {}", body.0);
        assert_eq!(body.value(&format!("mysql_global_{name}")), "8");
    }
    assert_eq!(body.value("mysql_global_variables_max_connections"), "3");
    assert_eq!((body.success("global_variables"), body.success("global_status")), ("1", "1"));
}

#[tokio::test]
async fn digests_without_a_schema_are_shown_where_asked_for() {
    let columns = vec!["SCHEMA_NAME", "DIGEST", "DIGEST_TEXT", "COUNT_STAR", "SUM_TIMER_WAIT"];
    let row = |schema, digest, text| vec![schema, digest, text, Some("1"), Some("1000000000000")];
    let rows = vec![
        row(None, Some("d1"), Some("SELECT ?")),
        row(Some("shop"), Some("d2"), Some("SELECT * FROM t")),
        row(Some("crm"), Some("d2"), Some("SELECT * FROM t")),
        row(None, None, None),
    ];
    let digests = ("SELECT SCHEMA_NAME, ", Reply::Rows(columns, rows));
    let server = fake_server("8.0.36", &[digests]);
    let flag = "--collect.perf_schema.eventsstatements.without_schema";
    let exporter = exporter_with(&server, "perf_schema.eventsstatements", &[flag]);
    let body = exporter.scrape(5.0).await;
    for (schema, digest, text) in [
        ("NONE", "d1", "SELECT ?"),
        ("shop", "d2", "SELECT * FROM t"),
        ("crm", "d2", "SELECT * FROM t"),
        ("NONE", "", ""),
    ] {
        let labels = format!("schema=\"{schema}\",digest=\"{digest}\",digest_text=\"{text}\"");
        let name = format!("mysql_perf_schema_events_statements_total{{{labels}}}");
        assert_eq!(body.value(&name), "1");
    }
    assert_eq!(body.success("perf_schema.eventsstatements"), "1");
    let asked = |part| server.statements().iter().any(|statement| statement.contains(part));
    assert!(asked("(SCHEMA_NAME IS NULL OR SCHEMA_NAME NOT IN ("), "{:?}", server.statements());
}

#[tokio::test]
async fn what_a_server_lacks_is_looked_up_once_or_is_no_data() {
    let all = Reply::Error(1054, "Unknown column 'SUM_CPU_TIME' in 'field list'");
    let known = vec!["SCHEMA_NAME", "DIGEST", "DIGEST_TEXT", "COUNT_STAR", "SUM_TIMER_WAIT"];
    let row = vec![Some("s"), Some("d"), Some("t"), Some("2"), Some("0")];
    let server = fake_server(
        "10.11.6-MariaDB",
        &[
            ("SELECT SCHEMA_NAME, ", all),
            ("SELECT * FROM performance_schema.", Reply::Rows(known.clone(), Vec::new())),
            (
                "SELECT SCHEMA_NAME, DIGEST, LEFT(DIGEST_TEXT, 120) AS DIGEST_TEXT, COUNT_STAR, \
                 SUM_TIMER_WAIT FROM ",
                Reply::Rows(known, vec![row]),
            ),
            ("SELECT * FROM performance_schema.repl", Reply::Error(1146, "Table doesn't exist")),
        ],
    );
    let group = "--collect.perf_schema.replication_group_members";
    let exporter = exporter_with(&server, "perf_schema.eventsstatements", &[group]);
    for _ in 0..3 {
        let body = exporter.scrape(5.0).await;
        let labels = "schema=\"s\",digest=\"d\",digest_text=\"t\"";
        let name = |suffix| format!("mysql_perf_schema_events_statements_{suffix}{{{labels}}}");
        assert_eq!(body.value(&name("total")), "2");
        assert_eq!(body.value(&name("cpu_time_seconds_total")), "0");
        assert_eq!(body.success("perf_schema.eventsstatements"), "1");
        assert_eq!(body.success("perf_schema.replication_group_members"), "1");
        assert!(!body.0.contains("replication_group_member_info"), "{}", body.0);
    }
    let statements = server.statements();
    let count = |part: &str| statements.iter().filter(|text| text.contains(part)).count();
    assert_eq!((count("SUM_CPU_TIME"), count(" LIMIT 0")), (1, 1), "{statements:?}");
}

#[tokio::test]
async fn odd_cells_cost_no_other_and_never_the_answer() {
    let columns = vec!["EVENT_NAME", "COUNT_STAR", "SUM_TIMER_WAIT", "LATER"];
    let rows = vec![
        vec![Some("a"), Some("1"), Some("-2.5"), None],
        vec![Some("a"), Some("2"), Some("3"), None],
        vec![None, Some("many"), None, Some("x")],
        vec![Some("b\u{fffd}\"\n"), Some("18446744073709551616"), Some(""), None],
        vec![Some("c"), Some("1.5"), Some("1e12"), None],
    ];
    let waits = ("SELECT EVENT_NAME, COUNT_STAR, ", Reply::Rows(columns, rows));
    let server = fake_server("8.0.36", &[waits]);
    let body = exporter_with(&server, "perf_schema.eventswaits", &[]).scrape(5.0).await;
    let value = |name: &str, event: &str| {
        let series = format!("mysql_perf_schema_events_waits_{name}{{event_name=\"{event}\"}}");
        body.value(&series).parse::<f64>().unwrap()
    };
    for (name, event, expected) in [
        ("total", "a", 1.0),
        ("seconds_total", "a", -2.5e-12),
        ("total", "b\u{fffd}\\\"\\n", 18_446_744_073_709_551_616.0),
        ("total", "c", 1.5),
        ("seconds_total", "c", 1.0),
    ] {
        let found = value(name, event);
        assert!((found - expected).abs() <= expected.abs() * 1e-15, "{name} {event}: {found}");
    }
    assert_eq!(body.success("perf_schema.eventswaits"), "1");
    let malformed = "mysql_exporter_collector_malformed_total\
                     {collector=\"collect.perf_schema.eventswaits\"}";
    assert_eq!(body.value(malformed), "1");
}
