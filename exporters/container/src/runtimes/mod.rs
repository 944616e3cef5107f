//! The container runtimes of this host.
//!
//! Docker and Podman are followed by their API, [`docker`]; containerd and CRI-O, and Podman
//! where its API is off, by the files that they keep, [`bundle`]. Both give
//! [`container::Container`]s.

mod args;
pub mod bundle;
pub mod container;
pub mod cri;
pub mod docker;
mod labels;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use args::RuntimeArgs;

pub use labels::Labelling;
pub(crate) use labels::RESTART_LABEL;

use bundle::Bundles;
use container::Container;
use cri::{Cri, Layers};
use docker::{Endpoint, Engine, Follow, Size, Snapshot, State, Watcher};

/// The runtimes, being followed.
#[derive(Debug)]
pub struct Runtimes {
    watchers: Vec<Watcher>,
    bundles: Arc<Bundles>,
    cri: Option<Cri>,
    docker_root: Arc<Path>,
}

/// Where CRI-O listens.
const CRIO: &str = "/var/run/crio/crio.sock";

impl Runtimes {
    /// Starts to follow the runtimes of the host whose root is at `rootfs`; to be called
    /// inside a tokio runtime.
    ///
    /// # Errors
    /// `DOCKER_HOST` is no endpoint.
    pub fn start(args: &RuntimeArgs, labelling: &Labelling, rootfs: &Path) -> anyhow::Result<Self> {
        let follow = |engine, endpoint, is_expected| Follow {
            engine,
            endpoint,
            is_expected,
            labelling: labelling.clone(),
            size_interval: args.size_interval,
            volume_interval: args.volume_interval,
        };
        let docker = args.docker_endpoint(|name| std::env::var_os(name))?;
        let (podman, is_expected) = args.podman_endpoint();
        let watched =
            [follow(Engine::Docker, docker, true), follow(Engine::Podman, podman, is_expected)];
        let watched = watched.into_iter().filter(|follow| follow.endpoint != Endpoint::Nowhere);
        let bundles = Bundles::new(args, rootfs, labelling.clone());
        let below = |path: &str| rootfs.join(path.trim_start_matches('/'));
        let sockets: Vec<PathBuf> = [&args.containerd, CRIO]
            .into_iter()
            .filter(|path| !path.is_empty())
            .map(below)
            .collect();
        let is_asked = !args.cri_interval.is_zero();
        Ok(Self {
            cri: is_asked.then(|| Cri::start(sockets, args.cri_interval)),
            watchers: watched.map(Watcher::start).collect(),
            bundles: Arc::new(bundles),
            docker_root: args.docker_root.as_path().into(),
        })
    }

    /// What is known now; before a runtime has answered, waits for it up to `patience`.
    pub async fn known(&self, patience: Duration) -> Known {
        let snapshots = self.watchers.iter().map(|watcher| watcher.snapshot(patience));
        let snapshots = futures_util::future::join_all(snapshots).await;
        let (bundles, docker_root) = (Arc::clone(&self.bundles), Arc::clone(&self.docker_root));
        let layers = self.cri.as_ref().map(Cri::layers).unwrap_or_default();
        Known { snapshots, bundles: Some(bundles), layers, docker_root: Some(docker_root) }
    }
}

/// What the runtimes have reported until one moment.
#[derive(Clone, Debug, Default)]
pub struct Known {
    snapshots: Vec<Arc<Snapshot>>,
    bundles: Option<Arc<Bundles>>,
    layers: Arc<Layers>,
    /// Where the flags say that it is.
    docker_root: Option<Arc<Path>>,
}

impl Known {
    /// The runtimes with an API.
    pub fn snapshots(&self) -> impl Iterator<Item = &Snapshot> {
        self.snapshots.iter().map(AsRef::as_ref)
    }

    /// Docker or Podman, if one of them answers or has answered.
    pub fn of(&self, engine: Engine) -> Option<&Snapshot> {
        self.snapshots().find(|snapshot| snapshot.engine == engine)
    }

    /// Docker's data folder, as the daemon says, or as the flags do.
    pub fn docker_root(&self) -> Option<&Path> {
        let docker = self.of(Engine::Docker);
        docker.and_then(|docker| docker.root.as_deref()).or(self.docker_root.as_deref())
    }

    /// The container with this id, as the first runtime that knows it reports it. Those
    /// of files are asked last; this reads them the first time.
    pub fn find(&self, id: &str) -> Option<Arc<Container>> {
        let reported = self.snapshots().find_map(|snapshot| snapshot.containers.get(id));
        reported.cloned().or_else(|| self.bundles.as_ref()?.find(id))
    }

    /// Every container that a runtime with an API lists, with its id.
    pub fn listed(&self) -> impl Iterator<Item = (&String, &Arc<Container>)> {
        self.snapshots().flat_map(|snapshot| &snapshot.containers)
    }

    /// Sizes of the container with this id, once a runtime has reported them.
    pub fn size(&self, id: &str) -> Option<Size> {
        let reported = self.snapshots().find_map(|snapshot| snapshot.sizes.get(id));
        reported.copied().or_else(|| {
            let written = self.layers.get(id)?;
            Some(Size { layer_bytes: written.bytes, image_bytes: None })
        })
    }

    /// A path on the file system that has the writable layer of a container, if its runtime
    /// told it with the size.
    pub fn file_system(&self, id: &str) -> Option<&Path> {
        let written = self.layers.get(id)?;
        Some(Path::new(&written.file_system)).filter(|path| path.is_absolute())
    }

    /// True if what is known of the container is of this moment.
    pub fn is_current(&self, container: &Container) -> bool {
        let reported_by =
            self.snapshots().find(|snapshot| snapshot.engine.name() == container.runtime);
        reported_by.is_some_and(|snapshot| snapshot.state == State::Up)
    }

    /// Forgets files of containers that are not among `ids` any longer.
    pub(crate) fn keep_only(&self, is_there: impl Fn(&str) -> bool) {
        if let Some(bundles) = &self.bundles {
            bundles.keep_only(is_there);
        }
    }
}
