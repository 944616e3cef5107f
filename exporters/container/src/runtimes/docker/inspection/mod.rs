//! A container as Docker's API describes it.

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerStateStatusEnum, HealthStatusEnum,
    MountPoint, PortMap,
};

use super::listing::Listed;
use super::snapshot::Engine;
use crate::runtimes::container::{
    Container, Health, Mount, Port, Status, port_ranges, unix_seconds,
};
use crate::runtimes::labels::Labelling;

/// Bytes of a text that is kept of a container; a path may have as many.
const MAX_TEXT: usize = 4096;

/// Ports of a container at most. A range may be published, each port of it is a series.
const MAX_PORTS: usize = 4096;

/// Volumes of a container at most.
const MAX_VOLUMES: usize = 4096;

/// What answers are turned into containers with.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) engine: Engine,
    pub(super) labelling: Labelling,
    /// The daemon makes cgroups through systemd.
    pub(super) uses_systemd: bool,
}

impl Reader {
    /// From the answer to an inspection.
    pub(super) fn inspection(&self, found: ContainerInspectResponse) -> Container {
        let config = found.config.unwrap_or_default();
        let state = found.state.unwrap_or_default();
        let host = found.host_config.unwrap_or_default();
        let network = host.network_mode.unwrap_or_default();
        let mut layer = found.graph_driver.map(|driver| driver.data).unwrap_or_default();
        let finished_seconds = state.finished_at.as_deref().and_then(unix_seconds);
        let status = state.status.and_then(status);
        let has_ended = matches!(
            status,
            Some(Status::Exited | Status::Dead | Status::Restarting | Status::Removing)
        );
        let labels = config.labels.unwrap_or_default();
        let is_unwanted = !self.labelling.wants(&labels);
        Container {
            runtime: self.engine.name(),
            name: bounded(bare_name(found.name.as_deref())),
            image: bounded(&config.image.unwrap_or_default()),
            labels: self.labelling.render(
                &labels,
                &config.env.unwrap_or_default(),
                found.restart_count.unwrap_or_default(),
            ),
            cgroup: self.cgroup(
                found.id.as_deref().unwrap_or_default(),
                &bounded(&host.cgroup_parent.unwrap_or_default()),
            ),
            pid: state.pid.filter(|pid| *pid > 0),
            status,
            created_seconds: found.created.as_deref().and_then(unix_seconds),
            started_seconds: state.started_at.as_deref().and_then(unix_seconds),
            finished_seconds,
            // While a container runs this is 0, whatever its last exit code was.
            last_exit_code: finished_seconds.and(state.exit_code).filter(|_| has_ended),
            restarts: found.restart_count,
            oom_kills: u64::from(state.oom_killed == Some(true)),
            health: Some(health(&state)),
            ports: found.network_settings.and_then(|net| net.ports).map(ports).unwrap_or_default(),
            volumes: volumes(found.mounts.unwrap_or_default()),
            has_foreign_network: network.starts_with("container:"),
            layer: layer.remove("UpperDir").filter(|path| path.len() <= MAX_TEXT),
            is_unwanted,
            network_mode: bounded(network_mode(&network)),
            cpu_shares: host.cpu_shares.filter(|shares| *shares > 0),
            memory_reservation: host.memory_reservation.filter(|bytes| *bytes > 0),
        }
    }

    /// From a line of the list, until the inspection succeeds: a name is better than none.
    pub(super) fn summary(&self, found: Listed) -> Container {
        let labels = found.labels.clone().unwrap_or_default();
        Container {
            is_unwanted: !self.labelling.wants(&labels),
            runtime: self.engine.name(),
            name: bounded(found.name()),
            cgroup: self.cgroup(found.id().unwrap_or_default(), ""),
            status: found.state.as_deref().and_then(word_status),
            image: bounded(&found.image.unwrap_or_default()),
            labels: self.labelling.render(&labels, &[], 0),
            created_seconds: found.created.map(|seconds| seconds as f64),
            ..Container::default()
        }
    }

    /// Where the daemon makes the cgroup of a container whose `parent` was asked for.
    fn cgroup(&self, id: &str, parent: &str) -> String {
        let parent = parent.trim_end_matches('/');
        let (slice, folder, prefix) = match self.engine {
            Engine::Docker => ("system.slice", "docker", ""),
            Engine::Podman => ("machine.slice", "libpod_parent", "libpod-"),
        };
        if !self.uses_systemd {
            let parent = if parent.is_empty() { folder } else { parent.trim_start_matches('/') };
            return format!("/{parent}/{prefix}{id}");
        }
        let scope = match self.engine {
            Engine::Docker => format!("docker-{id}.scope"),
            Engine::Podman => format!("libpod-{id}.scope"),
        };
        match parent.rsplit('/').next().filter(|parent| !parent.is_empty()) {
            Some(parent) => format!("{}/{scope}", slice_path(parent)),
            None => format!("{}/{scope}", slice_path(slice)),
        }
    }
}

