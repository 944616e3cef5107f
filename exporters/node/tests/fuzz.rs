//! Changed files of the kernel, of udev and of text file folders, through all collectors.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use node_exporter::NodeExporter;
use tests::TemporaryFolder;
use tests::collectors::{collectors, optional};
use tests::exporter::Running;
use tests::fuzz::Fuzz;
use tests::opened::Opened;
use tests::process::{command, succeed};

const TEXTFILE: &str = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"y\\n\"} 1 \n\
    # TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 4.5\nh_count 3\n\
    # TYPE s summary\ns{quantile=\"0.5\"} NaN\ns_sum 1\ns_count 2\nuntyped{} -Inf\n";

/// A copy of a fixture that may be changed.
struct Copy {
    folder: TemporaryFolder,
}

impl Copy {
    fn of(fixture: &str) -> Self {
        let folder = TemporaryFolder::new("fuzz").unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(fixture);
        let copy = Self { folder };
        let root = copy.root();
        succeed(command("cp").arg("-a").arg(fixture.canonicalize().unwrap()).arg(&root)).unwrap();
        std::fs::create_dir(root.join("text")).unwrap();
        std::fs::write(root.join("text/a.prom"), TEXTFILE).unwrap();
        copy
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("host")
    }

    /// An exporter of it with these further flags.
    fn start(&self, further: Vec<String>) -> Running<NodeExporter> {
        let paths = [
            ("path.procfs", "proc"),
            ("path.sysfs", "sys"),
            ("path.rootfs", "root"),
            ("path.udev.data", "udev"),
            ("collector.textfile.directory", "text"),
        ];
        let path =
            |(flag, part): (&str, &str)| format!("--{flag}={}", self.root().join(part).display());
        let mut arguments: Vec<String> = paths.into_iter().map(path).chain(further).collect();
        for collector in ["arp.netlink", "netdev.netlink", "netclass.netlink"] {
            arguments.push(format!("--no-collector.{collector}"));
        }
        for flag in
            ["cpu.info", "cpu.info.bugs-include=.", "cpu.info.flags-include=.", "stat.softirq"]
        {
            arguments.push(format!("--collector.{flag}"));
        }
        for flag in [
            "bonding.details",
            "mdadm.details",
            "bcache.priorityStats",
            "sysctl.include=kernel.threads-max",
            "sysctl.include=net.ipv4.tcp_rmem:min,default,max",
            "sysctl.include-info=kernel.seccomp.actions_avail",
        ] {
            arguments.push(format!("--collector.{flag}"));
        }
        Running::start(&arguments).unwrap()
    }
}

/// Everything at once: what one parser makes of its files must not cost the others theirs.
async fn fuzz(fixture: &str) {
    let copy = Copy::of(fixture);
    let exporter = copy.start(optional(&Running::<NodeExporter>::help().unwrap()));
    let usual = exporter.scrape().await.unwrap().len();
    let files = tests::files(&copy.root()).unwrap();
    let mut fuzz = Fuzz::start().unwrap();
    while fuzz.goes_on() {
        let (changed, input) = fuzz.change_files(&files, 12).unwrap();
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

/// Each collector by itself, with the files that it opens: a parser that is added has its target.
/// Gives the names of those that open none.
async fn fuzz_each(fixture: &str) -> Vec<String> {
    let copy = Copy::of(fixture);
    let opened = Opened::watch(&copy.root()).unwrap();
    let collectors = collectors(&Running::<NodeExporter>::help().unwrap());
    assert!(collectors.len() > 60, "{collectors:?}");
    let mut without = Vec::new();
    for (number, name) in collectors.keys().enumerate() {
        let switches = ["disable-defaults", name].map(|flag| format!("--collector.{flag}"));
        opened.files().unwrap();
        let exporter = copy.start(switches.to_vec());
        exporter.scrape().await.unwrap();
        let usual = exporter.scrape().await.unwrap();
        let mut files = opened.files().unwrap();
        // The exporter's own.
        files.retain(|file| !file.starts_with(copy.root().join("proc/self")));
        if files.is_empty() {
            without.push(name.clone());
            continue;
        }
        let success = format!("node_scrape_collector_success{{collector=\"{name}\"}} ");
        assert!(usual.contains(&success), "{name}: {usual}");
        let mut fuzz = Fuzz::share(number, collectors.len()).unwrap();
        while fuzz.goes_on() {
            let at_once = 1 + fuzz.below(2);
            let (changed, input) = fuzz.change_files(&files, at_once).unwrap();
            let body = exporter.scrape().await.unwrap();
            let names = changed.names();
            let checked = fuzz.check(&body, input, usual.len());
            checked.unwrap_or_else(|error| panic!("{name}, {names:?}: {error:#}"));
            assert!(body.contains(&success), "{name}, {names:?}: {body}");
            changed.undo().unwrap();
        }
        let after = exporter.scrape().await.unwrap();
        assert!(after.len() + 4096 > usual.len(), "{name}: all is as before: {after}");
        fuzz.finish().unwrap();
    }
    without
}

#[tokio::test]
async fn fuzz_files_of_a_current_kernel() {
    fuzz("linux-6.1").await;
}

#[tokio::test]
async fn fuzz_files_of_an_old_kernel() {
    fuzz("linux-2.6.32").await;
}

/// Those without a file ask the kernel or a daemon; their answers have targets beside their parsers.
#[tokio::test]
async fn fuzz_each_collector_of_a_current_kernel() {
    let without = fuzz_each("linux-6.1").await;
    let machine = ["ethtool", "logind", "network_route", "qdisc", "systemd", "tcpstat", "timex"];
    assert_eq!(without, [&machine[..], &["uname", "wifi"]].concat());
}
