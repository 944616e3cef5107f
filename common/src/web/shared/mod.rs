//! Collections shared by the scrapes that wait for them.
//!
//! A scrape that comes while an equal one is being collected does not start another collection
//! at once, and does not take that one's answer either: its values may be older than the
//! request. It waits for the collection that comes next, together with all others that come
//! until that starts. Every value is thus read after the request for it, just as if nothing
//! were shared, and however many ask, one collection after the other answers them all.
//!
//! The next collection starts when a running one has ended. One that hangs must not keep it,
//! so it starts in any case when its patience is over: [`PATIENCE`], doubled for each collection
//! that is running beyond the first, so that a source that hangs for good is asked by a few
//! collections at once and not by one for each tenth of a second; but at most [`SHARE`] of the
//! time that its first scrape has, of which the rest is for collecting.

use std::hash::Hash;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hashbrown::HashMap;
use tokio::sync::{Notify, watch};

use crate::sync::lock;

/// How long a collection waits at most for the only one before it. Two servers that scrape
/// the same target at the same moment cost each other no more than that.
const PATIENCE: Duration = Duration::from_millis(100);

/// The part of a scrape's time that it waits at most: a quarter.
const SHARE: u32 = 4;

/// How long a collection goes on when all its clients have gone: if it ended at once, clients
/// that ask and leave would make one after the other start; if never, it would keep others from
/// starting although nobody waits for it.
const LINGER: Duration = Duration::from_secs(1);

/// The collections of one endpoint, by what was asked for.
#[derive(Debug)]
pub(super) struct Collections<Key, Answer>(Arc<Mutex<HashMap<Key, Slot<Answer>>>>);

/// The collections for one key; it is removed when there are none.
#[derive(Debug)]
struct Slot<Answer> {
    running: u32,
    /// The collection that is to start next.
    next: Option<Next<Answer>>,
}

#[derive(Debug)]
struct Next<Answer> {
    answer: watch::Receiver<Option<Answer>>,
    start: Arc<Notify>,
}

/// What a scrape has to do for its answer.
enum Part<Answer> {
    Collect,
    Await(watch::Receiver<Option<Answer>>),
    Lead(Lead<Answer>),
}

/// A collection for all that come until it starts.
struct Lead<Answer> {
    sender: watch::Sender<Option<Answer>>,
    start: Arc<Notify>,
    /// The collections that run already.
    running: u32,
}

impl<Key, Answer> Default for Collections<Key, Answer> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<Key, Answer> Collections<Key, Answer>
where
    Key: Clone + Eq + Hash + Send + 'static,
    Answer: Clone + Send + Sync + 'static,
{
    /// The answer to a scrape for `key`: of a collection that `collect` makes, or of one that
    /// another scrape has asked for and that has not started yet. A scrape that has to be
    /// answered within `timeout` waits for a part of that before it collects. `None` if a
    /// collection that others wait for has panicked.
    pub(super) async fn answer<Work>(
        &self,
        key: Key,
        timeout: Duration,
        collect: impl FnOnce() -> Work,
    ) -> Option<Answer>
    where
        Work: Future<Output = Answer> + Send + 'static,
    {
        match self.join(&key) {
            Part::Collect => {
                let _running = self.running(key);
                Some(collect().await)
            }
            Part::Await(answer) => wait_for(answer).await,
            Part::Lead(lead) => {
                let answer = lead.sender.subscribe();
                let collections = Self(Arc::clone(&self.0));
                // Apart from this scrape, which may be given up while others wait.
                tokio::spawn(collections.lead(key, lead, timeout, collect()));
                wait_for(answer).await
            }
        }
    }

    fn join(&self, key: &Key) -> Part<Answer> {
        let mut slots = lock(&self.0);
        let Some(slot) = slots.get_mut(key) else {
            slots.insert(key.clone(), Slot { running: 1, next: None });
            return Part::Collect;
        };
        if let Some(next) = &slot.next {
            return Part::Await(next.answer.clone());
        }
        let (sender, answer) = watch::channel(None);
        let start = Arc::new(Notify::new());
        slot.next = Some(Next { answer, start: Arc::clone(&start) });
        Part::Lead(Lead { sender, start, running: slot.running })
    }

    async fn lead(
        self,
        key: Key,
        lead: Lead<Answer>,
        timeout: Duration,
        work: impl Future<Output = Answer>,
    ) {
        let patience = patience(lead.running, timeout);
        // Either way it is time to start.
        let _ = tokio::time::timeout(patience, lead.start.notified()).await;
        self.start_next(&key);
        let running = self.running(key);
        if lead.sender.is_closed() {
            return;
        }
        let given_up = async {
            lead.sender.closed().await;
            tokio::time::sleep(LINGER).await;
        };
        let answer = tokio::select! {
            biased;
            answer = work => answer,
            () = given_up => return,
        };
        // Before the answer is out: a client that asks again at once finds nothing running.
        drop(running);
        lead.sender.send_replace(Some(answer));
    }

    fn start_next(&self, key: &Key) {
        if let Some(slot) = lock(&self.0).get_mut(key) {
            slot.next = None;
            slot.running += 1;
        }
    }

    /// Counts a running collection until it is dropped, also if its scrape is given up.
    fn running(&self, key: Key) -> Running<Key, Answer> {
        Running { slots: Arc::clone(&self.0), key }
    }
}

/// How long a collection waits at most for those that are running.
fn patience(running: u32, timeout: Duration) -> Duration {
    let doublings = running.saturating_sub(1);
    let doubled = PATIENCE.saturating_mul(2_u32.saturating_pow(doublings));
    doubled.min(timeout / SHARE)
}

async fn wait_for<Answer: Clone>(mut answer: watch::Receiver<Option<Answer>>) -> Option<Answer> {
    // The sender goes without an answer if the collection panics.
    answer.wait_for(Option::is_some).await.ok()?.clone()
}

struct Running<Key: Eq + Hash, Answer> {
    slots: Arc<Mutex<HashMap<Key, Slot<Answer>>>>,
    key: Key,
}

impl<Key: Eq + Hash, Answer> Drop for Running<Key, Answer> {
    fn drop(&mut self) {
        let mut slots = lock(&self.slots);
        let Some(slot) = slots.get_mut(&self.key) else { return };
        slot.running -= 1;
        match &slot.next {
            Some(next) => next.start.notify_one(),
            None if slot.running == 0 => drop(slots.remove(&self.key)),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
