//! TLS and passwords of the web side, by the program's own flags and by `--web.config.file`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use tests::process::{Process, command, output, succeed};
use tests::{TemporaryFolder, eventually, free_port, http};

const USERS: &str = "basic_auth_users:\n  scraper: \
                     $2y$04$mMSi3uyeYMxFJ8JLnkdEBei1Rx7x6oiRB4iYpjDDN84UhMPLnkxqW\n";

/// A pair for 127.0.0.1 that signed itself: `c.pem` and `k.pem`.
fn certificate(folder: &Path) {
    let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj \
                     /CN=exporter -config /dev/null -addext subjectAltName=IP:127.0.0.1 -keyout \
                     k.pem -out c.pem";
    succeed(command("openssl").args(arguments.split(' ')).current_dir(folder)).unwrap();
}

/// Runs the exporter in `folder`, without a server to look at.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut program = command(env!("CARGO_BIN_EXE_redis-exporter"));
    output(program.arg("--redis.addr=").args(arguments).current_dir(folder)).unwrap()
}

struct Secured {
    folder: TemporaryFolder,
    port: u16,
    _process: Process,
}

impl Secured {
    fn start(folder: TemporaryFolder, arguments: &[&str]) -> Self {
        let port = free_port().unwrap();
        let listen = format!("--web.listen-address=127.0.0.1:{port}");
        let mut program = command(env!("CARGO_BIN_EXE_redis-exporter"));
        program.args(["--redis.addr=", &listen]).args(arguments).current_dir(folder.path());
        let process = Process::start(&mut program, &folder.path().join("log")).unwrap();
        let secured = Self { folder, port, _process: process };
        let connect = || std::net::TcpStream::connect(("127.0.0.1", port));
        eventually("a listener", Duration::from_secs(20), connect).unwrap();
        secured
    }

