//! Every kernel file of a fixture in turn is emptied, cut, overwritten, made enormous or forbidden:
//! it costs the collector that reads it, wholly or in part, which names it, and nothing else.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tests::collectors::{help, optional};
use tests::exposition::Exposition;
use tests::process::{command, copy_program, output, succeed};
use tests::{TemporaryFolder, built, files};

/// Most collectors that may read one file.
const READERS: usize = 3;

/// More than any kernel writes, and more than is read.
const ENORMOUS_BYTES: usize = 33 * 1024 * 1024;

/// A copy of a fixture, scraped by one run of the program.
struct Host {
    folder: TemporaryFolder,
    arguments: Vec<String>,
}

/// How the collectors fared, by name.
struct Scrape {
    succeeded: usize,
    failed: BTreeSet<String>,
    /// They left out a part of their input.
    malformed: BTreeSet<String>,
    summary: String,
}

impl Scrape {
    /// The collectors that a broken file has cost all of their samples, or some.
    fn affected<'a>(&'a self, healthy: &'a Self) -> BTreeSet<&'a String> {
        let failed = self.failed.difference(&healthy.failed);
        failed.chain(self.malformed.difference(&healthy.malformed)).collect()
    }
}

impl Host {
    fn new(fixture: &str) -> Self {
        let folder = TemporaryFolder::new("broken").unwrap();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let fixture = fixtures.join(fixture);
        for part in ["proc", "sys"] {
            let copy = folder.path().join(part);
            succeed(command("cp").arg("-a").arg(fixture.join(part)).arg(copy)).unwrap();
        }
        let program = built(env!("CARGO_BIN_EXE_node-exporter"));
        let node = copy_program(&program, folder.path()).unwrap();
        let mut arguments = optional(&help(&node).unwrap());
        assert!(arguments.len() > 10, "{arguments:?}");
        arguments.push("--no-collector.arp.netlink".into());
        arguments.push("--no-collector.netdev.netlink".into());
        for (flag, part) in [("procfs", "proc"), ("sysfs", "sys"), ("rootfs", "root")] {
            arguments.push(format!("--path.{flag}={}", folder.path().join(part).display()));
        }
        Self { folder, arguments }
    }

    /// The files of the fixture, links left out because their targets come by themselves. Of those
    /// that differ only by numbers, such as the same file of each processor, the first.
    fn files(&self) -> Vec<PathBuf> {
        let folders = ["proc", "sys"].map(|part| self.folder.path().join(part));
        let files = folders.iter().flat_map(|folder| files(folder).unwrap());
        let mut known = BTreeSet::new();
        let mut is_new = |file: &PathBuf| {
            let path = file.strip_prefix(self.folder.path()).unwrap().to_str().unwrap();
            let words = path.split(|character: char| character.is_ascii_digit());
            known.insert(words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("0"))
        };
        files.filter(|file| !file.ends_with(".gitkeep") && is_new(file)).collect()
    }

    fn scrape(&self) -> Scrape {
        // As nobody, to whom the kernel's refusals apply.
        let mut nobody = command("setpriv");
        nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
        nobody.arg(self.folder.path().join("node-exporter")).arg("scrape").args(&self.arguments);
        let output = output(nobody.current_dir("/")).unwrap();
        let summary = String::from_utf8_lossy(&output.stderr).into_owned();
        let metrics = Exposition::parse(&String::from_utf8(output.stdout).unwrap()).unwrap();
        assert!(!summary.contains("panicked"), "{summary}");
        let with = |family: &str, is_met: fn(f64) -> bool| -> BTreeSet<String> {
            let samples = metrics.samples();
            let met = samples.filter(|(name, _, value)| name == family && is_met(*value));
            met.map(|(_, labels, _)| labels["collector"].clone()).collect()
        };
        let success = "node_scrape_collector_success";
        Scrape {
            succeeded: with(success, |value| value > 0.5).len(),
            failed: with(success, |value| value < 0.5),
            malformed: with("node_scrape_collector_malformed_total", |value| value > 0.5),
            summary,
        }
    }

    /// Scrapes with `file` as it is now; what it affects must name it.
    fn check(&self, file: &Path, what: &str, healthy: &Scrape) -> usize {
        let scrape = self.scrape();
        let new = scrape.affected(healthy);
        let name = file.strip_prefix(self.folder.path()).unwrap().display().to_string();
        let summary = &scrape.summary;
        assert!(new.len() <= READERS, "{name} {what}: {new:?}\n{summary}");
        for collector in &new {
            let names_file = |line: &str| {
                line.contains(collector.as_str()) && line.contains(name.rsplit('/').next().unwrap())
            };
            let named = scrape.summary.lines().any(names_file);
            let is_absence = scrape
                .summary
                .lines()
                .any(|line| line.contains(collector.as_str()) && line.contains("no data"));
            assert!(named || is_absence, "{name} {what}: {collector} does not name it\n{summary}");
        }
        new.len()
    }
}

/// Breaks every file whose number leaves the rest `part`, in each way, and counts the effects.
fn break_part(part: usize, parts: usize) -> usize {
    let host = Host::new("linux-6.1");
    let healthy = host.scrape();
    assert!(healthy.succeeded > 50, "{}", healthy.summary);
    let mut effects = 0;
    for file in host.files().into_iter().skip(part).step_by(parts) {
        let content = std::fs::read(&file).unwrap();
        let half = &content[..content.len() / 2];
        for (what, broken) in
            [("empty", &b""[..]), ("cut", half), ("binary", b"\0\xff\xfe\n\0"), ("cpu0", b"cpu0")]
        {
            std::fs::write(&file, broken).unwrap();
            effects += host.check(&file, what, &healthy);
        }
        std::fs::write(&file, &content).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
        effects += host.check(&file, "forbidden", &healthy);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let after = host.scrape();
    assert_eq!(after.failed, healthy.failed, "all is as before");
    assert_eq!(after.malformed, healthy.malformed, "all is as before");
    effects
}

#[test]
#[ignore = "needs root"]
fn a_broken_file_costs_its_readers_and_nothing_else() {
    let parts = std::thread::available_parallelism().unwrap().get();
    let effects: usize = std::thread::scope(|scope| {
        let breaking: Vec<_> =
            (0..parts).map(|part| scope.spawn(move || break_part(part, parts))).collect();
        breaking.into_iter().map(|part| part.join().unwrap()).sum()
    });
    assert!(effects > 100, "only {effects} effects: the fixture is hardly read");
}

#[test]
#[ignore = "needs root"]
fn an_enormous_file_is_refused() {
    let host = Host::new("linux-6.1");
    let healthy = host.scrape();
    for (file, collector) in
        [("proc/stat", "cpu"), ("proc/1/mountinfo", "filesystem"), ("proc/net/netstat", "netstat")]
    {
        let path = host.folder.path().join(file);
        let content = std::fs::read(&path).unwrap();
        std::fs::write(&path, vec![b'7'; ENORMOUS_BYTES]).unwrap();
        host.check(&path, "enormous", &healthy);
        assert!(host.scrape().failed.contains(collector), "{file}");
        std::fs::write(&path, content).unwrap();
    }
}
