//! The whole output on fixed input, compared line by line with `tests/golden/`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use node_exporter::NodeExporter;
use tests::collectors::optional;
use tests::exporter::Running;
use tests::golden::{self, Unsteady};

const UNSTEADY: Unsteady<'_> = Unsteady {
    values: &[
        // The file system is that of the machine.
        "node_filesystem_avail_bytes",
        "node_filesystem_files",
        "node_filesystem_files_free",
        "node_filesystem_free_bytes",
        "node_filesystem_size_bytes",
        "node_scrape_collector_duration_seconds",
        "node_time_seconds",
    ],
    families: &["node_exporter_build_info", "node_time_zone_offset_seconds", "node_uname_info"],
};

/// One scrape of the fixture `kernel` in the format `accept`, compared with the file `golden`.
async fn compare(kernel: &str, further: &[&str], accept: &str, golden: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = folder.join("fixtures").join(kernel).canonicalize().unwrap();
    let paths = [("procfs", "proc"), ("sysfs", "sys"), ("rootfs", "root"), ("udev.data", "udev")];
    let mut arguments: Vec<String> = paths
        .iter()
        .map(|(flag, part)| format!("--path.{flag}={}", root.join(part).display()))
        .collect();
    // The kernel is that of the machine, and so is its clock.
    for collector in ["arp.netlink", "netdev.netlink", "timex"] {
        arguments.push(format!("--no-collector.{collector}"));
    }
    arguments.extend(optional(&Running::<NodeExporter>::help().unwrap()));
    arguments.extend(further.iter().map(ToString::to_string));
    arguments.push("--web.disable-exporter-metrics".to_owned());
    let exporter = Running::<NodeExporter>::start(&arguments).unwrap();
    let text = exporter.scrape_with("/metrics", &[("Accept", accept)]).await.unwrap();
    golden::compare(&folder.join("tests/golden").join(golden), &text, UNSTEADY).unwrap();
}

#[tokio::test]
async fn golden_output_of_a_current_kernel() {
    let further = [
        "--collector.bonding.details",
        "--collector.cpu.info",
        "--collector.cpu.info.flags-include=^(aes|avx.?)$",
        "--collector.cpu.info.bugs-include=.",
        "--collector.mdadm.details",
        "--collector.stat.softirq",
        "--collector.sysctl.include=kernel.threads-max",
        "--collector.sysctl.include=net.ipv4.conf.eth0/100.forwarding",
        "--collector.sysctl.include=net.ipv4.tcp_rmem:min,default,max",
        "--collector.sysctl.include-info=kernel.seccomp.actions_avail",
    ];
    compare("linux-6.1", &further, "*/*", "linux-6.1.prom").await;
}

#[tokio::test]
async fn golden_output_of_an_old_kernel() {
    compare("linux-2.6.32", &[], "*/*", "linux-2.6.32.prom").await;
}

#[tokio::test]
async fn golden_output_in_openmetrics() {
    let accept = "application/openmetrics-text;version=1.0.0";
    let further = ["--web.enable-openmetrics"];
    compare("linux-2.6.32", &further, accept, "linux-2.6.32.openmetrics").await;
}
