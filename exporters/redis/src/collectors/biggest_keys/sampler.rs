//! The sampler: one task for each server, which ends when nobody scrapes.

use std::sync::Weak;
use std::time::{Duration, Instant};

use common::error::CollectError;
use common::sync::lock;

use super::pass::Pass;
use super::{Failure, Options, Server, Shared};
use crate::server::Dialer;
use crate::server::session::Session;

/// Without a scrape for this long there is no sampler: Prometheus takes no sample for current
/// that is older.
const IDLE_TIME: Duration = Duration::from_mins(5);

/// Time from the start of a pass to that of the next, at least.
const INTERVAL: Duration = Duration::from_mins(1);

/// Longest time for the answers of one step.
const STEP_LIMIT: Duration = Duration::from_secs(5);

/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(10);

/// Steps in a second, if each is to look at one key at least.
const STEPS_PER_SECOND: u32 = 10;

/// `COUNT` of `SCAN` at most: the server does not serve others meanwhile.
const MAX_COUNT: u32 = 1000;

/// Makes passes until nobody scrapes, or the collector is gone.
pub(super) async fn run(shared: Weak<Shared>, dialer: Dialer) {
    let _running = Running(Weak::clone(&shared));
    let mut session = None;
    let mut pass: Option<Pass> = None;
    loop {
        let Some((options, server)) = wanted(&shared) else { return };
        let mut current = match pass.take() {
            Some(pass) if pass.server.run_id == server.run_id => pass,
            _ => {
                // Cursors of another server, or from before a restart, mean nothing.
                session = None;
                Pass::new(server, options.max_keys)
            }
        };
        let started = Instant::now();
        let pause = match step(&mut session, &mut current, &dialer, options).await {
            Ok(Some(keys)) => {
                note(&shared, |state| {
                    state.scanned += keys as f64;
                    state.failure = None;
                });
                pass = Some(current);
                time_for(keys, options.keys_per_second).saturating_sub(started.elapsed())
            }
            Ok(None) => {
                session = None;
                let found = current.finish();
                let pause = INTERVAL.saturating_sub(found.duration);
                note(&shared, |state| {
                    state.found = Some(found);
                    state.failure = None;
                });
                pause
            }
            Err(error) => {
                session = None;
                let failure = Failure::from(error);
                tracing::debug!(?failure, "the biggest keys cannot be looked for");
                note(&shared, |state| state.failure = Some(failure));
                pass = Some(current);
                RETRY
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// One step of a pass, on a new connection if there is none.
async fn step(
    session: &mut Option<Session>,
    pass: &mut Pass,
    dialer: &Dialer,
    options: Options,
) -> Result<Option<usize>, CollectError> {
    let limit = Instant::now() + STEP_LIMIT;
    if session.is_none() {
        let connected = dialer.connect(limit).await;
        let connection =
            connected.map_err(|failure| CollectError::query(failure.step, &failure.reason))?;
        *session = Some(Session::new(connection, limit));
    }
    let Some(session) = session else { return Ok(Some(0)) };
    session.extend(limit);
    pass.step(session, count(options.keys_per_second)).await
}

/// What the last scrape asked for; `None` if there was none for long.
fn wanted(shared: &Weak<Shared>) -> Option<(Options, Server)> {
    let shared = shared.upgrade()?;
    let state = lock(&shared.state);
    let is_recent = |scrape: Instant| scrape.elapsed() < IDLE_TIME;
    state.last_scrape.is_some_and(is_recent).then(|| (shared.options, state.server.clone()))
}

fn note(shared: &Weak<Shared>, change: impl FnOnce(&mut super::State)) {
    if let Some(shared) = shared.upgrade() {
        change(&mut lock(&shared.state));
    }
}

/// Keys that one step is to look at.
fn count(keys_per_second: u32) -> u32 {
    (keys_per_second / STEPS_PER_SECOND).clamp(1, MAX_COUNT)
}

/// How long a step that has looked at `keys` is to take. One that found few keys has looked at
/// empty places instead.
fn time_for(keys: usize, keys_per_second: u32) -> Duration {
    let keys = (keys as f64).max(count(keys_per_second).into());
    Duration::from_secs_f64(keys / f64::from(keys_per_second.max(1)))
}

/// Says that the sampler has ended, however that came.
struct Running(Weak<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        note(&self.0, |state| state.is_running = false);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::super::State;
    use super::*;

    #[test]
    fn steps_keep_to_the_rate() {
        for (keys_per_second, keys, expected) in [
            (1000, 100, 100),
            (1000, 0, 100),
            (1000, 1500, 1500),
            (1, 1, 1000),
            (7, 1, 142),
            (1_000_000, 1000, 1),
        ] {
            let time = time_for(keys, keys_per_second).as_millis();
            assert_eq!(time, expected, "{keys_per_second} {keys}");
        }
        assert_eq!([1, 7, 1000, 1_000_000].map(count), [1, 1, 100, 1000]);
    }

    #[test]
    fn nothing_is_wanted_without_a_scrape() {
        let options = Options { keys_per_second: 1, max_keys: 1 };
        let shared = Arc::new(Shared { options, state: Mutex::new(State::default()) });
        let weak = Arc::downgrade(&shared);
        assert!(wanted(&weak).is_none());
        lock(&shared.state).last_scrape = Some(Instant::now());
        assert!(wanted(&weak).is_some());
        lock(&shared.state).last_scrape = Instant::now().checked_sub(IDLE_TIME);
        assert!(wanted(&weak).is_none());
        drop(shared);
        assert!(wanted(&weak).is_none());
    }

    #[test]
    fn the_end_is_told_however_it_comes() {
        let options = Options { keys_per_second: 1, max_keys: 1 };
        let state = State { is_running: true, ..State::default() };
        let shared = Arc::new(Shared { options, state: Mutex::new(state) });
        drop(Running(Arc::downgrade(&shared)));
        assert!(!lock(&shared.state).is_running);
    }
}
