//! The task that follows a daemon: connects, lists, inspects, and then waits for events.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::failures::FailureLog;
use tokio::sync::watch;

use super::client::Client;
use super::containers::Containers;
use super::endpoint::Endpoint;
use super::events::Event;
use super::inspection::Reader;
use super::listing::Listed;
use super::schedule::{Schedule, ask_list, ask_volumes, wait};
use super::snapshot::{Engine, Snapshot, State};
use super::stream::Events;
use crate::runtimes::labels::Labelling;

/// First and longest pause between two attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How long the question for events goes ahead of that for the list.
const HEAD_START: Duration = Duration::from_millis(50);

/// Events are asked for from so much earlier on, for the clock's rounding and for
/// those that are reported late.
const OVERLAP: Duration = Duration::from_secs(1);

/// A daemon that has answered and listed its containers is up after so long, though not all of
/// them have been inspected: scrapes wait for it.
const GRACE: Duration = Duration::from_secs(1);

/// Events that come while the list is waited for; more are left in the connection until then.
const MAX_EARLY: usize = 4096;

/// So many events are taken in one turn, and then everybody else has his: this task shares its
/// thread with scrapes.
const TURN: u32 = 64;
const PAUSE_BETWEEN_TURNS: Duration = Duration::from_millis(1);

/// What is to be followed.
#[derive(Debug)]
pub struct Follow {
    /// Whose daemon it is.
    pub engine: Engine,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// That there is none is worth a warning.
    pub is_expected: bool,
    /// Which labels are wanted.
    pub labelling: Labelling,
    /// How often it is asked for sizes; zero means never.
    pub size_interval: Duration,
    /// How often it is asked for the sizes of volumes; zero means never.
    pub volume_interval: Duration,
}

/// State of the task.
pub(super) struct Follower {
    follow: Follow,
    state: State,
    root: Option<PathBuf>,
    version: Option<String>,
    containers: Containers,
    sender: watch::Sender<Arc<Snapshot>>,
    connection: FailureLog,
    /// The last failure was that of a connection that had worked.
    has_just_failed: bool,
}

impl Follower {
    /// A task that has not connected yet and sends its snapshots to `sender`.
    pub(super) fn new(follow: Follow, sender: watch::Sender<Arc<Snapshot>>) -> Self {
        let (engine, labelling) = (follow.engine, follow.labelling.clone());
        Self {
            follow,
            state: State::Unknown,
            root: None,
            version: None,
            containers: Containers::new(Reader { engine, labelling, uses_systemd: false }),
            sender,
            connection: FailureLog::default(),
            has_just_failed: false,
        }
    }

    /// Follows the daemon, and connects again whenever it goes.
    pub(super) async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let Err(error) = self.connect().await;
            let was_up = self.state == State::Up;
            if was_up {
                pause = FIRST_PAUSE;
            }
            let is_absent = !self.follow.is_expected
                && matches!(self.state, State::Unknown | State::Absent)
                && !self.follow.endpoint.may_be_there();
            if !is_absent {
                self.note_failure(&error, was_up);
            }
            self.state = if is_absent { State::Absent } else { State::Down };
            self.publish();
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Logs the loss of the connection, then only failures unlike the one that the
    /// first attempt after it met: the reason why there is no daemon is not worth another line.
    fn note_failure(&mut self, error: &anyhow::Error, was_up: bool) {
        let (runtime, error) = (self.follow.engine.name(), format!("{error:#}"));
        let is_new = self.connection.failed(&error);
        let follows_loss = std::mem::replace(&mut self.has_just_failed, was_up);
        if is_new && !follows_loss {
            tracing::warn!(runtime, error, "container runtime does not answer");
        } else {
            tracing::debug!(runtime, error, "container runtime still does not answer");
        }
    }

    fn publish(&mut self) {
        self.sender.send_replace(Arc::new(Snapshot {
            engine: self.follow.engine,
            state: self.state,
            containers: self.containers.known.clone(),
            sizes: Arc::clone(&self.containers.sizes),
            volumes: Arc::clone(&self.containers.volumes),
            root: self.root.clone(),
            version: self.version.clone(),
        }));
    }

