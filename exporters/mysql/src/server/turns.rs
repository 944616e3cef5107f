//! Equal statements run one after the other, however many scrapes want them: a statement that
//! hangs holds up those who want the same, and takes up one connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use common::sync::lock;
use tokio::sync::OwnedMutexGuard;

/// Statements that are remembered although nobody runs them.
const MAX_REMEMBERED: usize = 64;

/// The statements that run, or have run.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

/// Nobody else runs the statement as long as this lives.
pub(super) type Turn = OwnedMutexGuard<()>;

impl Turns {
    /// Waits until nobody else runs `statement`; those who wait are served in order.
    pub(super) async fn take(&self, statement: &str) -> Turn {
        let turn = self.turn(statement);
        turn.lock_owned().await
    }

    fn turn(&self, statement: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = lock(&self.0);
        if let Some(turn) = turns.get(statement) {
            return Arc::clone(turn);
        }
        if turns.len() >= MAX_REMEMBERED {
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        Arc::clone(turns.entry(statement.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn equal_statements_wait_for_one_another() {
        let turns = Turns::default();
        let first = turns.take("SHOW a").await;
        assert!(turns.take("SHOW a").now_or_never().is_none());
        assert!(turns.take("SHOW b").now_or_never().is_some());
        drop(first);
        assert!(turns.take("SHOW a").now_or_never().is_some());
    }

    #[tokio::test]
    async fn statements_are_forgotten_but_not_those_that_run() {
        let turns = Turns::default();
        let running = turns.take("SHOW a").await;
        for number in 0..3 * MAX_REMEMBERED {
            turns.take(&format!("SHOW {number}")).await;
        }
        assert!(lock(&turns.0).len() <= MAX_REMEMBERED);
        assert!(turns.take("SHOW a").now_or_never().is_none());
        drop(running);
    }
}
