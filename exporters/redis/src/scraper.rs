//! One scrape of any server: connection, collectors, and the families about the scrape itself.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use common::error::CollectError;
use common::exposition::Exposition;
use common::metric::Desc;
use common::scrape::{CollectorFamilies, Collectors, Outcome};

use crate::keys::KeyChecks;
use crate::member::Member;
use crate::scrape::{Options, Scrape};
use crate::self_metrics::{self, Report, Scrapes};
use crate::server::{Opening, Server};

/// The families about the collectors, which the reference does not have.
pub(crate) const FAMILIES: CollectorFamilies = CollectorFamilies {
    duration: Desc::gauge(
        "redis_exporter_collector_duration_seconds",
        "Wall time that a collector took in this scrape.",
    ),
    success: Desc::gauge(
        "redis_exporter_collector_success",
        "1 if a collector succeeded in this scrape, 0 if it failed.",
    ),
    malformed: Desc::counter(
        "redis_exporter_collector_malformed_total",
        "Scrapes in which part of a collector's input was malformed and left out.",
    ),
    label_prefix: "",
};

/// What one scrape is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The end of the scrape.
    pub deadline: Instant,
    /// Keys in place of those that the flags name; see [`KeyChecks::with_parameters`].
    pub checks: Option<Arc<KeyChecks>>,
    /// The server's place among several that are read together.
    pub member: Option<Arc<Member>>,
}

impl Request {
    /// Reads a server by itself.
    pub fn new(deadline: Instant, checks: Option<Arc<KeyChecks>>) -> Self {
        Self { deadline, checks, member: None }
    }
}

/// What the scrapes of all servers have in common.
#[derive(Debug)]
pub struct Scraper {
    /// First word of the names of all families, with the underscore behind it.
    namespace: String,
    options: Arc<Options>,
    collectors: Collectors<Scrape>,
}

impl Scraper {
    /// Runs `collectors` in each scrape; `namespace` is the first word of all names.
    pub fn new(namespace: &str, options: Arc<Options>, collectors: Collectors<Scrape>) -> Self {
        let underscore = if namespace.is_empty() { "" } else { "_" };
        let namespace = format!("{namespace}{underscore}");
        Self { namespace, options, collectors }
    }

    /// The collectors that run, for the log.
    pub fn collectors(&self) -> &impl Debug {
        &self.collectors
    }

    /// The keys that the flags name, for a request to put others in their place.
    pub fn checks(&self) -> &KeyChecks {
        &self.options.checks
    }

    /// Reads `server`, if there is one, and adds the scrape to `scrapes`. `request` has the
    /// deadline and the keys to look at.
    ///
    /// A server that cannot be read is no error: `redis_up` says so.
    pub async fn scrape(
        &self,
        server: Option<&Server>,
        scrapes: &Scrapes,
        request: Request,
        exposition: &mut Exposition,
    ) -> Vec<Outcome> {
        let started = Instant::now();
        scrapes.start();
        self.name_families(exposition);
        let outcomes = match server {
            Some(server) => self.read_server(server, request, exposition).await,
            None => Vec::new(),
        };
        exposition.label_all(&[]);
        let mut sink = exposition.sink();
        self_metrics::push_totals(&scrapes.finish(started.elapsed()), &mut sink);
        exposition.add(sink);
        outcomes
    }

    /// Gives families the first word that the flags say.
    pub(crate) fn name_families(&self, exposition: &mut Exposition) {
        exposition.rename_namespace("redis_", &self.namespace);
    }

    /// Reads one server. All samples have the labels of a member of a group, and those about
    /// the server rather than the exporter its role, where the flags ask for that.
    pub(crate) async fn read_server(
        &self,
        server: &Server,
        request: Request,
        exposition: &mut Exposition,
    ) -> Vec<Outcome> {
        let started = Instant::now();
        let Request { deadline, checks, member } = request;
        let Opening { connect_time, ping_time, result } = server.open(deadline).await;
        server.log_change(result.as_ref().map(drop));
        let role = result.as_ref().ok().and_then(|(_, info)| info.role()).map(str::to_owned);
        let mut labels = member.as_ref().map_or_else(Vec::new, |m| m.labels(role.as_deref()));
        exposition.label_all(&labels);
        let mut own = exposition.sink();
        if self.options.appends_role {
            labels.push(("instance_role", role.as_deref().unwrap_or_default()));
            exposition.label_all(&labels);
        }
        let (failure, outcomes) = match result {
            Ok((exchange, info)) => {
                let (dialer, options) = (server.dialer(), Arc::clone(&self.options));
                let scrape = Scrape::new(info, exchange, dialer, deadline, options)
                    .with_checks(checks)
                    .of_member(member.clone());
                let outcomes = self.run(server, scrape, deadline, exposition).await;
                (None, outcomes)
            }
            Err(failure) => {
                // No collector ran; the outcome is for those who scrape by hand.
                let result = Err(CollectError::query(failure.step, &failure.reason));
                (Some(failure.label()), vec![Outcome::new("up", connect_time, result)])
            }
        };
        let report = Report { failure, duration: started.elapsed(), connect_time, ping_time };
        let mut sink = exposition.sink();
        self_metrics::push_report(&report, &mut sink, &mut own);
        exposition.add(sink);
        exposition.add(own);
        outcomes
    }

    async fn run(
        &self,
        server: &Server,
        scrape: Scrape,
        deadline: Instant,
        exposition: &mut Exposition,
    ) -> Vec<Outcome> {
        let outcomes = self.collectors.run(Arc::new(scrape), |_| true, deadline, exposition).await;
        let is_timeout = |outcome: &Outcome| {
            outcome.result.as_ref().is_err_and(|error| matches!(**error, CollectError::Timeout(_)))
        };
        if outcomes.iter().any(is_timeout) {
            server.hang_up();
        }
        outcomes
    }
}
