//! Turns states seen at every scrape into one log line per change.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::Mutex;

use crate::sync::lock;

/// Different oddities that one [`OddityLog`] remembers; more are not logged.
const MAX_ODDITIES: usize = 32;

/// Remembers the failure that was last reported.
///
/// Digits do not count when two failures are compared: a duration, a port or
/// a line number that differs each time makes no new failure.
#[derive(Debug, Default)]
pub struct FailureLog(Mutex<Option<String>>);

/// How a result compares with the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A failure that is new, or unlike the one before.
    New,
    /// The same failure again.
    Same,
    /// A success after a failure.
    Recovered,
    /// A success after a success, or the first one.
    Quiet,
}

impl FailureLog {
    /// Notes a result and says how it compares with the one before.
    pub fn note<T, E: Display>(&self, result: &Result<T, E>) -> Change {
        match result {
            Ok(_) if self.recovered() => Change::Recovered,
            Ok(_) => Change::Quiet,
            Err(error) if self.failed(error) => Change::New,
            Err(_) => Change::Same,
        }
    }

    /// Notes a failure; true if it is new or unlike the one before.
    pub fn failed(&self, error: &(impl Display + ?Sized)) -> bool {
        let error = without_digits(&error.to_string());
        let mut last = lock(&self.0);
        if last.as_deref() == Some(error.as_str()) {
            return false;
        }
        *last = Some(error);
        true
    }

    /// Notes a success; true if a failure came before.
    pub fn recovered(&self) -> bool {
        lock(&self.0).take().is_some()
    }
}

/// Remembers oddities, such as lines of an unknown form, each of which is logged once.
#[derive(Debug, Default)]
pub struct OddityLog(Mutex<HashSet<String>>);

impl OddityLog {
    /// True if `text` was not noted before, digits aside.
    pub fn is_new(&self, text: &str) -> bool {
        let mut known = lock(&self.0);
        known.len() < MAX_ODDITIES && known.insert(without_digits(text))
    }
}

fn without_digits(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_reported() {
        let log = FailureLog::default();
        let failed = |error: &'static str| log.note(&Err::<(), _>(error));
        let succeeded = || log.note(&Ok::<_, &str>(()));
        assert_eq!(succeeded(), Change::Quiet);
        assert_eq!(failed("refused after 3 s"), Change::New);
        assert_eq!(failed("refused after 4 s"), Change::Same);
        assert_eq!(failed("wrong password"), Change::New);
        assert_eq!(succeeded(), Change::Recovered);
        assert_eq!(succeeded(), Change::Quiet);
        assert_eq!(failed("wrong password"), Change::New);
    }

    #[test]
    fn oddities_are_reported_once_also_if_they_alternate() {
        let log = OddityLog::default();
        assert!(log.is_new("line 1: no device") && log.is_new("other"));
        assert!(!log.is_new("line 2: no device") && !log.is_new("other"));
        let more = (0..2 * MAX_ODDITIES).filter(|n| log.is_new(&"x".repeat(*n))).count();
        assert_eq!(more, MAX_ODDITIES - 2, "bounded");
    }
}
