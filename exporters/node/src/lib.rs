//! Host metrics of Linux, as node_exporter names them.
//!
//! Three floors, of which each uses those below it only:
//!
//! - [`collectors`] lists the subjects, one file or folder each, none of which uses another;
//! - `readers` holds what several of them read alike;
//! - [`host`] reads files below the configurable roots, [`dbus`] asks services on D-Bus, `netlink`
//!   asks the kernel.

pub mod collectors;
pub mod dbus;
pub mod host;
mod netlink;
mod readers;
mod tables;
mod unused;

use std::sync::Arc;

use async_trait::async_trait;
use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use common::cli::{self, Dialect, Switches};
use common::commands::{MakeTables, Program, Reference};
use common::confine::Needs;
use common::exporter::{Exporter, Refusal, ScrapeRequest};
use common::exposition::Exposition;
use common::metric::Desc;
use common::scrape::{CollectorFamilies, Collectors, Outcome, Placement};
use common::self_metrics::BuildInfo;
use common::web::{Landing, Service};

use collectors::COLLECTORS;
use host::{Host, Paths};

const SWITCHES: Switches = Switches { flag_prefix: "collector." };

const FAMILIES: CollectorFamilies = CollectorFamilies {
    duration: Desc::gauge(
        "node_scrape_collector_duration_seconds",
        "Wall time that a collector took in this scrape.",
    ),
    success: Desc::gauge(
        "node_scrape_collector_success",
        "1 if a collector succeeded in this scrape, 0 if it failed or had no data.",
    ),
    malformed: Desc::counter(
        "node_scrape_collector_malformed_total",
        "Scrapes in which part of a collector's input was malformed and left out.",
    ),
    label_prefix: "",
};

/// Answers scrapes with the metrics of one host.
#[derive(Debug)]
pub struct NodeExporter {
    host: Arc<Host>,
    collectors: Collectors<Host>,
}

impl Program for NodeExporter {
    const NAME: &'static str = "node-exporter";
    const ABOUT: &'static str =
        "Exposes the metrics of this host to Prometheus, as node_exporter does";
    const DIALECT: Dialect = Dialect::Kingpin;
    const ENV_PREFIX: &'static str = "NODE_EXPORTER_";
    const TABLES: MakeTables = tables::make;
    const REFERENCE: Reference = Reference {
        name: "node_exporter",
        differences: include_str!("../differences.txt"),
        unused: unused::UNUSED,
    };

    fn command() -> Command {
        let command = Paths::augment_args(Command::new(Self::NAME));
        cli::unused::add(SWITCHES.add(command, COLLECTORS), unused::UNUSED)
    }

    fn for_people(command: Command) -> Command {
        tables::add_units(command, "collector.systemd")
    }

    fn default_address(_: &ArgMatches) -> String {
        ":9100".into()
    }

    fn needs(_: &ArgMatches) -> Needs {
        let bus = std::env::var("DBUS_SYSTEM_BUS_ADDRESS").unwrap_or_default();
        Needs { connections: bus.contains("tcp:"), ..Needs::default() }
    }

    fn start(matches: &ArgMatches) -> anyhow::Result<Service> {
        Ok(Service {
            exporter: Arc::new(Self::from_matches(matches)?),
            endpoints: Vec::new(),
            landing: Landing {
                title: "Node Exporter",
                description: "Prometheus Node Exporter",
                links: Vec::new(),
                content: "",
            },
            build_info: BuildInfo::go_style("node_exporter_build_info"),
            health_paths: &[],
            routes: axum::Router::default(),
            encoding: None,
        })
    }
}

impl NodeExporter {
    /// Makes the exporter that the arguments ask for.
    ///
    /// # Errors
    /// A root that is no directory, or a flag that a collector refuses.
    pub fn from_matches(matches: &ArgMatches) -> anyhow::Result<Self> {
        cli::unused::warn(matches, unused::UNUSED, Self::DIALECT);
        let host = Host::open(&Paths::from_arg_matches(matches)?)?;
        let collectors = SWITCHES.build(matches, COLLECTORS)?;
        let collectors = Collectors::new(Placement::Blocking, FAMILIES, collectors);
        tracing::info!(?collectors, "enabled collectors");
        Ok(Self { host: Arc::new(host), collectors })
    }

    /// The collectors that `collect[]` and `exclude[]` leave.
    fn choose<'a>(
        &self,
        request: &'a ScrapeRequest,
    ) -> Result<impl Fn(&str) -> bool + use<'a>, Refusal> {
        let only: Vec<&str> = request.values("collect[]").collect();
        let without: Vec<&str> = request.values("exclude[]").collect();
        if !only.is_empty() && !without.is_empty() {
            return Err(Refusal("collect[] and exclude[] cannot be combined".into()));
        }
        for name in &only {
            if !COLLECTORS.iter().any(|entry| entry.name == *name) {
                return Err(Refusal(format!("missing collector: {name}")));
            }
            if !self.collectors.names().any(|enabled| enabled == *name) {
                return Err(Refusal(format!("disabled collector: {name}")));
            }
        }
        // Excluding everything means no filter, as in the reference exporter.
        let excludes_all = self.collectors.names().all(|name| without.contains(&name));
        Ok(move |name: &str| {
            if only.is_empty() {
                excludes_all || !without.contains(&name)
            } else {
                only.contains(&name)
            }
        })
    }
}

#[async_trait]
impl Exporter for NodeExporter {
    async fn scrape(
        &self,
        request: &ScrapeRequest,
        exposition: &mut Exposition,
    ) -> Result<Vec<Outcome>, Refusal> {
        let chosen = self.choose(request)?;
        let host = Arc::clone(&self.host);
        host.start_scrape();
        Ok(self.collectors.run(host, chosen, request.deadline, exposition).await)
    }

    fn target(&self) -> Option<String> {
        Some("this host".into())
    }

    fn network_octets(&self) -> Option<[f64; 2]> {
        self.host.take_octets()
    }
}
