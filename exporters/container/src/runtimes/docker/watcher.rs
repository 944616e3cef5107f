//! The task that follows a daemon in the background, as scrapes see it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::follow::{Follow, Follower};
use super::snapshot::{Snapshot, State};

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
        let task = tokio::spawn(Follower::new(follow, sender).run());
        Self { snapshots, task }
    }

    /// The latest snapshot; before there is one, waits for it up to `patience`.
    pub async fn snapshot(&self, patience: Duration) -> Arc<Snapshot> {
        let mut snapshots = self.snapshots.clone();
        let known = snapshots.wait_for(|snapshot| snapshot.state != State::Unknown);
        // After a timeout, or without the task, the last snapshot is still the best there is.
        let _ = tokio::time::timeout(patience, known).await;
        Arc::clone(&self.snapshots.borrow())
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}
