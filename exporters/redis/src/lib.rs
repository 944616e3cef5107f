//! Metrics of a Redis or Valkey server, as redis_exporter names them.
//!
//! [`args`] holds the flags. A [`server`] has an address, a login and one
//! connection, and gives the answer to `INFO` once per scrape. A [`scrape`] is
//! what the [`collectors`] then share, one file per subject; [`replies`] reads
//! what the server answers.

pub mod args;
pub mod collectors;
pub mod replies;
pub mod scrape;
mod self_metrics;
pub mod server;

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use common::cli::{Dialect, Switches};
use common::commands::Program;
use common::error::CollectError;
use common::exporter::{Exporter, Refusal, ScrapeRequest};
use common::exposition::Exposition;
use common::failures::{Change, FailureLog};
use common::metric::Desc;
use common::scrape::{CollectorFamilies, Collectors, Outcome, Placement};
use common::self_metrics::BuildInfo;
use common::version::BUILD;
use common::web::{Landing, Service};

use args::Args;
use collectors::COLLECTORS;
use scrape::{Options, Scrape};
use self_metrics::{Report, Scrapes};
use server::{Opening, Server};

const SWITCHES: Switches = Switches { flag_prefix: "collector." };

/// Value of `config-command` that keeps the exporter from using CONFIG.
const NO_CONFIG_COMMAND: &str = "-";

/// The families about the collectors, which the reference does not have.
const FAMILIES: CollectorFamilies = CollectorFamilies {
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

/// Answers scrapes with the metrics of one server.
#[derive(Debug)]
pub struct RedisExporter {
    /// `None` if only the exporter itself is to be shown.
    server: Option<Server>,
    /// First word of all families, with the underscore behind it.
    namespace: String,
    options: Arc<Options>,
    collectors: Collectors<Scrape>,
    scrapes: Scrapes,
    failures: FailureLog,
}

impl Program for RedisExporter {
    const NAME: &'static str = "redis-exporter";
    const ABOUT: &'static str =
        "Exposes the metrics of a Redis or Valkey server to Prometheus, as redis_exporter does";
    const DIALECT: Dialect = Dialect::GoFlag;
    const ENV_PREFIX: &'static str = "REDIS_EXPORTER_";

    fn command() -> Command {
        let command = SWITCHES.add(Args::augment_args(Command::new(Self::NAME)), COLLECTORS);
        command.defer(args::adapt_shared)
    }

    fn default_address(_: &ArgMatches) -> String {
        ":9121".into()
    }

    fn start(matches: &ArgMatches) -> anyhow::Result<Service> {
        let args = Args::from_arg_matches(matches)?;
        Ok(Service {
            exporter: Arc::new(Self::from_matches(matches)?),
            endpoints: Vec::new(),
            landing: Landing {
                title: "Redis Exporter",
                description: "Prometheus exporter of Redis and Valkey",
                links: Vec::new(),
                content: "",
            },
            build_info: build_info(&args),
            health_paths: &["/health"],
            routes: axum::Router::default(),
        })
    }
}

impl RedisExporter {
    /// Makes the exporter that the arguments ask for; does not connect yet.
    ///
    /// # Errors
    /// A malformed address or password file, with the flag.
    pub fn from_matches(matches: &ArgMatches) -> anyhow::Result<Self> {
        let args = Args::from_arg_matches(matches)?;
        let server = match args.address.expose() {
            "" => None,
            address => Some(Server::new(&args, address)?),
        };
        let config_command =
            Some(args.config_command.clone()).filter(|command| command != NO_CONFIG_COMMAND);
        let collectors = SWITCHES.build(matches, COLLECTORS)?;
        let collectors = Collectors::new(Placement::Reactor, FAMILIES, collectors);
        tracing::info!(?collectors, "enabled collectors");
        Ok(Self {
            server,
            namespace: prefix(&args.metrics.namespace),
            options: Arc::new(Options { config_command }),
            collectors,
            scrapes: Scrapes::default(),
            failures: FailureLog::default(),
        })
    }

    /// Reads the server; a failure is part of the report.
    async fn read(
        &self,
        server: &Server,
        started: Instant,
        deadline: Instant,
        exposition: &mut Exposition,
    ) -> (Report, Vec<Outcome>) {
        let Opening { connect_time, ping_time, result } = server.open(deadline).await;
        let (failure, outcomes) = match result {
            Ok((connection, info)) => {
                let scrape = Scrape::new(info, connection, Arc::clone(&self.options));
                let scrape = Arc::new(scrape);
                let outcomes = self.collectors.run(scrape, |_| true, deadline, exposition).await;
                let is_timeout =
                    |outcome: &Outcome| matches!(outcome.result, Err(CollectError::Timeout(_)));
                if outcomes.iter().any(is_timeout) {
                    server.hang_up();
                }
                (None, outcomes)
            }
            Err(failure) => {
                // No collector ran; the outcome tells those who scrape by hand.
                let result = Err(CollectError::query(failure.step, &failure.reason));
                let outcome = Outcome {
                    collector: "up".into(),
                    duration: connect_time,
                    result,
                    malformed: None,
                };
                (Some(failure.to_string()), vec![outcome])
            }
        };
        self.log_change(server, &failure.as_deref().map_or(Ok(()), Err));
        (Report { failure, duration: started.elapsed(), connect_time, ping_time }, outcomes)
    }

    fn log_change(&self, server: &Server, read: &Result<(), &str>) {
        let address = server.address();
        match (self.failures.note(read), read) {
            (Change::New, Err(error)) => {
                tracing::warn!(%address, error, "the server cannot be read");
            }
            (_, Err(error)) => {
                tracing::debug!(%address, error, "the server still cannot be read");
            }
            (Change::Recovered, Ok(())) => {
                tracing::info!(%address, "the server can be read again");
            }
            (_, Ok(())) => {}
        }
    }
}

#[async_trait]
impl Exporter for RedisExporter {
    async fn scrape(
        &self,
        request: &ScrapeRequest,
        exposition: &mut Exposition,
    ) -> Result<Vec<Outcome>, Refusal> {
        let started = Instant::now();
        exposition.rename_namespace("redis_", &self.namespace);
        self.scrapes.start();
        let (report, outcomes) = match &self.server {
            Some(server) => {
                let (report, outcomes) =
                    self.read(server, started, request.deadline, exposition).await;
                (Some(report), outcomes)
            }
            None => (None, Vec::new()),
        };
        let totals = self.scrapes.finish(started.elapsed());
        let mut sink = exposition.sink();
        self_metrics::push(&totals, report.as_ref(), &mut sink);
        exposition.add(sink);
        Ok(outcomes)
    }
}

/// What all names begin with: the namespace and `_`, or nothing for an empty one.
fn prefix(namespace: &str) -> String {
    if namespace.is_empty() { String::new() } else { format!("{namespace}_") }
}

/// The labels of the reference; the time of the build is not recorded, so that builds can be repeated.
fn build_info(args: &Args) -> BuildInfo {
    if args.metrics.redis_only {
        return BuildInfo { name: String::new(), labels: Vec::new() };
    }
    let labels = [
        ("build_date", "unknown"),
        ("commit_sha", BUILD.revision),
        ("golang_version", BUILD.compiler),
        ("version", BUILD.version),
    ];
    BuildInfo {
        name: "redis_exporter_build_info".to_owned(),
        labels: labels.into_iter().map(|(label, value)| (label, value.to_owned())).collect(),
    }
}
