//! What containers do and how they end.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use crate::{UP, is_state, run, start, value};

/// Takes memory until there is none; the variable doubles with each round.
const EATS_MEMORY: &str = "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done";

fn is_health(body: &str, name: &str, status: &str) -> bool {
    value(body, "container_health_status", name, &format!("status=\"{status}\"")) == Some(1.0)
}

#[tokio::test]
#[ignore = "needs root and dockerd"]
async fn ends_restarts_and_pauses_are_told_and_what_ended_stays() {
    let (mut docker, exporter) = start().unwrap();
    exporter.eventually(|body| body.contains(UP)).await.unwrap();
    run(&docker, "ends", &[], "exit 7").unwrap();
    let has_ended = |body: &str| {
        is_state(body, "ends", "exited")
            && value(body, "container_last_exit_code", "ends", "") == Some(7.0)
    };
    let body = exporter.eventually(has_ended).await.unwrap();
    assert_eq!(value(&body, "container_restarts_total", "ends", ""), Some(0.0));
    assert_eq!(value(&body, "container_oom_events_total", "ends", ""), Some(0.0));
    assert!(value(&body, "container_finished_time_seconds", "ends", "").is_some(), "{body}");

    run(&docker, "fails", &["--restart", "on-failure:2"], "exit 3").unwrap();
    let has_given_up = |body: &str| {
        is_state(body, "fails", "exited")
            && value(body, "container_restarts_total", "fails", "") == Some(2.0)
            && value(body, "container_last_exit_code", "fails", "") == Some(3.0)
    };
    exporter.eventually(has_given_up).await.unwrap();

    run(&docker, "waits", &[], "while :; do sleep 1; done").unwrap();
    exporter.eventually(|body| is_state(body, "waits", "running")).await.unwrap();
    docker.run(&["pause", "waits"]).unwrap();
    let body = exporter.eventually(|body| is_state(body, "waits", "paused")).await.unwrap();
    let identity = |body: &str| {
        let line = body.lines().find(|line| line.contains("name=\"waits\",state=\"paused\""));
        line.unwrap_or_default().rsplit_once(' ').map(|(series, _)| series.to_owned())
    };
    let running = identity(&body);
    docker.run(&["unpause", "waits"]).unwrap();
    docker.run(&["kill", "waits"]).unwrap();
    let is_killed = |body: &str| {
        is_state(body, "waits", "exited")
            && value(body, "container_last_exit_code", "waits", "") == Some(137.0)
            && value(body, "container_last_seen", "waits", "").is_none()
    };
    let body = exporter.eventually(is_killed).await.unwrap();
    assert_eq!(identity(&body), running, "the series goes on without a cgroup");
    docker.run(&["start", "waits"]).unwrap();
    let body = exporter.eventually(|body| is_state(body, "waits", "running")).await.unwrap();
    assert_eq!(value(&body, "container_last_exit_code", "waits", ""), Some(137.0));

    docker.run(&["rm", "ends", "fails"]).unwrap();
    exporter
        .eventually(|body| !body.contains("\"ends\"") && !body.contains("\"fails\""))
        .await
        .unwrap();
    docker.end().unwrap();
}

#[tokio::test]
#[ignore = "needs root and dockerd"]
async fn health_goes_from_starting_to_healthy_to_unhealthy() {
    let (mut docker, exporter) = start().unwrap();
    let check = ["--health-cmd", "[ -e /ok ]", "--health-interval", "2s", "--health-retries", "1"];
    run(&docker, "checked", &check, "while :; do sleep 1; done").unwrap();
    run(&docker, "unchecked", &[], "while :; do sleep 1; done").unwrap();
    let body = exporter.eventually(|body| is_health(body, "checked", "starting")).await.unwrap();
    assert!(!is_health(&body, "checked", "unhealthy"), "{body}");
    docker.run(&["exec", "checked", "/bin/busybox", "touch", "/ok"]).unwrap();
    let body = exporter.eventually(|body| is_health(body, "checked", "healthy")).await.unwrap();
    assert_eq!(value(&body, "container_health_state", "checked", ""), Some(1.0));
    assert_eq!(value(&body, "container_health_status", "unchecked", ""), None);
    docker.run(&["exec", "checked", "/bin/busybox", "rm", "/ok"]).unwrap();
    exporter.eventually(|body| is_health(body, "checked", "unhealthy")).await.unwrap();
    docker.end().unwrap();
}

