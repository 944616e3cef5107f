//! Files of sysfs that answer with an error, as sensors do that are switched off or broken: each costs
//! its own samples and no collector its success.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use node_exporter::NodeExporter;
use tests::collectors::optional;
use tests::exporter::Running;
use tests::exposition::Exposition;
use tests::process::{command, succeed};
use tests::{TemporaryFolder, files};

/// Gives `EIO` at its start, where no process has memory.
const BROKEN: &str = "/proc/self/mem";

/// Files that are all that their collectors read, or tell that there is something to read.
const WHOLE: [&str; 3] =
    ["class/net/bonding_masters", "fs/cgroup/cgroup.controllers", "fs/selinux/enforce"];

/// In how many scrapes the files are broken, each in one of them.
const ROUNDS: usize = 17;

/// The collectors that succeed.
async fn successes(exporter: &Running<NodeExporter>) -> (BTreeSet<String>, Exposition) {
    let metrics = Exposition::parse(&exporter.scrape().await.unwrap()).unwrap();
    let successes = metrics
        .samples()
        .filter(|(name, _, value)| name == "node_scrape_collector_success" && *value > 0.5)
        .map(|(_, labels, _)| labels["collector"].clone());
    (successes.collect(), metrics)
}

#[tokio::test]
async fn files_of_sysfs_that_cannot_be_read_cost_no_collector_its_success() {
    let folder = TemporaryFolder::new("withheld").unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/linux-6.1");
    let mut arguments = optional(&Running::<NodeExporter>::help().unwrap());
    for (flag, part) in [("procfs", "proc"), ("sysfs", "sys"), ("rootfs", "root")] {
        let copy = folder.path().join(part);
        succeed(command("cp").arg("-a").arg(fixture.join(part)).arg(&copy)).unwrap();
        arguments.push(format!("--path.{flag}={}", copy.display()));
    }
    for collector in ["arp.netlink", "netdev.netlink", "timex"] {
        arguments.push(format!("--no-collector.{collector}"));
    }
    let exporter = Running::<NodeExporter>::start(&arguments).unwrap();
    let (healthy, _) = successes(&exporter).await;
    let sys = folder.path().join("sys");
    let mut files = files(&sys).unwrap();
    files.retain(|file| !file.ends_with(".gitkeep"));
    files.retain(|file| !WHOLE.iter().any(|whole| file.ends_with(whole)));
    assert!(files.len() > 300, "{} files", files.len());
    for round in 0..ROUNDS {
        let broken: Vec<&PathBuf> = files.iter().skip(round).step_by(ROUNDS).collect();
        let aside = |file: &Path| PathBuf::from(format!("{}.aside", file.display()));
        for file in &broken {
            std::fs::rename(file, aside(file)).unwrap();
            symlink(BROKEN, file).unwrap();
        }
        let (now, _) = successes(&exporter).await;
        for file in &broken {
            std::fs::rename(aside(file), file).unwrap();
        }
        let lost: Vec<&String> = healthy.difference(&now).collect();
        assert!(lost.is_empty(), "{lost:?} without one of {broken:#?}");
    }
}

#[tokio::test]
async fn a_zone_that_never_answers_costs_its_own_sample() {
    let folder = TemporaryFolder::new("zones").unwrap();
    let write = |path: &str, content: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    write("class/thermal/thermal_zone0/type", "CPU-therm\n");
    write("class/thermal/thermal_zone0/temp", "49925\n");
    write("class/thermal/thermal_zone2/type", "CV0-therm\n");
    symlink(BROKEN, folder.path().join("class/thermal/thermal_zone2/temp")).unwrap();
    write("class/thermal/thermal_zone3/type", "off\n");
    write("class/thermal/thermal_zone3/temp", "-274000\n");
    write("class/hwmon/hwmon0/name", "chip\n");
    write("class/hwmon/hwmon0/temp1_input", "31000\n");
    symlink(BROKEN, folder.path().join("class/hwmon/hwmon0/temp2_input")).unwrap();
    let exporter = Running::<NodeExporter>::start(&[
        format!("--path.sysfs={}", folder.path().display()),
        "--collector.disable-defaults".into(),
        "--collector.thermal_zone".into(),
        "--collector.hwmon".into(),
    ]);
    let (successes, metrics) = successes(&exporter.unwrap()).await;
    assert!(successes.contains("thermal_zone") && successes.contains("hwmon"), "{successes:?}");
    let of = |family: &str| -> Vec<f64> {
        let samples = metrics.samples().filter(|(name, _, _)| name == family);
        samples.map(|(_, _, value)| *value).collect()
    };
    assert_eq!(of("node_thermal_zone_temp"), [49.925]);
    assert_eq!(of("node_hwmon_temp_celsius"), [31.0]);
}
