//! What deploy/ takes from the exporters, and that they do without: the units of systemd, and the
//! profile of system calls.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tests::docker::Docker;
use tests::process::{command, output, succeed};
use tests::{released, repository};

const EXPORTERS: [(&str, &str); 4] = [
    ("node-exporter", "--web.listen-address=127.0.0.1:9100"),
    ("container-exporter", "-listen_ip=127.0.0.1 -port=9100 -docker= -podman="),
    ("redis-exporter", "-web.listen-address=127.0.0.1:9100 -redis.addr=127.0.0.1:6379"),
    ("mysql-exporter", "--web.listen-address=127.0.0.1:9100 --mysqld.address=127.0.0.1:3306"),
];

/// Most that `systemd-analyze security` may find, in tenths.
const EXPOSURE: &str = "--threshold=20";

#[test]
#[ignore = "needs systemd-analyze"]
fn units_are_exposed_to_little() {
    for (name, _) in EXPORTERS {
        let unit = repository().join(format!("deploy/systemd/{name}.service"));
        let mut analysis = command("systemd-analyze");
        analysis.args(["security", "--no-pager", "--offline=yes", EXPOSURE]).arg(&unit);
        let ended = output(&mut analysis).unwrap();
        let report = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(ended.status.success(), "{name}: {report}");
        assert!(report.contains("Overall exposure level"), "{name}: {report}");
    }
}

/// Names of the families that an exporter shows in a container with these further options.
fn families(
    docker: &Docker,
    (name, flags): (&str, &str),
    options: &[&str],
) -> anyhow::Result<BTreeSet<String>> {
    let program = released(name)?;
    let mount = format!("{}:/program:ro", program.display());
    let mut words = vec!["run", "--detach", "--name=exporter", "--net=host", "--read-only"];
    words.extend(["--cap-drop=ALL", "--user=65534:65534", "-v", &mount]);
    words.extend(options);
    words.extend(["busybox", "/program"]);
    words.extend(flags.split(' '));
    docker.run(&words)?;
    let scrape = || -> anyhow::Result<String> {
        let mut curl = docker.beside("curl");
        let body = succeed(curl.args(["-sS", "--compressed", "http://127.0.0.1:9100/metrics"]))?;
        ensure!(!body.is_empty(), "empty");
        Ok(body)
    };
    let body = tests::eventually("metrics", Duration::from_secs(20), scrape)
        .and_then(|_| scrape())
        .with_context(|| docker.run(&["logs", "exporter"]).unwrap_or_default());
    docker.run(&["rm", "--force", "exporter"])?;
    let samples = body?;
    let samples = samples.lines().filter(|line| !line.starts_with('#'));
    Ok(samples.filter_map(|line| line.split(['{', ' ']).next()).map(ToOwned::to_owned).collect())
}

#[test]
#[ignore = "needs root, dockerd and the release build"]
fn the_profile_of_system_calls_costs_no_family() {
    let mut docker = Docker::new(&["--bridge=none"]).unwrap();
    docker.start().unwrap();
    docker.import("busybox").unwrap();
    let file = repository().join("deploy/seccomp/exporter.json");
    let profile = format!("--security-opt=seccomp={}", file.display());
    for exporter in EXPORTERS {
        let free = families(&docker, exporter, &["--security-opt=seccomp=unconfined"]).unwrap();
        for privileges in [true, false] {
            let mut options = vec![profile.as_str()];
            options.extend((!privileges).then_some("--security-opt=no-new-privileges"));
            let confined = families(&docker, exporter, &options).unwrap();
            assert_eq!(confined, free, "{exporter:?}");
        }
    }
    docker.end().unwrap();
}
