//! What the follower makes of events and answers.

use std::collections::HashSet;
use std::sync::Arc;

use bollard::models::ContainerSummary;

use super::super::client::size;
use super::super::inspection::{summary_name, summary_status};
use super::super::inspections::{Answer, Inspections};
use super::super::news::News;
use super::Follower;

impl Follower {
    /// Shows the names of the list, and inspects all. What is known from before
    /// stays until then.
    pub(super) fn begin(&mut self, list: Vec<ContainerSummary>) {
        self.inspections = Inspections::default();
        let mut before = std::mem::take(&mut self.snapshot.containers);
        for found in list {
            let Some(id) = found.id.clone() else { continue };
            let known = before.remove(&id);
            let container = known.unwrap_or_else(|| Arc::new(self.reader.summary(found)));
            self.snapshot.containers.insert(id, container);
        }
        self.memory.forget_all_but(&self.snapshot.containers);
        self.inspections.ask_all(self.snapshot.containers.keys().cloned());
        self.publish();
    }

    /// What changed is asked for anew, even what ended for good: should the answer
    /// to an earlier question still be on its way, it is not the last one.
    pub(super) fn apply(&mut self, news: &News) {
        let Some(id) = self.memory.note(news) else { return };
        if let Some(container) = self.snapshot.containers.get_mut(&id) {
            let container = Arc::make_mut(container);
            self.memory.remind(&id, container);
            if news.is_end() {
                // The number may soon be another process's.
                container.pid = None;
            }
        }
        self.inspections.ask(id);
    }

    pub(super) fn note_answer(&mut self, (id, answer): Answer) {
        match answer {
            Ok(Some(found)) => {
                let mut container = self.reader.inspection(found);
                if let Some(earlier) = self.snapshot.containers.get(&id) {
                    container.inherit(earlier);
                }
                self.memory.remind(&id, &mut container);
                self.snapshot.containers.insert(id.clone(), Arc::new(container));
            }
            Ok(None) => {
                self.snapshot.containers.remove(&id);
                self.memory.forget(&id);
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

    /// Old sizes are better than none, so a failure leaves them. What the list
    /// shows and no event has told is inspected.
    pub(super) fn note_survey(
        &mut self,
        found: anyhow::Result<Vec<ContainerSummary>>,
        has_sizes: bool,
    ) {
        match found {
            Ok(list) => {
                if has_sizes {
                    self.snapshot.sizes = Arc::new(list.iter().filter_map(size).collect());
                }
                self.ask_what_differs(&list);
                if self.surveying.recovered() {
                    tracing::info!("containers can be listed again");
                }
            }
            Err(error) => {
                let error = format!("{error:#}");
                if self.surveying.failed(&error) {
                    tracing::warn!(error, "containers cannot be listed, nor their sizes");
                }
            }
        }
    }

    fn ask_what_differs(&mut self, list: &[ContainerSummary]) {
        let mut unlisted: HashSet<&String> = self.snapshot.containers.keys().collect();
        for found in list {
            let Some(id) = &found.id else { continue };
            unlisted.remove(id);
            let is_known = self.snapshot.containers.get(id).is_some_and(|known| {
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
