//! Questions to the daemon, all of them GET requests, each with a deadline.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{ContainerInspectResponse, ContainerSummary, EventMessage};
use bollard::query_parameters::{
    EventsOptions, InspectContainerOptions, ListContainersOptionsBuilder,
};
use futures_util::{Stream, StreamExt as _};

use crate::args::Endpoint;

/// A daemon that needs longer for a small answer hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// For the list: a host may have thousands of containers.
const LIST_PATIENCE: Duration = Duration::from_secs(20);

/// For the list with sizes, for which the daemon walks all layers.
const SIZE_PATIENCE: Duration = Duration::from_mins(2);

/// What changes something that a snapshot holds. The daemon compares beginnings,
/// because the verdict is part of the action `health_status: healthy`.
const ACTIONS: [&str; 6] = ["start", "die", "destroy", "rename", "update", "health_status"];

/// Events as they come.
pub(super) type Events = Pin<Box<dyn Stream<Item = Result<EventMessage, Error>> + Send>>;

/// A connection, or rather the means to make one per question.
pub(super) struct Client(Docker);

/// What the daemon says of itself.
pub(super) struct Daemon {
    pub(super) version: Option<String>,
    pub(super) root: Option<String>,
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
            Endpoint::Nowhere => bail!("there is no endpoint"),
        };
        Ok(Self(within(PATIENCE, docker.negotiate_version()).await.context("version")?))
    }

    pub(super) async fn daemon(&self) -> anyhow::Result<Daemon> {
        let info = within(PATIENCE, self.0.info()).await.context("info")?;
        Ok(Daemon { version: info.server_version, root: info.docker_root_dir })
    }

    pub(super) async fn ping(&self) -> anyhow::Result<()> {
        within(PATIENCE, self.0.ping()).await.context("ping").map(drop)
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

    /// The containers that run.
    pub(super) async fn list(&self) -> anyhow::Result<Vec<ContainerSummary>> {
        let options = ListContainersOptionsBuilder::default().build();
        within(LIST_PATIENCE, self.0.list_containers(Some(options))).await.context("list")
    }

    /// The containers that run, with the sizes of their layers.
    pub(super) async fn list_with_sizes(&self) -> anyhow::Result<Vec<ContainerSummary>> {
        let options = ListContainersOptionsBuilder::default().size(true).build();
        let list = within(SIZE_PATIENCE, self.0.list_containers(Some(options)));
        list.await.context("list with sizes")
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

/// Id and bytes in the writable layer. Docker leaves the size of an empty layer
/// out, but not that of the whole file system.
pub(super) fn layer_size(found: &ContainerSummary) -> Option<(String, u64)> {
    let size = found.size_rw.or(found.size_root_fs.and(Some(0)))?;
    Some((found.id.clone()?, u64::try_from(size).ok()?))
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
        let list = include_str!("../../fixtures/docker/list-with-sizes.json");
        let list: Vec<ContainerSummary> = serde_json::from_str(list).unwrap();
        let sizes: Vec<u64> = list.iter().filter_map(layer_size).map(|(_, size)| size).collect();
        assert_eq!(sizes, [0, 40_960]);
        let list = include_str!("../../fixtures/docker/list.json");
        let list: Vec<ContainerSummary> = serde_json::from_str(list).unwrap();
        assert_eq!(list.iter().filter_map(layer_size).count(), 0);
    }
}
