//! One scrape of any server: connection, collectors, and the families about the scrape itself.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use common::error::CollectError;
use common::exposition::Exposition;
use common::metric::Desc;
use common::scrape::{CollectorFamilies, Collectors, Outcome};

use crate::keys::KeyChecks;
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
        exposition.rename_namespace("redis_", &self.namespace);
        // What is about the exporter rather than the server has no role.
        let mut own = exposition.sink();
        scrapes.start();
        let (report, outcomes) = match server {
            Some(server) => {
                let (report, outcomes) = self.read(server, started, request, exposition).await;
                (Some(report), outcomes)
            }
            None => (None, Vec::new()),
        };
        let totals = scrapes.finish(started.elapsed());
        let mut sink = exposition.sink();
        self_metrics::push(&totals, report.as_ref(), &mut sink, &mut own);
        exposition.add(sink);
        exposition.add(own);
        exposition.label_all(&[]);
        outcomes
    }

    /// Reads the server; a failure is part of the report.
    async fn read(
        &self,
        server: &Server,
        started: Instant,
        request: Request,
        exposition: &mut Exposition,
    ) -> (Report, Vec<Outcome>) {
        let Request { deadline, checks } = request;
        let Opening { connect_time, ping_time, result } = server.open(deadline).await;
        server.log_change(result.as_ref().map(drop));
        if self.options.appends_role {
            let role = result.as_ref().ok().and_then(|(_, info)| info.field("role"));
            exposition.label_all(&[("instance_role", role.unwrap_or_default())]);
        }
        let (failure, outcomes) = match result {
            Ok((connection, info)) => {
                let (dialer, options) = (server.dialer(), Arc::clone(&self.options));
                let scrape = Scrape::new(info, connection, dialer, deadline, options);
                let scrape = Arc::new(match checks {
                    Some(checks) => scrape.with_checks(checks),
                    None => scrape,
                });
                let outcomes = self.collectors.run(scrape, |_| true, deadline, exposition).await;
                let is_timeout =
                    |outcome: &Outcome| matches!(outcome.result, Err(CollectError::Timeout(_)));
                if outcomes.iter().any(is_timeout) {
                    server.hang_up();
                }
                (None, outcomes)
            }
            Err(failure) => {
                // No collector ran; the outcome is for those who scrape by hand.
                let result = Err(CollectError::query(failure.step, &failure.reason));
                let outcome = Outcome {
                    collector: "up".into(),
                    duration: connect_time,
                    result,
                    malformed: None,
                };
                (Some(failure.label()), vec![outcome])
            }
        };
        (Report { failure, duration: started.elapsed(), connect_time, ping_time }, outcomes)
    }
}
