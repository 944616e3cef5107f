//! TLS to a real server, with certificates made for the test.

#![expect(clippy::unwrap_used, reason = "part of the tests")]

mod support;

use std::path::Path;

use support::{Exporter, PASSWORD, server};
use tests::TemporaryFolder;
use tests::log::Log;
use tests::mariadb::MariaDb;
use tests::process::{command, succeed};

/// An authority, a server's certificate for `db.example`, a client's, and another authority.
fn certificates(folder: &Path) {
    let script = r#"
curve="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
for name in ca other; do
    openssl req -x509 $curve -days 1 -subj "/CN=$name" -keyout $name.key -out $name.pem
done
for name in server client; do
    openssl req $curve -subj "/CN=$name" -keyout "$name.key" -out "$name.csr"
    printf 'subjectAltName=DNS:db.example\n' >"$name.ext"
    openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 \
        -extfile "$name.ext" -out "$name.pem"
done"#;
    succeed(command("sh").args(["-ec", script]).current_dir(folder)).unwrap();
}

/// A server with TLS, and the folder of the certificates.
fn secure(options: &[&str]) -> (MariaDb, TemporaryFolder) {
    let folder = TemporaryFolder::new("mysql-tls").unwrap();
    certificates(folder.path());
    let path = folder.path().display();
    let files = ["ca=ca", "cert=server", "key=server"].map(|pair| {
        let (kind, name) = pair.split_once('=').unwrap();
        let extension = if kind == "key" { "key" } else { "pem" };
        format!("--ssl-{kind}={path}/{name}.{extension}")
    });
    let files = files.iter().map(String::as_str);
    (server(&files.chain(options.iter().copied()).collect::<Vec<_>>()), folder)
}

/// Whether the server is up, whether it has ever spoken TLS, and the log.
async fn scrape(server: &MariaDb, lines: &str, flags: &[&str]) -> (bool, bool, String) {
    let log = Log::capture();
    let client = format!("user=exporter\npassword={PASSWORD}\n{lines}");
    let exporter = Exporter::start(format_args!("127.0.0.1:{}", server.port), &client, flags);
    let body = exporter.scrape(10.0).await;
    let is_up = body.value("mysql_up") == "1";
    let finished: u64 = server.variable("STATUS", "Ssl_finished_accepts").unwrap().parse().unwrap();
    (is_up, finished > 0, log.text())
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn a_server_is_read_by_tls_and_failures_name_their_cause() {
    let (server, folder) = secure(&[]);
    let path = folder.path().display();
    let count = || server.variable("STATUS", "Ssl_finished_accepts").unwrap();
    for (lines, is_up, reason) in [
        // The certificate is for db.example, the address 127.0.0.1.
        (
            "ssl-ca=CA".to_owned(),
            false,
            "the certificate is not valid for name: set tls-server-name",
        ),
        ("ssl-ca=CA\ntls-server-name=db.example".into(), true, ""),
        ("ssl-ca=CA\ntls-server-name=db.example\ntls-min-version=TLSv1.3".into(), true, ""),
        ("ssl-ca=OTHER\ntls-server-name=db.example".into(), false, "unknown issuer: set ssl-ca"),
        ("tls=true".into(), false, "unknown issuer: set ssl-ca"),
        ("tls=skip-verify".into(), true, ""),
        ("ssl-skip-verfication=true".into(), true, ""),
        ("tls=preferred".into(), true, ""),
        ("ssl-mode=REQUIRED".into(), true, ""),
        ("ssl-mode=VERIFY_CA\nssl-ca=CA".into(), true, ""),
        ("ssl-mode=VERIFY_CA\nssl-ca=OTHER".into(), false, "unknown issuer"),
        ("ssl-mode=VERIFY_IDENTITY\nssl-ca=CA".into(), false, "not valid for name"),
        (
            "ssl-ca=/nonexistent.pem".into(),
            false,
            "ssl-ca /nonexistent.pem: cannot be read: No such",
        ),
        (format!("ssl-ca={path}/server.key"), false, "server.key: no certificate in PEM"),
        (
            format!("tls=skip-verify\nssl-cert={path}/client.pem\nssl-key={path}/client.pem"),
            false,
            "client.pem: no private key in PEM",
        ),
    ] {
        let lines = lines
            .replace("OTHER", &format!("{path}/other.pem"))
            .replace("=CA", &format!("={path}/ca.pem"));
        let before = count();
        let (was_up, _, log) = scrape(&server, &lines, &[]).await;
        assert_eq!(was_up, is_up, "{lines}: {log}");
        assert!(log.contains(reason), "{lines}: {log}");
        assert!(!is_up || count() != before, "{lines}: not encrypted");
    }
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn an_account_may_require_tls_or_a_certificate() {
    let (server, folder) = secure(&[]);
    let path = folder.path().display();
    server.sql("ALTER USER exporter@localhost REQUIRE SSL").unwrap();
    assert!(!scrape(&server, "", &[]).await.0);
    assert!(scrape(&server, "", &["--tls.insecure-skip-verify"]).await.0);
    server.sql("ALTER USER exporter@localhost REQUIRE X509").unwrap();
    assert!(!scrape(&server, "ssl-mode=REQUIRED", &[]).await.0);
    let pair = format!("ssl-cert={path}/client.pem\nssl-key={path}/client.key");
    for lines in ["", "ssl-skip-verfication=true", "ssl-mode=VERIFY_CA\nssl_ca=CA"] {
        let lines = format!("{lines}\n{pair}").replace("=CA", &format!("={path}/ca.pem"));
        let (is_up, _, log) = scrape(&server, &lines, &[]).await;
        assert!(is_up, "{lines}: {log}");
    }
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn a_version_that_is_too_old_and_a_server_without_tls_are_told() {
    let (old, _folder) = secure(&["--tls-version=TLSv1.2"]);
    let (is_up, _, log) = scrape(&old, "tls=skip-verify", &[]).await;
    assert!(is_up, "{log}");
    let flags = ["--tls.insecure-skip-verify"];
    let (is_up, _, log) = scrape(&old, "tls-min-version=TLSv1.3", &flags).await;
    assert!(!is_up && log.contains("the server speaks \"TLSv1.2\": see tls-min-version"), "{log}");
    let plain = server(&["--skip-ssl"]);
    let (is_up, _, log) = scrape(&plain, "tls=skip-verify", &[]).await;
    assert!(!is_up && log.contains("TLS: the server offers none"), "{log}");
    for lines in ["tls=preferred", "ssl-mode=PREFERRED"] {
        let (is_up, is_encrypted, log) = scrape(&plain, lines, &[]).await;
        assert!(is_up && !is_encrypted, "{log}");
    }
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn a_renewed_authority_is_read_at_the_next_login() {
    let (server, folder) = secure(&[]);
    let path = folder.path().display();
    std::fs::copy(folder.path().join("other.pem"), folder.path().join("trusted.pem")).unwrap();
    let client = format!(
        "user=exporter\npassword={PASSWORD}\nssl-ca={path}/trusted.pem\ntls-server-name=db.example"
    );
    let exporter = Exporter::start(format_args!("127.0.0.1:{}", server.port), &client, &[]);
    assert_eq!(exporter.scrape(10.0).await.value("mysql_up"), "0");
    std::fs::copy(folder.path().join("ca.pem"), folder.path().join("trusted.pem")).unwrap();
    assert_eq!(exporter.scrape(10.0).await.value("mysql_up"), "1");
}
