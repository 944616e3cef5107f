//! When the daemon is asked for what no event reports, and the answers to that.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::client::Client;
use super::follow::Follow;
use super::listing::Listed;
use super::volumes::Volume;

/// How often a silent daemon is asked whether it lives: no event comes from one that hangs.
const PING_INTERVAL: Duration = Duration::from_secs(15);

/// How often the list is compared with what the events said, if not for the sizes.
const SURVEY_INTERVAL: Duration = Duration::from_mins(5);

/// Scrapes see what changes at most so much later: with thousands of containers
/// a copy of the snapshot for each answer would cost more than the answers.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(100);

/// Two lists because of forgotten ids are so far apart.
const LIST_PAUSE: Duration = Duration::from_secs(5);

/// A question whose answer takes a while.
pub(super) type Asked<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A list, and whether it was asked for with sizes.
pub(super) type Survey = (anyhow::Result<Vec<Listed>>, bool);

/// When to do what.
pub(super) struct Schedule {
    pub(super) ping: Interval,
    pub(super) publish: Interval,
    /// To ask for the list again if an id was forgotten.
    pub(super) mend: Interval,
    /// To compare the list; its sizes are asked for at once.
    pub(super) survey: Interval,
    /// To ask for the sizes of volumes.
    pub(super) volumes: Wanted,
    pub(super) has_sizes: bool,
}

impl Schedule {
    /// That of what is to be followed.
    pub(super) fn new(follow: &Follow) -> Self {
        let mut ping = ticks(PING_INTERVAL);
        ping.reset();
        let wanted = |interval: Duration| (!interval.is_zero()).then(|| ticks(at_least(interval)));
        let survey = wanted(follow.size_interval);
        Self {
            ping,
            publish: ticks(PUBLISH_INTERVAL),
            mend: ticks(LIST_PAUSE),
            has_sizes: survey.is_some(),
            survey: survey.unwrap_or_else(|| {
                let mut survey = ticks(SURVEY_INTERVAL);
                survey.reset();
                survey
            }),
            volumes: Wanted(wanted(follow.volume_interval)),
        }
    }
}

/// Times of what may not be wanted.
pub(super) struct Wanted(Option<Interval>);

impl Wanted {
    /// The next time; never if it is not wanted.
    pub(super) async fn tick(&mut self) -> Instant {
        match &mut self.0 {
            Some(times) => times.tick().await,
            None => std::future::pending().await,
        }
    }
}

fn at_least(interval: Duration) -> Duration {
    interval.max(Duration::from_secs(1))
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Asks for the list of all containers.
pub(super) fn ask_list(client: &Arc<Client>, has_sizes: bool) -> Asked<Survey> {
    let client = Arc::clone(client);
    Box::pin(async move { (client.list(has_sizes).await, has_sizes) })
}

/// Asks for the sizes of volumes.
pub(super) fn ask_volumes(client: &Arc<Client>) -> Asked<anyhow::Result<Vec<Volume>>> {
    let client = Arc::clone(client);
    Box::pin(async move { client.volumes().await })
}

/// The answer, of which there is no second one; never, if nothing was asked.
pub(super) async fn wait<T>(asked: &mut Option<Asked<T>>) -> T {
    let answer = match asked {
        Some(answer) => answer.await,
        None => std::future::pending().await,
    };
    *asked = None;
    answer
}
