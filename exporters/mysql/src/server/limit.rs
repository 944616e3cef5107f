//! How the server itself bounds a statement: its time, its rows, and whether it may write.

use std::time::Duration;

use common::collector::Release;

use super::version::{mariadb, mysql};

/// After how many seconds the server ends a statement, and the statement that sets this.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(super) seconds: u64,
    /// Empty for a server that knows no limits.
    pub(super) statement: String,
    /// The user has written the statement: it must not write, nor select more rows than this.
    pub(super) rows_for_user: Option<usize>,
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
        Some(Self { seconds, statement, rows_for_user: None })
    }

    /// As [`Self::new`], for a statement that the user has written.
    pub(crate) fn of_user(release: Release, time: Duration, rows: usize) -> Self {
        let none = || Self { seconds: 0, statement: String::new(), rows_for_user: None };
        Self { rows_for_user: Some(rows), ..Self::new(release, time).unwrap_or_else(none) }
    }
}
