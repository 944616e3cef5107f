//! What is remembered of the scrapes, for the landing page: bounded, and cheap to note.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::history::History;
use crate::scrape::Outcome;
use crate::sync::lock;

/// Collectors that are remembered. A group of servers has one of each for each server.
const MAX_ROWS: usize = 512;

/// How long a collector that runs no more is remembered.
const MEMORY: Duration = Duration::from_hours(1);

/// Bytes of an error that are kept.
const MAX_ERROR: usize = 500;

/// How the scrapes of an exporter went.
#[derive(Debug)]
pub(in crate::web) struct Status(Mutex<Known>);

/// What is known of them.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// The last scrape, if there has been one.
    pub(super) last: Option<Last>,
    pub(super) rows: Vec<Row>,
    pub(super) history: History,
}

/// The last scrape.
#[derive(Clone, Debug)]
pub(super) struct Last {
    pub(super) ended: Timestamp,
    /// The same, on the clock that does not jump.
    moment: Instant,
    pub(super) duration: Duration,
    /// Collectors that ran, and those of them that failed.
    pub(super) ran: usize,
    pub(super) failed: usize,
    pub(super) series: usize,
    /// Why there was no answer at all, or nothing in it: the first error, if all failed.
    pub(super) reason: Option<String>,
}

/// A collector.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) collector: Arc<str>,
    pub(super) state: State,
    pub(super) duration: Duration,
    pub(super) series: usize,
    pub(super) last_error: Option<(Timestamp, String)>,
    seen: Instant,
}

/// How a collector fared when it ran last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Works,
    /// Part of its input was malformed.
    LeavesOut,
    /// There is nothing for it to show.
    NoData,
    Failed,
}

impl State {
    fn of(outcome: &Outcome) -> Self {
        match &outcome.result {
            Ok(()) if outcome.malformed.is_some() => Self::LeavesOut,
            Ok(()) => Self::Works,
            Err(error) if error.is_no_data() => Self::NoData,
            Err(_) => Self::Failed,
        }
    }
}

impl Row {
    fn new(outcome: &Outcome, now: Instant) -> Self {
        let state = State::of(outcome);
        Self {
            collector: Arc::clone(&outcome.collector),
            state,
            duration: outcome.duration,
            series: outcome.series,
            last_error: error(outcome, state),
            seen: now,
        }
    }

    /// True if it took part in the last scrape.
    pub(super) fn is_current(&self, last: &Last) -> bool {
        self.seen == last.moment
    }
}

/// What went wrong, and now. Absence is told as well, but it is no error that stays.
fn error(outcome: &Outcome, state: State) -> Option<(Timestamp, String)> {
    let error = match state {
        State::Works | State::NoData => return None,
        State::LeavesOut => outcome.malformed.as_ref()?,
        State::Failed => outcome.result.as_ref().err()?,
    };
    let mut text = error.to_string();
    if text.len() > MAX_ERROR {
        text.truncate(text.floor_char_boundary(MAX_ERROR));
        text.push('…');
    }
    Some((Timestamp::now(), text))
}

impl Default for Status {
    fn default() -> Self {
        let history = History::new(Instant::now());
        Self(Mutex::new(Known { last: None, rows: Vec::new(), history }))
    }
}

impl Status {
    /// Notes a scrape that has just ended.
    pub(in crate::web) fn note(&self, outcomes: &[Outcome], duration: Duration) {
        let now = Instant::now();
        let known = &mut *lock(&self.0);
        let failed = outcomes.iter().filter(|it| State::of(it) == State::Failed).count();
        known.history.note(now, duration, failed > 0);
        let first = outcomes.first().filter(|_| failed == outcomes.len());
        let first_error = first.and_then(|first| error(first, State::Failed)).map(|(_, text)| text);
        known.last = Some(Last {
            ended: Timestamp::now(),
            moment: now,
            duration,
            ran: outcomes.len(),
            failed,
            series: outcomes.iter().map(|outcome| outcome.series).sum(),
            reason: first_error,
        });
        for (index, outcome) in outcomes.iter().enumerate() {
            known.note(index, outcome, now);
        }
        known.rows.retain(|row| now.duration_since(row.seen) < MEMORY);
    }

    /// Notes a scrape that has no answer.
    pub(in crate::web) fn note_lost(&self, reason: &'static str, duration: Duration) {
        let now = Instant::now();
        let known = &mut *lock(&self.0);
        known.history.note(now, duration, true);
        known.last = Some(Last {
            ended: Timestamp::now(),
            moment: now,
            duration,
            ran: 0,
            failed: 0,
            series: 0,
            reason: Some(reason.to_owned()),
        });
    }

    pub(super) fn known(&self) -> Known {
        lock(&self.0).clone()
    }
}

impl Known {
    /// Notes an outcome; `index` is its place among those of the scrape, where it most likely was
    /// the last time.
    fn note(&mut self, index: usize, outcome: &Outcome, now: Instant) {
        let is_same = |row: &Row| row.collector == outcome.collector;
        let place = match self.rows.get(index) {
            Some(row) if is_same(row) => Some(index),
            _ => self.rows.iter().position(is_same),
        };
        match place {
            Some(place) => {
                let row = &mut self.rows[place];
                let before = row.last_error.take();
                *row = Row::new(outcome, now);
                row.last_error = row.last_error.take().or(before);
            }
            None if self.rows.len() < MAX_ROWS => self.rows.push(Row::new(outcome, now)),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::CollectError;

    fn outcome(collector: &str, result: Result<(), CollectError>) -> Outcome {
        Outcome { series: 7, ..Outcome::new(collector, Duration::from_millis(3), result) }
    }

    #[test]
    fn the_last_error_stays_when_a_collector_works_again() {
        let status = Status::default();
        let failure = || Err(CollectError::query("INFO", &"x".repeat(2 * MAX_ERROR)));
        status.note(&[outcome("a", Ok(())), outcome("b", failure())], Duration::from_millis(5));
        let last = status.known().last.unwrap();
        assert_eq!((last.ran, last.failed, last.series), (2, 1, 14));
        status.note(&[outcome("b", Ok(()))], Duration::from_millis(4));
        let known = status.known();
        let (last, [a, b]) = (known.last.unwrap(), known.rows.as_slice()) else { panic!() };
        assert!(!a.is_current(&last) && b.is_current(&last) && a.last_error.is_none());
        assert_eq!((b.state, last.failed, &last.reason), (State::Works, 0, &None));
        let (_, error) = b.last_error.as_ref().unwrap();
        assert!(error.starts_with("INFO: xxx") && error.len() <= MAX_ERROR + 3, "{error}");
    }

    #[test]
    fn absence_is_no_error() {
        let status = Status::default();
        status.note(&[outcome("a", Err(CollectError::NoData("none".into())))], Duration::ZERO);
        let known = status.known();
        assert_eq!((known.rows[0].state, known.last.unwrap().failed), (State::NoData, 0));
        assert!(known.rows[0].last_error.is_none());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let status = Status::default();
        for scrape in 0..20 {
            let names = (0..100).map(|index| format!("{scrape} {index}"));
            let outcomes: Vec<_> = names.map(|name| outcome(&name, Ok(()))).collect();
            status.note(&outcomes, Duration::ZERO);
        }
        assert_eq!(status.known().rows.len(), MAX_ROWS);
    }
}
