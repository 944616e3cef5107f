//! What is said of the machine comes from below `--path.*`, in no part from the running system.

use std::path::Path;

use tests::TemporaryFolder;
use tests::exposition::{Exposition, Labels};

use crate::stub::{Mood, Stub};
use crate::{Running, fixture};

/// Files of a guest that differs from the host in every value.
const GUEST: [(&str, &str); 10] = [
    ("etc/machine-id", "00112233445566778899aabbccddeeff\n"),
    ("etc/os-release", "PRETTY_NAME=\"Guest OS 7\"\n"),
    (
        "proc/meminfo",
        "MemTotal:        2097152 kB\nMemFree:         1000000 kB\nMemAvailable:    1500000 kB\n\
         Buffers:               0 kB\nCached:             1000 kB\nSwapTotal:        524288 kB\n\
         SwapFree:         524288 kB\n",
    ),
    (
        "proc/cpuinfo",
        "processor\t: 0\nphysical id\t: 0\ncore id\t\t: 0\n\nprocessor\t: 1\nphysical id\t: 0\n\
         core id\t\t: 1\n\nprocessor\t: 2\nphysical id\t: 4\ncore id\t\t: 0\n\n\
         processor\t: 3\nphysical id\t: 7\ncore id\t\t: 0\n\n",
    ),
    ("proc/sys/kernel/osrelease", "9.8.7-guest\n"),
    ("proc/sys/kernel/random/boot_id", "01234567-89ab-cdef-0123-456789abcdef\n"),
    ("proc/1/mountinfo", "27 1 8:1 / / rw - ext4 /dev/guest rw\n"),
    ("proc/stat", "cpu  1 2 3 4\nbtime 1000000000\n"),
    ("sys/devices/system/cpu/online", "0-2,8-11,64-65\n"),
    ("sys/class/dmi/id/product_uuid", "ffeeddcc-0000-0000-0000-000000000000\n"),
];

async fn scrape(name: &str, files: &[(&str, &str)]) -> anyhow::Result<Exposition> {
    let folder = TemporaryFolder::new(name)?;
    for (path, content) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        std::fs::write(path, content)?;
    }
    let docker = Stub::start(name, Mood::Answers)?;
    let root = folder.path().display();
    let exporter = Running::start(&[
        format!("--path.cgroup={}", fixture("v2/cgroup")),
        format!("--path.rootfs={root}"),
        format!("--path.procfs={root}/proc"),
        format!("--path.sysfs={root}/sys"),
        format!("-docker={}", docker.endpoint()),
        "-podman=".to_owned(),
    ])?;
    Exposition::parse(&exporter.eventually(|body| body.contains("container_runtime_up")).await?)
}

fn only_labels(metrics: &Exposition, family: &str) -> Labels {
    let mut samples = metrics.samples().filter(|(name, _, _)| name == family);
    samples.next().map(|(_, labels, _)| labels.clone()).unwrap_or_default()
}

#[tokio::test]
async fn the_machine_is_that_of_the_given_roots() {
    let metrics = scrape("machine-guest", &GUEST).await.unwrap();
    for (family, expected) in [
        ("machine_memory_bytes", 2_147_483_648.0),
        ("machine_swap_bytes", 536_870_912.0),
        ("machine_cpu_cores", 9.0),
        ("machine_cpu_physical_cores", 4.0),
        ("machine_cpu_sockets", 3.0),
        ("machine_scrape_error", 0.0),
    ] {
        let value = metrics.samples().find(|(name, _, _)| name == family).map(|found| found.2);
        assert_eq!(value, Some(expected), "{family}");
    }
    let of_root = |family| metrics.value(family, &[("id", "/")]).ok();
    assert_eq!(of_root("container_spec_memory_limit_bytes"), Some(2_147_483_648.0));
    assert_eq!(of_root("container_spec_memory_swap_limit_bytes"), Some(536_870_912.0));
    let labels = only_labels(&metrics, "machine_memory_bytes");
    assert_eq!(labels["machine_id"], "00112233445566778899aabbccddeeff");
    assert_eq!(labels["boot_id"], "01234567-89ab-cdef-0123-456789abcdef");
    assert_eq!(labels["system_uuid"], "ffeeddcc-0000-0000-0000-000000000000");
    let labels = only_labels(&metrics, "cadvisor_version_info");
    assert_eq!((&*labels["kernelVersion"], &*labels["osVersion"]), ("9.8.7-guest", "Guest OS 7"));
}

#[tokio::test]
async fn what_the_given_roots_lack_is_not_taken_from_the_running_system() {
    let few = GUEST.map(|(path, content)| match path {
        "proc/meminfo" | "proc/cpuinfo" => (path, content),
        _ => ("proc/empty", ""),
    });
    let metrics = scrape("machine-few", &few).await.unwrap();
    let labels = only_labels(&metrics, "machine_memory_bytes");
    assert!(labels.is_empty(), "{labels:?}");
    assert_eq!(only_labels(&metrics, "cadvisor_version_info")["osVersion"], "Linux");
    assert_eq!(metrics.samples().filter(|(name, ..)| name == "machine_cpu_cores").count(), 0);
}

/// The crate sysinfo knows no other roots than those of the running system, hence only here.
#[tokio::test]
async fn the_running_system_is_as_another_reader_sees_it() {
    let docker = Stub::start("machine-running", Mood::Answers).unwrap();
    let exporter = Running::start(&[
        format!("--path.cgroup={}", fixture("v2/cgroup")),
        format!("-docker={}", docker.endpoint()),
        "-podman=".to_owned(),
    ])
    .unwrap();
    let body = exporter.eventually(|body| body.contains("container_runtime_up")).await.unwrap();
    let metrics = Exposition::parse(&body).unwrap();
    let mut system = sysinfo::System::new().unwrap();
    system.refresh_memory();
    let value = |family| metrics.samples().find(|(name, ..)| name == family).map(|found| found.2);
    assert_eq!(value("machine_memory_bytes"), Some(system.total_memory() as f64));
    assert_eq!(value("machine_swap_bytes"), Some(system.total_swap() as f64));
    let cores = sysinfo::System::physical_core_count().ok().map(|cores| cores as f64);
    assert_eq!(value("machine_cpu_physical_cores"), cores);
}
