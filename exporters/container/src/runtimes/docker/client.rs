//! Questions to the daemon, all of them GET requests, each with a deadline.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bollard::errors::Error;
use bollard::models::{ContainerInspectResponse, SystemInfoCgroupDriverEnum};
use bollard::query_parameters::InspectContainerOptions;
use bollard::{BollardRequest, Docker, body_full};
use bytes::Bytes;
use common::error::excerpt;
use form_urlencoded::Serializer;
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::bounded::Bounded;
use super::endpoint::Endpoint;
use super::listing::Listed;
use super::snapshot::Size;
use super::stream::Events;
use super::transport::{Transport, sending};
use super::volumes::{DiskUsage, Volume};

/// A daemon that needs longer for a small answer hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// For the list: a host may have thousands of containers.
const LIST_PATIENCE: Duration = Duration::from_secs(20);

/// For the list with sizes, for which the daemon walks all layers.
const SIZE_PATIENCE: Duration = Duration::from_mins(2);

/// For the sizes of volumes, each of which the daemon walks.
const VOLUME_PATIENCE: Duration = Duration::from_mins(10);

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

/// The means to make a connection per question.
pub(super) struct Client {
    docker: Docker,
    /// For what bollard reads without a bound: the list and the events.
    transport: Transport,
}

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
        let endpoint = endpoint.clone();
        let reading = tokio::task::spawn_blocking(move || Transport::new(&endpoint));
        let transport = tokio::time::timeout(PATIENCE, reading).await.context("certificates")??;
        let transport = transport?;
        let docker = Docker::connect_with_custom_transport(
            sending(transport.clone()),
            Some("http://docker"),
            PATIENCE.as_secs(),
            bollard::API_DEFAULT_VERSION,
        )?;
        let docker = within(PATIENCE, docker.negotiate_version()).await.context("version")?;
        Ok(Self { docker, transport })
    }

    /// Asks what only helps: a proxy in between may refuse it.
    pub(super) async fn daemon(&self) -> Daemon {
        match within(PATIENCE, self.docker.info()).await {
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
        Ok(within(PATIENCE, self.docker.version()).await.context("version")?.version)
    }

    /// Events from `since`, a Unix time, on.
    pub(super) fn events(&self, since: u64) -> Events {
        let filters = serde_json::json!({"type": ["container"], "event": ACTIONS});
        let query = Serializer::new(String::new())
            .append_pair("since", &since.to_string())
            .append_pair("filters", &filters.to_string())
            .finish();
        let transport = self.transport.clone();
        Events::new(Box::pin(async move { ask(&transport, &format!("/events?{query}")).await }))
    }

    /// All containers, on request with their sizes.
    pub(super) async fn list(&self, with_sizes: bool) -> anyhow::Result<Vec<Listed>> {
        let patience = if with_sizes { SIZE_PATIENCE } else { LIST_PATIENCE };
        let target = format!("/containers/json?all=true&size={with_sizes}");
        let list = self.answer::<Bounded<Listed>>(&target, patience).await.context("list")?;
        Ok(list.0)
    }

    /// All volumes with their sizes. Daemons before API 1.42 do not know the type, and look at
    /// images and containers as well.
    pub(super) async fn volumes(&self) -> anyhow::Result<Vec<Volume>> {
        const TARGET: &str = "/system/df?type=volume&verbose=true";
        let usage = self.answer::<DiskUsage>(TARGET, VOLUME_PATIENCE).await.context("volumes")?;
        Ok(usage.volumes())
    }

    /// The answer to a question, read with the bound of its path.
    async fn answer<T: DeserializeOwned>(
        &self,
        target: &str,
        patience: Duration,
    ) -> anyhow::Result<T> {
        let answering = async {
            let body = read(ask(&self.transport, target).await?).await?;
            anyhow::Ok(serde_json::from_slice(&body)?)
        };
        match tokio::time::timeout(patience, answering).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::Late(patience).into()),
        }
    }

    /// A container, or `None` if there is none of that id.
    pub(super) async fn inspect(
        &self,
        id: &str,
    ) -> anyhow::Result<Option<ContainerInspectResponse>> {
        match within(PATIENCE, self.docker.inspect_container(id, None::<InspectContainerOptions>))
            .await
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
pub(super) fn size(found: &Listed) -> Option<(String, Size)> {
    let layer = found.size_rw.or(found.size_root_fs.and(Some(0)))?;
    let image = found.size_root_fs.and_then(|root| root.checked_sub(layer)?.try_into().ok());
    let size = Size { layer_bytes: u64::try_from(layer).ok()?, image_bytes: image };
    Some((found.id()?.to_owned(), size))
}

/// The answer to a question, of which the body is still to be read.
async fn ask(transport: &Transport, target: &str) -> anyhow::Result<Response<Incoming>> {
    let request = BollardRequest::new(body_full(Bytes::new()));
    let (mut head, body) = request.into_parts();
    head.uri = target.parse()?;
    let answer = transport.request(BollardRequest::from_parts(head, body)).await?;
    if !answer.status().is_success() {
        bail!("the daemon answers with status {}", answer.status().as_u16());
    }
    Ok(answer)
}

async fn read(answer: Response<Incoming>) -> anyhow::Result<Vec<u8>> {
    let mut body = answer.into_body();
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(bytes) = frame?.into_data() {
            read.extend_from_slice(&bytes);
        }
    }
    Ok(read)
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
        // What a daemon says with an error may be long.
        Ok(Err(Error::DockerResponseServerError { status_code, message })) => {
            let message = excerpt(&message);
            Err(Error::DockerResponseServerError { status_code, message }.into())
        }
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
        let Bounded(list) = serde_json::from_str(list).unwrap();
        let sizes: Vec<Size> = list.iter().filter_map(size).map(|(_, size)| size).collect();
        let layers: Vec<u64> = sizes.iter().map(|size| size.layer_bytes).collect();
        assert_eq!(layers, [0, 40_960]);
        assert!(sizes.iter().all(|size| size.image_bytes.is_some()), "{sizes:?}");
        let list = include_str!("../../../fixtures/docker/list.json");
        let Bounded(list) = serde_json::from_str(list).unwrap();
        assert_eq!(list.iter().filter_map(size).count(), 0);
    }
}
