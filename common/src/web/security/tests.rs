//! Real clients against a real listener: curl and openssl, with certificates made for the test.

#![expect(clippy::disallowed_methods, reason = "only the tests start programs")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::routing::get;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::*;
use crate::web::{Listener, serve};

/// A folder with `ca`, `server`, `other` (a second pair for localhost), `client` (signed by the
/// CA, with the name `scraper.example`) and `own` (a client that signed itself).
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("web-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let folder = Self(path);
        folder.sign("ca", "", "basicConstraints=critical,CA:TRUE");
        folder.sign("server", "ca", "subjectAltName=DNS:localhost,IP:127.0.0.1");
        folder.sign("other", "ca", "subjectAltName=DNS:localhost,IP:127.0.0.1");
        folder.sign("client", "ca", "subjectAltName=DNS:scraper.example,IP:10.0.0.1");
        folder.sign("own", "", "basicConstraints=critical,CA:TRUE");
        folder
    }

    fn sign(&self, name: &str, ca: &str, extension: &str) {
        let subject = format!("/CN={name}");
        let mut openssl = Command::new("openssl");
        openssl
            .current_dir(&self.0)
            .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
        openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", &subject]);
        openssl.args(["-config", "/dev/null", "-addext", extension]);
        openssl.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]);
        if !ca.is_empty() {
            openssl.args(["-CA", &format!("{ca}.pem"), "-CAkey", &format!("{ca}.key")]);
        }
        let output = openssl.output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        // A new file each time, as editors and orchestrators do.
        let (path, new) = (self.0.join(name), self.0.join("new"));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &path).unwrap();
        path
    }

    fn copy(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.0.join(from)).unwrap();
        self.write(to, &text);
    }
}

const SERVER: &str = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";

/// How long `/slow` takes.
const SLOW: Duration = Duration::from_millis(1500);

/// Serves `text` as configuration; the port.
async fn start(folder: &Folder, text: &str) -> u16 {
    let security = Security::from_file(&folder.write("web.yml", text)).unwrap();
    let slow = async || {
        tokio::time::sleep(SLOW).await;
        "slow\n"
    };
    let router = Router::new().route("/metrics", get(async || "up 1\n")).route("/slow", get(slow));
    let listener = Listener::bind("127.0.0.1:0").await.unwrap().with_security(Some(&security));
    let port = listener.address().unwrap().rsplit_once(':').unwrap().1.parse().unwrap();
    tokio::spawn(serve(listener, security.protect(router), std::future::pending()));
    port
}

