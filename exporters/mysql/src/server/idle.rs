//! The connections that wait for the next scrape.

use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use common::sync::lock;

use super::connection::Connection;

/// How long an unused connection is kept: longer than any usual scrape interval.
const KEPT_SECONDS: u64 = 180;

/// Connections that nobody uses at the moment.
#[derive(Default)]
pub(super) struct Idle(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    connections: Vec<(Connection, Instant)>,
    /// A task is about to close unused connections.
    is_watched: bool,
}

impl Idle {
    /// The connection that was used last and is `of_use`; the others are closed.
    pub(super) fn take(&self, of_use: impl Fn(&Connection) -> bool) -> Option<Connection> {
        loop {
            let (connection, _) = self.lock().connections.pop()?;
            if of_use(&connection) {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for some minutes.
    pub(super) fn keep(self: &Arc<Self>, connection: Connection) {
        let mut kept = self.lock();
        kept.connections.push((connection, Instant::now()));
        if !kept.is_watched {
            kept.is_watched = true;
            tokio::spawn(close_unused(Arc::downgrade(self)));
        }
    }

    /// Closes all.
    pub(super) fn clear(&self) {
        // Dropped outside the lock.
        let connections = std::mem::take(&mut self.lock().connections);
        drop(connections);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        lock(&self.0)
    }
}

/// Closes connections that no scrape has used for a while; ends with the last of them.
async fn close_unused(idle: Weak<Idle>) {
    loop {
        tokio::time::sleep(Duration::from_secs(KEPT_SECONDS)).await;
        let Some(idle) = idle.upgrade() else { return };
        let mut kept = idle.lock();
        let (unused, used): (Vec<_>, Vec<_>) = std::mem::take(&mut kept.connections)
            .into_iter()
            .partition(|(_, since)| since.elapsed().as_secs() >= KEPT_SECONDS);
        kept.connections = used;
        kept.is_watched = !kept.connections.is_empty();
        let is_done = !kept.is_watched;
        drop(kept);
        drop(unused);
        if is_done {
            return;
        }
    }
}

#[cfg(test)]
impl Idle {
    pub(super) fn len(&self) -> usize {
        self.lock().connections.len()
    }
}
