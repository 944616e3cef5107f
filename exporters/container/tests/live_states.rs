//! What containers do and how they end, on a real daemon.

mod harness;

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::Router;
use harness::{eventually, exporter, scrape};
use tests::TemporaryFolder;
use tests::docker::Docker;
use tests::process::{Process, command, succeed};

const IMAGE: &str = "busybox:1";
const UP: &str = "container_runtime_up{runtime=\"docker\"} 1\n";

/// Takes memory until there is none; the variable doubles with each round.
const EATS_MEMORY: &str = "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done";

/// The sample of `family` of the container `name` with `label`.
fn value(body: &str, family: &str, name: &str, label: &str) -> Option<f64> {
    let (start, name) = (format!("{family}{{"), format!("name=\"{name}\""));
    let mut lines = body.lines().filter(|line| line.starts_with(&start));
    let line = lines.find(|line| line.contains(&name) && line.contains(label))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

fn is_state(body: &str, name: &str, state: &str) -> bool {
    value(body, "container_state", name, &format!("state=\"{state}\"")) == Some(1.0)
}

fn is_health(body: &str, name: &str, status: &str) -> bool {
    value(body, "container_health_status", name, &format!("status=\"{status}\"")) == Some(1.0)
}

/// A daemon with an image, and an exporter that follows it.
fn start() -> anyhow::Result<(Docker, Router)> {
    let mut docker = Docker::new(&["--bridge=none"])?;
    docker.start()?;
    docker.import(IMAGE)?;
    let exporter = exporter(&[format!("-docker={}", docker.endpoint()), "--docker_only".into()])?;
    Ok((docker, exporter))
}

/// Starts a container that runs `script`.
fn run(docker: &Docker, name: &str, options: &[&str], script: &str) -> anyhow::Result<String> {
    let start = ["run", "-d", "--net", "none", "--name", name];
    docker.run(&[&start[..], options, &[IMAGE, "/bin/sh", "-c", script]].concat())
}

#[tokio::test]
#[ignore = "needs root and dockerd"]
async fn ends_restarts_and_pauses_are_told_and_what_ended_stays() {
    let (mut docker, exporter) = start().unwrap();
    eventually(&exporter, |body| body.contains(UP)).await.unwrap();
    run(&docker, "ends", &[], "exit 7").unwrap();
    let has_ended = |body: &str| {
        is_state(body, "ends", "exited")
            && value(body, "container_last_exit_code", "ends", "") == Some(7.0)
    };
    let body = eventually(&exporter, has_ended).await.unwrap();
    assert_eq!(value(&body, "container_restarts_total", "ends", ""), Some(0.0));
    assert_eq!(value(&body, "container_oom_events_total", "ends", ""), Some(0.0));
    assert!(value(&body, "container_finished_time_seconds", "ends", "").is_some(), "{body}");

    run(&docker, "fails", &["--restart", "on-failure:2"], "exit 3").unwrap();
    let has_given_up = |body: &str| {
        is_state(body, "fails", "exited")
            && value(body, "container_restarts_total", "fails", "") == Some(2.0)
            && value(body, "container_last_exit_code", "fails", "") == Some(3.0)
    };
    eventually(&exporter, has_given_up).await.unwrap();

    run(&docker, "waits", &[], "while :; do sleep 1; done").unwrap();
    eventually(&exporter, |body| is_state(body, "waits", "running")).await.unwrap();
    docker.run(&["pause", "waits"]).unwrap();
    let body = eventually(&exporter, |body| is_state(body, "waits", "paused")).await.unwrap();
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
    let body = eventually(&exporter, is_killed).await.unwrap();
    assert_eq!(identity(&body), running, "the series goes on without a cgroup");
    docker.run(&["start", "waits"]).unwrap();
    let body = eventually(&exporter, |body| is_state(body, "waits", "running")).await.unwrap();
    assert_eq!(value(&body, "container_last_exit_code", "waits", ""), Some(137.0));

    docker.run(&["rm", "ends", "fails"]).unwrap();
    eventually(&exporter, |body| !body.contains("\"ends\"") && !body.contains("\"fails\""))
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
    let body = eventually(&exporter, |body| is_health(body, "checked", "starting")).await.unwrap();
    assert!(!is_health(&body, "checked", "unhealthy"), "{body}");
    docker.run(&["exec", "checked", "/bin/busybox", "touch", "/ok"]).unwrap();
    let body = eventually(&exporter, |body| is_health(body, "checked", "healthy")).await.unwrap();
    assert_eq!(value(&body, "container_health_state", "checked", ""), Some(1.0));
    assert_eq!(value(&body, "container_health_status", "unchecked", ""), None);
    docker.run(&["exec", "checked", "/bin/busybox", "rm", "/ok"]).unwrap();
    eventually(&exporter, |body| is_health(body, "checked", "unhealthy")).await.unwrap();
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
    eventually(&exporter, |body| body.contains(UP)).await.unwrap();
    let limit = ["-m", "16m", "--memory-swap", "16m"];
    run(&docker, "eats", &limit, EATS_MEMORY).unwrap();
    let kills = |body: &str, name: &str| value(body, "container_oom_events_total", name, "");
    let is_killed = |body: &str| {
        is_state(body, "eats", "exited") && kills(body, "eats").is_some_and(|count| count >= 1.0)
    };
    let body = eventually(&exporter, is_killed).await.unwrap();
    assert_eq!(value(&body, "container_last_exit_code", "eats", ""), Some(137.0));
    let first = kills(&body, "eats").unwrap();
    docker.run(&["start", "eats"]).unwrap();
    let body = eventually(&exporter, |body| kills(body, "eats") > Some(first)).await.unwrap();
    assert!(kills(&body, "eats") <= Some(2.0 * first + 1.0), "{body}");

    let script = format!("for i in 1 2 3; do /bin/sh -c '{EATS_MEMORY}'; done; sleep 1000");
    let id = run(&docker, "survives", &limit, &script).unwrap();
    let body = eventually(&exporter, |body| kills(body, "survives") == Some(3.0)).await.unwrap();
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
    let script = "x=aaaaaaaa; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do x=$x$x; done; \
                  while :; do sleep 1000; done";
    run(&docker, "holds", &["-m", "64m"], script).unwrap();
    let has_settled = |body: &str| {
        value(body, "container_memory_working_set_bytes", "holds", "") > Some(1_000_000.0)
    };
    eventually(&exporter, has_settled).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let stats = ["stats", "--no-stream", "--format", "{{.MemUsage}}", "holds"];
    let shown = bytes(&docker.run(&stats).unwrap()).unwrap();
    let body = scrape(&exporter).await.unwrap();
    let ours = value(&body, "container_memory_working_set_bytes", "holds", "").unwrap();
    assert!((ours - shown).abs() < 0.05 * shown, "{ours} {shown}");
    docker.end().unwrap();
}

/// Whoever may use the socket's group needs no other right.
const NOBODY: u32 = 65_534;
const SOCKET_GROUP: u32 = 41_999;

#[tokio::test]
#[ignore = "needs root and dockerd"]
async fn a_user_of_the_sockets_group_sees_the_containers() {
    let (mut docker, _) = start().unwrap();
    run(&docker, "waits", &[], "while :; do sleep 1; done").unwrap();
    let endpoint = docker.endpoint();
    let socket = endpoint.trim_start_matches("unix://");
    std::os::unix::fs::chown(socket, None, Some(SOCKET_GROUP)).unwrap();
    let folder = TemporaryFolder::new("nobody").unwrap();
    let program = folder.path().join("container-exporter");
    std::fs::copy(env!("CARGO_BIN_EXE_container-exporter"), &program).unwrap();
    let is_seen = async |group: u32| -> anyhow::Result<bool> {
        let port = tests::free_port()?;
        let mut exporter = command(&program);
        exporter.arg(format!("-docker={endpoint}")).arg(format!("-port={port}"));
        exporter.arg("-listen_ip=127.0.0.1").uid(NOBODY).gid(group);
        let process = Process::start(&mut exporter, &folder.path().join("log"))?;
        let body = tests::eventually("an answer", Duration::from_secs(20), || {
            tests::http::get(&format!("http://127.0.0.1:{port}/metrics")).and_then(|answer| {
                ensure!(answer.body.contains("container_runtime_up{"), "{}", answer.body);
                Ok(answer.body)
            })
        });
        let body = body.with_context(|| process.log())?;
        Ok(is_state(&body, "waits", "running")
            && value(&body, "container_memory_usage_bytes", "waits", "").is_some())
    };
    assert!(is_seen(SOCKET_GROUP).await.unwrap());
    assert!(!is_seen(NOBODY).await.unwrap(), "others do not");
    docker.end().unwrap();
}

/// Makes an authority, and certificates of it for both sides.
fn certify(folder: &Path) -> anyhow::Result<()> {
    let openssl = |words: &str| {
        succeed(command("openssl").current_dir(folder).args(words.split_whitespace())).map(drop)
    };
    openssl(
        "req -x509 -newkey rsa:2048 -nodes -keyout ca-key.pem -out ca.pem -days 2 -subj /CN=ca",
    )?;
    for (name, extension) in [
        ("server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"),
        ("client", "extendedKeyUsage=clientAuth\n"),
    ] {
        std::fs::write(folder.join(format!("{name}.ext")), extension)?;
        openssl(&format!(
            "req -newkey rsa:2048 -nodes -keyout {name}-key.pem -out {name}.csr -subj /CN={name}"
        ))?;
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 \
             -extfile {name}.ext -out {name}.pem"
        ))?;
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs root, dockerd and openssl"]
async fn a_daemon_behind_tls_is_followed_by_who_has_the_certificate() {
    let folder = TemporaryFolder::new("certificates").unwrap();
    certify(folder.path()).unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let endpoint = format!("tcp://127.0.0.1:{}", tests::free_port().unwrap());
    let options = [
        "--bridge=none".to_owned(),
        format!("--host={endpoint}"),
        "--tlsverify".to_owned(),
        format!("--tlscacert={}", file("ca.pem")),
        format!("--tlscert={}", file("server.pem")),
        format!("--tlskey={}", file("server-key.pem")),
    ];
    let mut docker = Docker::new(&options.each_ref().map(String::as_str)).unwrap();
    docker.start().unwrap();
    docker.import(IMAGE).unwrap();
    run(&docker, "waits", &[], "while :; do sleep 1; done").unwrap();
    let with_key = |key: &str| {
        exporter(&[
            format!("-docker={endpoint}"),
            "-docker-tls".to_owned(),
            format!("-docker-tls-ca={}", file("ca.pem")),
            format!("-docker-tls-cert={}", file("client.pem")),
            format!("-docker-tls-key={}", file(key)),
        ])
    };
    let trusted = with_key("client-key.pem").unwrap();
    eventually(&trusted, |body| is_state(body, "waits", "running")).await.unwrap();
    let stranger = with_key("server-key.pem").unwrap();
    let down = "container_runtime_up{runtime=\"docker\"} 0\n";
    let body = eventually(&stranger, |body| body.contains(down)).await.unwrap();
    assert!(!body.contains("waits"), "{body}");
    docker.end().unwrap();
}