/// Without the id of a container or the path of a namespace; `default` is the daemon's bridge.
fn network_mode(mode: &str) -> &str {
    match mode.split(':').next().unwrap_or_default() {
        "default" => "bridge",
        kind => kind,
    }
}

/// systemd nests slices by the dashes in their names, systemd.slice(5):
/// `a-b.slice` is at `/a.slice/a-b.slice`.
fn slice_path(slice: &str) -> String {
    let stem = slice.strip_suffix(".slice").unwrap_or(slice);
    let ends = stem.match_indices('-').map(|(end, _)| end).chain([stem.len()]);
    ends.filter_map(|end| stem.get(..end)).flat_map(|part| ["/", part, ".slice"]).collect()
}

fn bounded(text: &str) -> String {
    text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or_default().to_owned()
}

fn bare_name(name: Option<&str>) -> &str {
    name.unwrap_or_default().trim_start_matches('/')
}

fn status(found: ContainerStateStatusEnum) -> Option<Status> {
    Some(match found {
        ContainerStateStatusEnum::EMPTY => return None,
        ContainerStateStatusEnum::CREATED => Status::Created,
        // Podman's word for a process that has been told to end and still runs.
        ContainerStateStatusEnum::RUNNING | ContainerStateStatusEnum::STOPPING => Status::Running,
        ContainerStateStatusEnum::PAUSED => Status::Paused,
        ContainerStateStatusEnum::RESTARTING => Status::Restarting,
        ContainerStateStatusEnum::REMOVING => Status::Removing,
        ContainerStateStatusEnum::EXITED => Status::Exited,
        ContainerStateStatusEnum::DEAD => Status::Dead,
    })
}

/// Status in a line of the list; `None` for a word that Docker does not have.
pub(super) fn word_status(word: &str) -> Option<Status> {
    let word = if word == "stopping" { "running" } else { word };
    Status::ALL.iter().find(|(_, known)| *known == word).map(|(status, _)| *status)
}

fn health(state: &ContainerState) -> Health {
    match state.health.as_ref().and_then(|health| health.status) {
        None | Some(HealthStatusEnum::EMPTY | HealthStatusEnum::NONE) => Health::Unchecked,
        Some(HealthStatusEnum::HEALTHY) => Health::Healthy,
        Some(HealthStatusEnum::STARTING) => Health::Starting,
        Some(HealthStatusEnum::UNHEALTHY) => Health::Unhealthy,
    }
}

/// `{"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "443/tcp": null}`
fn ports(found: PortMap) -> Vec<Port> {
    let mut ports = Vec::new();
    for (port, bindings) in found {
        let port = bounded(&port);
        let (container, protocol) = port.split_once('/').unwrap_or((&port, "tcp"));
        let mut push = |host_ip: String, host: String| {
            let (container, protocol) = (container.to_owned(), protocol.to_owned());
            ports.push(Port { container, protocol, host_ip, host });
        };
        match bindings.filter(|bindings| !bindings.is_empty()) {
            None => push(String::new(), String::new()),
            Some(bindings) => bindings.into_iter().for_each(|binding| {
                let text = |text: Option<String>| bounded(&text.unwrap_or_default());
                push(text(binding.host_ip), text(binding.host_port));
            }),
        }
    }
    ports.sort_unstable();
    ports.dedup();
    if ports.len() > MAX_PORTS {
        ports = port_ranges(&ports);
    }
    ports.truncate(MAX_PORTS);
    ports.shrink_to_fit();
    ports
}

/// Those of the mounts that are volumes; folders of the host and memory are none.
fn volumes(mounts: Vec<MountPoint>) -> Vec<Mount> {
    let of_volumes = mounts.into_iter().filter(|mount| mount.typ.as_deref() == Some("volume"));
    let mut volumes: Vec<Mount> = of_volumes
        .take(MAX_VOLUMES)
        .filter_map(|mount| {
            Some(Mount {
                destination: bounded(&mount.destination.unwrap_or_default()),
                volume: bounded(&mount.name.filter(|name| !name.is_empty())?),
                is_read_only: mount.rw == Some(false),
            })
        })
        .collect();
    volumes.sort_unstable();
    volumes.dedup_by(|one, other| one.destination == other.destination);
    volumes
}

#[cfg(test)]
mod tests;
