//! Metrics of a Redis or Valkey server, as redis_exporter names them.
//!
//! [`args`] holds the flags. A [`server`] has an address, a login and one
//! connection, and gives the answer to `INFO` once per scrape. A [`scrape`] is
//! what the [`collectors`] then share, one file per subject; [`replies`] reads
//! what the server answers, and `fields` has the families of those fields that
//! are plain numbers. The [`scraper`] does this for any server.
//!
//! [`rights`] is what a user of the server must be allowed for it, which [`check`] tries.

pub mod args;
pub mod at_once;
mod bounded;
pub mod check;
pub mod collectors;
mod endpoints;
mod fields;
mod group;
pub mod holders;
pub mod keys;
pub mod member;
pub mod replies;
pub mod rights;
pub mod scrape;
pub mod scraper;
pub mod self_metrics;
pub mod server;
mod tables;
mod zstd;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use async_trait::async_trait;
use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use common::cli::unused::Unused;
use common::cli::{Dialect, Switches};
use common::commands::{MakeCheck, MakeTables, Program, Reference};
use common::exporter::{Exporter, Refusal, ScrapeRequest};
use common::exposition::Exposition;
use common::failures::OddityLog;
use common::metric::Desc;
use common::scrape::{Collectors, Outcome, Placement};
use common::self_metrics::BuildInfo;
use common::targets::Targets;
use common::version::BUILD;
use common::web::{Landing, SecurityFlags, Service};

use args::{Args, Metrics};
use collectors::COLLECTORS;
use group::{Group, Kind};
use keys::KeyChecks;
use scrape::Options;
use scraper::{FAMILIES, Request, Scraper};
use self_metrics::Scrapes;
use server::{IDLE_TIME, MAX_SERVERS, Servers, Target};

const SWITCHES: Switches = Switches { flag_prefix: "collector." };

/// The flag of redis_exporter that has no effect here; it is defined with the others.
const UNUSED: &[Unused] = &[Unused {
    reason: "there is no Go runtime",
    on_off: &["include-go-runtime-metrics"],
    with_value: &[],
}];

/// Value of `config-command` that keeps the exporter from using CONFIG.
const NO_CONFIG_COMMAND: &str = "-";

const REFUSED: Desc<'_> = Desc::counter(
    "redis_target_scrape_request_errors_total",
    "Requests to /scrape that were refused: no target, a malformed one, or a malformed list of keys.",
);

/// Answers scrapes with the metrics of the server that the flags name.
#[derive(Debug)]
pub struct RedisExporter {
    scraper: Scraper,
    servers: Servers,
    /// `None` if only the exporter itself is to be shown.
    subject: Option<Subject>,
    /// What the flags say of servers that are named in requests.
    kind: Option<Kind>,
    /// Groups that are named in requests.
    groups: Targets<(Kind, Vec<Target>), Group>,
    scrapes: Scrapes,
    /// Requests for other servers that made no sense.
    refused: AtomicU64,
    /// What scrapes other servers; each has its own, so that what is wrong with one is logged
    /// whatever is wrong with another.
    scrapers: Targets<Target, Scraper>,
    /// What scrapers are made of.
    options: Arc<Options>,
    matches: ArgMatches,
    namespace: String,
    /// `None` if the nodes of the cluster are not to be listed.
    discovery: Option<Discovery>,
}

/// What `/metrics` is about.
#[derive(Debug)]
enum Subject {
    Server(Target),
    Group(Box<Group>),
}

/// What the address of the flags leads to.
fn subject(text: &str, kind: Option<&Kind>, servers: &Servers) -> anyhow::Result<Subject> {
    Ok(match kind {
        None => Subject::Server(servers.target(text)?),
        Some(kind) => {
            let seeds = kind.seeds(text, |address| servers.target(address))?;
            Subject::Group(Box::new(Group::new(kind.clone(), seeds)))
        }
    })
}

/// How the nodes of a cluster are listed.
#[derive(Clone, Copy, Debug)]
struct Discovery {
    prefers_hostnames: bool,
}

