//! One scrape of any server: its version, the collectors, and the families about the scrape.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::collector::Named;
use common::error::CollectError;
use common::exporter::ScrapeRequest;
use common::exposition::Exposition;
use common::scrape::{Collectors, Outcome, Placement};

use crate::args::ConnectionArgs;
use crate::custom::Files;
use crate::replica_status::Known;
use crate::scrape::Scrape;
use crate::self_metrics::{self, CONNECTION, FAMILIES};
use crate::server::Server;

/// What the scrapes of all servers have in common.
pub struct Scraper {
    collectors: Collectors<Scrape>,
    query_timeout: Option<Duration>,
    replica_statements: Arc<Known>,
    queries: Arc<Files>,
}

impl fmt::Debug for Scraper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.collectors.fmt(f)
    }
}

impl Scraper {
    /// Runs `collectors` in each scrape, and with them the queries of `files`.
    pub fn new(collectors: Vec<Named<Scrape>>, args: &ConnectionArgs, files: &Arc<Files>) -> Self {
        let query_timeout = Some(args.query_timeout).filter(|seconds| *seconds > 0);
        Self {
            collectors: Collectors::new(Placement::Reactor, FAMILIES, collectors)
                .with_release(Scrape::release)
                .with_server(|scrape| scrape.server().name())
                .with_absence_as_success(),
            query_timeout: query_timeout.map(|seconds| Duration::from_secs(seconds.into())),
            replica_statements: Arc::default(),
            queries: Arc::clone(files),
        }
    }

    /// Longest run of one collector.
    pub(crate) fn query_timeout(&self) -> Option<Duration> {
        self.query_timeout
    }

    /// Names of the collectors.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.collectors.names()
    }

    /// Reads `server` with the collectors that `request` asks for.
    ///
    /// A server that cannot be read is no error: `mysql_up` says so.
    pub async fn scrape(
        &self,
        server: &Arc<Server>,
        request: &ScrapeRequest,
        exposition: &mut Exposition,
    ) -> Vec<Outcome> {
        let chosen = self.choose(request);
        let started = Instant::now();
        let opened = Scrape::open(server, self.query_timeout, request.deadline).await;
        let duration = started.elapsed();
        self_metrics::push(opened.is_ok(), duration, exposition);
        server.log_change(opened.as_ref().map(drop));
        match opened {
            Ok(scrape) => {
                let scrape =
                    scrape.remembering(&self.replica_statements).with_queries(&self.queries);
                let deadline = scrape.deadline();
                self.collectors.run(Arc::new(scrape), chosen, deadline, exposition).await
            }
            Err(error) => {
                let result = Err(CollectError::query("connect", &error));
                vec![Outcome::new(CONNECTION, duration, result)]
            }
        }
    }

    /// The collectors that `collect[]` names; all if it names none that is enabled,
    /// as in the reference exporter.
    pub(crate) fn choose<'a>(&self, request: &'a ScrapeRequest) -> impl Fn(&str) -> bool + use<'a> {
        let only: Vec<&str> = request.values("collect[]").collect();
        let chooses_any = self.collectors.names().any(|name| only.contains(&name));
        move |name: &str| !chooses_any || only.contains(&name)
    }
}
