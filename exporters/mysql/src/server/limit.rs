//! How long the server itself lets a statement run.

use std::time::Duration;

use common::collector::Release;

use super::version::{mariadb, mysql};

/// After how many seconds the server ends a statement, and the statement that sets this.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(super) seconds: u64,
    pub(super) statement: String,
}

impl Limit {
    /// The next full second after `time`: this side gives up first, and the
    /// same scrape interval gives the same limit each time. `None` for a
    /// server that knows no limits.
    pub(crate) fn new(release: Release, time: Duration) -> Option<Self> {
        let seconds = time.as_secs() + 1;
        let statement = if release.is_covered_by(&[mariadb(10, 1, 1)]) {
            format!("SET max_statement_time = {seconds}")
        } else if release.is_covered_by(&[mysql(5, 7, 8)]) {
            format!("SET max_execution_time = {}", seconds * 1000)
        } else {
            return None;
        };
        Some(Self { seconds, statement })
    }
}
