//! Metrics of containers and control groups, as cAdvisor names them.
//!
//! [`runtimes`] follows the container runtimes in the background, [`cgroup`] finds
//! and reads the kernel's files, [`inventory`] puts both together at each scrape,
//! [`collectors`] lists the subjects: one file each.

pub mod args;
pub mod cgroup;
pub mod collectors;
mod file;
pub mod host;
pub mod inventory;
mod pages;
pub mod runtimes;
mod tables;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use clap::{ArgMatches, Command, FromArgMatches as _};
use common::cli::{self, Dialect};
use common::commands::{MakeTables, Program, Reference};
use common::confine::Needs;
use common::error::CollectError;
use common::exporter::{Exporter, Refusal, ScrapeRequest};
use common::exposition::Exposition;
use common::failures::{Change, FailureLog};
use common::metric::Desc;
use common::scrape::{CollectorFamilies, Collectors, Outcome, Placement};
use common::self_metrics::BuildInfo;
use common::web::{Landing, Service};

use args::{Args, ListenArgs};
use cgroup::Hierarchies;
use host::Host;
use inventory::{Inventory, ScopeArgs};
use runtimes::Runtimes;

const FAMILIES: CollectorFamilies = CollectorFamilies {
    duration: Desc::gauge(
        "container_exporter_collector_duration_seconds",
        "Wall time that a collector took in this scrape.",
    ),
    success: Desc::gauge(
        "container_exporter_collector_success",
        "1 if a collector succeeded in this scrape, 0 if it failed or had no data.",
    ),
    malformed: Desc::counter(
        "container_exporter_collector_malformed_total",
        "Scrapes in which part of a collector's input was malformed and left out.",
    ),
    label_prefix: "",
};

const SCRAPE_ERROR: Desc<'static> = Desc::gauge(
    "container_scrape_error",
    "1 if the cgroups could not be listed, and no container is shown; else 0.",
);

/// How long the first scrapes wait for names at most.
const NAMES_PATIENCE: Duration = Duration::from_secs(2);

/// Answers scrapes with the metrics of the containers and cgroups of one host.
#[derive(Debug)]
pub struct ContainerExporter {
    hierarchies: Arc<Hierarchies>,
    host: Arc<Host>,
    runtimes: Runtimes,
    collectors: Collectors<Inventory>,
    scope: ScopeArgs,
    failures: FailureLog,
}

impl Program for ContainerExporter {
    const NAME: &'static str = "container-exporter";
    const ABOUT: &'static str =
        "Exposes the metrics of containers and control groups to Prometheus, as cAdvisor does";
    const DIALECT: Dialect = Dialect::GoFlag;
    const ENV_PREFIX: &'static str = "CONTAINER_EXPORTER_";
    const TABLES: MakeTables = tables::make;
    const REFERENCE: Reference = Reference {
        name: "cAdvisor",
        differences: include_str!("../differences.txt"),
        unused: args::UNUSED,
    };

    fn command() -> Command {
        tables::add_flags(args::add(Command::new(Self::NAME)))
    }

    fn for_people(command: Command) -> Command {
        collectors::include_processes(command)
    }

    fn adapt(command: Command) -> Command {
        command
            .mut_arg("web.telemetry-path", |path| path.visible_alias("prometheus_endpoint"))
            .mut_arg("web.route-prefix", |prefix| prefix.visible_alias("url_base_prefix"))
    }

    fn default_address(matches: &ArgMatches) -> String {
        ListenArgs::from_arg_matches(matches)
            .map_or_else(|_| ":8080".into(), |listen| listen.address())
    }

    fn needs(matches: &ArgMatches) -> Needs {
        Needs {
            // What cannot be understood ends the start.
            connections: Args::from_arg_matches(matches)
                .map_or(true, |args| args.runtimes.uses_tcp()),
            other_processes: collectors::reads_other_processes(matches),
        }
    }

