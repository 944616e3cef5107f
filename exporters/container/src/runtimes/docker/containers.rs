//! The containers of one daemon, kept up to date by its answers and events.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use common::failures::{FailureLog, OddityLog};

use super::client::{Client, size};
use super::events::{Event, EventLog};
use super::inspection::{Reader, word_status};
use super::inspections::{Answer, Inspections};
use super::listing::{Listed, MAX_CONTAINERS};
use super::snapshot::Size;
use super::volumes::Volume;
use crate::runtimes::container::Container;

/// Bytes of all that is kept of the containers at most; labels, ports and volumes of more are left out.
const MAX_BYTES: usize = 256 << 20;

/// The containers of one daemon, and what is to be asked about them.
pub(super) struct Containers {
    reader: Reader,
    /// By id.
    pub(super) known: HashMap<String, Arc<Container>>,
    /// About as many as `known` takes.
    bytes: usize,
    /// By id.
    pub(super) sizes: Arc<HashMap<String, Size>>,
    /// In order of their names.
    pub(super) volumes: Arc<Vec<Volume>>,
    pub(super) events: EventLog,
    pub(super) inspections: Inspections,
    inspecting: FailureLog,
    surveying: FailureLog,
    measuring: FailureLog,
    excess: OddityLog,
}

impl Containers {
    /// None yet; `reader` reads the answers about those to come.
    pub(super) fn new(reader: Reader) -> Self {
        Self {
            reader,
            known: HashMap::new(),
            bytes: 0,
            sizes: Arc::default(),
            volumes: Arc::default(),
            events: EventLog::default(),
            inspections: Inspections::default(),
            inspecting: FailureLog::default(),
            surveying: FailureLog::default(),
            measuring: FailureLog::default(),
            excess: OddityLog::default(),
        }
    }

    /// Takes the names from the list, and inspects all. What is known from before
    /// stays until then.
    pub(super) fn begin(&mut self, list: Vec<Listed>, uses_systemd: bool) {
        self.reader.uses_systemd = uses_systemd;
        self.inspections = Inspections::default();
        let mut before = std::mem::take(&mut self.known);
        self.bytes = 0;
        for found in list {
            let Some(id) = found.id().map(ToOwned::to_owned) else { continue };
            let known = before.remove(&id);
            let container = known.unwrap_or_else(|| Arc::new(self.reader.summary(found)));
            self.insert(id, container);
        }
        self.events.forget_all_but(&self.known);
        for id in self.known.keys() {
            self.inspections.ask(id, self.known.len());
        }
    }

    /// Keeps a container, within the bounds.
    fn insert(&mut self, id: String, mut container: Arc<Container>) {
        if self.known.len() >= MAX_CONTAINERS && !self.known.contains_key(&id) {
            if self.excess.is_new("number") {
                tracing::warn!(
                    most = MAX_CONTAINERS,
                    "there are too many containers: more are left out"
                );
            }
            return;
        }
        self.remove(&id);
        if self.bytes.saturating_add(container.bytes()) > MAX_BYTES {
            if self.excess.is_new("size") {
                tracing::warn!(
                    id,
                    "containers have too many labels, ports and volumes: more are left out"
                );
            }
            let container = Arc::make_mut(&mut container);
            container.labels = Vec::new();
            container.ports = Vec::new();
            container.volumes = Vec::new();
        }
        self.bytes = self.bytes.saturating_add(container.bytes());
        self.known.insert(id, container);
    }

    fn remove(&mut self, id: &str) {
        if let Some(container) = self.known.remove(id) {
            self.bytes = self.bytes.saturating_sub(container.bytes());
        }
    }

    /// Asks for an inspection. What was noted of a stranger that there is no room for is lost.
    fn ask(&mut self, id: &str) {
        let known = self.known.len();
        if !self.inspections.ask(id, known) && !self.known.contains_key(id) {
            self.events.forget(id);
        }
    }

