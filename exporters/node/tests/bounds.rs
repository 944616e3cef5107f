//! Bounds on what users or peers can make any number of, as the flags give them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

use node_exporter::NodeExporter;
use tests::exporter::Running;

/// The values of `label` in the samples whose names start with `family`.
fn values(text: &str, family: &str, label: &str) -> BTreeSet<String> {
    let start = format!("{label}=\"");
    let lines = text.lines().filter(|line| line.starts_with(family));
    let found = lines.filter_map(|line| line.split_once(&start)?.1.split_once('"'));
    found.map(|(value, _)| value.to_owned()).collect()
}

async fn scrape(further: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/linux-6.1");
    let mut arguments: Vec<String> = [("procfs", "proc"), ("sysfs", "sys"), ("udev.data", "udev")]
        .map(|(flag, part)| format!("--path.{flag}={}", root.join(part).display()))
        .into();
    arguments.push("--no-collector.netdev.netlink".into());
    arguments.extend(further.iter().map(ToString::to_string));
    let exporter = Running::<NodeExporter>::start(&arguments).unwrap();
    exporter.scrape().await.unwrap()
}

#[tokio::test]
async fn rows_over_the_bound_of_a_flag_are_left_out_and_the_first_ones_stay() {
    let families = [
        ("netdev.max-devices", "node_network_receive_bytes_total{", "device"),
        ("netclass.max-devices", "node_network_mtu_bytes{", "device"),
        ("diskstats.max-devices", "node_disk_reads_completed_total{", "device"),
        ("ipvs.max-backends", "node_ipvs_backend_weight{", "remote_address"),
    ];
    let all = scrape(&[]).await;
    for (flag, family, label) in families {
        let before = values(&all, family, label);
        assert!(before.len() > 1, "{family}: {before:?}");
        let bounded = scrape(&[&format!("--collector.{flag}=1")]).await;
        let shown = values(&bounded, family, label);
        assert!(shown.len() == 1 && shown.is_subset(&before), "{flag}: {shown:?}");
        let success = |name: &str| {
            let line = format!("node_scrape_collector_success{{collector=\"{name}\"}} 1\n");
            bounded.contains(&line)
        };
        assert!(success(flag.split('.').next().unwrap()), "{flag}: {bounded}");
    }
}
