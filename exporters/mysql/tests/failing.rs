//! Servers that fail in ways that no real one does on request.

mod support;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use support::{Exporter, eventually, fake_exporter, fake_server, numbers};
use tests::fake_mysql::{FakeMysql, Reply, Welcome};
use tests::log::Log;

#[tokio::test]
async fn a_server_that_lets_nobody_in_is_down_in_its_own_words() {
    for (welcome, expected) in [
        (Welcome::Refused(1040, "Too many connections"), "Too many connections (error 1040)"),
        (Welcome::Refused(1129, "Host '::1' is blocked"), "Host '::1' is blocked (error 1129)"),
        (Welcome::Refused(1130, "Host 'a' is not allowed to connect"), "is not allowed to connect"),
        (Welcome::Denied(1820, "You must SET PASSWORD"), "You must SET PASSWORD (error 1820)"),
        (Welcome::Denied(1045, "Access denied for user 'exporter'"), "Access denied for user"),
        (Welcome::Denied(4151, "Access denied, this account is locked"), "account is locked"),
        (Welcome::Denied(1203, "too many active connections"), "too many active connections"),
        (Welcome::Plugin("dialog"), "dialog"),
        (Welcome::Plugin("auth_gssapi_client"), "auth_gssapi_client"),
        (Welcome::Plugin("mysql_old_password"), "mysql_old_password"),
        (Welcome::Plugin("authentication_openid_connect_client"), "authentication_openid_connect"),
        (Welcome::Plugin("mysql_clear_password"), "mysql_clear_password"),
    ] {
        let log = Log::capture();
        let server = FakeMysql::unwelcoming(welcome).unwrap();
        let exporter = fake_exporter(&server);
        for _ in 0..3 {
            let body = exporter.scrape(5.0).await;
            assert_eq!(body.value("mysql_up"), "0");
            assert!(!body.0.contains("mysql_exporter_collector"), "{}", body.0);
        }
        let log = log.text();
        assert_eq!(log.matches("server is down").count(), 1, "{log}");
        assert!(log.contains(expected) && !log.contains("secret"), "{log}");
        assert!(server.statements().is_empty(), "{:?}", server.statements());
    }
}

