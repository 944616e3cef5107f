//! What Docker tells: names, images, labels, times and health of its containers.
//! Podman speaks the same language.
//!
//! One task keeps a [`Snapshot`] up to date; scrapes read it without asking the daemon.

mod client;
mod endpoint;
mod follow;
mod inspection;
mod inspections;
mod news;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use endpoint::{Certificates, Endpoint};

use crate::runtimes::container::Container;
use crate::runtimes::labels::Labelling;

/// Whose daemon it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Docker's own.
    #[default]
    Docker,
    /// Podman's imitation.
    Podman,
}

impl Dialect {
    /// Value of the label `runtime`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

/// How the connection stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// The first attempt has not come to an end.
    #[default]
    Unknown,
    /// There is none, and nobody said that there should be.
    Absent,
    /// The daemon answers.
    Up,
    /// The daemon does not answer; what is known is from before.
    Down,
}

/// What is known of the containers at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Whose they are.
    pub dialect: Dialect,
    /// How the connection stands.
    pub state: State,
    /// Containers by id: all that the daemon lists, whether they run or not.
    pub containers: HashMap<String, Arc<Container>>,
    /// Sizes by container id, as of the last time that the daemon was asked.
    pub sizes: Arc<HashMap<String, Size>>,
    /// The daemon's data folder.
    pub root: Option<PathBuf>,
    /// The daemon's version.
    pub version: Option<String>,
}

/// Space that a container takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Bytes in the writable layer.
    pub layer_bytes: u64,
    /// Bytes in the image's layers, where the daemon tells.
    pub image_bytes: Option<u64>,
}

/// What is to be followed.
#[derive(Debug)]
pub struct Follow {
    /// Whose daemon it is.
    pub dialect: Dialect,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Its absence is news.
    pub is_expected: bool,
    /// Which labels are wanted.
    pub labelling: Labelling,
    /// How often it is asked for sizes; zero means never.
    pub size_interval: Duration,
}

/// The task that follows a daemon; it ends with this value.
#[derive(Debug)]
pub struct Watcher {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    task: JoinHandle<()>,
}

impl Watcher {
    /// Starts following a daemon.
    pub fn start(follow: Follow) -> Self {
        let (sender, snapshots) = watch::channel(Arc::default());
        let task = tokio::spawn(follow::Follower::new(follow, sender).run());
        Self { snapshots, task }
    }

    /// The latest snapshot; before there is one, waits for it up to `patience`.
    pub async fn snapshot(&self, patience: Duration) -> Arc<Snapshot> {
        let mut snapshots = self.snapshots.clone();
        let known = snapshots.wait_for(|snapshot| snapshot.state != State::Unknown);
        // Neither a wait in vain nor an ended task makes what is known less true.
        let _ = tokio::time::timeout(patience, known).await;
        Arc::clone(&self.snapshots.borrow())
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}
