//! The limit of requests: a bucket that starts full and gets one token back per interval.

use std::sync::Mutex;
use std::time::Instant;

use super::config::RateLimit;
use crate::sync::lock;

#[derive(Debug)]
pub(super) struct Bucket {
    limit: RateLimit,
    /// Tokens at a moment.
    state: Mutex<(f64, Instant)>,
}

impl Bucket {
    pub(super) fn new(limit: RateLimit, now: Instant) -> Self {
        Self { limit, state: Mutex::new((f64::from(limit.burst), now)) }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&self, now: Instant) -> bool {
        let mut state = lock(&self.state);
        let elapsed = now.saturating_duration_since(state.1).as_secs_f64();
        let gained = elapsed / self.limit.interval.as_secs_f64();
        let tokens = (state.0 + gained).min(f64::from(self.limit.burst));
        let has_token = tokens >= 1.0;
        *state = (if has_token { tokens - 1.0 } else { tokens }, now.max(state.1));
        has_token
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_answered_and_then_one_request_per_interval() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let interval = Duration::from_millis(100);
        let bucket = Bucket::new(RateLimit { interval, burst: 2 }, start);
        let taken = [0, 0, 0, 100, 150, 201, 1000, 1000, 1000].map(|ms| bucket.take(at(ms)));
        assert_eq!(taken, [true, true, false, true, false, true, true, true, false]);
        let none = Bucket::new(RateLimit { interval, burst: 0 }, start);
        assert!(!none.take(at(0)) && !none.take(at(10_000)));
    }
}
