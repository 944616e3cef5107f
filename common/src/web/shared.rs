//! Collections shared by the scrapes that wait for them.
//!
//! A scrape that comes while an equal one is being collected does not start another collection
//! at once, and does not take that one's answer either, whose values may be older than the
//! request. It waits for the collection that comes next, with all others that come meanwhile:
//! that starts when the running one has ended, or after [`PATIENCE`], so that one which hangs
//! costs the others no more than that. However many ask, there are two collections at a time as
//! long as they are quicker than that, and every answer is newer than its request.

use std::hash::Hash;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hashbrown::HashMap;
use tokio::sync::{Notify, watch};

use crate::sync::lock;

/// How long a collection waits at most for the one before it.
const PATIENCE: Duration = Duration::from_millis(100);

/// The collections of one endpoint, by what was asked for.
#[derive(Debug)]
pub(super) struct Collections<Key, Answer>(Arc<Mutex<HashMap<Key, Slot<Answer>>>>);

/// The collections for one key; it is removed when there are none.
#[derive(Debug)]
struct Slot<Answer> {
    running: usize,
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
    /// Collect for all that come until it starts.
    Lead(watch::Sender<Option<Answer>>, Arc<Notify>),
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
    /// another scrape has asked for and that has not started yet. `None` if a collection
    /// that others wait for has panicked.
    pub(super) async fn answer<Work>(
        &self,
        key: Key,
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
            Part::Lead(sender, start) => {
                let answer = sender.subscribe();
                let collections = Self(Arc::clone(&self.0));
                let work = collect();
                // Apart from this scrape, which may be given up while others wait.
                tokio::spawn(async move {
                    // Either way it is time to start.
                    let _ = tokio::time::timeout(PATIENCE, start.notified()).await;
                    collections.start_next(&key);
                    let running = collections.running(key);
                    let answer = work.await;
                    drop(running);
                    sender.send_replace(Some(answer));
                });
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
        Part::Lead(sender, start)
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
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::time::{Instant, sleep, timeout};

    use super::*;

    /// Counts its collections; each takes 20 ms and answers its number.
    #[derive(Clone, Default)]
    struct Source(Arc<AtomicUsize>);

    impl Source {
        async fn collect(self) -> usize {
            let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            sleep(Duration::from_millis(20)).await;
            number
        }

        fn count(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn scrapes_that_come_together_share_the_next_collection() {
        let (collections, source) = (Collections::default(), Source::default());
        let ask = |at: u64| {
            let (collections, source) = (&collections, source.clone());
            async move {
                sleep(Duration::from_millis(at)).await;
                collections.answer("all", || source.collect()).await
            }
        };
        let answers = join_all([0, 1, 2, 19, 21, 30, 100].map(ask)).await;
        // The first alone, three from 20 on, two from 40 on, the last alone again.
        assert_eq!(answers, [1, 2, 2, 2, 3, 3, 4].map(Some));
        assert!(lock(&collections.0).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn other_questions_have_their_own_collections() {
        let (collections, source) = (Collections::default(), Source::default());
        let ask = |key: &'static str| collections.answer(key, || source.clone().collect());
        let answers = tokio::join!(ask("a"), ask("b"));
        assert_eq!((answers, source.count()), ((Some(1), Some(2)), 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_collection_that_hangs_delays_the_next_one_by_a_moment() {
        let (collections, source) = (Collections::default(), Source::default());
        let hangs = timeout(
            Duration::from_secs(10),
            collections.answer("all", || async {
                sleep(Duration::from_mins(1)).await;
                0
            }),
        );
        let other = async {
            sleep(Duration::from_millis(1)).await;
            let started = Instant::now();
            let answer = collections.answer("all", || source.clone().collect()).await;
            (answer, started.elapsed() < 2 * PATIENCE)
        };
        let (hung, other) = tokio::join!(hangs, other);
        assert!(hung.is_err());
        assert_eq!(other, (Some(1), true));
        assert!(lock(&collections.0).is_empty(), "what was given up is not running");
    }

    #[tokio::test(start_paused = true)]
    async fn a_leader_that_is_given_up_leaves_its_collection_to_the_others() {
        let (collections, source) = (Collections::default(), Source::default());
        let ask = || collections.answer("all", || source.clone().collect());
        let leader = async {
            sleep(Duration::from_millis(1)).await;
            timeout(Duration::from_millis(5), ask()).await
        };
        let follower = async {
            sleep(Duration::from_millis(2)).await;
            ask().await
        };
        let (first, leader, follower) = tokio::join!(ask(), leader, follower);
        assert!(leader.is_err());
        assert_eq!((first, follower), (Some(1), Some(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_told_to_all_that_wait() {
        let collections = Collections::<_, u64>::default();
        let ask = |at: u64| {
            let collections = &collections;
            async move {
                sleep(Duration::from_millis(at)).await;
                let work = async move {
                    sleep(Duration::from_millis(20)).await;
                    assert!(at == 0, "on purpose");
                    at
                };
                collections.answer("all", || work).await
            }
        };
        assert_eq!(join_all([0, 1, 2].map(ask)).await, [Some(0), None, None]);
        assert!(lock(&collections.0).is_empty());
        assert_eq!(ask(0).await, Some(0));
    }
}
