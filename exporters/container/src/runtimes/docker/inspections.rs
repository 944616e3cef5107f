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

/// A container's id, and the daemon's answer; `None` if it has no such container.
pub(super) type Answer = (String, anyhow::Result<Option<ContainerInspectResponse>>);

type Question = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Containers to be inspected. One is never inspected twice at once, so that
/// the last answer is the newest.
#[derive(Default)]
pub(super) struct Inspections {
    due: VecDeque<String>,
    busy: HashSet<String>,
    under_way: FuturesUnordered<Question>,
    /// To be tried again.
    failed: HashSet<String>,
}

impl Inspections {
    /// Asks for an inspection that begins after this moment.
    pub(super) fn ask(&mut self, id: String) {
        if !self.due.contains(&id) {
            self.due.push_back(id);
        }
    }

    /// Asks for all at once, none of which is asked for yet.
    pub(super) fn ask_all(&mut self, ids: impl Iterator<Item = String>) {
        self.due.extend(ids);
    }

    /// Notes that one failed; it waits for [`Self::retry`].
    pub(super) fn note_failed(&mut self, id: String) {
        self.failed.insert(id);
    }

    /// Notes that one succeeded; true if there are no failed ones left.
    pub(super) fn note_done(&mut self, id: &str) -> bool {
        self.failed.remove(id);
        self.failed.is_empty()
    }

    /// Asks again for what failed.
    pub(super) fn retry(&mut self) {
        for id in std::mem::take(&mut self.failed) {
            self.ask(id);
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
            let Some(index) = self.due.iter().position(|id| !self.busy.contains(id)) else { break };
            let Some(id) = self.due.remove(index) else { break };
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
