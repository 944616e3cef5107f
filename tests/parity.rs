//! Side by side with the distribution's exporters: names, types and label keys, and values that do not change.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use tests::exposition::Exposition;
use tests::http;
use tests::process::{Process, command};
use tests::{TemporaryFolder, eventually, free_port, program};

/// Collectors that this project has; the peer runs with the same.
const NODE_COLLECTORS: [&str; 13] = [
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

/// Label keys that node_exporter got after 1.5.0, the version that Debian 12 has.
const LATER_LABELS: [(&str, &str); 3] = [
    ("node_disk_info", "rotational"),
    ("node_exporter_build_info", "tags"),
    ("node_filesystem_", "device_error"),
];

/// Families that node_exporter got after 1.5.0.
const LATER_FAMILIES: [&str; 4] = [
    "node_filesystem_mount_info",
    "node_filesystem_purgeable_bytes",
    "process_network_receive_bytes_total",
    "process_network_transmit_bytes_total",
];

/// Defaults that changed after 1.5.0 (zram disks) or that Debian changes (mounts below /mnt).
const EXCLUDED: [&str; 2] = [
    "--collector.diskstats.device-exclude=^(z?ram|loop|fd)[0-9]+$",
    "--collector.filesystem.mount-points-exclude=^/(dev|proc|sys|mnt|var/lib/docker/.+)($|/)",
];

/// Series whose value is the same for both at any moment.
const CONSTANTS: [&str; 9] = [
    "node_boot_time_seconds",
    "node_disk_info",
    "node_filefd_maximum",
    "node_filesystem_size_bytes",
    "node_memory_MemTotal_bytes",
    "node_memory_SwapTotal_bytes",
    "node_os_info",
    "node_time_clocksource_current_info",
    "node_uname_info",
];

fn scrape(program: &str, port: u16, folder: &TemporaryFolder) -> (Process, Exposition) {
    let mut exporter = command(program);
    exporter
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--collector.disable-defaults")
        .args(EXCLUDED)
        .args(NODE_COLLECTORS.map(|name| format!("--collector.{name}")));
    let process =
        Process::start(&mut exporter, &folder.path().join(format!("log-{port}"))).unwrap();
    let url = format!("http://127.0.0.1:{port}/metrics");
    let answer = eventually("metrics", Duration::from_secs(20), || http::get(&url)).unwrap();
    (process, Exposition::parse(&answer.body).unwrap())
}

type Shape = (String, String, Vec<String>);

/// What both must have: no Go runtime, no later labels and families.
fn comparable(exposition: &Exposition) -> BTreeSet<Shape> {
    let shapes = exposition.shapes().into_iter();
    shapes
        .filter(|(name, ..)| !name.starts_with("go_") && !LATER_FAMILIES.contains(&name.as_str()))
        .map(|(name, kind, labels)| {
            let is_later = |label: &String| {
                LATER_LABELS.iter().any(|(start, key)| name.starts_with(start) && label == key)
            };
            let labels = labels.into_iter().filter(|label| !is_later(label)).collect();
            (name, kind, labels)
        })
        .collect()
}

#[test]
#[ignore = "needs prometheus-node-exporter and the release build"]
fn node_has_the_peers_names_types_and_labels() {
    let folder = TemporaryFolder::new("parity").unwrap();
    let ours = program("node-exporter").unwrap().display().to_string();
    let (_ours, ours) = scrape(&ours, free_port().unwrap(), &folder);
    let (_peer, peer) = scrape("prometheus-node-exporter", free_port().unwrap(), &folder);
    let (our_shapes, peer_shapes) = (comparable(&ours), comparable(&peer));
    assert!(peer_shapes.len() > 100, "the peer shows {} shapes", peer_shapes.len());
    let missing: Vec<&Shape> = peer_shapes.difference(&our_shapes).collect();
    let added: Vec<&Shape> = our_shapes.difference(&peer_shapes).collect();
    assert!(missing.is_empty() && added.is_empty(), "missing: {missing:?}, added: {added:?}");
    for name in CONSTANTS {
        let values = |exposition: &Exposition| -> Vec<f64> {
            let samples = exposition.samples().filter(|(sample, ..)| sample == name);
            let mut values: Vec<f64> = samples.map(|(.., value)| *value).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        assert_eq!(values(&ours), values(&peer), "{name}");
    }
}
