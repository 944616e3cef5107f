//! The whole exposition of the fixture trees of both cgroup versions.

use tests::golden::{self, Unsteady};

use crate::stub::{Mood, Stub};
use crate::{Running, fixture, on_fixtures};

/// Families that depend on the machine that runs the test, or on the moment.
const VOLATILE: &[&str] = &[
    "cadvisor_version_info",
    "container_exporter_build_info",
    "container_exporter_collector_duration_seconds",
    "container_last_seen",
    "process_",
    "promhttp_",
];

/// Times of cgroups that are no containers are those of the fixture's folders.
fn is_volatile(line: &str) -> bool {
    let name = line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ");
    let is_time =
        line.starts_with("container_creation_time") || line.starts_with("container_start_time");
    VOLATILE.iter().any(|volatile| name.starts_with(volatile))
        || (is_time && !line.contains("name="))
}

async fn compare(version: &str, further: &[&str], expected: &str) -> anyhow::Result<()> {
    let docker = Stub::start(&format!("{version}-{expected}"), Mood::Answers)?;
    let mut arguments = on_fixtures(version, &docker.endpoint());
    arguments.extend(further.iter().map(ToString::to_string));
    arguments.push("-web.enable-openmetrics".to_owned());
    let exporter = Running::start(&arguments)?;
    let body = exporter.eventually(|body| body.contains("container_runtime_up")).await?;
    assert!(body.contains("container_runtime_up{runtime=\"docker\"} 1"), "{body}");
    assert!(!body.contains("hunter2"), "a secret of a container's environment is exposed");
    exporter.shows_in_openmetrics(&body, VOLATILE).await?;
    let body: String =
        body.lines().filter(|line| !is_volatile(line)).flat_map(|line| [line, "\n"]).collect();
    let path = fixture(&format!("{version}/{expected}.prom"));
    golden::compare(path.as_ref(), &body, Unsteady { values: &[], families: &[] })
}

#[tokio::test]
async fn version_1_below_the_cgroupfs_driver() {
    compare("v1", &["--fs.size-interval=0"], "expected").await.unwrap();
}

#[tokio::test]
async fn version_2_below_the_systemd_driver() {
    compare("v2", &["--fs.size-interval=0"], "expected").await.unwrap();
}

/// The groups that are off by default, and what is read on request only.
const FURTHER: [&str; 4] = [
    "--container.accelerators",
    "-fs.size-interval=0",
    "-enable_load_reader",
    "-enable_metrics=advtcp,cpuLoad,cpu_topology,cpuset,hugetlb,memory_numa,process,\
     referenced_memory,sched,tcp,udp",
];

#[tokio::test]
async fn further_groups_of_version_1() {
    compare("v1", &FURTHER, "expected-further").await.unwrap();
}

#[tokio::test]
async fn further_groups_of_version_2() {
    compare("v2", &FURTHER, "expected-further").await.unwrap();
}

#[tokio::test]
async fn few_groups_and_few_labels() {
    let arguments = [
        "--docker_only",
        "-fs.size-interval=0",
        "-enable_metrics=cpu,sched",
        "-store_container_labels=false",
        "-whitelisted_container_labels=a_b",
        "-env_metadata_whitelist=APP_",
    ];
    compare("v1", &arguments, "expected-few").await.unwrap();
}
