//! Targets kept from one scrape to the next, such as servers with their connections.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::lock;

/// Targets by what leads to them: address, account and the like.
///
/// Clients choose the targets of some endpoints, so there are at most `limit` of them: the one
/// that was not used for the longest time makes room for a new one. One that was not used for
/// `idle_time` is dropped, without a further request. A scrape that still uses a target when it
/// is dropped goes on with it.
pub struct Targets<Key, Target> {
    kept: Arc<Mutex<Kept<Key, Target>>>,
    limit: usize,
    idle_time: Duration,
}

struct Kept<Key, Target> {
    targets: HashMap<Key, Used<Target>>,
    /// A task is about to drop what nobody uses.
    is_watched: bool,
}

struct Used<Target> {
    target: Arc<Target>,
    last: Instant,
}

impl<Key, Target> fmt::Debug for Targets<Key, Target> {
    /// Shows no key: there may be a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Targets")
            .field("kept", &lock(&self.kept).targets.len())
            .field("limit", &self.limit)
            .field("idle_time", &self.idle_time)
            .finish()
    }
}

impl<Key, Target> Targets<Key, Target>
where
    Key: Clone + Eq + Hash + Send + 'static,
    Target: Send + Sync + 'static,
{
    /// No targets yet; at most `limit`, but always one.
    pub fn new(limit: usize, idle_time: Duration) -> Self {
        let kept = Kept { targets: HashMap::new(), is_watched: false };
        Self { kept: Arc::new(Mutex::new(kept)), limit: limit.max(1), idle_time }
    }

    /// The target of `key`, made by `make` where there is none.
    ///
    /// To be called inside a runtime. Other calls wait while `make` runs: it connects to nothing.
    ///
    /// # Errors
    /// That of `make`; nothing is kept then.
    pub fn get<E>(
        &self,
        key: &Key,
        make: impl FnOnce() -> Result<Target, E>,
    ) -> Result<Arc<Target>, E> {
        let now = Instant::now();
        let mut kept = lock(&self.kept);
        if let Some(used) = kept.targets.get_mut(key) {
            used.last = now;
            return Ok(Arc::clone(&used.target));
        }
        let target = Arc::new(make()?);
        let dropped =
            if kept.targets.len() < self.limit { None } else { kept.remove_least_recently_used() };
        let used = Used { target: Arc::clone(&target), last: now };
        kept.targets.insert(key.clone(), used);
        if !kept.is_watched {
            kept.is_watched = true;
            tokio::spawn(drop_idle(Arc::downgrade(&self.kept), self.idle_time));
        }
        drop(kept);
        // Outside the lock: the end of a target may take its time.
        drop(dropped);
        Ok(target)
    }
}

impl<Key: Clone + Eq + Hash, Target> Kept<Key, Target> {
    fn remove_least_recently_used(&mut self) -> Option<Used<Target>> {
        let oldest = self.targets.iter().min_by_key(|(_, used)| used.last);
        let key = oldest.map(|(key, _)| key.clone())?;
        self.targets.remove(&key)
    }

    fn remove_idle(&mut self, idle_time: Duration) -> Vec<(Key, Used<Target>)> {
        self.targets.extract_if(|_, used| used.last.elapsed() >= idle_time).collect()
    }
}

/// Drops targets that no scrape has used for a while; ends with the last of them.
async fn drop_idle<Key, Target>(kept: Weak<Mutex<Kept<Key, Target>>>, idle_time: Duration)
where
    Key: Clone + Eq + Hash,
{
    loop {
        // Half the time, so that none is kept for twice as long.
        tokio::time::sleep(idle_time / 2).await;
        let Some(kept) = kept.upgrade() else { return };
        let mut kept = lock(&kept);
        let idle = kept.remove_idle(idle_time);
        kept.is_watched = !kept.targets.is_empty();
        let is_done = !kept.is_watched;
        drop(kept);
        drop(idle);
        if is_done {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const IDLE: Duration = Duration::from_mins(1);

    /// Gets the target of `name`, whose value is its name; says whether it was made for this.
    fn get(targets: &Targets<&'static str, String>, name: &'static str) -> (Arc<String>, bool) {
        let mut is_new = false;
        let make = || {
            is_new = true;
            Ok::<_, Infallible>(name.to_owned())
        };
        let Ok(target) = targets.get(&name, make);
        (target, is_new)
    }

    fn names(targets: &Targets<&'static str, String>) -> Vec<&'static str> {
        let mut names: Vec<_> = lock(&targets.kept).targets.keys().copied().collect();
        names.sort_unstable();
        names
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_is_made_once() {
        let targets = Targets::new(2, IDLE);
        let (first, is_new) = get(&targets, "a");
        assert!(is_new && *first == "a");
        let (second, is_new) = get(&targets, "a");
        assert!(!is_new && Arc::ptr_eq(&first, &second));
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_that_cannot_be_made_is_not_kept() {
        let targets = Targets::<&str, String>::new(2, IDLE);
        assert_eq!(targets.get(&"a", || Err("malformed")), Err("malformed"));
        assert_eq!(names(&targets), [""; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_least_recently_used_makes_room() {
        let targets = Targets::new(2, IDLE);
        for name in ["a", "b", "a", "c"] {
            tokio::time::advance(Duration::from_secs(1)).await;
            get(&targets, name);
        }
        assert_eq!(names(&targets), ["a", "c"]);
        assert!(get(&targets, "b").1);
        let one = Targets::new(0, IDLE);
        for name in ["a", "b"] {
            get(&one, name);
        }
        assert_eq!(names(&one), ["b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_in_use_outlives_its_place() {
        let targets = Targets::new(1, IDLE);
        let (used, _) = get(&targets, "a");
        let kept = Arc::downgrade(&get(&targets, "b").0);
        assert_eq!(*used, "a");
        get(&targets, "c");
        assert!(kept.upgrade().is_none(), "dropped at once where no scrape uses it");
    }

    #[tokio::test(start_paused = true)]
    async fn idle_targets_are_dropped_without_a_request() {
        let targets = Targets::new(9, IDLE);
        get(&targets, "a");
        get(&targets, "b");
        for _ in 0..4 {
            tokio::time::sleep(IDLE / 2).await;
            get(&targets, "b");
        }
        assert_eq!(names(&targets), ["b"]);
        tokio::time::sleep(IDLE * 2).await;
        assert_eq!(names(&targets), [""; 0]);
        assert!(!lock(&targets.kept).is_watched, "the task ended with the last");
        assert!(get(&targets, "a").1 && lock(&targets.kept).is_watched);
    }

    #[tokio::test(start_paused = true)]
    async fn all_targets_go_with_their_owner() {
        let targets = Targets::new(9, IDLE);
        let kept = Arc::downgrade(&get(&targets, "a").0);
        drop(targets);
        assert!(kept.upgrade().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn keys_are_not_printed() {
        let targets = Targets::new(9, IDLE);
        get(&targets, "redis://:hunter2@a");
        assert_eq!(format!("{targets:?}"), "Targets { kept: 1, limit: 9, idle_time: 60s }");
    }
}
