//! The task that follows the daemon: connects, lists, inspects, and then lives on events.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::models::{ContainerSummary, EventMessage};
use common::change::ChangeLog;
use futures_util::StreamExt as _;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::client::{Client, Events, layer_size, next_event};
use super::container::{Container, summary_name};
use super::labels::Labelling;
use super::{Snapshot, State};
use crate::args::{DockerArgs, Endpoint};

/// First and longest pause between two attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How often a silent daemon is asked whether it lives: no event comes from one that hangs.
const PING_INTERVAL: Duration = Duration::from_secs(15);

/// Inspections at once when many are due.
const INSPECTIONS: usize = 8;

/// How long the question for events goes ahead of that for the list.
const HEAD_START: Duration = Duration::from_millis(50);

/// The events are asked for from so long before the list on, for the clock's rounding.
const OVERLAP: Duration = Duration::from_secs(1);

type Sizes = Pin<Box<dyn Future<Output = anyhow::Result<Vec<ContainerSummary>>> + Send>>;

/// State of the task.
pub(super) struct Follower {
    endpoint: Endpoint,
    labelling: Labelling,
    size_interval: Duration,
    snapshot: Snapshot,
    sender: watch::Sender<Arc<Snapshot>>,
    /// Containers whose inspection failed, to be tried again.
    pending: HashSet<String>,
    connection: ChangeLog,
    /// The last failure was that of a connection that had worked.
    has_just_failed: bool,
    inspections: ChangeLog,
    sizes: ChangeLog,
}

impl Follower {
    pub(super) fn new(args: &DockerArgs, sender: watch::Sender<Arc<Snapshot>>) -> Self {
        Self {
            endpoint: args.endpoint.clone(),
            labelling: Labelling::new(args),
            size_interval: args.size_interval,
            snapshot: Snapshot::default(),
            sender,
            pending: HashSet::new(),
            connection: ChangeLog::default(),
            has_just_failed: false,
            inspections: ChangeLog::default(),
            sizes: ChangeLog::default(),
        }
    }

    /// Follows the daemon, and connects again whenever it goes.
    pub(super) async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let Err(error) = self.follow().await;
            let was_up = self.snapshot.state == State::Up;
            if was_up {
                pause = FIRST_PAUSE;
            }
            self.note_failure(&error, was_up);
            self.snapshot.state = State::Down;
            self.publish();
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Logs the loss of the connection, then only failures unlike the one that the
    /// first attempt after it met: why there is no daemon is no second piece of news.
    fn note_failure(&mut self, error: &anyhow::Error, was_up: bool) {
        let error = format!("{error:#}");
        let is_new = self.connection.failed(&error);
        let follows_loss = std::mem::replace(&mut self.has_just_failed, was_up);
        if is_new && !follows_loss {
            tracing::warn!(runtime = "docker", error, "container runtime does not answer");
        } else {
            tracing::debug!(runtime = "docker", error, "container runtime still does not answer");
        }
    }

    fn publish(&self) {
        self.sender.send_replace(Arc::new(self.snapshot.clone()));
    }

    /// One connection, from its beginning to its failure.
    async fn follow(&mut self) -> anyhow::Result<Infallible> {
        let client = Arc::new(Client::connect(&self.endpoint).await?);
        let daemon = client.daemon().await?;
        // Subscribed before the list is asked for; should the daemon be slow to see
        // to it, what happens until then is repeated because of `since`.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut events = client.events(now.saturating_sub(OVERLAP).as_secs());
        let (list, early) = list_while_listening(&client, &mut events).await?;
        self.snapshot.containers = self.inspect_all(&client, list).await;
        self.snapshot.root = daemon.root.map(Into::into);
        self.snapshot.version = daemon.version;
        self.snapshot.state = State::Up;
        for event in early {
            self.apply(&client, event).await;
        }
        self.publish();
        let (containers, version) = (self.snapshot.containers.len(), &self.snapshot.version);
        self.connection.recovered();
        tracing::info!(runtime = "docker", version, containers, "container runtime answers");
        self.live(&client, events).await
    }

    /// Waits for events, and asks now and then whether the daemon lives and how large the layers are.
    async fn live(
        &mut self,
        client: &Arc<Client>,
        mut events: Events,
    ) -> anyhow::Result<Infallible> {
        let mut ping = ticks(PING_INTERVAL);
        ping.reset();
        let mut size = ticks(self.size_interval.max(Duration::from_secs(1)));
        let mut sizes: Option<Sizes> = None;
        loop {
            let is_asking = sizes.is_some();
            tokio::select! {
                event = next_event(&mut events) => {
                    self.apply(client, event?).await;
                    self.publish();
                }
                _ = ping.tick() => {
                    client.ping().await?;
                    self.retry(client).await;
                }
                _ = size.tick(), if !is_asking && !self.size_interval.is_zero() => {
                    let client = Arc::clone(client);
                    sizes = Some(Box::pin(async move { client.list_with_sizes().await }));
                }
                found = async { match &mut sizes { Some(sizes) => sizes.await, None => std::future::pending().await } } => {
                    sizes = None;
                    self.note_sizes(found);
                }
            }
        }
    }

