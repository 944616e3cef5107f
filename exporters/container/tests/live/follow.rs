//! Containers from start to end, and beyond the daemon.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tests::docker::Docker;

use crate::{Running, UP};

const GATEWAY: &str = "twitch-chatters-gateway";
const WORKER: &str = "twitch-chatters-worker";
const DOWN: &str = "container_runtime_up{runtime=\"docker\"} 0\n";

/// The samples of `family` with the label `name`.
fn samples(body: &str, family: &str, name: &str) -> Vec<f64> {
    let (start, label) = (format!("{family}{{"), format!("name=\"{name}\""));
    let lines = body.lines().filter(|line| line.starts_with(&start) && line.contains(&label));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse().ok()).collect()
}

/// A file of a container's cgroup below any hierarchy, as its number.
fn cgroup_file(id: &str, v1: &str, v2: &str) -> anyhow::Result<f64> {
    let candidates = [
        format!("/sys/fs/cgroup/{v1}").replace("ID", &format!("docker/{id}")),
        format!("/sys/fs/cgroup/docker/{id}/{v2}"),
        format!("/sys/fs/cgroup/system.slice/docker-{id}.scope/{v2}"),
    ];
    let path = candidates.iter().find(|path| Path::new(path).exists()).context("no cgroup file")?;
    let text = std::fs::read_to_string(path)?;
    let first = text.split_whitespace().find(|word| word.parse::<f64>().is_ok());
    Ok(first.context(path.clone())?.parse()?)
}

fn start_containers(docker: &Docker) -> anyhow::Result<String> {
    let forever =
        "trap exit TERM; dd if=/dev/zero of=/x bs=1k count=100; while :; do sleep 1; done";
    let limits = ["-m", "64m", "--memory-reservation", "32m", "--cpus", "0.5"];
    let labels = ["--label", "com.docker.compose.project=app", "--label", "a.b=1"];
    let run = ["run", "-d", "--net", "host", "--name"];
    let image = ["gateway:1.4", "/bin/sh", "-c", forever];
    docker.run(&[&run[..], &[WORKER], &image].concat())?;
    docker.run(&[&run[..], &[GATEWAY], &limits, &labels, &image].concat())
}

fn check_values(body: &str, id: &str, usage_before: f64) -> anyhow::Result<()> {
    let one = |family: &str| samples(body, family, GATEWAY);
    ensure!(one("container_spec_memory_limit_bytes") == [67_108_864.0], "{body}");
    ensure!(one("container_spec_memory_reservation_limit_bytes") == [33_554_432.0], "{body}");
    ensure!(one("container_spec_cpu_quota") == [50_000.0], "{body}");
    ensure!(one("container_health_state") == [-1.0], "{body}");
    let limit = cgroup_file(id, "memory/ID/memory.limit_in_bytes", "memory.max")?;
    ensure!(one("container_spec_memory_limit_bytes") == [limit], "{limit}");
    let usage_after = cgroup_file(id, "cpuacct/ID/cpuacct.usage", "cpu.stat")?;
    let usage: f64 = one("container_cpu_usage_seconds_total").iter().sum();
    let unit = if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() { 1e6 } else { 1e9 };
    let bounds = usage_before / unit - 1e-6..=usage_after / unit + 1e-6;
    ensure!(usage > 0.0 && bounds.contains(&usage), "{usage} not in {bounds:?}");
    let peak = cgroup_file(id, "memory/ID/memory.max_usage_in_bytes", "memory.peak")?;
    let memory = one("container_memory_usage_bytes");
    ensure!(memory.len() == 1 && memory[0] > 0.0 && memory[0] <= peak, "{memory:?} {peak}");
    let working_set = one("container_memory_working_set_bytes");
    ensure!(working_set.len() == 1 && working_set[0] <= memory[0], "{working_set:?}");
    ensure!(body.contains("container_label_com_docker_compose_project=\"app\""), "{body}");
    ensure!(body.contains("container_label_a_b=\"1\"") && body.contains("image=\"gateway:1.4\""));
    ensure!(body.contains(id), "{body}");
    Ok(())
}

#[tokio::test]
#[ignore = "needs root and dockerd"]
async fn containers_are_followed_from_start_to_end_and_beyond_the_daemon() {
    let mut docker = Docker::new(&["--bridge=none"]).unwrap();
    let arguments = [format!("-docker={}", docker.endpoint()), "--docker_only".to_owned()];
    let exporter = Running::start(&arguments).unwrap();
    let body = exporter.scrape().await.unwrap();
    assert!(body.contains(DOWN), "the exporter starts before the daemon: {body}");
    assert!(body.contains("container_memory_usage_bytes{id=\"/\"}"), "{body}");

    docker.start().unwrap();
    docker.import("gateway:1.4").unwrap();
    let id = start_containers(&docker).unwrap();
    let is_there = |name: &'static str| {
        move |body: &str| !samples(body, "container_memory_usage_bytes", name).is_empty()
    };
    let body = exporter.eventually(|body| is_there(GATEWAY)(body) && is_there(WORKER)(body));
    assert!(body.await.unwrap().contains(UP));
    let used = cgroup_file(&id, "cpuacct/ID/cpuacct.usage", "cpu.stat").unwrap();
    check_values(&exporter.scrape().await.unwrap(), &id, used).unwrap();

    docker.run(&["update", "-m", "70m", "--memory-swap", "140m", GATEWAY]).unwrap();
    let body = exporter.scrape().await.unwrap();
    let limit = samples(&body, "container_spec_memory_limit_bytes", GATEWAY);
    assert_eq!(limit, [73_400_320.0], "a changed limit shows at once");

    docker.run(&["rename", GATEWAY, "renamed"]).unwrap();
    exporter
        .eventually(|body| is_there("renamed")(body) && !is_there(GATEWAY)(body))
        .await
        .unwrap();
    docker.run(&["stop", "-t", "2", WORKER]).unwrap();
    exporter.eventually(|body| !is_there(WORKER)(body) && body.contains(WORKER)).await.unwrap();
    docker.run(&["rm", WORKER]).unwrap();
    exporter.eventually(|body| !body.contains(WORKER)).await.unwrap();

    docker.kill().unwrap();
    let body = exporter.eventually(|body| body.contains(DOWN)).await.unwrap();
    assert!(is_there("renamed")(&body), "cgroups and names outlive the daemon: {body}");
    let before: f64 = samples(&body, "container_cpu_usage_seconds_total", "renamed").iter().sum();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let body = exporter.scrape().await.unwrap();
    let after: f64 = samples(&body, "container_cpu_usage_seconds_total", "renamed").iter().sum();
    assert!(after > before, "{before} {after}");

    docker.start().unwrap();
    exporter.eventually(|body| body.contains(UP)).await.unwrap();
    docker.end().unwrap();
}

#[tokio::test]
#[ignore = "needs root and dockerd"]
async fn writable_layers_are_measured_by_docker() {
    let mut docker = Docker::new(&["--bridge=none"]).unwrap();
    docker.start().unwrap();
    docker.import("gateway:1.4").unwrap();
    start_containers(&docker).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let exporter = Running::start(&[format!("-docker={}", docker.endpoint())]).unwrap();
    let usage = |body: &str| samples(body, "container_fs_usage_bytes", GATEWAY);
    let body = exporter.eventually(|body| !usage(body).is_empty()).await.unwrap();
    assert_eq!(usage(&body), [102_400.0]);
    let limit = samples(&body, "container_fs_limit_bytes", GATEWAY);
    assert!(limit.len() == 1 && limit[0] > 102_400.0, "{limit:?}");
    docker.end().unwrap();
}
