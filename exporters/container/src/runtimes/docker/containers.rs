//! The containers of one daemon, kept up to date by its answers and events.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bollard::models::ContainerSummary;
use common::failures::FailureLog;

use super::client::{Client, size};
use super::events::{Event, EventLog};
use super::inspection::{Reader, summary_name, summary_status};
use super::inspections::{Answer, Inspections};
use super::snapshot::Size;
use crate::runtimes::container::Container;

/// The containers of one daemon, and what is to be asked about them.
pub(super) struct Containers {
    reader: Reader,
    /// By id.
    pub(super) known: HashMap<String, Arc<Container>>,
    /// By id.
    pub(super) sizes: Arc<HashMap<String, Size>>,
    pub(super) events: EventLog,
    pub(super) inspections: Inspections,
    inspecting: FailureLog,
    surveying: FailureLog,
}

impl Containers {
    /// None yet; `reader` reads the answers about those to come.
    pub(super) fn new(reader: Reader) -> Self {
        Self {
            reader,
            known: HashMap::new(),
            sizes: Arc::default(),
            events: EventLog::default(),
            inspections: Inspections::default(),
            inspecting: FailureLog::default(),
            surveying: FailureLog::default(),
        }
    }

    /// Takes the names from the list, and inspects all. What is known from before
    /// stays until then.
    pub(super) fn begin(&mut self, list: Vec<ContainerSummary>, uses_systemd: bool) {
        self.reader.uses_systemd = uses_systemd;
        self.inspections = Inspections::default();
        let mut before = std::mem::take(&mut self.known);
        for found in list {
            let Some(id) = found.id.clone() else { continue };
            let known = before.remove(&id);
            let container = known.unwrap_or_else(|| Arc::new(self.reader.summary(found)));
            self.known.insert(id, container);
        }
        self.events.forget_all_but(&self.known);
        self.inspections.ask_all(self.known.keys().cloned());
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
        self.inspections.ask(id);
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
                self.known.insert(id.clone(), Arc::new(container));
            }
            Ok(None) => {
                self.known.remove(&id);
                self.events.forget(&id);
            }
            Err(error) => {
                let error = format!("{error:#}");
                if self.inspecting.failed(&error) {
                    tracing::warn!(id, error, "a container cannot be inspected");
                }
                return self.inspections.note_failed(id);
            }
        }
        if self.inspections.note_done(&id) && self.inspecting.recovered() {
            tracing::info!("all containers can be inspected again");
        }
    }

    /// Takes over the sizes of a later list, and inspects what differs from it without an
    /// event. Old sizes are better than none, so a failure leaves them.
    pub(super) fn note_survey(
        &mut self,
        found: anyhow::Result<Vec<ContainerSummary>>,
        has_sizes: bool,
    ) {
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

    fn ask_what_differs(&mut self, list: &[ContainerSummary]) {
        let mut unlisted: HashSet<&String> = self.known.keys().collect();
        for found in list {
            let Some(id) = &found.id else { continue };
            unlisted.remove(id);
            let is_known = self.known.get(id).is_some_and(|known| {
                known.name == summary_name(found)
                    && known.status == found.state.and_then(summary_status)
            });
            if !is_known {
                self.inspections.ask(id.clone());
            }
        }
        for id in unlisted {
            self.inspections.ask(id.clone());
        }
    }
}
