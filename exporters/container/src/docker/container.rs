//! A container as the API describes it.

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerSummary, HealthStatusEnum,
};

use super::labels::Labelling;

/// What the runtime knows of a container and the cgroup files do not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Container {
    /// Name, without the slash that the API puts before it.
    pub name: String,
    /// Image, as it was asked for.
    pub image: String,
    /// Label names and values in order of the names.
    pub labels: Vec<(String, String)>,
    /// First process; `None` once it has ended.
    pub pid: Option<i64>,
    /// Unix time of creation.
    pub created_seconds: Option<f64>,
    /// Unix time of the last start.
    pub started_seconds: Option<f64>,
    /// Verdict of the health check; `None` if it could not be found out.
    pub health: Option<Health>,
    /// The network is another container's, which reports it.
    pub has_foreign_network: bool,
    /// Host path of the writable layer, where the storage driver tells.
    pub layer: Option<String>,
}

/// Verdict of a health check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// The container has no health check.
    Unchecked,
    /// The last checks succeeded.
    Healthy,
    /// The first checks are still to come, or the last ones failed.
    NotHealthy,
}

impl Container {
    /// From the answer to an inspection.
    pub(super) fn from_inspection(found: ContainerInspectResponse, labelling: &Labelling) -> Self {
        let config = found.config.unwrap_or_default();
        let state = found.state.unwrap_or_default();
        let network = found.host_config.and_then(|host| host.network_mode).unwrap_or_default();
        let mut layer = found.graph_driver.map(|driver| driver.data).unwrap_or_default();
        Self {
            name: bare_name(found.name.as_deref()).to_owned(),
            image: config.image.unwrap_or_default(),
            labels: labelling.render(
                &config.labels.unwrap_or_default(),
                &config.env.unwrap_or_default(),
                found.restart_count.unwrap_or_default(),
            ),
            pid: state.pid.filter(|pid| *pid > 0),
            created_seconds: found.created.as_deref().and_then(unix_seconds),
            started_seconds: state.started_at.as_deref().and_then(unix_seconds),
            health: Some(health(&state)),
            has_foreign_network: network.starts_with("container:"),
            layer: layer.remove("UpperDir"),
        }
    }

    /// From a line of the list, where the inspection failed: a name is better than none.
    pub(super) fn from_summary(found: ContainerSummary, labelling: &Labelling) -> Self {
        Self {
            name: summary_name(&found).to_owned(),
            image: found.image.unwrap_or_default(),
            labels: labelling.render(&found.labels.unwrap_or_default(), &[], 0),
            created_seconds: found.created.map(|seconds| seconds as f64),
            ..Self::default()
        }
    }
}

/// Name in a line of the list.
pub(super) fn summary_name(found: &ContainerSummary) -> &str {
    let mut names = found.names.iter().flatten().map(|name| bare_name(Some(name)));
    // The names under which other containers link to this one have a second slash.
    names.find(|name| !name.contains('/')).unwrap_or_default()
}

fn bare_name(name: Option<&str>) -> &str {
    name.unwrap_or_default().trim_start_matches('/')
}

fn health(state: &ContainerState) -> Health {
    match state.health.as_ref().and_then(|health| health.status) {
        None | Some(HealthStatusEnum::EMPTY | HealthStatusEnum::NONE) => Health::Unchecked,
        Some(HealthStatusEnum::HEALTHY) => Health::Healthy,
        Some(HealthStatusEnum::STARTING | HealthStatusEnum::UNHEALTHY) => Health::NotHealthy,
    }
}

/// Whole seconds, as in the reference; the year 1 stands for never.
fn unix_seconds(text: &str) -> Option<f64> {
    let time: jiff::Timestamp = text.parse().ok()?;
    (time.as_second() > 0).then(|| time.as_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::DockerArgs;

    fn labelling() -> Labelling {
        let matches = |command: clap::Command| command.get_matches_from(["test"]);
        let command = <DockerArgs as clap::Args>::augment_args(clap::Command::new("test"));
        let args = <DockerArgs as clap::FromArgMatches>::from_arg_matches(&matches(command));
        Labelling::new(&args.unwrap())
    }

    fn inspect(json: &str) -> Container {
        Container::from_inspection(serde_json::from_str(json).unwrap(), &labelling())
    }

    #[test]
    fn an_inspection_gives_everything() {
        let container = inspect(include_str!("../../fixtures/docker/inspect-gateway.json"));
        assert_eq!(container.name, "twitch-chatters-gateway");
        assert_eq!(container.image, "registry.example/gateway:1.4");
        assert_eq!(container.pid, Some(3456));
        assert_eq!(container.created_seconds, Some(1_795_495_747.0));
        assert_eq!(container.started_seconds, Some(1_795_495_748.0));
        assert_eq!(container.health, Some(Health::Healthy));
        let layer = container.layer.unwrap();
        assert!(
            layer.starts_with("/var/lib/docker/overlay2/") && layer.ends_with("/diff"),
            "{layer}"
        );
        assert!(!container.has_foreign_network);
    }

    #[test]
    fn what_is_missing_stays_absent() {
        let container = inspect(
            r#"{"Name":"/a","State":{"Pid":0,"StartedAt":"0001-01-01T00:00:00Z"},
                "HostConfig":{"NetworkMode":"container:41c0"}}"#,
        );
        assert_eq!((container.pid, container.started_seconds), (None, None));
        assert_eq!(container.health, Some(Health::Unchecked));
        assert!(container.has_foreign_network && container.layer.is_none());
    }

    #[test]
    fn a_summary_gives_name_and_image() {
        let json = r#"{"Names":["/web/link","/db"],"Image":"x","Created":5,"Labels":{"a":"b"}}"#;
        let container = Container::from_summary(serde_json::from_str(json).unwrap(), &labelling());
        assert_eq!((container.name.as_str(), container.created_seconds), ("db", Some(5.0)));
        assert_eq!(container.health, None);
    }
}
