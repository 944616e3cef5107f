//! Runs the collectors of one scrape under one deadline and reports on each.

mod blocking;
mod member;
mod reactor;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::collector::{Named, Release};
use crate::error::CollectError;
use crate::exposition::{Exposition, Sink};
use crate::metric::Desc;
use member::Member;

/// Where collectors run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// They block on files or system calls: on blocking threads, away from the reactor.
    Blocking,
    /// They await sockets: together on the reactor.
    Reactor,
}

/// The families about each collector's run, named as the reference names them where it has them.
#[derive(Clone, Copy, Debug)]
pub struct CollectorFamilies {
    /// Seconds that the collector took; label `collector`.
    pub duration: Desc<'static>,
    /// 1 if it succeeded, else 0; label `collector`.
    pub success: Desc<'static>,
    /// Scrapes in which part of its input was malformed; label `collector`. Only collectors
    /// with a count above zero have a sample, so that a healthy exporter shows nothing new.
    pub malformed: Desc<'static>,
    /// Comes before each collector's name in the label, such as `collect.`.
    pub label_prefix: &'static str,
}

/// How one collector fared in one scrape.
#[derive(Debug)]
pub struct Outcome {
    /// Value of the `collector` label.
    pub collector: Arc<str>,
    /// Wall time.
    pub duration: Duration,
    /// What the collector returned, or that it panicked or took too long. Malformed content
    /// beside which there was something to show is no failure.
    pub result: Result<(), Box<CollectError>>,
    /// The content that was malformed and left out of a success.
    pub malformed: Option<Box<CollectError>>,
    /// Series that the collector has shown.
    pub series: usize,
}

impl Outcome {
    /// That of something beside the collectors, such as the way to the source.
    pub fn new(
        collector: impl Into<Arc<str>>,
        duration: Duration,
        result: Result<(), CollectError>,
    ) -> Self {
        let (collector, result) = (collector.into(), result.map_err(Box::new));
        Self { collector, duration, result, malformed: None, series: 0 }
    }
}

/// A finished or abandoned run, before it is reported; not smaller than its [`Outcome`], which
/// takes over its memory.
struct Run {
    member: usize,
    duration: Duration,
    result: Result<(), Box<CollectError>>,
    malformed: Option<Box<CollectError>>,
    series: usize,
    sink: Option<Box<Sink>>,
}

const _: () = assert!(size_of::<Outcome>() <= size_of::<Run>());

impl Run {
    /// A run of which nothing is left but the reason.
    fn failed(member: usize, duration: Duration, error: CollectError) -> Self {
        Self { member, duration, result: Err(error.into()), malformed: None, series: 0, sink: None }
    }
}

/// The enabled collectors of an exporter.
pub struct Collectors<Source: ?Sized + Sync + 'static> {
    members: Arc<[Member<Source>]>,
    placement: Placement,
    families: CollectorFamilies,
    release: Option<fn(&Source) -> Release>,
    server: Option<fn(&Source) -> String>,
    absence_is_success: bool,
}

impl<Source: ?Sized + Send + Sync> std::fmt::Debug for Collectors<Source> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join(" "))
    }
}

impl<Source: ?Sized + Send + Sync + 'static> Collectors<Source> {
    /// The collectors, each with its name, in the order in which they start.
    pub fn new(
        placement: Placement,
        families: CollectorFamilies,
        collectors: impl IntoIterator<Item = Named<Source>>,
    ) -> Self {
        let members =
            collectors.into_iter().map(|named| Member::new(named, families.label_prefix)).collect();
        Self {
            members,
            placement,
            families,
            release: None,
            server: None,
            absence_is_success: false,
        }
    }

    /// `release` says what the source is, for the collectors that not every release supports.
    #[must_use]
    pub fn with_release(self, release: fn(&Source) -> Release) -> Self {
        Self { release: Some(release), ..self }
    }

    /// `server` names the source in log lines, for exporters that read several.
    #[must_use]
    pub fn with_server(self, server: fn(&Source) -> String) -> Self {
        Self { server: Some(server), ..self }
    }

    /// A collector without data has succeeded, and says once why it has none: so that an alert on
    /// success does not fire for ever where the target lacks what the collector reads.
    #[must_use]
    pub fn with_absence_as_success(self) -> Self {
        Self { absence_is_success: true, ..self }
    }

    /// Names of the collectors, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.members.iter().map(|member| member.name)
    }

    /// Runs those collectors whose name `chosen` accepts and adds their
    /// samples, durations and success to `exposition`. Returns at `deadline`
    /// at the latest; a collector that has not finished by then fails.
    pub async fn run(
        &self,
        source: Arc<Source>,
        chosen: impl Fn(&str) -> bool,
        deadline: Instant,
        exposition: &mut Exposition,
    ) -> Vec<Outcome> {
        let release = self.release.map(|release| release(&source));
        let server = self.server.map(|server| server(&source));
        let is_chosen = |index: &usize| chosen(self.members[*index].name);
        let mut supported = Vec::with_capacity(self.members.len());
        let mut unsupported = Vec::new();
        for index in (0..self.members.len()).filter(is_chosen) {
            let is_supported = self.members[index].is_supported(release);
            if is_supported { supported.push(index) } else { unsupported.push(index) }
        }
        let mut runs = match self.placement {
            Placement::Blocking => {
                blocking::run(&self.members, source, supported, deadline, exposition).await
            }
            Placement::Reactor => {
                reactor::run(&self.members, &*source, &supported, deadline, exposition).await
            }
        };
        for index in unsupported {
            let error = CollectError::NoData(self.members[index].requirement());
            runs.push(Run::failed(index, Duration::ZERO, error));
        }
        runs.sort_unstable_by_key(|run| run.member);
        self.report(runs, server.as_deref(), exposition)
    }

    fn is_success(&self, result: &Result<(), Box<CollectError>>) -> bool {
        match result {
            Ok(()) => true,
            Err(error) => self.absence_is_success && error.is_no_data(),
        }
    }

    /// Logs changes, adds each run's samples and the families about the runs.
    fn report(
        &self,
        runs: Vec<Run>,
        server: Option<&str>,
        exposition: &mut Exposition,
    ) -> Vec<Outcome> {
        let mut sink = exposition.sink();
        let mut family = sink.family(&self.families.duration);
        for run in &runs {
            family.sample(&self.members[run.member].labels, run.duration.as_secs_f64());
        }
        drop(family);
        let mut family = sink.family(&self.families.success);
        for run in &runs {
            let member = &self.members[run.member];
            let success = f64::from(self.is_success(&run.result));
            family.sample(&member.labels, success);
        }
        drop(family);
        let mut family = sink.family(&self.families.malformed);
        for run in &runs {
            let member = &self.members[run.member];
            if let Some(count) = member.count_malformed(run) {
                family.sample(&member.labels, count as f64);
            }
        }
        drop(family);
        exposition.add(sink);
        runs.into_iter()
            .map(|run| {
                let member = &self.members[run.member];
                if self.absence_is_success
                    && let Err(error) = &run.result
                    && let CollectError::NoData(reason) = &**error
                {
                    member.log_absence(reason, server);
                }
                member.log_change(&run.result, server);
                if let Some(error) = &run.malformed {
                    member.log_malformed(error, server);
                }
                if let Some(sink) = run.sink {
                    if sink.excess() > 0 {
                        member.log_excess(sink.excess(), server);
                    }
                    exposition.add(sink);
                }
                Outcome {
                    collector: Arc::clone(&member.label),
                    duration: run.duration,
                    result: run.result,
                    malformed: run.malformed,
                    series: run.series,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
