//! The example of TLS and passwords in `deploy/tls`, as its users go through it: with a real
//! Prometheus that shows a certificate and a password, and with curl, which shows neither.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tests::process::{Process, command, output, succeed};
use tests::{TemporaryFolder, eventually, free_port, http, program, repository};

/// The jobs, and the program of each.
const JOBS: [(&str, &str); 4] = [
    ("node-exporter", "node-exporter"),
    ("cadvisor", "container-exporter"),
    ("redis-exporter", "redis-exporter"),
    ("mysql-exporter", "mysql-exporter"),
];

const PATIENCE: Duration = Duration::from_secs(30);

fn renew(folder: &Path) {
    let mut renew = command(repository().join("deploy/tls/renew"));
    renew.arg("--folder").arg(folder).arg("--exporter").arg(program("node-exporter").unwrap());
    let said = succeed(&mut renew).unwrap();
    assert!(said.contains("365 days"), "{said}");
}

/// An exporter that is told by its variable, as in a container.
fn start(name: &str, port: u16, folder: &Path) -> Process {
    let variable = name.to_uppercase().replace('-', "_");
    let mut exporter = command(program(name).unwrap());
    exporter
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .env(format!("{variable}_WEB_CONFIG_FILE"), folder.join("exporter/web.yml"))
        .current_dir(folder);
    Process::start(&mut exporter, &folder.join(format!("{name}.log"))).unwrap()
}

/// Starts a Prometheus that knows the targets by the files beside its configuration.
fn start_prometheus(folder: &Path, ports: &BTreeMap<&str, u16>, port: u16) -> Process {
    let text = std::fs::read_to_string(folder.join("prometheus.yml")).unwrap();
    let text = text.replace("scrape_interval: 15s", "scrape_interval: 1s\n  scrape_timeout: 1s");
    std::fs::write(folder.join("prometheus.yml"), text).unwrap();
    std::os::unix::fs::symlink("prometheus", folder.join("tls")).unwrap();
    std::fs::create_dir(folder.join("targets")).unwrap();
    for (job, port) in ports {
        let file = folder.join(format!("targets/{job}.yml"));
        std::fs::write(file, format!("- targets: ['127.0.0.1:{port}']\n")).unwrap();
    }
    succeed(command("promtool").args(["check", "config"]).arg(folder.join("prometheus.yml")))
        .unwrap();
    let mut prometheus = command("prometheus");
    prometheus
        .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"));
    Process::start(&mut prometheus, &folder.join("prometheus.log")).unwrap()
}

/// How often curl is let in, from outside to inside: by nothing, by the certificate alone, by the
/// password alone, and by both.
fn answers(folder: &Path, port: u16) -> [String; 4] {
    let password = std::fs::read_to_string(folder.join("prometheus/password")).unwrap();
    let user = format!("prometheus:{password}");
    let certificate = ["--cert", "prometheus/prometheus.pem", "--key", "prometheus/prometheus.key"];
    let ask = |arguments: &[&str]| {
        let mut curl = command("curl");
        curl.current_dir(folder).args(["-s", "-m", "10", "--cacert", "ca.pem", "-o", "/dev/null"]);
        curl.args(["-w", "%{http_code}"]).args(arguments);
        curl.arg(format!("https://localhost:{port}/metrics"));
        String::from_utf8(output(&mut curl).unwrap().stdout).unwrap()
    };
    let both = [&certificate[..], &["-u", &user]].concat();
    [ask(&[]), ask(&certificate), ask(&["-u", &user]), ask(&both)]
}

#[test]
#[ignore = "needs prometheus, openssl and curl"]
fn the_example_lets_prometheus_in_and_nobody_else() {
    let folder = TemporaryFolder::new("tls").unwrap();
    let folder = folder.path();
    renew(folder);
    let ports: BTreeMap<&str, u16> = JOBS.map(|(job, _)| (job, free_port().unwrap())).into();
    let exporters = JOBS.map(|(job, name)| (name, start(name, ports[job], folder)));
    let port = free_port().unwrap();
    let prometheus = start_prometheus(folder, &ports, port);
    let url = format!("http://127.0.0.1:{port}");
    let up = |query: &str| {
        let rows = http::query(&url, query).map_err(|error| error.to_string())?;
        if rows.len() == JOBS.len() { Ok(()) } else { Err(format!("{rows:?}")) }
    };
    eventually("four targets", PATIENCE, || up("up == 1"))
        .unwrap_or_else(|error| panic!("{error:#}\n{}", prometheus.log()));
    for (job, name) in JOBS {
        assert_eq!(answers(folder, ports[job]), ["000", "401", "000", "200"], "{name}");
        let mut healthcheck = command(program(name).unwrap());
        healthcheck
            .arg(format!("--web.listen-address=127.0.0.1:{}", ports[job]))
            .arg(format!("--web.config.file={}", folder.join("exporter/web.yml").display()))
            .arg("healthcheck");
        let said = succeed(&mut healthcheck).unwrap();
        assert!(said.starts_with("healthy: https://"), "{said}");
    }
    // Another certificate and another password, while everything runs.
    let before = std::fs::read_to_string(folder.join("prometheus/password")).unwrap();
    let kept = std::fs::read_to_string(folder.join("prometheus.yml")).unwrap();
    renew(folder);
    std::fs::write(folder.join("prometheus.yml"), kept).unwrap();
    assert_ne!(std::fs::read_to_string(folder.join("prometheus/password")).unwrap(), before);
    std::thread::sleep(Duration::from_secs(2));
    eventually("four targets again", PATIENCE, || up("min_over_time(up[2s]) == 1")).unwrap();
    for (job, name) in JOBS {
        assert_eq!(answers(folder, ports[job]), ["000", "401", "000", "200"], "{name}");
    }
    for (name, process) in exporters {
        let log = process.log();
        // Between the two files of a pair the former one goes on.
        let mut errors = log.lines().filter(|line| line.contains("level=ERROR"));
        assert!(errors.all(|line| line.contains("does not belong to the cert")), "{name}: {log}");
        assert!(!log.contains(&before), "{name}: {log}");
    }
}

#[test]
#[ignore = "needs docker-compose"]
fn the_overlay_fits_the_compose_files() {
    let mut compose = command("docker-compose");
    compose.current_dir(repository().join("deploy"));
    for file in ["docker-compose.yml", "docker-compose.monitoring.yml", "docker-compose.tls.yml"] {
        compose.args(["-f", file]);
    }
    let whole = succeed(compose.arg("config")).unwrap();
    assert_eq!(whole.matches("deploy/tls/files/exporter\n").count(), 4, "{whole}");
    assert_eq!(whole.matches("_WEB_CONFIG_FILE: /etc/exporter/web.yml").count(), 4, "{whole}");
    assert!(whole.contains("target: /etc/prometheus/tls\n"), "{whole}");
}
