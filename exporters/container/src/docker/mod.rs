//! What Docker tells: names, images, labels, times and health of its containers.
//!
//! One task keeps a [`Snapshot`] up to date; scrapes read it without asking Docker.

mod client;
mod container;
mod follow;
mod labels;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use container::{Container, Health};
pub use labels::Labelling;

use crate::args::{DockerArgs, Endpoint};

/// How the connection stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// The first attempt has not come to an end.
    #[default]
    Unknown,
    /// The daemon answers.
    Up,
    /// The daemon does not answer; what is known is from before.
    Down,
}

/// What is known of the containers at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// How the connection stands.
    pub state: State,
    /// Containers by id: those that run, and some that have just ended.
    pub containers: HashMap<String, Arc<Container>>,
    /// Bytes in the writable layer by container id, as of the last time that Docker was asked.
    pub layer_bytes: Arc<HashMap<String, u64>>,
    /// The daemon's data folder.
    pub root: Option<PathBuf>,
    /// The daemon's version.
    pub version: Option<String>,
}

/// The task that follows the daemon; it ends with this value.
#[derive(Debug)]
pub struct Watcher {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    task: JoinHandle<()>,
}

impl Watcher {
    /// Starts following the daemon, unless there is none by configuration.
    pub fn start(args: &DockerArgs) -> Option<Self> {
        if args.endpoint == Endpoint::Nowhere {
            return None;
        }
        let (sender, snapshots) = watch::channel(Arc::default());
        let task = tokio::spawn(follow::Follower::new(args, sender).run());
        Some(Self { snapshots, task })
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
