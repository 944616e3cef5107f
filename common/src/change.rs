//! Turns a state seen at every scrape into one log line per change.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Remembers the failure that was last reported.
///
/// Digits do not count when two failures are compared: a duration, a port or
/// a line number that differs each time makes no new failure.
#[derive(Debug, Default)]
pub struct ChangeLog(Mutex<Option<String>>);

impl ChangeLog {
    /// Notes a failure; true if it is new or unlike the one before.
    pub fn failed(&self, error: &str) -> bool {
        let error: String = error.chars().filter(|c| !c.is_ascii_digit()).collect();
        let mut last = self.lock();
        if last.as_deref() == Some(error.as_str()) {
            return false;
        }
        *last = Some(error);
        true
    }

    /// Notes a success; true if a failure came before.
    pub fn recovered(&self) -> bool {
        self.lock().take().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::ChangeLog;

    #[test]
    fn only_changes_are_reported() {
        let log = ChangeLog::default();
        assert!(!log.recovered());
        assert!(log.failed("refused after 3 s"));
        assert!(!log.failed("refused after 4 s"));
        assert!(log.failed("wrong password"));
        assert!(log.recovered());
        assert!(!log.recovered());
        assert!(log.failed("wrong password"));
    }
}
