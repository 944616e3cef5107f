//! A collector in an exporter's list, and what is remembered of it between scrapes.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures_util::FutureExt;

use super::Run;
use crate::change::ChangeLog;
use crate::collector::Collector;
use crate::error::CollectError;
use crate::exposition::Sink;

pub(super) struct Member<Source: ?Sized + Sync + 'static> {
    pub(super) name: &'static str,
    /// Value of the `collector` label.
    pub(super) label: String,
    pub(super) collector: Box<dyn Collector<Source>>,
    /// A run that a scrape gave up on still occupies a thread.
    pub(super) is_stuck: AtomicBool,
    changes: ChangeLog,
}

impl<Source: ?Sized + Sync> Member<Source> {
    pub(super) fn new(
        name: &'static str,
        label_prefix: &str,
        collector: Box<dyn Collector<Source>>,
    ) -> Self {
        Self {
            name,
            label: format!("{label_prefix}{name}"),
            collector,
            is_stuck: AtomicBool::new(false),
            changes: ChangeLog::default(),
        }
    }

    /// One run; a panic becomes an error and costs the samples.
    pub(super) async fn run(&self, member: usize, source: &Source, mut sink: Sink) -> Run {
        let started = Instant::now();
        let collected =
            AssertUnwindSafe(self.collector.collect(source, &mut sink)).catch_unwind().await;
        let (result, sink) = match collected {
            Ok(result) => (result, Some(sink)),
            Err(panic) => (Err(CollectError::Panic(panic_text(&*panic))), None),
        };
        Run { member, duration: started.elapsed(), result, sink }
    }

    pub(super) fn is_stuck(&self) -> bool {
        self.is_stuck.load(Ordering::Relaxed)
    }

    /// Logs the first of a series of equal failures, and the recovery. Absence is no failure.
    pub(super) fn log_change(&self, result: &Result<(), CollectError>) {
        let collector = self.label.as_str();
        match result {
            Err(error) if error.is_no_data() => {
                tracing::debug!(collector, reason = %error, "collector has no data");
            }
            // The timeout that led to it has been logged.
            Err(error @ CollectError::Stuck) => {
                tracing::debug!(collector, %error, "collector failed again");
            }
            Err(error) => {
                let error = error.to_string();
                if self.changes.failed(&error) {
                    tracing::warn!(collector, error, "collector failed");
                } else {
                    tracing::debug!(collector, error, "collector failed again");
                }
            }
            Ok(()) => {
                if self.changes.recovered() {
                    tracing::info!(collector, "collector works again");
                }
            }
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