async fn run(folder: &Folder, program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.current_dir(&folder.0).args(arguments).stdin(std::process::Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// Status, version of HTTP and body; `000` for no answer.
async fn curl(folder: &Folder, url: &str, arguments: &[&str]) -> String {
    let mut all =
        vec!["-sS", "-m", "10", "--cacert", "ca.pem", "-w", "%{http_code} %{http_version}"];
    all.extend(arguments);
    all.push(url);
    let output = run(folder, "curl", &all).await;
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn https_is_served_with_both_versions_of_http() {
    let folder = Folder::new();
    let port = start(&folder, SERVER).await;
    let url = format!("https://localhost:{port}/metrics");
    assert_eq!(curl(&folder, &url, &[]).await, "up 1\n200 2");
    assert_eq!(curl(&folder, &url, &["--http1.1"]).await, "up 1\n200 1.1");
    assert_eq!(curl(&folder, &url, &["--tls-max", "1.2"]).await, "up 1\n200 2");
    assert_eq!(curl(&folder, &url, &["--tls-max", "1.1"]).await, "000 0");
    let plain = curl(&folder, &format!("http://localhost:{port}/metrics"), &[]).await;
    assert!(plain.contains("use https://") && plain.ends_with("400 1"), "{plain}");
    let port = start(&folder, &format!("{SERVER}http_server_config: {{http2: false}}\n")).await;
    let url = format!("https://localhost:{port}/metrics");
    assert_eq!(curl(&folder, &url, &[]).await, "up 1\n200 1.1");
}

#[tokio::test]
async fn versions_suites_and_curves_are_those_of_the_file() {
    let folder = Folder::new();
    let keys = "  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n  \
                curve_preferences: [CurveP384]\n";
    let port = start(&folder, &format!("{SERVER}{keys}")).await;
    let address = format!("127.0.0.1:{port}");
    let client = async |arguments: &[&str]| {
        let mut all = vec!["s_client", "-connect", &address, "-CAfile", "ca.pem"];
        all.extend(arguments);
        let output = run(&folder, "openssl", &all).await;
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let text = client(&[]).await;
    assert!(text.contains("ECDHE-ECDSA-AES128-GCM-SHA256") && text.contains("TLSv1.2"), "{text}");
    assert!(text.contains("Verify return code: 0") && text.contains("384 bits"), "{text}");
    for refused in
        [&["-tls1_3"][..], &["-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"], &["-curves", "X25519"]]
    {
        let text = client(refused).await;
        assert!(text.contains("Cipher is (NONE)"), "{refused:?}: {text}");
    }
    // Of several that both sides have, the first of the file, or else the client's first.
    let [small, large] = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"];
    for (order, expected) in [("", small), ("  prefer_server_cipher_suites: false\n", large)] {
        let keys = "  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, \
                    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n";
        let port = start(&folder, &format!("{SERVER}{keys}{order}")).await;
        let address = format!("127.0.0.1:{port}");
        let both = format!("{large}:{small}");
        let arguments = ["s_client", "-connect", &address, "-cipher", &both];
        let output = run(&folder, "openssl", &arguments).await;
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(&format!("Cipher is {expected}")), "{order}: {text}");
    }
    let port = start(&folder, &format!("{SERVER}  min_version: TLS13\n")).await;
    let url = format!("https://localhost:{port}/metrics");
    assert_eq!(curl(&folder, &url, &["--tls-max", "1.2"]).await, "000 0");
    assert_eq!(curl(&folder, &url, &[]).await, "up 1\n200 2");
}

#[tokio::test]
async fn certificates_of_clients_are_asked_for_as_the_file_says() {
    let folder = Folder::new();
    let client: &[&str] = &["--cert", "client.pem", "--key", "client.key"];
    let own: &[&str] = &["--cert", "own.pem", "--key", "own.key"];
    // With no certificate, with one of the CA, with another one.
    for (keys, expected) in [
        ("client_auth_type: RequestClientCert", [true, true, true]),
        ("client_auth_type: RequireAnyClientCert", [false, true, true]),
        ("client_auth_type: RequireClientCert", [false, true, true]),
        (
            "client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem",
            [true, true, false],
        ),
        (
            "client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem",
            [false, true, false],
        ),
        // Without a CA those of the system count, as in the toolkit; ours is none of them.
        ("client_auth_type: VerifyClientCertIfGiven", [true, false, false]),
        ("client_auth_type: RequireAndVerifyClientCert", [false, false, false]),
        // A client certificate that is its own CA, as the toolkit's tests use.
        (
            "client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: own.pem",
            [false, false, true],
        ),
        (
            "client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  client_allowed_sans: [other.example, scraper.example]",
            [false, true, false],
        ),
        (
            "client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  client_allowed_sans: [10.0.0.1]",
            [false, true, false],
        ),
        (
            "client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n  client_allowed_sans: [scraper]",
            [false, false, false],
        ),
    ] {
        let port = start(&folder, &format!("{SERVER}  {keys}\n")).await;
        let url = format!("https://localhost:{port}/metrics");
        for tls in [&[][..], &["--tls-max", "1.2"]] {
            for (arguments, expected) in [&[][..], client, own].into_iter().zip(expected) {
                let answer = curl(&folder, &url, &[tls, arguments].concat()).await;
                assert_eq!(answer == "up 1\n200 2", expected, "{keys} {arguments:?}: {answer}");
            }
        }
    }
}

#[tokio::test]
async fn the_next_handshake_sees_another_certificate() {
    let folder = Folder::new();
    folder.copy("server.pem", "now.pem");
    folder.copy("server.key", "now.key");
    let text = "tls_server_config: {cert_file: now.pem, key_file: now.key}";
    let port = start(&folder, text).await;
    let shown = async || {
        let address = format!("127.0.0.1:{port}");
        let output = run(&folder, "openssl", &["s_client", "-connect", &address]).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().find(|line| line.starts_with("subject=")).unwrap_or_default().replace(' ', "")
    };
    assert_eq!(shown().await, "subject=CN=server");
    // Until the key has followed, the former pair goes on.
    folder.copy("other.pem", "now.pem");
    assert_eq!(shown().await, "subject=CN=server");
    folder.copy("other.key", "now.key");
    assert_eq!(shown().await, "subject=CN=other");
    std::fs::remove_file(folder.0.join("now.key")).unwrap();
    assert_eq!(shown().await, "subject=CN=other");
}

#[tokio::test]
async fn new_connections_obey_another_client_auth_type_and_no_scrape_is_dropped() {
    let folder = Folder::new();
    let port = start(&folder, SERVER).await;
    let [metrics, slow] =
        ["metrics", "slow"].map(|page| format!("https://localhost:{port}/{page}"));
    let client = ["--cert", "client.pem", "--key", "client.key"];
    let required = format!(
        "{SERVER}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n"
    );
    for (text, without, with) in
        [(required.as_str(), "000 0", "up 1\n200 2"), (SERVER, "up 1\n200 2", "up 1\n200 2")]
    {
        let change = async {
            // It has begun, and is not over.
            tokio::time::sleep(SLOW / 3).await;
            folder.write("web.yml", text);
            assert_eq!(curl(&folder, &metrics, &[]).await, without, "{text}");
            assert_eq!(curl(&folder, &metrics, &client).await, with, "{text}");
        };
        let (answer, ()) = tokio::join!(curl(&folder, &slow, &client), change);
        assert_eq!(answer, "slow\n200 2", "{text}");
    }
    // One that came without a certificate before it had to show one is answered to its end too.
    let change = async {
        tokio::time::sleep(SLOW / 3).await;
        folder.write("web.yml", &required);
        assert_eq!(curl(&folder, &metrics, &[]).await, "000 0");
    };
    let (answer, ()) = tokio::join!(curl(&folder, &slow, &[]), change);
    assert_eq!(answer, "slow\n200 2");
}

#[tokio::test]
async fn users_and_headers_follow_the_file() {
    let folder = Folder::new();
    let user = |name: &str, password: &str| {
        let hash = bcrypt::hash_with_salt(password, 4, [1; 16]).unwrap();
        format!("basic_auth_users:\n  {name}: {hash}\n")
    };
    let port = start(&folder, &user("alice", "one")).await;
    let url = format!("http://127.0.0.1:{port}/metrics");
    assert_eq!(curl(&folder, &url, &["-u", "alice:one"]).await, "up 1\n200 1.1");
    assert_eq!(curl(&folder, &url, &["-u", "alice:two"]).await, "Unauthorized\n401 1.1");
    // Every path is protected, and the header says how.
    let answer = curl(&folder, &format!("{url}/none"), &["-i"]).await.to_lowercase();
    assert!(
        answer.contains("www-authenticate: basic\r\n") && answer.ends_with("401 1.1"),
        "{answer}"
    );
    let headers = "http_server_config: {headers: {X-Frame-Options: deny}}\n";
    folder.write("web.yml", &format!("{}{headers}", user("alice", "two")));
    assert_eq!(curl(&folder, &url, &["-u", "alice:one"]).await, "Unauthorized\n401 1.1");
    let answer = curl(&folder, &url, &["-i", "-u", "alice:two"]).await.to_lowercase();
    assert!(
        answer.contains("x-frame-options: deny\r\n") && answer.ends_with("200 1.1"),
        "{answer}"
    );
    folder.write("web.yml", "basic_auth_users: {alice: broken}");
    assert_eq!(curl(&folder, &url, &["-u", "alice:two"]).await, "Internal Server Error\n500 1.1");
    std::fs::remove_file(folder.0.join("web.yml")).unwrap();
    assert_eq!(curl(&folder, &url, &["-u", "alice:two"]).await, "Internal Server Error\n500 1.1");
    folder.write("web.yml", &user("bob", "three"));
    assert_eq!(curl(&folder, &url, &["-u", "bob:three"]).await, "up 1\n200 1.1");
    folder.write("web.yml", "");
    assert_eq!(curl(&folder, &url, &[]).await, "up 1\n200 1.1");
}

#[tokio::test]
async fn users_and_tls_go_together() {
    let folder = Folder::new();
    let hash = |password: &str| {
        bcrypt::hash_with_salt(password, 6, [1; 16]).map(|hash| hash.to_string()).unwrap()
    };
    let users = format!("basic_auth_users: {{carol: {}, dave: {}}}\n", hash("one"), hash("two"));
    let headers = "http_server_config:\n  headers:\n    X-XSS-Protection: 1\n    \
                   X-Content-Type-Options: nosniff\n    X-Frame-Options: sameorigin\n    \
                   Strict-Transport-Security: max-age=31536000; includeSubDomains\n    \
                   Content-Security-Policy: default-src 'none'\n";
    let port = start(&folder, &format!("{SERVER}{users}{headers}")).await;
    let url = format!("https://localhost:{port}/metrics");
    for (user, expected) in [
        ("carol:one", "up 1\n200 2"),
        ("dave:two", "up 1\n200 2"),
        ("dave:one", "Unauthorized\n401 2"),
        ("nobody:two", "Unauthorized\n401 2"),
        ("fakeuser:fakepassword", "Unauthorized\n401 2"),
    ] {
        for _ in 0..2 {
            assert_eq!(curl(&folder, &url, &["-u", user]).await, expected, "{user}");
        }
    }
    assert_eq!(curl(&folder, &url, &[]).await, "Unauthorized\n401 2");
    // Refusals have the headers too.
    for arguments in [&["-i", "-u", "carol:one"][..], &["-i"]] {
        let answer = curl(&folder, &url, arguments).await.to_lowercase();
        for header in [
            "x-xss-protection: 1\r\n",
            "x-content-type-options: nosniff\r\n",
            "x-frame-options: sameorigin\r\n",
            "strict-transport-security: max-age=31536000; includesubdomains\r\n",
            "content-security-policy: default-src 'none'\r\n",
        ] {
            assert!(answer.contains(header), "{header}: {answer}");
        }
    }
}

#[tokio::test]
async fn many_logins_at_once_get_the_right_answers() {
    let folder = Folder::new();
    let hash = bcrypt::hash_with_salt("one", 6, [1; 16]).unwrap().to_string();
    let text = format!("basic_auth_users: {{alice: {hash}}}");
    let security = Security::from_file(&folder.write("web.yml", &text)).unwrap();
    let router = security.protect(Router::new().route("/", get(async || "up 1\n")));
    let login = async |password: &str| {
        use base64::Engine as _;
        let value = base64::prelude::BASE64_STANDARD.encode(format!("alice:{password}"));
        let request =
            axum::http::Request::get("/").header("Authorization", format!("Basic {value}"));
        let request = request.body(axum::body::Body::empty()).unwrap();
        let mut router = router.clone();
        tower_service::Service::call(&mut router, request).await.unwrap().status().as_u16()
    };
    let logins = (0..300).map(|index| login(if index % 2 == 0 { "one" } else { "two" }));
    let statuses = futures_util::future::join_all(logins).await;
    for (index, status) in statuses.into_iter().enumerate() {
        assert_eq!(status, if index % 2 == 0 { 200 } else { 401 }, "{index}");
    }
}

#[tokio::test]
async fn requests_over_the_limit_get_429() {
    let folder = Folder::new();
    let port = start(&folder, "rate_limit: {interval: 1h, burst: 2}").await;
    let url = format!("http://127.0.0.1:{port}/metrics");
    for expected in ["up 1\n200 1.1", "up 1\n200 1.1", "Too Many Requests\n429 1.1"] {
        assert_eq!(curl(&folder, &url, &[]).await, expected);
    }
}

#[tokio::test]
async fn handshakes_that_do_not_end_are_dropped_and_block_nobody() {
    let folder = Folder::new();
    let port = start(&folder, SERVER).await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    }
    // The beginning of a handshake.
    let mut begun = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut begun, &[0x16, 3, 1, 2]).await.unwrap();
    idle.push(begun);
    let url = format!("https://localhost:{port}/metrics");
    assert_eq!(curl(&folder, &url, &[]).await, "up 1\n200 2");
    for mut stream in idle {
        let ended = tokio::time::timeout(Duration::from_secs(15), stream.read(&mut [0; 16])).await;
        assert!(matches!(ended, Ok(Ok(0) | Err(_))), "{ended:?}");
    }
}

#[test]
fn files_that_cannot_be_used_are_named_with_key_and_reason() {
    let folder = Folder::new();
    folder.write("empty.pem", "");
    folder.write("odd.pem", "-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n");
    let ca = "client_auth_type: RequireAndVerifyClientCert, client_ca_file:";
    for (keys, key, reason) in [
        (
            "cert_file: none.pem, key_file: server.key".to_owned(),
            "cert_file",
            "none.pem: No such file",
        ),
        (
            "cert_file: server.pem, key_file: none.key".to_owned(),
            "key_file",
            "none.key: No such file",
        ),
        ("cert_file: empty.pem, key_file: server.key".to_owned(), "cert_file", "no certificate"),
        ("cert_file: odd.pem, key_file: server.key".to_owned(), "cert_file", "odd.pem"),
        ("cert_file: server.pem, key_file: empty.pem".to_owned(), "key_file", "no private key"),
        ("cert_file: server.pem, key_file: other.key".to_owned(), "key_file", "does not belong"),
        (
            format!("cert_file: server.pem, key_file: server.key, {ca} none.pem"),
            "client_ca_file",
            "No such file",
        ),
        (
            format!("cert_file: server.pem, key_file: server.key, {ca} empty.pem"),
            "client_ca_file",
            "no certificate",
        ),
    ] {
        let path = folder.write("web.yml", &format!("tls_server_config: {{{keys}}}"));
        let error = Security::from_file(&path).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{}: tls_server_config.{key}: ", path.display())),
            "{error}"
        );
        assert!(error.contains(reason) && !error.contains("hunter2"), "{keys}: {error}");
    }
    let missing = Security::from_file(Path::new("/nowhere/web.yml")).unwrap_err().to_string();
    assert!(missing.starts_with("/nowhere/web.yml: No such file"), "{missing}");
    let binary = folder.0.join("binary.yml");
    std::fs::write(&binary, [0xff, 0xfe, 0]).unwrap();
    assert!(Security::from_file(&binary).is_err());
}

#[test]
fn certificates_may_stand_in_the_file() {
    let folder = Folder::new();
    let inline = |name: &str| {
        let text = std::fs::read_to_string(folder.0.join(name)).unwrap();
        text.lines().map(|line| ["    ", line, "\n"].concat()).collect::<String>()
    };
    let text = format!(
        "tls_server_config:\n  cert: |\n{}  key: |\n{}  client_auth_type: VerifyClientCertIfGiven\n  \
         client_ca: |\n{}",
        inline("server.pem"),
        inline("server.key"),
        inline("ca.pem")
    );
    assert!(Security::from_file(&folder.write("web.yml", &text)).unwrap().has_tls());
}
