//! Metrics of a Redis or Valkey server, as redis_exporter names them.
//!
//! [`args`] holds the flags. A [`server`] has an address, a login and one
//! connection, and gives the answer to `INFO` once per scrape. A [`scrape`] is
//! what the [`collectors`] then share, one file per subject; [`replies`] reads
//! what the server answers, and `fields` has the families of those fields that
//! are plain numbers. The [`scraper`] does this for any server.

pub mod args;
pub mod collectors;
mod fields;
pub mod keys;
pub mod replies;
pub mod scrape;
pub mod scraper;
pub mod self_metrics;
pub mod server;

use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use common::cli::{Dialect, Switches};
use common::collector::Named;
use common::commands::Program;
use common::exporter::{Exporter, Refusal, ScrapeRequest};
use common::exposition::Exposition;
use common::failures::OddityLog;
use common::scrape::{Collectors, Outcome, Placement};
use common::self_metrics::BuildInfo;
use common::version::BUILD;
use common::web::{Landing, SecurityFlags, Service};

use args::{Args, Metrics};
use collectors::COLLECTORS;
use keys::KeyChecks;
use scrape::{Options, Scrape};
use scraper::{FAMILIES, Request, Scraper};
use self_metrics::Scrapes;
use server::{Servers, Target};

const SWITCHES: Switches = Switches { flag_prefix: "collector." };

/// Value of `config-command` that keeps the exporter from using CONFIG.
const NO_CONFIG_COMMAND: &str = "-";

/// Answers scrapes with the metrics of the server that the flags name.
#[derive(Debug)]
pub struct RedisExporter {
    scraper: Scraper,
    servers: Servers,
    /// `None` if only the exporter itself is to be shown.
    target: Option<Target>,
    scrapes: Scrapes,
}

impl Program for RedisExporter {
    const NAME: &'static str = "redis-exporter";
    const ABOUT: &'static str =
        "Exposes the metrics of a Redis or Valkey server to Prometheus, as redis_exporter does";
    const DIALECT: Dialect = Dialect::GoFlag;
    const ENV_PREFIX: &'static str = "REDIS_EXPORTER_";

    fn command() -> Command {
        SWITCHES.add(Args::augment_args(Command::new(Self::NAME)), COLLECTORS)
    }

    fn adapt(command: Command) -> Command {
        args::adapt_shared(command)
    }

    fn default_address(_: &ArgMatches) -> String {
        ":9121".into()
    }

    fn security(matches: &ArgMatches) -> anyhow::Result<SecurityFlags> {
        Ok(args::Security::from_arg_matches(matches)?.into())
    }

    fn start(matches: &ArgMatches) -> anyhow::Result<Service> {
        let args = Args::from_arg_matches(matches)?;
        let collectors = SWITCHES.build(matches, COLLECTORS)?;
        Ok(Service {
            exporter: Arc::new(Self::new(&args, collectors)?),
            endpoints: Vec::new(),
            landing: Landing {
                title: "Redis Exporter",
                description: "Prometheus exporter of Redis and Valkey",
                links: Vec::new(),
                content: "",
            },
            build_info: build_info(&args.metrics),
            health_paths: &["/health"],
            routes: axum::Router::default(),
        })
    }
}

impl RedisExporter {
    /// Makes the exporter that the flags ask for; does not connect yet.
    ///
    /// # Errors
    /// A malformed address, password file or list of keys, with the flag.
    pub fn new(args: &Args, collectors: Vec<Named<Scrape>>) -> anyhow::Result<Self> {
        let servers = Servers::new(args)?;
        let target = match args.address.expose() {
            "" => None,
            address => Some(servers.target(address).context("--redis.addr")?),
        };
        let checks = Arc::new(KeyChecks::new(&args.keys)?);
        let config_command =
            Some(args.config_command.clone()).filter(|command| command != NO_CONFIG_COMMAND);
        let collectors = Collectors::new(Placement::Reactor, FAMILIES, collectors);
        tracing::info!(?collectors, "enabled collectors");
        let appends_role = args.metrics.appends_role;
        let unknown = OddityLog::default();
        let options = Options { config_command, unknown, appends_role, checks };
        Ok(Self {
            scraper: Scraper::new(&args.metrics.namespace, options, collectors),
            servers,
            target,
            scrapes: Scrapes::default(),
        })
    }
}

#[async_trait]
impl Exporter for RedisExporter {
    async fn scrape(
        &self,
        request: &ScrapeRequest,
        exposition: &mut Exposition,
    ) -> Result<Vec<Outcome>, Refusal> {
        let server = self.target.as_ref().map(|target| self.servers.get(target));
        let (server, scrapes) = (server.as_deref(), &self.scrapes);
        let request = Request { deadline: request.deadline, checks: None };
        Ok(self.scraper.scrape(server, scrapes, request, exposition).await)
    }
}

/// The labels of the reference; the time of the build is not recorded, so that builds can be repeated.
fn build_info(metrics: &Metrics) -> BuildInfo {
    if metrics.redis_only {
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