#[tokio::test]
async fn a_server_is_up_whatever_it_calls_itself() {
    let slaves = ("SHOW SLAVE STATUS", Reply::Rows(vec!["a"], Vec::new()));
    for version in ["8.0", "12-MariaDB", "", "PolarDB", "5.5.5-10.6.1-MariaDB", "8.0.11-TiDB-v7"] {
        let log = Log::capture();
        let all = ("SHOW ALL SLAVES STATUS", Reply::Rows(vec!["a"], Vec::new()));
        let server = fake_server(version, &[slaves.clone(), all]);
        let exporter = fake_exporter(&server);
        for _ in 0..2 {
            let body = exporter.scrape(5.0).await;
            assert_eq!((body.value("mysql_up"), body.success("global_status")), ("1", "1"));
        }
        let is_odd = !version.starts_with(|c: char| c.is_ascii_digit());
        assert_eq!(log.count("the version has no number"), usize::from(is_odd), "{version}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let lying_cell =
        b"\x01\0\0\x01\x01\x16\0\0\x02\x03def\0\0\0\x01c\0\x0c\x21\0\0\x04\0\0\xfd\0\0\0\0\0\
        \x05\0\0\x03\xfe\0\0\x02\0\x05\0\0\x04\xfdab\xff\xff";
    for reply in [
        Reply::Cut("1"),
        Reply::Aborted("1", 1969, "Query execution was interrupted (max_statement_time exceeded)"),
        Reply::Aborted("1", 1317, "Query execution was interrupted"),
        // Lengths that are not true: of a packet, of a row's cell, of the number of columns.
        Reply::Raw(b"\xff\0\0\x01\x01"),
        Reply::Raw(b"\xff\xff\xff\x01\x01"),
        Reply::Raw(lying_cell),
        Reply::Raw(b"\x09\0\0\x01\xfe\xff\xff\xff\xff\xff\xff\xff\xff"),
        Reply::Raw(b"\0\0\0\x01"),
        Reply::Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        Reply::Raw(b""),
    ] {
        let log = Log::capture();
        let server = fake_server("8.0.36", &[("SHOW GLOBAL STATUS", reply.clone())]);
        let exporter = fake_exporter(&server);
        for _ in 0..2 {
            let started = Instant::now();
            let body = exporter.scrape(3.0).await;
            assert!(started.elapsed() < Duration::from_secs(3), "{reply:?}");
            assert_eq!(body.value("mysql_up"), "1", "{reply:?}");
            assert_eq!(body.success("global_status"), "0", "{reply:?}");
            assert_eq!(body.success("global_variables"), "1", "{reply:?}: {}", log.text());
            assert!(!body.0.contains("mysql_global_status"), "{reply:?}: {}", body.0);
        }
        assert_eq!(log.count("collect.global_status"), 1, "{reply:?}: {}", log.text());
    }
}

#[tokio::test]
async fn an_answer_without_end_costs_its_collector_only() {
    let log = Log::capture();
    let many = Reply::Many("a_row_of_some_length_that_is_sent_again_and_again", 1_000_000);
    let server = fake_server("8.0.36", &[("SHOW GLOBAL STATUS", many)]);
    let exporter = fake_exporter(&server);
    let body = exporter.scrape(10.0).await;
    assert_eq!((body.success("global_status"), body.success("global_variables")), ("0", "1"));
    assert!(log.text().contains("the answer has too many rows"), "{}", log.text());
    // The rest of it is not waited for; the server is told.
    eventually("KILL", async || {
        server.statements().iter().any(|statement| statement == "KILL QUERY 7").then_some(())
    })
    .await;
}

/// A server that never answers one statement.
fn hanging() -> FakeMysql {
    fake_server("8.0.36", &[("SHOW SLAVE STATUS", Reply::Silence), ("KILL QUERY", Reply::Done)])
}

/// How many statements ran at once at most, as far as the order of statements shows it.
fn most_at_once(statements: &[String]) -> usize {
    let (mut running, mut most) = (0_usize, 0);
    for statement in statements {
        match statement.as_str() {
            "SHOW SLAVE STATUS" => running += 1,
            "KILL QUERY 7" => running = running.saturating_sub(1),
            _ => {}
        }
        most = most.max(running);
    }
    most
}

#[tokio::test]
async fn a_statement_that_hangs_is_ended_on_the_server() {
    let server = hanging();
    let exporter = fake_exporter(&server);
    for _ in 0..3 {
        let started = Instant::now();
        let body = exporter.scrape(2.0).await;
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        assert_eq!(body.value("mysql_up"), "1");
        assert_eq!(body.success("slave_status"), "0");
        assert_eq!((body.success("global_status"), body.success("global_variables")), ("1", "1"));
    }
    eventually("three times", async || {
        let statements = server.statements();
        let count = |wanted: &str| statements.iter().filter(|other| *other == wanted).count();
        let counts = (count("SHOW SLAVE STATUS"), count("KILL QUERY 7"));
        (counts == (3, 3)).then_some(())
    })
    .await;
    assert_eq!(most_at_once(&server.statements()), 1, "{:?}", server.statements());
}

#[tokio::test]
async fn scrapes_at_once_do_not_pile_up_a_statement_that_hangs() {
    let server = hanging();
    let exporter = fake_exporter(&server);
    // Each asks for something else, so that none takes the answer of another.
    let paths: Vec<_> = (0..4).map(|number| format!("/metrics?number={number}")).collect();
    for body in join_all(paths.iter().map(|path| exporter.scrape_path(path, 3.0))).await {
        assert_eq!((body.value("mysql_up"), body.success("slave_status")), ("1", "0"));
        assert_eq!((body.success("global_status"), body.success("global_variables")), ("1", "1"));
    }
    assert_eq!(most_at_once(&server.statements()), 1, "{:?}", server.statements());
}

#[tokio::test]
async fn with_one_connection_a_hanging_statement_is_ended_too() {
    let server = hanging();
    let exporter = fake_exporter_with(&server, &["--exporter.max_open_connections=1"]);
    for _ in 0..2 {
        let body = exporter.scrape(2.0).await;
        assert_eq!(body.value("mysql_up"), "1");
        assert_eq!((body.success("global_status"), body.success("slave_status")), ("1", "0"));
    }
    assert_eq!(most_at_once(&server.statements()), 1, "{:?}", server.statements());
}

fn fake_exporter_with(server: &FakeMysql, arguments: &[&str]) -> Exporter {
    let address = format!("127.0.0.1:{}", server.port);
    Exporter::start(address, "user=exporter\npassword=secret", arguments)
}

#[tokio::test]
async fn a_server_that_hangs_at_the_version_is_down_at_the_deadline() {
    let hanging = fake_server("8.0.36", &[("SELECT @@version", Reply::Silence)]);
    let exporter = fake_exporter(&hanging);
    let body = exporter.scrape(1.0).await;
    assert_eq!(body.value("mysql_up"), "0");
    let quick = fake_exporter_with(&hanging, &["--exporter.query_timeout=1"]);
    let started = Instant::now();
    assert_eq!(quick.scrape(30.0).await.value("mysql_up"), "0");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_refused_version_is_a_server_that_is_down() {
    let log = Log::capture();
    let refusal = Reply::Error(1820, "You must reset your password using ALTER USER");
    let server = fake_server("8.0.36", &[("SELECT @@version", refusal)]);
    assert_eq!(fake_exporter(&server).scrape(5.0).await.value("mysql_up"), "0");
    assert!(log.text().contains("You must reset your password"), "{}", log.text());
    // One that says something else than a version is up all the same.
    let odd = fake_server("8.0.36", &[("SELECT @@version", numbers("a"))]);
    assert_eq!(fake_exporter(&odd).scrape(5.0).await.value("mysql_up"), "1");
}
