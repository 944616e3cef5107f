//! The command `check`: what it says of servers, and that its grants suffice and are the least.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use common::check::{Report, Verdict};
use common::commands::{Program as _, parse};
use mysql_exporter::MysqlExporter;
use mysql_exporter::collectors::COLLECTORS;
use support::{PASSWORD, option_file, server};
use tests::fake_mysql::{FakeMysql, Reply};
use tests::{TemporaryFolder, free_port};

/// What `check` prints for the account `exporter` of the server on `port`.
async fn check(port: u16, password: &str, flags: &[&str]) -> Report {
    let address = format!("--mysqld.address=127.0.0.1:{port}");
    let (_folder, file) = option_file(&format!("user=exporter\npassword={password}"));
    let arguments = ["mysql-exporter", &address, &file];
    let arguments = arguments.iter().chain(flags).copied().map(Into::into);
    let matches = parse::<MysqlExporter>(arguments).unwrap();
    let check = MysqlExporter::CHECK.unwrap()(&matches).unwrap();
    check.check(Instant::now() + Duration::from_secs(10)).await.unwrap()
}

/// What `check` says of `subject`.
#[track_caller]
fn verdict<'r>(report: &'r Report, subject: &str) -> &'r Verdict {
    let found = report.findings.iter().find(|finding| finding.subject == subject);
    &found.unwrap_or_else(|| panic!("no {subject}\n{report}")).verdict
}

/// A query that needs no privilege.
const QUERIES: &str = "
queries:
  - name: one
    statement: SELECT 1 AS n
    columns:
      n: {type: gauge, help: One.}
";

/// Switches that turn on every collector, and a folder with the files that they need.
fn every_collector() -> (TemporaryFolder, Vec<String>) {
    let folder = TemporaryFolder::new("mysql-exporter").unwrap();
    let file = folder.path().join("queries.yml");
    std::fs::write(&file, QUERIES).unwrap();
    let switches = COLLECTORS.iter().map(|entry| format!("--collect.{}", entry.name));
    let file = format!("--collect.custom_query.file={}", file.display());
    let switches = switches.chain([file]).collect();
    (folder, switches)
}

/// The statements.
fn grants(report: &Report) -> Vec<&str> {
    report.advice.iter().map(String::as_str).filter(|line| line.starts_with("GRANT ")).collect()
}

/// A server of this version at which the account has no privilege.
fn fake(version: &'static str) -> FakeMysql {
    let row = |column, text| Reply::Rows(vec![column], vec![vec![Some(text)]]);
    let none = || Reply::Rows(vec!["Variable_name", "Value"], Vec::new());
    let denied = || Reply::Error(1227, "Access denied; you need some privilege");
    let replies = vec![
        ("SELECT CURRENT_USER()", row("CURRENT_USER()", "exporter@localhost")),
        ("SHOW GRANTS", row("Grants", "GRANT USAGE ON *.* TO `exporter`@`localhost`")),
        ("SHOW GLOBAL", none()),
        ("SHOW ", denied()),
    ];
    FakeMysql::start(version, replies).unwrap()
}

#[tokio::test]
async fn every_collector_tells_what_it_needs() {
    let (_folder, switches) = every_collector();
    let switches: Vec<&str> = switches.iter().map(String::as_str).collect();
    for version in ["10.11.6-MariaDB", "8.4.0"] {
        let report = check(fake(version).port, "x", &switches).await;
        for entry in COLLECTORS {
            let text = verdict(&report, entry.name).to_string();
            assert!(!text.contains("does not tell what it needs"), "{}: {text}", entry.name);
        }
    }
}

/// The README's examples: what lines are for, and a version.
const EXAMPLES: &[(&str, &str)] = &[
    ("MariaDB 10.5.9 and later", "10.11.6-MariaDB"),
    ("MariaDB 10.5.2 to 10.5.8", "10.5.8-MariaDB"),
    ("older MariaDB", "10.4.34-MariaDB"),
    ("MySQL", "8.4.0"),
];

#[tokio::test]
async fn the_readme_has_what_is_printed() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let mut expected = String::new();
    for (what, version) in EXAMPLES {
        let report = check(fake(version).port, "x", &[]).await;
        expected += &format!("-- {what}\n{}\n", grants(&report).join("\n"));
    }
    assert!(readme.contains(&format!("```sql\n{expected}```\n")), "it should have\n{expected}");
}

