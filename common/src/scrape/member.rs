//! A collector in an exporter's list, and what is remembered of it between scrapes.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use futures_util::FutureExt;

use super::Run;
use crate::collector::{Collector, Named, Release};
use crate::error::CollectError;
use crate::exposition::{LabelSet, MAX_SERIES, Sink};
use crate::failures::{Change, FailureLog, OddityLog};

pub(super) struct Member<Source: ?Sized + Sync + 'static> {
    pub(super) name: &'static str,
    /// Value of the `collector` label.
    pub(super) label: Arc<str>,
    /// The same as the label of a sample.
    pub(super) labels: LabelSet,
    since: &'static [Release],
    collector: Box<dyn Collector<Source>>,
    /// A run that a scrape gave up on still occupies a thread.
    pub(super) is_stuck: AtomicBool,
    /// Scrapes in which part of the input was malformed.
    malformed: AtomicU64,
    failures: FailureLog,
    oddities: OddityLog,
}

impl<Source: ?Sized + Sync> Member<Source> {
    pub(super) fn new(named: Named<Source>, label_prefix: &str) -> Self {
        let label: Arc<str> = format!("{label_prefix}{}", named.name).into();
        Self {
            name: named.name,
            labels: LabelSet::new([("collector", &*label)]),
            label,
            since: named.since,
            collector: named.collector,
            is_stuck: AtomicBool::new(false),
            malformed: AtomicU64::new(0),
            failures: FailureLog::default(),
            oddities: OddityLog::default(),
        }
    }

    /// True if `release` has what the collector reads; an unknown one is asked.
    pub(super) fn is_supported(&self, release: Option<Release>) -> bool {
        self.since.is_empty() || release.is_none_or(|release| release.is_covered_by(self.since))
    }

    /// What the collector needs, in words.
    pub(super) fn requirement(&self) -> String {
        let since: Vec<String> = self.since.iter().map(ToString::to_string).collect();
        format!("needs {} or later", since.join(" or "))
    }

    /// One run, from `started` on; a panic becomes an error and costs the samples.
    ///
    /// Malformed content is no failure as long as there is something to show beside it.
    pub(super) async fn run(
        &self,
        member: usize,
        started: Instant,
        source: &Source,
        mut sink: Box<Sink>,
    ) -> Run {
        let collected =
            AssertUnwindSafe(self.collector.collect(source, &mut sink)).catch_unwind().await;
        let duration = started.elapsed();
        let (result, malformed) = match collected {
            Ok(Err(error)) if error.is_malformed() && !sink.is_empty() => {
                (Ok(()), Some(error.into()))
            }
            Ok(result) => (result.map_err(Box::new), None),
            Err(panic) => {
                let error = CollectError::Panic(panic_text(&*panic));
                return Run::failed(member, duration, error);
            }
        };
        Run { member, duration, result, malformed, series: sink.series(), sink: Some(sink) }
    }

    pub(super) fn is_stuck(&self) -> bool {
        self.is_stuck.load(Ordering::Relaxed)
    }

    /// Counts a run that met malformed content; the count since the start, if there is any.
    pub(super) fn count_malformed(&self, run: &Run) -> Option<u64> {
        let is_malformed = u64::from(run.malformed.is_some() || has_only_malformed(&run.result));
        let count = self.malformed.fetch_add(is_malformed, Ordering::Relaxed) + is_malformed;
        (count > 0).then_some(count)
    }

    /// Logs content of an unknown form, once.
    pub(super) fn log_malformed(&self, error: &CollectError, server: Option<&str>) {
        let collector = &*self.label;
        let error = error.to_string();
        if self.oddities.is_new(&error) {
            tracing::warn!(collector, server, error, "part of the input is malformed and left out");
        } else {
            tracing::debug!(collector, server, error, "part of the input is still malformed");
        }
    }

    /// Logs that there were too many series, once.
    pub(super) fn log_excess(&self, left_out: usize, server: Option<&str>) {
        if self.oddities.is_new("too many series") {
            let (collector, most) = (&*self.label, MAX_SERIES);
            tracing::warn!(
                collector,
                server,
                left_out,
                most,
                "a collector has too many series: the last ones are left out"
            );
        }
    }

    /// Logs why there is no data, once.
    pub(super) fn log_absence(&self, reason: &str, server: Option<&str>) {
        if self.oddities.is_new(reason) {
            tracing::info!(collector = &*self.label, server, reason, "collector has no data");
        }
    }

    /// Logs the first of a series of equal failures, and the recovery. Absence is no failure.
    pub(super) fn log_change(&self, result: &Result<(), Box<CollectError>>, server: Option<&str>) {
        let collector = &*self.label;
        match result {
            Err(error) if error.is_no_data() => {
                tracing::debug!(collector, server, reason = %error, "collector has no data");
            }
            // The timeout that led to it has been logged.
            Err(error) if matches!(**error, CollectError::Stuck) => {
                tracing::debug!(collector, server, %error, "collector failed again");
            }
            result => match (self.failures.note(result), result) {
                (Change::New, Err(error)) => {
                    tracing::warn!(collector, server, %error, "collector failed");
                }
                (_, Err(error)) => {
                    tracing::debug!(collector, server, %error, "collector failed again");
                }
                (Change::Recovered, Ok(())) => {
                    tracing::info!(collector, server, "collector works again");
                }
                (_, Ok(())) => {}
            },
        }
    }
}

fn has_only_malformed(result: &Result<(), Box<CollectError>>) -> bool {
    result.as_ref().is_err_and(|error| error.is_malformed())
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
