//! Several servers that are read together: the nodes of a cluster, or the primary and the replicas
//! that a sentinel leads to. Who they are is asked for in each scrape.

mod discovery;
mod members;
mod shards;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::error::CollectError;
use common::exposition::{Exposition, Sink};
use common::metric::Desc;
use common::scrape::Outcome;

use crate::RedisExporter;
use crate::at_once::at_once;
use crate::replies::nodes::MASTER;
use crate::replies::slots::Slots;
use crate::scraper::Request;
use crate::self_metrics::{self, Scrapes};
use crate::server::failure::Failure;

use members::Found;

pub(crate) use discovery::{Group, Kind};

/// Servers of one group that are read at once.
const AT_ONCE: usize = 100;

const DISCOVERED: Desc<'_> = Desc::gauge(
    "redis_exporter_discovery_success",
    "1 if the nodes of the cluster, or the servers of the sentinel's master, were listed in this \
     scrape; 0 if those of an earlier one are shown, or none.",
);

const SHARD_SLOTS: Desc<'_> =
    Desc::gauge("redis_cluster_shard_slots", "Slots that a shard of the cluster serves.");

impl RedisExporter {
    /// Reads all servers of `group` at once, none of which delays another, and adds the scrape to
    /// `scrapes`. The samples of each have its labels.
    pub(crate) async fn scrape_group(
        &self,
        group: &Group,
        scrapes: &Scrapes,
        request: Request,
        exposition: &mut Exposition,
    ) -> Vec<Outcome> {
        let started = Instant::now();
        scrapes.start();
        self.scraper.name_families(exposition);
        let names = self.options.prefers_host_names;
        let (found, failure) = group.discover(&self.servers, names, request.deadline).await;
        let mut outcomes: Vec<Outcome> =
            failure.iter().map(|failure| outcome_of(failure, started.elapsed())).collect();
        let turns = u32::try_from(found.len().div_ceil(AT_ONCE)).unwrap_or(u32::MAX).max(1);
        let turn = request.deadline.saturating_duration_since(Instant::now()) / turns;
        let reading = found.iter().map(|found| {
            let (mut branch, request) = (exposition.branch(), request.clone());
            async move {
                let deadline = request.deadline.min(Instant::now() + turn);
                let member = Some(Arc::clone(&found.member));
                let request = Request { deadline, member, ..request };
                let outcomes = self.scrape_member(found, request, &mut branch).await;
                (branch, outcomes)
            }
        });
        for (branch, of_member) in at_once(AT_ONCE, reading).await {
            exposition.absorb(branch);
            outcomes.extend(of_member);
        }
        let mut sink = exposition.sink();
        push(&found, failure.as_ref(), &mut sink);
        self_metrics::push_totals(&scrapes.finish(started.elapsed()), &mut sink);
        exposition.add(sink);
        outcomes
    }

    async fn scrape_member(
        &self,
        found: &Found,
        request: Request,
        exposition: &mut Exposition,
    ) -> Vec<Outcome> {
        let server = self.servers.get(&found.target);
        // The flags have been read before, so that it can be made.
        let Ok(scraper) = self.scraper_of(&found.target) else { return Vec::new() };
        let mut outcomes = scraper.read_server(&server, request, exposition).await;
        for outcome in &mut outcomes {
            outcome.collector = format!("{} {}", found.member.name, outcome.collector).into();
        }
        outcomes
    }
}

/// For those who scrape by hand.
fn outcome_of(failure: &Failure, duration: Duration) -> Outcome {
    let result = Err(CollectError::query(failure.step, &failure.reason));
    Outcome::new("discovery", duration, result)
}

/// The families that are about no single server.
fn push(found: &[Found], failure: Option<&Failure>, sink: &mut Sink) {
    sink.value(&DISCOVERED, f64::from(u8::from(failure.is_none())));
    if let Some(failure) = failure {
        self_metrics::push_failure(&failure.label(), found.is_empty(), sink);
    }
    let mut shards: BTreeMap<&str, usize> = BTreeMap::new();
    for Found { member, .. } in found {
        if let Some(shard) = &member.shard {
            let slots = member.slots.as_ref().filter(|_| member.role == MASTER);
            *shards.entry(shard).or_default() += slots.map_or(0, Slots::count);
        }
    }
    let labelled = shards.into_iter().map(|(shard, slots)| ([("shard", shard)], slots as f64));
    sink.samples(&SHARD_SLOTS, labelled);
}
