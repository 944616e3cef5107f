//! Answers that are shown again until their query is due.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::sync::lock;

use super::Answer;
use crate::custom::Query;

/// The last answer to each query, in the order of the queries; none before its first run.
pub(super) type Answers = Vec<Option<Arc<Answer>>>;

/// The last answers of a server, and the queries that they are about.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Option<(Arc<[Query]>, Answers)>>);

impl Kept {
    /// The last answers to `queries`. Where their files were read again, those of the queries
    /// that are still the same.
    pub(super) fn of(&self, queries: &Arc<[Query]>) -> Answers {
        match &*lock(&self.0) {
            Some((known, answers)) if Arc::ptr_eq(known, queries) => answers.clone(),
            Some((known, answers)) => {
                let last = |query| {
                    let position = known.iter().position(|known| known == query)?;
                    answers.get(position).cloned().flatten()
                };
                queries.iter().map(last).collect()
            }
            None => vec![None; queries.len()],
        }
    }

    /// Keeps answers in place of the former ones.
    pub(super) fn keep(&self, queries: &Arc<[Query]>, answers: Answers) {
        *lock(&self.0) = Some((Arc::clone(queries), answers));
    }
}

/// True if an answer of this time is as good as a new one.
pub(super) fn is_fresh(answer: &Answer, interval: Option<Duration>, now: Instant) -> bool {
    interval.is_some_and(|interval| now.saturating_duration_since(answer.asked) < interval)
}