/// The kernel's own count of kills in the cgroup of a container that runs.
fn kernels_count(id: &str) -> anyhow::Result<f64> {
    let candidates = [
        format!("/sys/fs/cgroup/memory/docker/{id}/memory.oom_control"),
        format!("/sys/fs/cgroup/docker/{id}/memory.events"),
        format!("/sys/fs/cgroup/system.slice/docker-{id}.scope/memory.events"),
    ];
    let path = candidates.iter().find(|path| Path::new(path).exists()).context("no cgroup file")?;
    let text = std::fs::read_to_string(path)?;
    let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    Ok(count.context("no count")?.parse()?)
}

#[tokio::test]
#[ignore = "needs root and dockerd"]
async fn kills_for_want_of_memory_are_counted_also_those_that_end_a_container() {
    let (mut docker, exporter) = start().unwrap();
    exporter.eventually(|body| body.contains(UP)).await.unwrap();
    let limit = ["-m", "16m", "--memory-swap", "16m"];
    run(&docker, "eats", &limit, EATS_MEMORY).unwrap();
    let kills = |body: &str, name: &str| value(body, "container_oom_events_total", name, "");
    let is_killed = |body: &str| {
        is_state(body, "eats", "exited") && kills(body, "eats").is_some_and(|count| count >= 1.0)
    };
    let body = exporter.eventually(is_killed).await.unwrap();
    assert_eq!(value(&body, "container_last_exit_code", "eats", ""), Some(137.0));
    let first = kills(&body, "eats").unwrap();
    docker.run(&["start", "eats"]).unwrap();
    let body = exporter.eventually(|body| kills(body, "eats") > Some(first)).await.unwrap();
    assert!(kills(&body, "eats") <= Some(2.0 * first + 1.0), "{body}");

    let script = format!("for i in 1 2 3; do /bin/sh -c '{EATS_MEMORY}'; done; sleep 1000");
    let id = run(&docker, "survives", &limit, &script).unwrap();
    let body = exporter.eventually(|body| kills(body, "survives") == Some(3.0)).await.unwrap();
    assert!(is_state(&body, "survives", "running"), "{body}");
    assert_eq!(kernels_count(&id).ok(), Some(3.0));
    docker.end().unwrap();
}

/// `1.012MiB / 64MiB`, of which the first counts.
fn bytes(text: &str) -> anyhow::Result<f64> {
    let used = text.split('/').next().unwrap_or_default().trim();
    let number = used.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &used[number.len()..] {
        "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        unit => anyhow::bail!("unit {unit:?} of {text:?}"),
    };
    Ok(number.parse::<f64>()? * factor)
}

#[tokio::test]
#[ignore = "needs root and dockerd"]
async fn memory_is_what_docker_stats_shows() {
    let (mut docker, exporter) = start().unwrap();
    // 16 MiB: the pages that each processor has in stock (some 128 KiB, counted as used until the
    // kernel takes them back) are then within what may differ.
    let script = "x=aaaaaaaa; i=0; while [ $i -lt 21 ]; do x=$x$x; i=$((i+1)); done; \
                  while :; do sleep 1000; done";
    run(&docker, "holds", &["-m", "128m"], script).unwrap();
    let used = |body: &str| value(body, "container_memory_working_set_bytes", "holds", "");
    exporter.eventually(|body| used(body) > Some(16_000_000.0)).await.unwrap();
    let stats = ["stats", "--no-stream", "--format", "{{.MemUsage}}", "holds"];
    let mut seen = Vec::new();
    // Twice the string is in use until the shell has given back the shorter one.
    for _ in 0..10 {
        let shown = bytes(&docker.run(&stats).unwrap()).unwrap();
        let ours = used(&exporter.scrape().await.unwrap()).unwrap();
        seen.push((ours, shown));
        if (ours - shown).abs() < 0.05 * shown {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let (ours, shown) = *seen.last().unwrap();
    assert!((ours - shown).abs() < 0.05 * shown, "ours, Docker's: {seen:?}");
    docker.end().unwrap();
}
