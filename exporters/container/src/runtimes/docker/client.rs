//! Questions to the daemon, all of them GET requests, each with a deadline.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{
    ContainerInspectResponse, ContainerSummary, EventMessage, SystemInfoCgroupDriverEnum,
};
use bollard::query_parameters::{
    EventsOptions, InspectContainerOptions, ListContainersOptionsBuilder,
};
use futures_util::{Stream, StreamExt as _};

use super::endpoint::{Certificates, Endpoint};
use super::snapshot::Size;
use crate::runtimes::container::Status;

/// A daemon that needs longer for a small answer hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// For the list: a host may have thousands of containers.
const LIST_PATIENCE: Duration = Duration::from_secs(20);

/// For the list with sizes, for which the daemon walks all layers.
const SIZE_PATIENCE: Duration = Duration::from_mins(2);

/// What changes something that a snapshot holds. The daemon compares beginnings,
/// because the result is part of the action `health_status: healthy`. Podman
/// has words of its own for the end of a process and of a container.
const ACTIONS: [&str; 13] = [
    "create",
    "start",
    "pause",
    "unpause",
    "oom",
    "die",
    "died",
    "destroy",
    "remove",
    "rename",
    "update",
    "restart",
    "health_status",
];

/// Events as they come.
pub(super) type Events = Pin<Box<dyn Stream<Item = Result<EventMessage, Error>> + Send>>;

/// A connection, or rather the means to make one per question.
pub(super) struct Client(Docker);

/// What the daemon says of itself.
#[derive(Default)]
pub(super) struct Daemon {
    pub(super) root: Option<String>,
    /// It makes cgroups through systemd.
    pub(super) uses_systemd: bool,
}

impl Client {
    /// Agrees on the version of the API.
    pub(super) async fn connect(endpoint: &Endpoint) -> anyhow::Result<Self> {
        let seconds = PATIENCE.as_secs();
        let default = bollard::API_DEFAULT_VERSION;
        let docker = match endpoint {
            Endpoint::Unix(path) => {
                Docker::connect_with_unix(&path.to_string_lossy(), seconds, default)?
            }
            Endpoint::Tcp(address) => Docker::connect_with_http(address, seconds, default)?,
            Endpoint::Tls(address, certificates) => {
                let (address, certificates) = (address.clone(), certificates.clone());
                let reading = tokio::task::spawn_blocking(move || {
                    let Certificates { ca, cert, key } = &certificates;
                    Docker::connect_with_ssl(&address, key, cert, ca, seconds, default)
                });
                tokio::time::timeout(PATIENCE, reading)
                    .await
                    .context("certificates")??
                    .context("certificates")?
            }
            Endpoint::Nowhere => bail!("there is no endpoint"),
        };
        Ok(Self(within(PATIENCE, docker.negotiate_version()).await.context("version")?))
    }

    /// Asks what only helps: a proxy in between may refuse it.
    pub(super) async fn daemon(&self) -> Daemon {
        match within(PATIENCE, self.0.info()).await {
            Ok(info) => Daemon {
                root: info.docker_root_dir,
                uses_systemd: info.cgroup_driver == Some(SystemInfoCgroupDriverEnum::SYSTEMD),
            },
            Err(error) => {
                tracing::debug!(%error, "the container runtime does not answer /info");
                Daemon::default()
            }
        }
    }

    /// The daemon's version, which also shows that it lives.
    pub(super) async fn version(&self) -> anyhow::Result<Option<String>> {
        Ok(within(PATIENCE, self.0.version()).await.context("version")?.version)
    }

    /// Events from `since`, a Unix time, on.
    pub(super) fn events(&self, since: u64) -> Events {
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        let filters = HashMap::from([
            ("type".into(), words(&["container"])),
            ("event".into(), words(&ACTIONS)),
        ]);
        let since = Some(since.to_string());
        Box::pin(self.0.events(Some(EventsOptions { since, until: None, filters: Some(filters) })))
    }