    /// Notes an event and inspects its container again, even one that ended for good: the
    /// answer to an earlier question may still be on its way and be older than the event.
    pub(super) fn apply(&mut self, event: &Event) {
        let Some(id) = self.events.note(event) else { return };
        if let Some(container) = self.known.get_mut(&id) {
            let container = Arc::make_mut(container);
            self.events.apply_to(&id, container);
            if event.is_end() {
                // The number may soon be another process's.
                container.pid = None;
            }
        }
        self.ask(&id);
    }

    /// Asks again for what failed.
    pub(super) fn retry(&mut self) {
        self.inspections.retry(self.known.len());
    }

    /// The next answer to an inspection; never, if none is due.
    pub(super) async fn next_answer(&mut self, client: &Arc<Client>) -> Answer {
        self.inspections.next(client).await
    }

    /// Takes over the answer to an inspection.
    pub(super) fn note_answer(&mut self, (id, answer): Answer) {
        match answer {
            Ok(Some(found)) => {
                let mut container = self.reader.inspection(found);
                if let Some(earlier) = self.known.get(&id) {
                    container.inherit(earlier);
                }
                self.events.apply_to(&id, &mut container);
                self.insert(id.clone(), Arc::new(container));
                if !self.known.contains_key(&id) {
                    self.events.forget(&id);
                }
            }
            Ok(None) => {
                self.remove(&id);
                self.events.forget(&id);
            }
            Err(error) => {
                let error = format!("{error:#}");
                if self.inspecting.failed(&error) {
                    tracing::warn!(id, error, "a container cannot be inspected");
                }
                let is_known = self.known.contains_key(&id);
                if !self.inspections.note_failed(id.clone(), self.known.len()) && !is_known {
                    self.events.forget(&id);
                }
                return;
            }
        }
        if self.inspections.note_done(&id) && self.inspecting.recovered() {
            tracing::info!("all containers can be inspected again");
        }
    }

    /// Takes over the sizes of a later list, and inspects what differs from it without an
    /// event. Old sizes are better than none, so a failure leaves them.
    pub(super) fn note_survey(&mut self, found: anyhow::Result<Vec<Listed>>, has_sizes: bool) {
        match found {
            Ok(list) => {
                if has_sizes {
                    self.sizes = Arc::new(list.iter().filter_map(size).collect());
                }
                self.ask_what_differs(&list);
                if self.surveying.recovered() {
                    tracing::info!("containers can be listed again");
                }
            }
            Err(error) => {
                let error = format!("{error:#}");
                if self.surveying.failed(&error) {
                    tracing::warn!(error, "containers and their sizes cannot be listed");
                }
            }
        }
    }

    /// Takes over the sizes of volumes. Old ones are better than none, so a failure leaves them.
    pub(super) fn note_volumes(&mut self, found: anyhow::Result<Vec<Volume>>) {
        match found {
            Ok(volumes) => {
                self.volumes = Arc::new(volumes);
                if self.measuring.recovered() {
                    tracing::info!("volumes can be measured again");
                }
            }
            Err(error) => {
                let error = format!("{error:#}");
                if self.measuring.failed(&error) {
                    tracing::warn!(error, "volumes cannot be measured");
                }
            }
        }
    }

    fn ask_what_differs(&mut self, list: &[Listed]) {
        let mut unlisted: HashSet<&str> = self.known.keys().map(String::as_str).collect();
        let mut differ = Vec::new();
        for found in list {
            let Some(id) = found.id() else { continue };
            unlisted.remove(id);
            let is_known = self.known.get(id).is_some_and(|known| {
                known.name == found.name()
                    && known.status == found.state.as_deref().and_then(word_status)
            });
            if !is_known {
                differ.push(id);
            }
        }
        differ.extend(unlisted);
        for id in differ.into_iter().map(ToOwned::to_owned).collect::<Vec<_>>() {
            self.ask(&id);
        }
    }
}
