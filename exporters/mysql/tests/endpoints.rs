//! Servers that requests name, accounts that they choose, and files read again.

mod support;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use support::{Exporter, PASSWORD, Scraped, fake_exporter, fake_server, server};
use tests::TemporaryFolder;
use tests::fake_mysql::{FakeMysql, Reply};
use tests::log::Log;
use tests::process::{command, succeed};

/// A server that replicates nothing.
fn quiet() -> FakeMysql {
    fake_server("8.0.36", &[("SHOW SLAVE STATUS", Reply::Rows(vec!["a"], Vec::new()))])
}

/// An exporter with this option file, of which `[client]` is only what comes before a section.
fn exporter(file: &str) -> Exporter {
    Exporter::with_option_file(file, &["--web.max-requests=0"])
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_in_words() {
    let exporter = exporter("user=u\npassword=hunter2\n[bad]\nuser=u\nport=hunter2");
    for (path, expected) in [
        ("/probe", "the parameter target is missing"),
        ("/probe?target=", "the parameter target is missing"),
        ("/probe?auth_module=client", "the parameter target is missing"),
        ("/probe?target=http://db", "parameter target: expected host, host:port, [v6]:port or "),
        ("/probe?target=2001%3Adb8%3A%3A5", "parameter target: expected host"),
        ("/probe?target=u:hunter2@db:3306", "parameter target: expected host"),
        ("/probe?target=db:99999", "parameter target: expected host"),
        ("/probe?target=db&auth_module=none", "parameter auth_module: there is no section [none]"),
        ("/metrics?auth_module=none", "parameter auth_module: there is no section [none]"),
        ("/probe?target=db&auth_module=bad", "parameter auth_module: line 6: [bad] port is not a "),
        ("/probe?target=db&auth_module=DEFAULT", "parameter auth_module: there is no section"),
        ("/probe?target=db&collect[]=x", "parameter collect[]: no collector \"x\"; there are "),
        ("/metrics?collect%5B%5D=info", "parameter collect[]: no collector \"info\"; there are "),
    ] {
        let (status, body) = exporter.get(path).await;
        assert_eq!(status, 400, "{path}: {body}");
        assert!(body.starts_with(expected) && !body.contains("hunter2"), "{path}: {body}");
        assert_eq!(body.lines().count(), 1, "{body}");
    }
    let (_, body) = exporter.get("/metrics?collect[]=x").await;
    assert!(body.contains("global_status, global_variables"), "{body}");
}

#[tokio::test]
async fn a_probe_asks_the_server_that_it_names() {
    let server = quiet();
    let exporter = exporter("user=other\nport=1\n[client.a]\nuser=exporter\npassword=secret");
    for module in ["client.a", "client"] {
        let path = format!("/probe?target=127.0.0.1:{}&auth_module={module}", server.port);
        let body = exporter.scrape_path(&path, 5.0).await;
        assert_eq!((body.value("mysql_up"), body.success("global_status")), ("1", "1"));
        for own in ["build_info", "process_", "promhttp_"] {
            assert!(!body.0.contains(own), "{}", body.0);
        }
        let one = format!("{path}&collect[]=global_status");
        let body = exporter.scrape_path(&one, 5.0).await;
        assert!(body.0.contains("collector=\"collect.global_status\""), "{}", body.0);
        assert!(!body.0.contains("collector=\"collect.global_variables\""), "{}", body.0);
    }
    // The reference's metrics endpoint takes a target too, and overlooks the module.
    let path = format!("/metrics?target=127.0.0.1:{}&auth_module=client.a", server.port);
    let body = exporter.scrape_path(&path, 5.0).await;
    assert_eq!(body.value("mysql_up"), "1");
    assert!(body.0.contains("mysqld_exporter_build_info{"), "{}", body.0);
    assert_eq!(exporter.scrape(5.0).await.value("mysql_up"), "0");
}

#[tokio::test]
async fn without_a_client_section_only_modules_are_asked() {
    let log = Log::capture();
    let server = quiet();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("--mysqld.address={}", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    let exporter = Exporter::start_with_file("[client.a]\nuser=u\npassword=p\n", &[&address]);
    assert_eq!(exporter.scrape(5.0).await.value("mysql_up"), "0");
    assert!(log.text().contains("no user is configured"), "{}", log.text());
    assert!(listener.accept().is_err(), "nothing was sent");
    let path = format!("/probe?target=127.0.0.1:{}&auth_module=client.a", server.port);
    assert_eq!(exporter.scrape_path(&path, 5.0).await.value("mysql_up"), "1");
}

#[tokio::test]
async fn a_reload_takes_effect_at_once_and_a_broken_file_has_none() {
    let (first, second) = (quiet(), quiet());
    let lines =
        |port: u16| format!("[client]\nuser=u\npassword=hunter2\nhost=127.0.0.1\nport={port}\n");
    let exporter = Exporter::start_with_file(&lines(first.port), &[]);
    assert_eq!(exporter.scrape(5.0).await.value("mysql_up"), "1");
    exporter.write(&lines(second.port));
    assert_eq!(exporter.get("/-/reload").await, (200, "ok".into()));
    assert_eq!(exporter.scrape(5.0).await.value("mysql_up"), "1");
    assert!(!second.statements().is_empty());
    let asked = first.statements().len();
    for (broken, reason) in [
        ("[client\npassword=hunter2", "line 1: a section header that does not end in ]"),
        ("[client]\npassword=hunter2\nport=hunter2", "line 3: [client] port is not a number"),
    ] {
        exporter.write(broken);
        let (status, body) = exporter.get("/-/reload").await;
        assert_eq!(status, 500, "{body}");
        assert!(body.contains(reason) && body.contains("my.cnf: "), "{body}");
        assert!(!body.contains("hunter2"), "{body}");
        assert_eq!(exporter.scrape(5.0).await.value("mysql_up"), "1");
    }
    assert_eq!(first.statements().len(), asked);
}

#[tokio::test]
async fn of_two_hundred_targets_none_delays_another() {
    const EACH: usize = 100;
    let servers: Vec<_> = (0..EACH).map(|_| quiet()).collect();
    let silent: Vec<_> = (0..EACH / 2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let dead: Vec<u16> =
        silent.iter().map(|silent| silent.local_addr().unwrap().port() ^ 1).collect();
    let exporter = exporter("user=exporter\npassword=secret");
    let scrape = async |port: u16| {
        let started = Instant::now();
        let path = format!("/probe?target=127.0.0.1:{port}");
        let body: Scraped = exporter.scrape_path(&path, 20.25).await;
        (body.value("mysql_up") == "1", started.elapsed())
    };
    let hanging = silent.iter().map(|silent| silent.local_addr().unwrap().port());
    let hanging: Vec<_> = hanging.collect();
    // Closed ports may be somebody else's by now: what they answer does not matter.
    let others = join_all(dead.into_iter().map(scrape));
    let hanging =
        tokio::time::timeout(Duration::from_secs(15), join_all(hanging.into_iter().map(scrape)));
    let good = async {
        for _ in 0..3 {
            for (is_up, elapsed) in join_all(servers.iter().map(|server| scrape(server.port))).await
            {
                assert!(is_up && elapsed < Duration::from_secs(10), "{is_up} {elapsed:?}");
            }
        }
    };
    let (hanging, _, ()) = tokio::join!(hanging, others, good);
    assert!(hanging.is_err(), "they hang until the deadline");
    for server in &servers {
        let versions = server.statements();
        let settings =
            versions.iter().filter(|statement| statement.starts_with("SET wait_timeout"));
        assert!(settings.count() <= 2, "connections are kept: {versions:?}");
    }
}

#[tokio::test]
async fn a_kept_server_is_logged_by_its_own_state() {
    let log = Log::capture();
    let (server, exporter) = (quiet(), exporter("user=exporter\npassword=secret"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = listener.local_addr().unwrap().port();
    drop(listener);
    for _ in 0..3 {
        for port in [server.port, dead] {
            exporter.scrape_path(&format!("/probe?target=127.0.0.1:{port}"), 5.0).await;
        }
    }
    assert_eq!(log.count("server is down"), 1, "{}", log.text());
    assert!(log.text().contains(&format!("server=\"127.0.0.1:{dead}\"")), "{}", log.text());
    assert_eq!(log.count("server is up again"), 0, "{}", log.text());
    drop(fake_exporter(&server));
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn a_socket_is_a_target() {
    let server = server(&[]);
    let exporter = exporter(&format!("user=exporter\npassword={PASSWORD}"));
    let path = format!("/probe?target=unix://{}", server.socket().display());
    let body = exporter.scrape_path(&path, 10.0).await;
    assert_eq!((body.value("mysql_up"), body.success("global_status")), ("1", "1"));
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn a_changed_password_costs_no_scrape() {
    let log = Log::capture();
    let server = server(&[]);
    let exporter = Exporter::of(&server, &[]);
    assert_eq!(exporter.scrape(10.0).await.value("mysql_up"), "1");
    for password in ["new", "newer"] {
        server.sql(&format!("ALTER USER exporter@localhost IDENTIFIED BY '{password}'")).unwrap();
        exporter.write(&format!("[client]\nuser=exporter\npassword={password}\n"));
        // As after ten minutes, or when the server closes connections.
        let kill = "SELECT GROUP_CONCAT('KILL ', ID SEPARATOR '; ') \
                    FROM information_schema.processlist WHERE USER = 'exporter'";
        let kill = server.sql(kill).unwrap();
        server.sql(kill.trim()).unwrap();
        assert_eq!(exporter.scrape(10.0).await.value("mysql_up"), "1", "{}", log.text());
    }
    exporter.write("[client]\nuser=exporter\npassword=wrong\n");
    assert_eq!(exporter.get("/-/reload").await.0, 200);
    assert_eq!(exporter.scrape(10.0).await.value("mysql_up"), "0");
    assert!(log.text().contains("Access denied for user"), "{}", log.text());
    exporter.write("[client]\nuser=exporter\npassword=newer\n");
    assert_eq!(exporter.scrape(10.0).await.value("mysql_up"), "1");
}

const QUERIES: &str = "
queries:
  - name: shop
    statement: SELECT 4 AS n
    columns: {n: {type: gauge, help: N.}}
";

#[tokio::test]
async fn queries_are_read_again_and_a_broken_file_changes_nothing() {
    let log = Log::capture();
    let rows = Reply::Rows(vec!["n", "m"], vec![vec![Some("4"), Some("5")]]);
    let (server, other) = (
        fake_server("8.0.36", &[("SELECT", rows.clone())]),
        fake_server("8.0.36", &[("SELECT", rows)]),
    );
    let folder = TemporaryFolder::new("mysql-exporter").unwrap();
    let file = folder.path().join("queries.yml");
    std::fs::write(&file, QUERIES).unwrap();
    let flag = format!("--collect.custom_query.file={}", file.display());
    let client = format!("user=exporter\npassword=secret\nhost=127.0.0.1\nport={}", server.port);
    let exporter = Exporter::with_option_file(&client, &[&flag]);
    let probe = async |server: &FakeMysql| {
        let path = format!("/probe?target=127.0.0.1:{}&collect[]=custom_query", server.port);
        exporter.scrape_path(&path, 5.0).await
    };
    assert_eq!(probe(&server).await.value("shop_n"), "4");
    std::fs::write(&file, QUERIES.replace("{n:", "{m:")).unwrap();
    assert_eq!(probe(&server).await.value("shop_n"), "4");
    assert_eq!(exporter.get("/-/reload").await, (200, "ok".into()));
    assert_eq!(probe(&server).await.value("shop_m"), "5");
    let oversized = "#".repeat(1024 * 1024 + 1);
    for (broken, reason) in [
        ("queries: [{name: shop, hunter2: 1}]", "queries.yml: "),
        ("queries: []", "queries.yml: there is no query"),
        (&QUERIES.replace("SELECT", "DELETE"), "query shop: the statement"),
        (&oversized, "queries.yml: larger than 1048576 bytes"),
    ] {
        std::fs::write(&file, broken).unwrap();
        let (status, body) = exporter.get("/-/reload").await;
        assert_eq!(status, 500, "{body}");
        assert!(body.starts_with("--collect.custom_query.file: /"), "{body}");
        assert!(body.contains(reason), "{body}");
        assert_eq!(probe(&server).await.value("shop_m"), "5");
        // A target that is new since then has them too.
        assert_eq!(probe(&other).await.value("shop_m"), "5");
    }
    assert_eq!(log.count("the queries stay as they were"), 4, "{}", log.text());
    std::fs::remove_file(&file).unwrap();
    assert_eq!(exporter.get("/-/reload").await.0, 500);
    std::fs::write(&file, QUERIES).unwrap();
    exporter.write("[client\n");
    let (status, body) = exporter.get("/-/reload").await;
    assert!(status == 500 && body.contains("my.cnf: line 1"), "{body}");
    assert_eq!(probe(&server).await.value("shop_n"), "4", "one file costs no other");
}

#[tokio::test]
async fn a_collector_that_fails_is_logged_with_its_server() {
    let log = Log::capture();
    let failing = || fake_server("8.0.36", &[("SHOW GLOBAL STATUS", Reply::Error(1105, "odd"))]);
    let (first, second, exporter) = (failing(), failing(), exporter("user=u\npassword=p"));
    for _ in 0..2 {
        for port in [first.port, second.port] {
            let path = format!("/probe?target=127.0.0.1:{port}&collect[]=global_status");
            assert_eq!(exporter.scrape_path(&path, 5.0).await.success("global_status"), "0");
        }
    }
    for port in [first.port, second.port] {
        let line = format!(
            "collector failed collector=\"collect.global_status\" server=\"127.0.0.1:{port}\""
        );
        assert_eq!(log.count(&line), 1, "{}", log.text());
    }
}

#[tokio::test]
async fn a_reload_that_hangs_is_given_up() {
    let folder = TemporaryFolder::new("mysql-exporter").unwrap();
    let file = folder.path().join("queries.yml");
    std::fs::write(&file, QUERIES).unwrap();
    let flag = format!("--collect.custom_query.file={}", file.display());
    let exporter = Exporter::with_option_file("user=u\npassword=p", &[&flag]);
    std::fs::remove_file(&file).unwrap();
    // Nobody writes into it, so that opening it does not return.
    succeed(command("mkfifo").arg(&file)).unwrap();
    let reload = || exporter.get("/-/reload");
    let (first, second) = tokio::join!(reload(), reload());
    for (status, body) in [first, second] {
        assert_eq!((status, body.as_str()), (500, "the files could not be read in time\n"));
    }
    // Ends the thread that waits.
    drop(std::fs::OpenOptions::new().write(true).open(&file).unwrap());
}