    /// All containers, on request with their sizes.
    ///
    /// A list with one word that the API does not have cannot be read as a whole;
    /// Podman writes such words. Then each status is asked for by itself, and
    /// only what has that word is missing.
    pub(super) async fn list(&self, with_sizes: bool) -> anyhow::Result<Vec<ContainerSummary>> {
        match self.list_of(None, with_sizes).await {
            Err(Failure::Api(Error::JsonDataError { .. })) => {}
            answer => return answer.context("list"),
        }
        let (mut list, mut outcome) = (Vec::new(), Err(anyhow::anyhow!("no status")));
        for (_, status) in Status::ALL {
            match self.list_of(Some(status), with_sizes).await {
                Ok(found) => {
                    list.extend(found);
                    outcome = Ok(());
                }
                Err(error) => {
                    tracing::debug!(status, %error, "containers cannot be listed");
                    outcome = outcome.or_else(|_| Err(error).context("list"));
                }
            }
        }
        outcome.map(|()| list)
    }

    async fn list_of(
        &self,
        status: Option<&str>,
        with_sizes: bool,
    ) -> Result<Vec<ContainerSummary>, Failure> {
        let filters: HashMap<&str, Vec<&str>> =
            status.map(|status| ("status", vec![status])).into_iter().collect();
        let options = ListContainersOptionsBuilder::default().all(true).size(with_sizes);
        let options = options.filters(&filters).build();
        let patience = if with_sizes { SIZE_PATIENCE } else { LIST_PATIENCE };
        within(patience, self.0.list_containers(Some(options))).await
    }

    /// A container, or `None` if there is none of that id.
    pub(super) async fn inspect(
        &self,
        id: &str,
    ) -> anyhow::Result<Option<ContainerInspectResponse>> {
        match within(PATIENCE, self.0.inspect_container(id, None::<InspectContainerOptions>)).await
        {
            Ok(found) => Ok(Some(found)),
            Err(Failure::Api(Error::DockerResponseServerError { status_code: 404, .. })) => {
                Ok(None)
            }
            Err(error) => Err(error).context("inspect"),
        }
    }
}

/// Id and sizes. Docker leaves the size of an empty layer out, but not that of
/// the whole file system, in which the image's layers are contained.
pub(super) fn size(found: &ContainerSummary) -> Option<(String, Size)> {
    let layer = found.size_rw.or(found.size_root_fs.and(Some(0)))?;
    let image = found.size_root_fs.and_then(|root| u64::try_from(root - layer).ok());
    let size = Size { layer_bytes: u64::try_from(layer).ok()?, image_bytes: image };
    Some((found.id.clone()?, size))
}

/// The next event; the stream has no end unless the daemon has one.
pub(super) async fn next_event(events: &mut Events) -> anyhow::Result<EventMessage> {
    let event = events.next().await.context("the daemon closed the event stream")?;
    event.context("events")
}

/// A question without a good answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Api(#[from] Error),
    #[error("no answer within {} s", .0.as_secs())]
    Late(Duration),
}

async fn within<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(patience, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Failure::Late(patience)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_layer_has_size_zero_and_an_unmeasured_one_none() {
        let list = include_str!("../../../fixtures/docker/list-with-sizes.json");
        let list: Vec<ContainerSummary> = serde_json::from_str(list).unwrap();
        let sizes: Vec<Size> = list.iter().filter_map(size).map(|(_, size)| size).collect();
        let layers: Vec<u64> = sizes.iter().map(|size| size.layer_bytes).collect();
        assert_eq!(layers, [0, 40_960]);
        assert!(sizes.iter().all(|size| size.image_bytes.is_some()), "{sizes:?}");
        let list = include_str!("../../../fixtures/docker/list.json");
        let list: Vec<ContainerSummary> = serde_json::from_str(list).unwrap();
        assert_eq!(list.iter().filter_map(size).count(), 0);
    }
}