    fn start(matches: &ArgMatches) -> anyhow::Result<Service> {
        let prefix = matches.get_one::<String>("web.route-prefix");
        Ok(Service {
            exporter: Arc::new(Self::from_matches(matches)?),
            endpoints: Vec::new(),
            landing: Landing {
                title: "Container Exporter",
                description: "Metrics of containers and control groups",
                links: Vec::new(),
                content: pages::LIVE,
            },
            build_info: BuildInfo::go_style("container_exporter_build_info"),
            health_paths: &["/healthz"],
            routes: pages::routes(prefix.map_or("", String::as_str)),
            encoding: None,
        })
    }
}

impl ContainerExporter {
    /// Makes the exporter that the arguments ask for and starts to follow the
    /// container runtimes; to be called inside a tokio runtime.
    ///
    /// # Errors
    /// There is no cgroup or proc file system where the arguments say, or
    /// `DOCKER_HOST` is no endpoint.
    pub fn from_matches(matches: &ArgMatches) -> anyhow::Result<Self> {
        let args = Args::from_arg_matches(matches)?;
        cli::unused::warn(matches, args::UNUSED, Self::DIALECT);
        let host = Host::open(&args.path)?;
        let own_mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let hierarchies = Hierarchies::open(&args.path.cgroup, &own_mounts)?;
        let collectors =
            Collectors::new(Placement::Blocking, FAMILIES, collectors::build(matches)?);
        tracing::info!(version = ?hierarchies.version(), ?collectors, "cgroups and collectors");
        Ok(Self {
            hierarchies: Arc::new(hierarchies),
            host: Arc::new(host),
            runtimes: Runtimes::start(&args.runtimes, &args.labels, &args.path.rootfs())?,
            collectors,
            scope: args.scope,
            failures: FailureLog::default(),
        })
    }

    /// Lists and names the cgroups on a blocking thread.
    async fn take_inventory(
        &self,
        scope: ScopeArgs,
        deadline: Instant,
    ) -> Result<Inventory, CollectError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let known = self.runtimes.known(NAMES_PATIENCE.min(left / 2)).await;
        let (hierarchies, host) = (Arc::clone(&self.hierarchies), Arc::clone(&self.host));
        let taking =
            tokio::task::spawn_blocking(move || Inventory::take(hierarchies, host, known, &scope));
        let left = deadline.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, taking).await {
            Ok(Ok(inventory)) => inventory,
            Ok(Err(panic)) => Err(CollectError::Panic(panic.to_string())),
            Err(_) => Err(CollectError::Timeout(left)),
        }
    }

    fn log_change<T>(&self, inventory: &Result<T, CollectError>) {
        match (self.failures.note(inventory), inventory) {
            (Change::New, Err(error)) => tracing::warn!(%error, "cgroups cannot be listed"),
            (_, Err(error)) => tracing::debug!(%error, "cgroups still cannot be listed"),
            (Change::Recovered, Ok(_)) => tracing::info!("cgroups can be listed again"),
            (_, Ok(_)) => {}
        }
    }
}

#[async_trait]
impl Exporter for ContainerExporter {
    async fn scrape(
        &self,
        request: &ScrapeRequest,
        exposition: &mut Exposition,
    ) -> Result<Vec<Outcome>, Refusal> {
        let scope = match request.values("type").next() {
            None | Some("name") => self.scope.clone(),
            Some("docker") => self.scope.containers(),
            Some(_) => return Err(Refusal("type is name or docker".into())),
        };
        let started = Instant::now();
        let inventory = self.take_inventory(scope, request.deadline).await;
        self.log_change(&inventory);
        let mut sink = exposition.sink();
        sink.value(&SCRAPE_ERROR, if inventory.is_ok() { 0.0 } else { 1.0 });
        exposition.add(sink);
        match inventory {
            Ok(inventory) => {
                let inventory = Arc::new(inventory);
                Ok(self.collectors.run(inventory, |_| true, request.deadline, exposition).await)
            }
            Err(error) => Ok(vec![Outcome::new("cgroups", started.elapsed(), Err(error))]),
        }
    }

    fn target(&self) -> Option<String> {
        Some("the control groups and containers of this host".into())
    }
}
