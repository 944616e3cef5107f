//! Runs the collectors of one scrape under one deadline and reports on each.

mod concurrent;
mod hedged;
mod member;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::collector::Named;
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

/// The two families that tell how each collector fared, named as the reference names them.
#[derive(Clone, Copy, Debug)]
pub struct CollectorFamilies {
    /// Seconds that the collector took; label `collector`.
    pub duration: Desc<'static>,
    /// 1 if it succeeded, else 0; label `collector`.
    pub success: Desc<'static>,
    /// Stands before each collector's name in the label, such as `collect.`.
    pub label_prefix: &'static str,
}

/// How one collector fared in one scrape.
#[derive(Debug)]
pub struct Outcome {
    /// Value of the `collector` label.
    pub collector: String,
    /// Wall time.
    pub duration: Duration,
    /// The collector's own verdict, or that it panicked or took too long.
    pub result: Result<(), CollectError>,
}

/// A finished or abandoned run, before it is reported.
struct Run {
    member: usize,
    duration: Duration,
    result: Result<(), CollectError>,
    sink: Option<Sink>,
}

/// The enabled collectors of an exporter.
pub struct Collectors<Source: ?Sized + Sync + 'static> {
    members: Arc<[Member<Source>]>,
    placement: Placement,
    families: CollectorFamilies,
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
        let members = collectors
            .into_iter()
            .map(|(name, collector)| Member::new(name, families.label_prefix, collector))
            .collect();
        Self { members, placement, families }
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
        let chosen: Vec<usize> =
            (0..self.members.len()).filter(|&index| chosen(self.members[index].name)).collect();
        let mut runs = match self.placement {
            Placement::Blocking => {
                hedged::run(&self.members, source, chosen, deadline, exposition).await
            }
            Placement::Reactor => {
                concurrent::run(&self.members, &*source, &chosen, deadline, exposition).await
            }
        };
        runs.sort_unstable_by_key(|run| run.member);
        self.report(runs, exposition)
    }

    /// Logs changes, adds each run's samples and the two families about the runs.
    fn report(&self, runs: Vec<Run>, exposition: &mut Exposition) -> Vec<Outcome> {
        let mut sink = exposition.sink();
        let mut family = sink.family(&self.families.duration);
        for run in &runs {
            let label = &self.members[run.member].label;
            family.sample(&[("collector", label)], run.duration.as_secs_f64());
        }
        drop(family);
        let mut family = sink.family(&self.families.success);
        for run in &runs {
            let member = &self.members[run.member];
            let success = f64::from(run.result.is_ok());
            family.sample(&[("collector", &member.label)], success);
        }
        drop(family);
        exposition.add(sink);
        runs.into_iter()
            .map(|run| {
                let member = &self.members[run.member];
                member.log_change(&run.result);
                if let Some(sink) = run.sink {
                    exposition.add(sink);
                }
                Outcome {
                    collector: member.label.clone(),
                    duration: run.duration,
                    result: run.result,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
