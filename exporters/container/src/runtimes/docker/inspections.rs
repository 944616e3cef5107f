//! Inspections of containers: those that are due and those that are under way.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bollard::models::ContainerInspectResponse;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::client::Client;

/// Inspections at once when many are due.
const AT_ONCE: usize = 8;

/// Ids that are waited for at most, beside those of the containers that are known. A daemon
/// that tells of more new ones than can be asked for is asked for the list instead.
const MAX_STRANGERS: usize = 4096;

/// A container's id, and the daemon's answer; `None` if it has no such container.
pub(super) type Answer = (String, anyhow::Result<Option<ContainerInspectResponse>>);

type Question = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Containers to be inspected. One is never inspected twice at once, so that
/// the last answer is the newest.
#[derive(Default)]
pub(super) struct Inspections {
    due: VecDeque<Arc<str>>,
    /// The same ids.
    waiting: HashSet<Arc<str>>,
    busy: HashSet<String>,
    under_way: FuturesUnordered<Question>,
    /// To be tried again.
    failed: HashSet<String>,
    has_forgotten: bool,
}

impl Inspections {
    /// Asks for an inspection that begins after this moment; false if that is forgotten, because
    /// too many are due beside those of the `known` containers, so many.
    pub(super) fn ask(&mut self, id: &str, known: usize) -> bool {
        if self.waiting.contains(id) {
            return true;
        }
        if self.waiting.len() >= known.saturating_add(MAX_STRANGERS) {
            self.has_forgotten = true;
            return false;
        }
        let id: Arc<str> = id.into();
        self.waiting.insert(Arc::clone(&id));
        self.due.push_back(id);
        true
    }

    /// True, once, if ids were forgotten and there is room for new ones: a list would name them.
    pub(super) fn take_forgotten(&mut self) -> bool {
        let has_room = self.waiting.len() < MAX_STRANGERS / 2;
        has_room && std::mem::take(&mut self.has_forgotten)
    }

    /// Notes that one failed; it waits for [`Self::retry`], if there are not too many beside
    /// those of the `known` containers.
    pub(super) fn note_failed(&mut self, id: String, known: usize) -> bool {
        let has_room = self.failed.len() < known.saturating_add(MAX_STRANGERS);
        has_room && {
            self.failed.insert(id);
            true
        }
    }

    /// Notes that one succeeded; true if there are no failed ones left.
    pub(super) fn note_done(&mut self, id: &str) -> bool {
        self.failed.remove(id);
        self.failed.is_empty()
    }

    /// Asks again for what failed.
    pub(super) fn retry(&mut self, known: usize) {
        for id in std::mem::take(&mut self.failed) {
            self.ask(&id, known);
        }
    }

    /// True if none is due or under way.
    pub(super) fn are_done(&self) -> bool {
        self.due.is_empty() && self.busy.is_empty()
    }

    /// The next answer; never, if there are no questions. May be given up and
    /// called again without losing one.
    pub(super) async fn next(&mut self, client: &Arc<Client>) -> Answer {
        while self.busy.len() < AT_ONCE {
            // All before it are busy, of which there are few.
            let is_idle = |id: &Arc<str>| !self.busy.contains(id.as_ref());
            let Some(index) = self.due.iter().position(is_idle) else { break };
            let Some(id) = self.due.remove(index) else { break };
            self.waiting.remove(&id);
            let id = id.to_string();
            self.busy.insert(id.clone());
            let client = Arc::clone(client);
            self.under_way.push(Box::pin(async move {
                let answer = client.inspect(&id).await;
                (id, answer)
            }));
        }
        match self.under_way.next().await {
            Some((id, answer)) => {
                self.busy.remove(&id);
                (id, answer)
            }
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_due_once_and_no_more_strangers_than_can_be_asked_for() {
        let mut inspections = Inspections::default();
        assert!(inspections.ask("41c0", 0) && inspections.ask("41c0", 0));
        assert_eq!(inspections.due.len(), 1);
        for number in 0..100_000 {
            inspections.ask(&number.to_string(), 10);
        }
        assert_eq!(inspections.due.len(), MAX_STRANGERS + 10);
        assert!(!inspections.take_forgotten(), "there is no room yet");
        inspections.due.clear();
        inspections.waiting.clear();
        assert!(inspections.take_forgotten());
        assert!(!inspections.take_forgotten(), "said once");
    }

    #[test]
    fn failures_are_tried_again_within_the_same_bound() {
        let mut inspections = Inspections::default();
        let kept = (0..10_000).filter(|number| inspections.note_failed(number.to_string(), 5));
        assert_eq!(kept.count(), MAX_STRANGERS + 5);
        inspections.retry(5);
        assert!(inspections.failed.is_empty());
        assert_eq!(inspections.due.len(), MAX_STRANGERS + 5);
    }
}
