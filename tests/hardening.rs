//! What deploy/ takes from the exporters, and that they do without: the units of systemd, and the
//! profile of system calls. Where a clock counts that may jump.

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
        let text = std::fs::read_to_string(&unit).unwrap();
        assert!(text.contains("\nType=notify\nWatchdogSec="), "{name}: {text}");
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

/// A wall clock jumps; what is measured, waited for or kept goes by the monotonic one. Where the
/// other one is read, the table in docs/reliability.md says what a jump does.
#[test]
fn wall_time_is_read_where_the_table_says() {
    let root = repository();
    let table = std::fs::read_to_string(root.join("docs/reliability.md")).unwrap();
    let (_, table) = table.split_once("## Clocks that jump").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let mut found = 0;
    for folder in ["common/src", "exporters"] {
        for file in tests::files(&root.join(folder)).unwrap() {
            let name = file.strip_prefix(&root).unwrap().display().to_string();
            let is_program = name.contains("/src/") && !name.ends_with("/tests.rs");
            if !is_program || file.extension().is_none_or(|ending| ending != "rs") {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            let (text, _) = text.split_once("#[cfg(test)]").unwrap_or((&text, ""));
            let reads = ["SystemTime::now(", "Timestamp::now(", "DateTime::now("];
            if reads.iter().any(|read| text.contains(read)) {
                found += 1;
                assert!(table.contains(&format!("`{name}`")), "{name} is not in the table");
            }
        }
    }
    assert!(found > 5 && table.matches("\n| `").count() == found, "{found}: {table}");
}
