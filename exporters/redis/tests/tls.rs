//! TLS to a real server, with certificates made for the test.

#![expect(clippy::unwrap_used, reason = "part of the tests")]

mod support;

use std::path::Path;

use support::{assert_line, start};
use tests::process::{command, succeed};
use tests::redis::Redis;
use tests::{TemporaryFolder, free_port};

/// An authority, a server's certificate and a client's, all of a day.
fn certificates(folder: &Path) {
    let script = r#"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=authority \
    -keyout ca.key -out ca.pem
for name in server client; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name" \
        -keyout "$name.key" -out "$name.csr"
    printf 'subjectAltName=DNS:localhost,DNS:%s.example\n' "$name" >"$name.ext"
    openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 \
        -extfile "$name.ext" -out "$name.pem"
done"#;
    succeed(command("sh").args(["-ec", script]).current_dir(folder)).unwrap();
}

struct Server {
    _redis: Redis,
    plain_port: u16,
    tls_port: u16,
    folder: TemporaryFolder,
}

impl Server {
    fn start(wants_client: bool, settings: &str) -> Self {
        let folder = TemporaryFolder::new("redis-tls").unwrap();
        certificates(folder.path());
        let tls_port = free_port().unwrap();
        let (path, clients) = (folder.path().display(), if wants_client { "yes" } else { "no" });
        let redis = Redis::start(&format!(
            "tls-port {tls_port}\ntls-cert-file {path}/server.pem\ntls-key-file {path}/server.key\n\
             tls-ca-cert-file {path}/ca.pem\ntls-auth-clients {clients}\n{settings}"
        ))
        .unwrap();
        Self { plain_port: redis.port, _redis: redis, tls_port, folder }
    }

    fn file(&self, flag: &str, name: &str) -> String {
        format!("--{flag}={}", self.folder.path().join(name).display())
    }

    /// Whether the server is up, and the error.
    async fn scrape(address: &str, flags: &[String]) -> (bool, String) {
        let address = format!("--redis.addr={address}");
        let mut arguments = vec![address.as_str()];
        arguments.extend(flags.iter().map(String::as_str));
        let body = start(&arguments).scrape().await.unwrap();
        let error = body.lines().find_map(|line| {
            let rest = line.strip_prefix("redis_exporter_last_scrape_error{err=\"")?;
            Some(rest.split_once("\"}")?.0.to_owned())
        });
        (body.contains("\nredis_up 1\n"), error.unwrap())
    }
}

#[tokio::test]
#[ignore = "needs redis-server and openssl"]
async fn a_server_is_read_by_tls_and_failures_name_their_cause() {
    let server = Server::start(false, "");
    let (by_tls, plain) = (server.tls_port, server.plain_port);
    let authority = server.file("tls-ca-cert-file", "ca.pem");
    let other = server.file("tls-ca-cert-file", "client.pem");
    for (address, flags, expected) in [
        (format!("rediss://localhost:{by_tls}"), vec![authority.clone()], ""),
        (format!("valkeys://localhost:{by_tls}/1"), vec![authority.clone()], ""),
        (
            format!("rediss://127.0.0.1:{by_tls}"),
            vec![authority.clone(), "--tls-server-name=server.example".into()],
            "",
        ),
        (format!("rediss://localhost:{by_tls}"), vec!["--skip-tls-verification".into()], ""),
        (format!("rediss://127.0.0.1:{by_tls}"), vec![authority.clone()], "not valid for name"),
        (format!("rediss://localhost:{by_tls}"), vec![other], "unknown issuer"),
        (format!("rediss://localhost:{plain}"), vec![authority], "does not speak TLS"),
        (format!("redis://localhost:{by_tls}"), vec![], "speaks TLS: use rediss://"),
    ] {
        let (is_up, error) = Server::scrape(&address, &flags).await;
        assert_eq!(is_up, expected.is_empty(), "{address} {flags:?}: {error}");
        assert!(error.contains(expected), "{address} {flags:?}: {error}");
        assert!(!error.contains(&by_tls.to_string()), "{error}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server and openssl"]
async fn a_client_certificate_is_shown_and_its_file_read_for_each_connection() {
    let server = Server::start(true, "");
    let address = format!("--redis.addr=rediss://localhost:{}", server.tls_port);
    let authority = server.file("tls-ca-cert-file", "ca.pem");
    let certificate = server.file("tls-client-cert-file", "client.pem");
    let key = server.file("tls-client-key-file", "client.key");
    let without = start(&[&address, &authority]).scrape().await.unwrap();
    assert_line(&without, "redis_up 0");
    let flags = [&*address, &*authority, &*certificate, &*key];
    assert_line(&start(&flags).scrape().await.unwrap(), "redis_up 1");
    // Started with files that are replaced before the first connection.
    let exporters = [start(&flags), start(&flags)];
    let file = server.folder.path().join("client.pem");
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, "none").unwrap();
    let body = exporters[0].scrape().await.unwrap();
    let words = format!("connect: {}: no certificate in PEM", file.display());
    assert_line(&body, &format!("redis_exporter_last_scrape_error{{err=\"{words}\"}} 1"));
    std::fs::write(&file, good).unwrap();
    assert_line(&exporters[1].scrape().await.unwrap(), "redis_up 1");
}

#[tokio::test]
#[ignore = "needs redis-server and openssl"]
async fn nodes_of_a_cluster_are_read_by_tls_as_the_seed_is() {
    let bus = free_port().unwrap();
    let server = Server::start(
        false,
        &format!(
            "cluster-enabled yes\ncluster-port {bus}\ntls-cluster yes\n\
             cluster-announce-ip 127.0.0.1\ncluster-announce-hostname localhost\n"
        ),
    );
    let address = format!("--redis.addr=rediss://localhost:{}", server.tls_port);
    let authority = server.file("tls-ca-cert-file", "ca.pem");
    let by_name = "--tls-server-name=server.example";
    for (flag, host, is_up) in [
        (by_name, "127.0.0.1", 1),
        ("--cluster-discover-hostnames", "localhost", 1),
        // The certificate is that of no IP address.
        ("--is-cluster", "127.0.0.1", 0),
    ] {
        let body = start(&[&address, &authority, "--redis.cluster", flag]).scrape().await.unwrap();
        let up = format!("redis_up{{node=\"{host}:{}\",shard=\"", server.tls_port);
        let line = body.lines().find(|line| line.starts_with(&up));
        assert!(line.is_some_and(|line| line.ends_with(&format!(" {is_up}"))), "{flag}\n{body}");
        assert_eq!(body.contains("not valid for name"), is_up == 0, "{body}");
    }
}
