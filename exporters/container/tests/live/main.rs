//! A real daemon with real containers, started and ended by the test.

mod access;
mod compose;
mod cri;
mod follow;
mod page;
mod states;
mod tables;
mod unified;
mod volumes;

use container_exporter::ContainerExporter;
use tests::docker::Docker;

/// The exporter without a socket.
type Running = tests::exporter::Running<ContainerExporter>;

/// What the containers are made of.
pub(crate) const IMAGE: &str = "busybox:1";
/// The daemon answers.
pub(crate) const UP: &str = "container_runtime_up{runtime=\"docker\"} 1\n";

/// The sample of `family` of the container `name` with `label`.
pub(crate) fn value(body: &str, family: &str, name: &str, label: &str) -> Option<f64> {
    let (start, name) = (format!("{family}{{"), format!("name=\"{name}\""));
    let mut lines = body.lines().filter(|line| line.starts_with(&start));
    let line = lines.find(|line| line.contains(&name) && line.contains(label))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

pub(crate) fn is_state(body: &str, name: &str, state: &str) -> bool {
    value(body, "container_state", name, &format!("state=\"{state}\"")) == Some(1.0)
}

/// A daemon with an image, and an exporter that follows it.
pub(crate) fn start() -> anyhow::Result<(Docker, Running)> {
    let docker = daemon(&["--bridge=none"])?;
    let exporter = follow(&docker, &[])?;
    Ok((docker, exporter))
}

/// A daemon with an image.
pub(crate) fn daemon(options: &[&str]) -> anyhow::Result<Docker> {
    let mut docker = Docker::new(options)?;
    docker.start()?;
    docker.import(IMAGE)?;
    Ok(docker)
}

/// An exporter that follows `docker`, with further flags.
pub(crate) fn follow(docker: &Docker, further: &[&str]) -> anyhow::Result<Running> {
    let mut arguments = vec![format!("-docker={}", docker.endpoint()), "--docker_only".into()];
    arguments.extend(further.iter().map(ToString::to_string));
    Running::start(&arguments)
}

/// Starts a container that runs `script`.
pub(crate) fn run(
    docker: &Docker,
    name: &str,
    options: &[&str],
    script: &str,
) -> anyhow::Result<String> {
    let start = ["run", "-d", "--net", "none", "--name", name];
    docker.run(&[&start[..], options, &[IMAGE, "/bin/sh", "-c", script]].concat())
}
