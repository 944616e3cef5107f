//! The whole output of each program on fixed input, compared line by line with `tests/golden/`.
//!
//! `UPDATE_GOLDEN=1` rewrites those files; read the difference before you commit it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use tests::collectors::optional;
use tests::process::{command, output};
use tests::promtool;
use tests::{TemporaryFolder, free_port, program, repository};

/// Families whose values differ from run to run; their series stand in the files all the same.
const VOLATILE: &[&str] = &[
    "container_last_seen",
    "mysql_exporter_collector_duration_seconds",
    "node_filesystem_avail_bytes",
    "node_filesystem_files",
    "node_filesystem_files_free",
    "node_filesystem_free_bytes",
    "node_filesystem_size_bytes",
    "node_scrape_collector_duration_seconds",
    "node_time_seconds",
    "redis_exporter_collector_duration_seconds",
    "redis_exporter_last_scrape_connect_time_seconds",
    "redis_exporter_last_scrape_duration_seconds",
    "redis_exporter_scrape_duration_seconds",
];

/// Families that tell of the machine or the build; they are left out.
const HOST: &[&str] = &[
    "mysqld_exporter_build_info",
    "node_exporter_build_info",
    "node_time_zone_offset_seconds",
    "node_uname_info",
    "redis_exporter_build_info",
];

/// Runs `program scrape` and compares what it prints with the file `golden`.
fn compare(golden: &str, name: &str, arguments: &[String]) {
    let output = output(
        command(program(name).unwrap())
            .args(["scrape", "--web.disable-exporter-metrics", "--log.level=error"])
            .args(arguments),
    )
    .unwrap();
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let summary = String::from_utf8_lossy(&output.stderr).into_owned();
    let actual = settle(&printed);
    let path = repository().join("tests/golden").join(golden);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).expect("a golden file; UPDATE_GOLDEN=1 makes it");
    for (number, (expected, actual)) in expected.lines().zip(actual.lines()).enumerate() {
        assert_eq!(expected, actual, "line {} of {golden}\n{summary}\n{printed}", number + 1);
    }
    assert_eq!(expected.lines().count(), actual.lines().count(), "length of {golden}\n{printed}");
}

/// The text without the repository's own place and host families and with the values of volatile ones blotted out.
fn settle(text: &str) -> String {
    // Some labels hold the path of what was read.
    let root = repository().canonicalize().unwrap();
    let text = text.replace(&format!("{}/", root.display()), "/");
    let mut settled = String::new();
    for line in text.lines() {
        let words = line.strip_prefix("# HELP ").or(line.strip_prefix("# TYPE ")).unwrap_or(line);
        let name = words.split(['{', ' ']).next().unwrap_or_default();
        let is_volatile = VOLATILE.iter().any(|family| name.starts_with(family));
        if HOST.contains(&name) {
            continue;
        }
        match line.rsplit_once(' ') {
            Some((series, _)) if is_volatile && !line.starts_with('#') => {
                settled += &format!("{series} VOLATILE\n");
            }
            _ => settled += &format!("{line}\n"),
        }
    }
    settled
}

fn fixture(exporter: &str, name: &str) -> String {
    let path = repository().join("exporters").join(exporter).join("fixtures").join(name);
    path.canonicalize().expect("a fixture").display().to_string()
}

/// Flags that point the node exporter at a fixture.
fn node_roots(kernel: &str) -> Vec<String> {
    let root = fixture("node", kernel);
    vec![
        format!("--path.procfs={root}/proc"),
        format!("--path.sysfs={root}/sys"),
        format!("--path.rootfs={root}/root"),
        format!("--path.udev.data={root}/udev"),
        "--no-collector.arp.netlink".into(),
        "--no-collector.netdev.netlink".into(),
        // The clock of the machine.
        "--no-collector.timex".into(),
    ]
    .into_iter()
    .chain(optional(&program("node-exporter").unwrap()).unwrap())
    .collect()
}

fn with(mut arguments: Vec<String>, more: &[&str]) -> Vec<String> {
    arguments.extend(more.iter().map(ToString::to_string));
    arguments
}

#[test]
fn golden_node_of_a_current_kernel() {
    let arguments = with(
        node_roots("linux-6.1"),
        &[
            "--collector.cpu.info",
            "--collector.cpu.info.flags-include=^(aes|avx.?)$",
            "--collector.cpu.info.bugs-include=.",
            "--collector.stat.softirq",
            "--collector.sysctl.include=kernel.threads-max",
            "--collector.sysctl.include=net.ipv4.conf.eth0/100.forwarding",
            "--collector.sysctl.include=net.ipv4.tcp_rmem:min,default,max",
            "--collector.sysctl.include-info=kernel.seccomp.actions_avail",
        ],
    );
    compare("node-linux-6.1.prom", "node-exporter", &arguments);
}

#[test]
fn golden_node_of_an_old_kernel() {
    compare("node-linux-2.6.32.prom", "node-exporter", &node_roots("linux-2.6.32"));
}

#[test]
fn golden_node_in_openmetrics() {
    let arguments = with(node_roots("linux-2.6.32"), &["--web.enable-openmetrics"]);
    compare("node-linux-2.6.32.openmetrics", "node-exporter", &arguments);
}

#[test]
fn golden_dead_servers_are_down_and_nothing_else() {
    let port = free_port().unwrap();
    let folder = TemporaryFolder::new("golden").unwrap();
    let cnf = folder.path().join("my.cnf");
    let settings = format!("[client]\nuser=nobody\npassword=x\nhost=127.0.0.1\nport={port}\n");
    std::fs::write(&cnf, settings).unwrap();
    compare("redis-dead.prom", "redis-exporter", &[format!("--redis.addr=127.0.0.1:{port}")]);
    compare("mysql-dead.prom", "mysql-exporter", &[format!("--config.my-cnf={}", cnf.display())]);
}

#[test]
#[ignore = "needs promtool"]
fn golden_files_pass_promtool() {
    let mut checked = 0;
    for entry in std::fs::read_dir(repository().join("tests/golden")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "prom") {
            let text = std::fs::read_to_string(&path).unwrap().replace(" VOLATILE", " 1");
            let complaints = promtool::complaints(&text).unwrap();
            assert!(complaints.is_empty(), "{}: {complaints:#?}", path.display());
            checked += 1;
        }
    }
    assert!(checked > 0, "no golden file found");
}
