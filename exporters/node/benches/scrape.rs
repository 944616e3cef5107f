//! One whole scrape of a recorded host: all collectors that are on by default and read files.

#![expect(clippy::expect_used, reason = "a benchmark fails by panicking")]

use std::path::Path;
use std::time::{Duration, Instant};

use common::exporter::{Exporter as _, ScrapeRequest};
use common::exposition::{Exposition, Format, Pool};
use node_exporter::NodeExporter;

#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

#[divan::bench]
fn of_linux_6_1(bencher: divan::Bencher<'_, '_>) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/linux-6.1");
    let root =
        |flag: &str, folder: &str| format!("--path.{flag}={}", fixture.join(folder).display());
    let arguments = [
        "node-exporter".to_owned(),
        root("procfs", "proc"),
        root("sysfs", "sys"),
        root("rootfs", "root"),
        root("udev.data", "udev"),
        "--no-collector.arp.netlink".to_owned(),
        "--no-collector.netdev.netlink".to_owned(),
        "--no-collector.filesystem".to_owned(),
    ];
    let matches = common::commands::parse::<NodeExporter>(arguments.map(Into::into));
    let exporter = NodeExporter::from_matches(&matches.expect("flags")).expect("an exporter");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let pool = Pool::default();
    bencher.bench_local(|| {
        let deadline = Instant::now() + Duration::from_secs(10);
        let request = ScrapeRequest { parameters: Vec::new(), deadline };
        let mut exposition = Exposition::new(Format::Text, pool.clone());
        runtime.block_on(exporter.scrape(&request, &mut exposition)).expect("an answer").len()
    });
}