    fn status(&self, arguments: &[&str]) -> String {
        let mut curl = command("curl");
        curl.args(["-s", "-m", "10", "--cacert", "c.pem", "-o", "body", "-w", "%{http_code}"]);
        let url = format!("https://127.0.0.1:{}/metrics", self.port);
        let output = output(curl.args(arguments).arg(url).current_dir(self.folder.path())).unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn healthcheck(&self, arguments: &[&str]) -> Output {
        let listen = format!("--web.listen-address=127.0.0.1:{}", self.port);
        run(self.folder.path(), &[arguments, &[&listen, "healthcheck"]].concat())
    }
}

#[test]
fn flags_switch_tls_and_passwords_on() {
    let folder = TemporaryFolder::new("secured").unwrap();
    certificate(folder.path());
    let flags = [
        "--tls-server-cert-file=c.pem",
        "--tls-server-key-file=k.pem",
        "--basic-auth-username=scraper",
        "--basic-auth-password=hunter2",
    ];
    let secured = Secured::start(folder, &flags);
    assert_eq!(secured.status(&["-u", "scraper:hunter2"]), "200");
    assert_eq!(secured.status(&["-u", "scraper:hunter3"]), "401");
    assert_eq!(secured.status(&["-u", "hunter2:hunter2"]), "401");
    assert_eq!(secured.status(&[]), "401");
    // Asking for a password takes a process that lives.
    let health = secured.healthcheck(&flags);
    assert!(health.status.success(), "{health:?}");
    let plain = secured.healthcheck(&[]);
    assert!(!plain.status.success(), "{plain:?}");
}

#[test]
fn a_healthcheck_needs_no_certificate_of_its_own() {
    let folder = TemporaryFolder::new("secured").unwrap();
    certificate(folder.path());
    for version in ["TLS1.2", "TLS1.3"] {
        let version = format!("--tls-server-min-version={version}");
        let flags = [
            "--tls-server-cert-file=c.pem",
            "--tls-server-key-file=k.pem",
            "--tls-server-ca-cert-file=c.pem",
            &version,
        ];
        let inner = TemporaryFolder::new("secured").unwrap();
        for file in ["c.pem", "k.pem"] {
            std::fs::copy(folder.path().join(file), inner.path().join(file)).unwrap();
        }
        let secured = Secured::start(inner, &flags);
        assert_eq!(secured.status(&[]), "000");
        assert_eq!(secured.status(&["--cert", "c.pem", "--key", "k.pem"]), "200");
        let health = secured.healthcheck(&flags);
        assert!(health.status.success(), "{health:?}");
    }
}

#[test]
fn half_of_a_setting_ends_the_start() {
    let folder = TemporaryFolder::new("secured").unwrap();
    std::fs::write(folder.path().join("web.yml"), USERS).unwrap();
    for (arguments, reason) in [
        (&["--basic-auth-username=a"][..], "--basic-auth-username: given without a password"),
        (&["--tls-server-cert-file=c"], "--tls-server-cert-file: given without"),
        (&["--tls-server-key-file=k"], "--tls-server-key-file: given without"),
        (
            &["--tls-server-cert-file=c", "--tls-server-key-file=k"],
            "--tls-server-cert-file: c: No such",
        ),
        (&["--tls-server-min-version=SSL3"], "--tls-server-min-version: expected"),
        (&["--web.config.file=none.yml"], "--web.config.file: none.yml: No such file"),
        (
            &["--web.config.file=web.yml", "--basic-auth-username=a", "--basic-auth-password=b"],
            "--web.config.file excludes",
        ),
    ] {
        let ended = run(folder.path(), arguments);
        let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{arguments:?}: {stderr}");
        assert!(stderr.contains(reason), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_file_is_checked_without_starting() {
    let folder = TemporaryFolder::new("secured").unwrap();
    std::fs::write(folder.path().join("web.yml"), USERS).unwrap();
    std::fs::write(folder.path().join("bad.yml"), "rate_limit: {burst: -1}").unwrap();
    let good = run(folder.path(), &["web-config", "check", "web.yml"]);
    assert!(good.status.success(), "{good:?}");
    let bad = run(folder.path(), &["web-config", "check", "bad.yml"]);
    assert_eq!(bad.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&bad.stderr).into_owned();
    assert!(stderr.starts_with("bad.yml: rate_limit.burst: expected"), "{stderr}");
}

#[test]
#[ignore = "needs prometheus"]
fn prometheus_scrapes_over_tls_with_a_password() {
    let folder = TemporaryFolder::new("secured").unwrap();
    certificate(folder.path());
    let flags = [
        "--tls-server-cert-file=c.pem",
        "--tls-server-key-file=k.pem",
        "--tls-server-ca-cert-file=c.pem",
        "--basic-auth-username=scraper",
        "--basic-auth-password=hunter2",
    ];
    let secured = Secured::start(folder, &flags);
    let config = format!(
        "scrape_configs:
  - job_name: redis
    scheme: https
    scrape_interval: 1s
    scrape_timeout: 1s
    basic_auth: {{username: scraper, password: hunter2}}
    tls_config: {{ca_file: c.pem, cert_file: c.pem, key_file: k.pem}}
    static_configs: [{{targets: ['127.0.0.1:{}']}}]
",
        secured.port
    );
    let path = secured.folder.path();
    std::fs::write(path.join("prometheus.yml"), config).unwrap();
    let port = free_port().unwrap();
    let listen = format!("--web.listen-address=127.0.0.1:{port}");
    let mut prometheus = command("prometheus");
    prometheus.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", &listen]);
    let process =
        Process::start(prometheus.current_dir(path), &path.join("prometheus.log")).unwrap();
    let up = || {
        let series = http::query(&format!("http://127.0.0.1:{port}"), "up == 1")?;
        anyhow::ensure!(series.len() == 1, "{series:?} {}", process.log());
        Ok::<_, anyhow::Error>(())
    };
    eventually("a scrape", Duration::from_secs(30), up).unwrap();
}