    /// One connection, from its beginning to its failure.
    async fn connect(&mut self) -> anyhow::Result<Infallible> {
        let client = Arc::new(Client::connect(&self.follow.endpoint).await?);
        self.version = client.version().await?;
        let daemon = client.daemon().await;
        self.root = daemon.root.map(Into::into);
        // Subscribed before the list is asked for; should the daemon be slow to see
        // to it, what happens until then is repeated because of `since`, and so is
        // what happened since the connection was lost.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let latest = self.containers.events.last_seconds().map(Duration::from_secs);
        let mut events = client.events(since(now, latest));
        let (list, early) = list_while_listening(&client, &mut events).await?;
        self.containers.begin(list, daemon.uses_systemd);
        self.publish();
        for event in &early {
            self.containers.apply(event);
        }
        self.live(&client, events).await
    }

    /// Waits for events and answers, and asks now and then whether the daemon
    /// lives, and what containers it has.
    async fn live(
        &mut self,
        client: &Arc<Client>,
        mut events: Events,
    ) -> anyhow::Result<Infallible> {
        let mut schedule = Schedule::new(&self.follow);
        let grace = tokio::time::sleep(GRACE);
        tokio::pin!(grace);
        let (mut list, mut volumes) = (None, None);
        let mut has_changed = false;
        let mut taken = 0;
        loop {
            if self.state != State::Up && self.containers.inspections.are_done() {
                self.rise();
            }
            tokio::select! {
                event = events.next() => {
                    self.containers.apply(&event?);
                    has_changed = true;
                    taken += 1;
                    if taken == TURN {
                        taken = 0;
                        tokio::time::sleep(PAUSE_BETWEEN_TURNS).await;
                    }
                }
                answer = self.containers.next_answer(client) => {
                    self.containers.note_answer(answer);
                    has_changed = true;
                }
                _ = schedule.publish.tick(), if has_changed => {
                    self.publish();
                    has_changed = false;
                }
                _ = schedule.ping.tick() => {
                    client.version().await?;
                    self.containers.retry();
                }
                () = &mut grace, if self.state != State::Up => self.rise(),
                _ = schedule.mend.tick(), if list.is_none() => {
                    if self.containers.inspections.take_forgotten() {
                        list = Some(ask_list(client, false));
                    }
                }
                _ = schedule.survey.tick(), if list.is_none() => {
                    list = Some(ask_list(client, schedule.has_sizes));
                }
                _ = schedule.volumes.tick(), if volumes.is_none() => volumes = Some(ask_volumes(client)),
                found = wait(&mut volumes) => {
                    self.containers.note_volumes(found);
                    has_changed = true;
                }
                (found, has_sizes) = wait(&mut list) => {
                    self.containers.note_survey(found, has_sizes);
                    has_changed = true;
                }
            }
        }
    }

    fn rise(&mut self) {
        self.state = State::Up;
        self.publish();
        let (containers, version) = (self.containers.known.len(), &self.version);
        let runtime = self.follow.engine.name();
        self.connection.recovered();
        tracing::info!(runtime, version, containers, "container runtime answers");
    }
}

/// From which second on events are asked for. A clock that was put forward must not leave out what
/// happened since the `latest` event that is known, nor one that was put back what happens now.
fn since(now: Duration, latest: Option<Duration>) -> u64 {
    now.min(latest.unwrap_or(now)).saturating_sub(OVERLAP).as_secs()
}

/// The list, and the events that came while waiting for it.
async fn list_while_listening(
    client: &Client,
    events: &mut Events,
) -> anyhow::Result<(Vec<Listed>, Vec<Event>)> {
    let mut early = Vec::new();
    if let Ok(event) = tokio::time::timeout(HEAD_START, events.next()).await {
        early.push(event?);
    }
    let list = client.list(false);
    tokio::pin!(list);
    loop {
        tokio::select! {
            list = &mut list => return Ok((list?, early)),
            event = events.next(), if early.len() < MAX_EARLY => early.push(event?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_asked_for_without_a_gap_wherever_the_clock_jumps() {
        let since = |now, latest: Option<u64>| {
            since(Duration::from_secs(now), latest.map(Duration::from_secs))
        };
        assert_eq!(since(1000, None), 999);
        assert_eq!(since(1000, Some(990)), 989);
        // An hour, and a year, ahead.
        assert_eq!(since(1000 + 3600, Some(990)), 989);
        assert_eq!(since(1000 + 31_536_000, Some(990)), 989);
        // Back by an hour, and before the epoch, which counts as it.
        assert_eq!(since(5000 - 3600, Some(4990)), 1399);
        assert_eq!(since(0, Some(990)), 0);
        assert_eq!(since(0, None), 0);
    }
}
