//! What a scrape costs, beside the distribution's node_exporter with the same collectors, in one run.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tests::process::{Process, command, succeed};
use tests::{TemporaryFolder, eventually, free_port, http, released, repository};

const COLLECTORS: [&str; 13] = [
    "cpu",
    "diskstats",
    "filefd",
    "filesystem",
    "loadavg",
    "meminfo",
    "netdev",
    "os",
    "pressure",
    "stat",
    "time",
    "uname",
    "vmstat",
];

/// Starts an exporter; gives `PID=URL` for the measurement.
fn start(program: &Path, flags: &[String], folder: &TemporaryFolder) -> (Process, String) {
    let port = free_port().unwrap();
    let mut exporter = command(program);
    exporter.arg(format!("--web.listen-address=127.0.0.1:{port}")).args(flags);
    let process = Process::start(&mut exporter, &folder.path().join(port.to_string())).unwrap();
    let url = format!("http://127.0.0.1:{port}/metrics");
    eventually("metrics", Duration::from_secs(20), || http::get(&url)).unwrap();
    let id = process.id();
    (process, format!("{id}={url}"))
}

/// The row that starts with `name`, by the names of the columns.
fn row(table: &str, name: &str) -> BTreeMap<String, f64> {
    let columns = table.lines().next().unwrap().split_whitespace().map(ToOwned::to_owned);
    let line = table.lines().find_map(|line| line.trim_start().strip_prefix(name)).unwrap();
    columns.zip(line.split_whitespace().map(|cell| cell.parse().unwrap())).collect()
}

/// Scrapes the peer and ours in turn, both with `flags`; gives the rows of ours and of the ratios.
fn measure(flags: &[String]) -> (String, BTreeMap<String, f64>, BTreeMap<String, f64>) {
    let folder = TemporaryFolder::new("cost").unwrap();
    let (_peer, peer) = start(Path::new("prometheus-node-exporter"), flags, &folder);
    let (_ours, ours) = start(&released("node-exporter").unwrap(), flags, &folder);
    let table = succeed(
        command("python3")
            .arg(repository().join("tests/cost/scrape_cost.py"))
            .args(["-n", "300"])
            .arg(format!("peer={peer}"))
            .arg(format!("ours={ours}")),
    )
    .unwrap();
    let (figures, ratios) = (row(&table, "ours "), row(&table, "ours/peer"));
    assert!(ratios["series"] > 0.85, "fewer series than the peer\n{table}");
    (table, figures, ratios)
}

#[test]
#[ignore = "needs prometheus-node-exporter, python3 and the release build"]
fn a_scrape_costs_less_than_half_of_the_peers() {
    let mut flags = vec!["--collector.disable-defaults".to_owned()];
    flags.extend(COLLECTORS.map(|name| format!("--collector.{name}")));
    let (table, figures, ratios) = measure(&flags);
    assert!(ratios["cpu"] <= 0.4, "CPU per scrape\n{table}");
    assert!(ratios["p50"] <= 0.5, "latency\n{table}");
    assert!(figures["peak"] <= 10.0, "resident memory in MiB\n{table}");
}

#[test]
#[ignore = "needs prometheus-node-exporter, python3 and the release build"]
fn all_default_collectors_cost_less_than_half_of_the_peers() {
    let (table, figures, ratios) = measure(&[]);
    assert!(ratios["cpu"] <= 0.5, "CPU per scrape\n{table}");
    assert!(ratios["p50"] <= 0.5, "latency\n{table}");
    assert!(figures["peak"] <= 16.0, "resident memory in MiB\n{table}");
}
