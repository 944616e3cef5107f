//! Answers that are shown again until their query is due, by server.

use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use common::sync::lock;

use super::Answer;
use crate::server::Server;

/// Servers of which answers are kept at once; as many as have connections.
const MAX_SERVERS: usize = 256;

/// The last answer to each query, in the order of the queries; none before its first run.
pub(super) type Answers = Vec<Option<Arc<Answer>>>;

/// The last answers of each server.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Vec<OfServer>>);

#[derive(Debug)]
struct OfServer {
    server: Weak<Server>,
    answers: Answers,
}

impl OfServer {
    fn is_of(&self, server: &Arc<Server>) -> bool {
        std::ptr::eq(self.server.as_ptr(), Arc::as_ptr(server))
    }
}

impl Kept {
    /// The last answers of a server to `queries` queries.
    pub(super) fn of(&self, server: &Arc<Server>, queries: usize) -> Answers {
        let kept = lock(&self.0);
        let of_server = kept.iter().find(|known| known.is_of(server));
        of_server.map_or_else(|| vec![None; queries], |known| known.answers.clone())
    }

    /// Keeps the answers of a server in place of its former ones.
    pub(super) fn keep(&self, server: &Arc<Server>, answers: Answers) {
        let mut kept = lock(&self.0);
        kept.retain(|known| known.server.strong_count() > 0 && !known.is_of(server));
        if kept.len() >= MAX_SERVERS {
            kept.remove(0);
        }
        kept.push(OfServer { server: Arc::downgrade(server), answers });
    }
}

/// True if an answer of this time is as good as a new one.
pub(super) fn is_fresh(answer: &Answer, interval: Option<Duration>, now: Instant) -> bool {
    interval.is_some_and(|interval| now.saturating_duration_since(answer.asked) < interval)
}
