//! Devices and mounts that never answer: a scrape ends in time all the same, and threads do not pile up.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tests::exposition::Exposition;
use tests::fuse::SilentMount;
use tests::process::{command, succeed};
use tests::served::Served;
use tests::{TemporaryFolder, built, eventually};

/// What Prometheus would announce, in seconds.
const TIMEOUT: f64 = 2.0;

/// What a busy machine may add to it, in seconds.
const DELAY: f64 = 1.0;

/// Threads that a busy machine may need beside each other where an idle one needs one.
const SPARE_THREADS: usize = 3;

/// Scrapes at once, which all meet the device before the first has given it up.
const CROWD: usize = 8;

struct Node(Served);

impl Node {
    fn start(arguments: &[String]) -> Self {
        let mut node = command(built(env!("CARGO_BIN_EXE_node-exporter")));
        node.args(arguments);
        Self(Served::start(node, "--web.listen-address=127.0.0.1:").unwrap())
    }

    /// One scrape, which must end at the timeout.
    fn scrape(&self) -> Exposition {
        let started = Instant::now();
        let answer = self.0.scrape_within(TIMEOUT).unwrap();
        assert!(started.elapsed().as_secs_f64() < TIMEOUT + DELAY, "{:?}", started.elapsed());
        answer.exposition().unwrap()
    }

    /// Several scrapes at the same time, and what one of them gave.
    fn crowd(&self) -> Exposition {
        std::thread::scope(|scope| {
            let scrapes: Vec<_> = (0..CROWD).map(|_| scope.spawn(|| self.scrape())).collect();
            scrapes.into_iter().map(|scrape| scrape.join().unwrap()).next_back().unwrap()
        })
    }

    fn threads(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.0.process.id())).unwrap().count()
    }

    /// Scrapes on and on: threads do not grow with the scrapes.
    fn assert_threads_are_bounded(&self) {
        let before = self.threads();
        for _ in 0..30 {
            self.scrape();
        }
        let after = self.threads();
        assert!(
            after <= before + SPARE_THREADS,
            "{before} threads before, {after} after 30 scrapes"
        );
    }
}

fn success(metrics: &Exposition, collector: &str) -> bool {
    let labels = [("collector", collector)];
    metrics.value("node_scrape_collector_success", &labels).unwrap() > 0.5
}

#[test]
#[ignore = "needs root"]
fn a_mount_that_never_answers_is_given_up_and_found_again() {
    let folder = TemporaryFolder::new("silent").unwrap();
    let point = folder.path().join("mount");
    std::fs::create_dir(&point).unwrap();
    let mount = SilentMount::new(&point).unwrap();
    let node = Node::start(&[]);
    let metrics = node.scrape();
    assert!(!success(&metrics, "filesystem"), "the scrape ends before the mount is given up");
    assert!(success(&metrics, "cpu") && success(&node.crowd(), "meminfo"));

    let point = point.display().to_string();
    let labels = [("mountpoint", point.as_str()), ("device_error", "mountpoint timeout")];
    let given_up = || {
        let metrics = node.scrape();
        let error = metrics.value("node_filesystem_device_error", &labels);
        if success(&metrics, "filesystem") { error } else { Err(anyhow::anyhow!("no success")) }
    };
    let error = eventually("success", Duration::from_secs(15), given_up).unwrap();
    assert!((error - 1.0).abs() < f64::EPSILON, "{error}");
    assert!(node.scrape().value("node_filesystem_size_bytes", &[("mountpoint", "/")]).is_ok());
    node.assert_threads_are_bounded();

    drop(mount);
    let log = node.0.process.log();
    let lines = log.lines().filter(|line| line.contains("collector failed")).count();
    assert_eq!(lines, 1, "one line when the state changes: {log}");
    let gone = || match node.scrape().value("node_filesystem_device_error", &labels) {
        Ok(_) => Err("still there"),
        Err(_) => Ok(()),
    };
    eventually("end of the mount", Duration::from_secs(10), gone).unwrap();
}

#[test]
fn a_chip_that_never_answers_costs_its_collector_and_nothing_else() {
    let folder = TemporaryFolder::new("chip").unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/linux-6.1");
    let (sys, proc) = (folder.path().join("sys"), fixture.join("proc"));
    succeed(command("cp").arg("-a").arg(fixture.join("sys")).arg(&sys)).unwrap();
    // A pipe that nobody writes to hangs its reader, as a broken bus does.
    let chip = sys.join("class/hwmon/hwmon99");
    std::fs::create_dir_all(&chip).unwrap();
    std::fs::write(chip.join("name"), "stuck\n").unwrap();
    succeed(command("mkfifo").arg(chip.join("temp1_input"))).unwrap();
    let roots =
        [("procfs", &proc), ("sysfs", &sys)].map(|(n, p)| format!("--path.{n}={}", p.display()));
    let mut node = Node::start(&roots);
    let metrics = node.crowd();
    assert!(success(&metrics, "cpu") && success(&metrics, "loadavg"));
    assert!(!success(&metrics, "hwmon"));
    assert!(!success(&node.scrape(), "hwmon"));
    node.assert_threads_are_bounded();
    let started = Instant::now();
    let status = node.0.stop(Signal::TERM).unwrap();
    assert!(status.success() && started.elapsed() < Duration::from_secs(10), "{status}");
}