    /// What changed is asked for anew; what ended keeps its name while its cgroup
    /// may be seen, but no process, whose number may soon be another's.
    async fn apply(&mut self, client: &Client, event: EventMessage) {
        let Some(id) = event.actor.and_then(|actor| actor.id) else { return };
        match event.action.as_deref() {
            Some("destroy") => {
                self.snapshot.containers.remove(&id);
                self.pending.remove(&id);
            }
            Some("die") => {
                if let Some(container) = self.snapshot.containers.get_mut(&id) {
                    Arc::make_mut(container).pid = None;
                }
            }
            _ => self.inspect(client, id).await,
        }
    }

    async fn inspect(&mut self, client: &Client, id: String) {
        match client.inspect(&id).await {
            Ok(Some(found)) => {
                let container = Container::from_inspection(found, &self.labelling);
                self.pending.remove(&id);
                self.snapshot.containers.insert(id, Arc::new(container));
            }
            Ok(None) => {
                self.pending.remove(&id);
                self.snapshot.containers.remove(&id);
            }
            Err(error) => {
                self.note_failed_inspection(&id, &error);
                self.pending.insert(id);
            }
        }
    }

    /// Inspects again what could not be inspected.
    async fn retry(&mut self, client: &Client) {
        if self.pending.is_empty() {
            return;
        }
        for id in std::mem::take(&mut self.pending) {
            self.inspect(client, id).await;
        }
        if self.pending.is_empty() && self.inspections.recovered() {
            tracing::info!("all containers can be inspected again");
        }
        self.publish();
    }

    /// Inspects the containers of a list; one that fails keeps what the list says.
    async fn inspect_all(
        &mut self,
        client: &Client,
        list: Vec<ContainerSummary>,
    ) -> HashMap<String, Arc<Container>> {
        self.pending.clear();
        let inspections =
            list.into_iter().filter_map(|summary| Some((summary.id.clone()?, summary)));
        let mut answers = futures_util::stream::iter(inspections)
            .map(async |(id, summary)| (client.inspect(&id).await, id, summary))
            .buffer_unordered(INSPECTIONS);
        let mut containers = HashMap::new();
        while let Some((answer, id, summary)) = answers.next().await {
            let container = match answer {
                Ok(Some(found)) => Container::from_inspection(found, &self.labelling),
                Ok(None) => continue,
                Err(error) => {
                    self.note_failed_inspection(&id, &error);
                    self.pending.insert(id.clone());
                    Container::from_summary(summary, &self.labelling)
                }
            };
            containers.insert(id, Arc::new(container));
        }
        containers
    }

    fn note_failed_inspection(&self, id: &str, error: &anyhow::Error) {
        let error = format!("{error:#}");
        if self.inspections.failed(&error) {
            tracing::warn!(id, error, "a container cannot be inspected");
        }
    }

    /// Old sizes are better than none, so a failure leaves them. What the list
    /// shows and no event has told is inspected with the next ping.
    fn note_sizes(&mut self, found: anyhow::Result<Vec<ContainerSummary>>) {
        match found {
            Ok(list) => {
                self.snapshot.layer_bytes = Arc::new(list.iter().filter_map(layer_size).collect());
                let is_known = |found: &&ContainerSummary| {
                    let known = found.id.as_ref().and_then(|id| self.snapshot.containers.get(id));
                    known.is_some_and(|known| known.name == summary_name(found))
                };
                let missed = list.iter().filter(|found| !is_known(found));
                self.pending.extend(missed.filter_map(|found| found.id.clone()));
                self.publish();
                if self.sizes.recovered() {
                    tracing::info!("sizes of the writable layers are known again");
                }
            }
            Err(error) => {
                let error = format!("{error:#}");
                if self.sizes.failed(&error) {
                    tracing::warn!(error, "sizes of the writable layers are not known");
                }
            }
        }
    }
}

fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// The list, and the events that came while waiting for it.
async fn list_while_listening(
    client: &Client,
    events: &mut Events,
) -> anyhow::Result<(Vec<ContainerSummary>, Vec<EventMessage>)> {
    let mut early = Vec::new();
    if let Ok(event) = tokio::time::timeout(HEAD_START, next_event(events)).await {
        early.push(event?);
    }
    let list = client.list();
    tokio::pin!(list);
    loop {
        tokio::select! {
            biased;
            event = next_event(events) => early.push(event?),
            list = &mut list => return Ok((list?, early)),
        }
    }
}
