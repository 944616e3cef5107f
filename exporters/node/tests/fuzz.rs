//! Changed files of the kernel, of udev and of text file folders, through all collectors.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use node_exporter::NodeExporter;
use tests::TemporaryFolder;
use tests::collectors::optional;
use tests::exporter::Running;
use tests::fuzz::Fuzz;
use tests::process::{command, succeed};

const TEXTFILE: &str = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"y\\n\"} 1 \n\
    # TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 4.5\nh_count 3\n\
    # TYPE s summary\ns{quantile=\"0.5\"} NaN\ns_sum 1\ns_count 2\nuntyped{} -Inf\n";

async fn fuzz(fixture: &str) {
    let folder = TemporaryFolder::new("fuzz").unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(fixture);
    let copy = folder.path().join("host");
    succeed(command("cp").arg("-a").arg(fixture.canonicalize().unwrap()).arg(&copy)).unwrap();
    std::fs::create_dir(copy.join("text")).unwrap();
    std::fs::write(copy.join("text/a.prom"), TEXTFILE).unwrap();
    let paths = [
        ("path.procfs", "proc"),
        ("path.sysfs", "sys"),
        ("path.rootfs", "root"),
        ("path.udev.data", "udev"),
        ("collector.textfile.directory", "text"),
    ];
    let mut arguments: Vec<String> = paths
        .iter()
        .map(|(flag, part)| format!("--{flag}={}", copy.join(part).display()))
        .collect();
    arguments.extend(optional(&Running::<NodeExporter>::help().unwrap()));
    for collector in ["arp.netlink", "netdev.netlink"] {
        arguments.push(format!("--no-collector.{collector}"));
    }
    for flag in ["cpu.info", "cpu.info.bugs-include=.", "cpu.info.flags-include=.", "stat.softirq"]
    {
        arguments.push(format!("--collector.{flag}"));
    }
    let exporter = Running::<NodeExporter>::start(&arguments).unwrap();
    let usual = exporter.scrape().await.unwrap().len();
    let files = tests::files(&copy).unwrap();
    let mut fuzz = Fuzz::start().unwrap();
    while fuzz.goes_on() {
        let (changed, input) = fuzz.change_files(&files).unwrap();
        let body = exporter.scrape().await.unwrap();
        let names = changed.names();
        let metrics = fuzz.check(&body, input, usual);
        let metrics = metrics.unwrap_or_else(|error| panic!("{names:?}: {error:#}"));
        // Whatever a file holds, the collectors that do not read it are in the answer.
        assert!(metrics.0.len() > 20, "{names:?}: {body}");
        changed.undo().unwrap();
    }
    assert!(exporter.scrape().await.unwrap().len() + 4096 > usual, "all is as before");
    fuzz.finish().unwrap();
}

#[tokio::test]
async fn fuzz_files_of_a_current_kernel() {
    fuzz("linux-6.1").await;
}

#[tokio::test]
async fn fuzz_files_of_an_old_kernel() {
    fuzz("linux-2.6.32").await;
}