#[tokio::test]
async fn what_is_denied_is_told_by_the_privileges_name() {
    for (version, lacks) in [
        ("10.11.6-MariaDB", "DENIED: lacks SLAVE MONITOR ON *.*"),
        ("10.5.8-MariaDB", "DENIED: lacks REPLICATION SLAVE ADMIN ON *.*"),
        ("8.0.36", "DENIED: lacks REPLICATION CLIENT ON *.*"),
    ] {
        let report = check(fake(version).port, "x", &[]).await;
        assert_eq!(verdict(&report, "slave_status").to_string(), lacks);
        assert_eq!(*verdict(&report, "global_status"), Verdict::Works);
        assert!(!report.all_works(), "{report}");
    }
    let harmless =
        ["--collector.disable-defaults", "--collect.global_status", "--collect.global_variables"];
    let without = check(fake("8.0.36").port, "x", &harmless).await;
    assert_eq!(without.advice, ["exporter@localhost needs no privilege for this."]);
    assert!(without.all_works(), "{without}");
}

#[tokio::test]
async fn a_server_that_is_down_is_told_as_in_a_scrape() {
    let report = check(free_port().unwrap(), "hunter2", &[]).await;
    let text = report.to_string();
    assert!(text.contains("connection  FAILED: cannot connect: "), "{text}");
    assert!(!report.all_works() && !text.contains("hunter"), "{text}");
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn the_grants_for_the_defaults_are_the_least() {
    let server = server(&[]);
    let wrong = check(server.port, "hunter2", &[]).await.to_string();
    assert!(wrong.contains("FAILED: ") && wrong.contains("Access denied for user"), "{wrong}");
    assert!(!wrong.contains("hunter"), "{wrong}");
    let before = check(server.port, PASSWORD, &[]).await;
    let version = server.variable("VARIABLES", "version").unwrap();
    let (version, _) = version.split_once('-').unwrap();
    let start =
        format!("127.0.0.1:{}: MariaDB {version}, logged in as exporter@localhost", server.port);
    assert_eq!(before.server, start);
    assert_eq!(verdict(&before, "slave_status").to_string(), "DENIED: lacks SLAVE MONITOR ON *.*");
    let least = grants(&before);
    assert_eq!(least, ["GRANT PROCESS, SLAVE MONITOR ON *.* TO 'exporter'@'localhost';"]);
    for statement in &least {
        server.sql(statement).unwrap();
    }
    let after = check(server.port, PASSWORD, &[]).await;
    assert!(after.all_works(), "{after}");
    assert_eq!(after.advice, before.advice);
    assert!(!after.to_string().contains(PASSWORD), "{after}");
    for statement in &least {
        let revoke = statement.replace("GRANT ", "REVOKE ").replace(" TO ", " FROM ");
        server.sql(&revoke).unwrap();
        let without = check(server.port, PASSWORD, &[]).await;
        assert!(!without.all_works(), "{statement} can be spared");
        server.sql(statement).unwrap();
    }
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn the_grants_for_every_collector_suffice_and_none_can_be_spared() {
    let server = server(&["--log-bin", "--performance-schema"]);
    server
        .sql(
            "CREATE DATABASE heartbeat; CREATE TABLE heartbeat.heartbeat \
             (ts VARCHAR(26) NOT NULL, server_id INT UNSIGNED NOT NULL PRIMARY KEY)",
        )
        .unwrap();
    let (_folder, switches) = every_collector();
    let switches: Vec<&str> = switches.iter().map(String::as_str).collect();
    let before = check(server.port, PASSWORD, &switches).await;
    let least = grants(&before);
    assert!(least.iter().any(|grant| grant.contains("BINLOG MONITOR, PROCESS, ")), "{least:#?}");
    for statement in &least {
        server.sql(statement).unwrap();
    }
    let after = check(server.port, PASSWORD, &switches).await;
    assert!(after.all_works(), "{after}");
    // Each privilege alone, of every statement.
    for statement in &least {
        let (privileges, rest) = statement["GRANT ".len()..].split_once(" ON ").unwrap();
        let revoked = rest.replace(" TO ", " FROM ");
        for privilege in privileges.split(", ") {
            server.sql(&format!("REVOKE {privilege} ON {revoked}")).unwrap();
            let without = check(server.port, PASSWORD, &switches).await;
            assert!(!without.all_works(), "{privilege} of {statement} can be spared");
            server.sql(statement).unwrap();
        }
    }
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn a_role_gives_what_the_account_lacks() {
    let server = server(&[]);
    server
        .sql(
            "CREATE ROLE watcher; GRANT PROCESS, SLAVE MONITOR ON *.* TO watcher; \
             GRANT watcher TO exporter@localhost; \
             SET DEFAULT ROLE watcher FOR exporter@localhost",
        )
        .unwrap();
    let report = check(server.port, PASSWORD, &[]).await;
    assert!(report.all_works(), "{report}");
}