impl Program for RedisExporter {
    const NAME: &'static str = "redis-exporter";
    const ABOUT: &'static str =
        "Exposes the metrics of a Redis or Valkey server to Prometheus, as redis_exporter does";
    const DIALECT: Dialect = Dialect::GoFlag;
    const ENV_PREFIX: &'static str = "REDIS_EXPORTER_";
    const REFERENCE: Reference = Reference {
        name: "redis_exporter",
        differences: include_str!("../differences.txt"),
        unused: UNUSED,
    };
    const CHECK: Option<MakeCheck> = Some(check::make);
    const TABLES: MakeTables = tables::make;

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
        let exporter = Arc::new(Self::new(&args, matches)?);
        Ok(Service {
            endpoints: endpoints::endpoints(&exporter, args.further.disables_scrape),
            routes: endpoints::routes(&exporter),
            exporter,
            landing: Landing {
                title: "Redis Exporter",
                description: "Prometheus exporter of Redis and Valkey",
                links: Vec::new(),
                content: "",
            },
            build_info: build_info(&args.metrics),
            health_paths: &["/health"],
            encoding: Some(zstd::ENCODING),
        })
    }
}

impl RedisExporter {
    /// Makes the exporter that the flags ask for; does not connect yet.
    ///
    /// # Errors
    /// A malformed address, password file or list of keys, with the flag.
    pub fn new(args: &Args, matches: &ArgMatches) -> anyhow::Result<Self> {
        let servers = Servers::new(args)?;
        let kind = Kind::new(&args.groups)?;
        let subject = match args.address.expose().trim() {
            "" => None,
            address => Some(subject(address, kind.as_ref(), &servers).context("--redis.addr")?),
        };
        let checks = Arc::new(KeyChecks::new(&args.keys)?);
        let config_command =
            Some(args.config_command.clone()).filter(|command| command != NO_CONFIG_COMMAND);
        let appends_role = args.metrics.appends_role;
        let unknown = OddityLog::default();
        let options = Arc::new(Options {
            config_command,
            unknown,
            appends_role,
            checks,
            is_cluster: args.further.is_cluster && !args.keys.replicas_only(),
            prefers_host_names: args.further.prefers_hostnames,
        });
        if args.further.include_go_runtime {
            tracing::warn!("--include-go-runtime-metrics has no effect: there is no Go runtime");
        }
        let namespace = args.metrics.namespace.clone();
        let scraper = new_scraper(matches, &namespace, &options)?;
        tracing::info!(collectors = ?scraper.collectors(), "enabled collectors");
        Ok(Self {
            scraper,
            servers,
            subject,
            kind,
            groups: Targets::new(MAX_SERVERS, IDLE_TIME),
            scrapes: Scrapes::default(),
            refused: AtomicU64::default(),
            scrapers: Targets::new(MAX_SERVERS, IDLE_TIME),
            options,
            matches: matches.clone(),
            namespace,
            discovery: args
                .further
                .is_cluster
                .then_some(Discovery { prefers_hostnames: args.further.prefers_hostnames }),
        })
    }

    /// What scrapes `target`, the same one as long as it is kept.
    ///
    /// # Errors
    /// None that the start has not had.
    fn scraper_of(&self, target: &Target) -> anyhow::Result<Arc<Scraper>> {
        let new = || new_scraper(&self.matches, &self.namespace, &self.options);
        self.scrapers.get(target, new)
    }
}

/// A scraper with the collectors that the flags ask for.
fn new_scraper(
    matches: &ArgMatches,
    namespace: &str,
    options: &Arc<Options>,
) -> anyhow::Result<Scraper> {
    let collectors = SWITCHES.build(matches, COLLECTORS)?;
    let collectors = Collectors::new(Placement::Reactor, FAMILIES, collectors);
    Ok(Scraper::new(namespace, Arc::clone(options), collectors))
}

#[async_trait]
impl Exporter for RedisExporter {
    async fn scrape(
        &self,
        request: &ScrapeRequest,
        exposition: &mut Exposition,
    ) -> Result<Vec<Outcome>, Refusal> {
        let request = Request::new(request.deadline, None);
        let scrapes = &self.scrapes;
        let outcomes = match &self.subject {
            Some(Subject::Group(group)) => {
                self.scrape_group(group, scrapes, request, exposition).await
            }
            Some(Subject::Server(target)) => {
                let server = self.servers.get(target);
                self.scraper.scrape(Some(&*server), scrapes, request, exposition).await
            }
            None => self.scraper.scrape(None, scrapes, request, exposition).await,
        };
        let mut sink = exposition.sink();
        sink.value(&REFUSED, self.refused.load(Ordering::Relaxed) as f64);
        exposition.add(sink);
        Ok(outcomes)
    }

    fn target(&self) -> Option<String> {
        match self.subject.as_ref()? {
            Subject::Server(target) => Some(target.to_string()),
            Subject::Group(group) => {
                group.seed().map(|seed| format!("the servers that {seed} names"))
            }
        }
    }

    fn reload(&self) -> anyhow::Result<bool> {
        self.servers.reload()
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
