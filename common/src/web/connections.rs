//! The open connections of a listener, which are bounded: who has been silent for the longest
//! makes room for who comes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hashbrown::HashMap;

use super::activity::Activity;
use super::socket::Peer;
use crate::sync::lock;

/// Connections that are open at once.
const MAX_CONNECTIONS: usize = 512;

/// How long to wait where all of them are being answered.
const PAUSE: Duration = Duration::from_millis(5);

/// All connections of a listener.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: Mutex<HashMap<u64, Arc<Activity>>>,
    next: AtomicU64,
    /// The limit has been reached, and there has not been much room since.
    is_crowded: AtomicBool,
}

/// A place among the connections, given up when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    number: u64,
    /// What the connection does.
    pub(super) activity: Arc<Activity>,
}

impl Connections {
    /// A place for a connection from `peer`; another one is closed for it where there is none.
    pub(super) async fn admit(self: &Arc<Self>, peer: Peer) -> Place {
        while lock(&self.open).len() >= MAX_CONNECTIONS && !self.make_room() {
            tokio::time::sleep(PAUSE).await;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let activity = Arc::new(Activity::new(peer));
        lock(&self.open).insert(number, Arc::clone(&activity));
        Place { connections: Arc::clone(self), number, activity }
    }

    /// Closes the connection that has been idle for the longest of those of the peer that has the
    /// most; false if all are being answered.
    pub(super) fn make_room(&self) -> bool {
        let mut open = lock(&self.open);
        let mut counts: HashMap<Peer, usize> = HashMap::new();
        for activity in open.values() {
            *counts.entry(activity.peer()).or_default() += 1;
        }
        let idle = open.iter().filter_map(|(number, activity)| {
            let count = counts.get(&activity.peer()).copied().unwrap_or_default();
            Some((std::cmp::Reverse(count), activity.idle_since()?, *number))
        });
        let Some((_, _, number)) = idle.min() else { return false };
        if let Some(activity) = open.remove(&number) {
            activity.evict();
            if !self.is_crowded.swap(true, Ordering::Relaxed) {
                let (peer, open) = (activity.peer(), open.len() + 1);
                tracing::warn!(open, %peer, "idle connections are closed to make room for others");
            }
        }
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = lock(&self.connections.open);
        open.remove(&self.number);
        if open.len() < MAX_CONNECTIONS / 2
            && self.connections.is_crowded.swap(false, Ordering::Relaxed)
        {
            tracing::info!("there is room for connections again");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const BUSY: Peer = Peer::Host(IpAddr::V4(Ipv4Addr::LOCALHOST));
    const OTHER: Peer = Peer::Local;

    async fn full() -> (Arc<Connections>, Vec<Place>) {
        let connections = Arc::<Connections>::default();
        let mut places = vec![connections.admit(OTHER).await];
        while places.len() < MAX_CONNECTIONS {
            tokio::time::sleep(Duration::from_millis(2)).await;
            places.push(connections.admit(BUSY).await);
        }
        (connections, places)
    }

    fn is_open(place: &Place) -> bool {
        lock(&place.connections.open).contains_key(&place.number)
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_silent_of_the_peer_with_the_most_makes_room() {
        let (connections, mut places) = full().await;
        let answering = places[1].activity.begin();
        let new = connections.admit(BUSY).await;
        // The oldest of all is that of another peer; the next one is being answered.
        let closed: Vec<usize> = (0..places.len()).filter(|at| !is_open(&places[*at])).collect();
        assert_eq!(closed, [2]);
        assert!(is_open(&new));
        drop(answering);
        places.truncate(10);
        assert!(!connections.is_crowded.load(Ordering::Relaxed));
    }

    #[tokio::test(start_paused = true)]
    async fn none_that_is_being_answered_is_closed() {
        let (connections, mut places) = full().await;
        let mut answering: Vec<_> = places.iter().map(|place| place.activity.begin()).collect();
        let new = connections.admit(OTHER);
        assert!(tokio::time::timeout(Duration::from_mins(1), new).await.is_err());
        assert!(!connections.make_room());
        // Either way there is room: an answer has been given, or a connection has ended.
        answering.pop();
        let new = connections.admit(OTHER).await;
        assert!(is_open(&new) && !is_open(&places[MAX_CONNECTIONS - 1]));
        places.swap_remove(3);
        assert!(is_open(&connections.admit(OTHER).await) && is_open(&new));
    }
}
