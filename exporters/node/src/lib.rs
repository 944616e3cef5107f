//! Host metrics of Linux, as node_exporter names them.
//!
//! [`args`] holds the flags, [`host`] reads files below the configurable
//! roots, [`bus`] asks services on D-Bus, `netlink` asks the kernel, [`collectors`] lists
//! the subjects: one file each. `readers` holds what several of them read alike.

pub mod args;
pub mod bus;
pub mod collectors;
pub mod host;
mod netlink;
mod readers;
mod unused;

use std::sync::Arc;

use async_trait::async_trait;
use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use common::cli::{Dialect, Switches};
use common::exporter::{Exporter, Refusal, ScrapeRequest};
use common::exposition::Exposition;
use common::metric::Desc;
use common::program::Program;
use common::scrape::{CollectorFamilies, Collectors, Outcome, Placement};
use common::self_metrics::BuildInfo;
use common::server::{Landing, Service};

use args::Args;
use collectors::COLLECTORS;
use host::Host;

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

    fn command() -> Command {
        unused::add(SWITCHES.add(Args::augment_args(Command::new(Self::NAME)), COLLECTORS))
    }

    fn default_address(_: &ArgMatches) -> String {
        ":9100".into()
    }

    fn start(matches: &ArgMatches) -> anyhow::Result<Service> {
        Ok(Service {
            exporter: Arc::new(Self::from_matches(matches)?),
            landing: Landing {
                title: "Node Exporter",
                description: "Prometheus Node Exporter",
                links: Vec::new(),
                content: "",
            },
            build_info: BuildInfo::go_style("node_exporter_build_info"),
            health_paths: &[],
            routes: axum::Router::default(),
        })
    }
}

impl NodeExporter {
    /// Makes the exporter that the arguments ask for.
    ///
    /// # Errors
    /// A root that is no directory, or a flag that a collector refuses.
    pub fn from_matches(matches: &ArgMatches) -> anyhow::Result<Self> {
        let args = arguments(matches)?;
        for (flag, reason) in unused::given(matches) {
            tracing::warn!(flag, reason, "flag without effect");
        }
        let host = Host::open(&args.path)?;
        let collectors = SWITCHES.build(matches, COLLECTORS, &args)?;
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

/// The arguments, with what depends on the switches.
fn arguments(matches: &ArgMatches) -> anyhow::Result<Args> {
    let mut args = Args::from_arg_matches(matches)?;
    args.cpu.has_cpufreq =
        SWITCHES.chosen(matches, COLLECTORS).any(|entry| entry.name == "cpufreq");
    Ok(args)
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
        Ok(self.collectors.run(host, chosen, request.deadline, exposition).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_collector_knows_whether_cpufreq_runs() {
        for (flags, expected) in [
            (&[][..], true),
            (&["--no-collector.cpufreq"], false),
            (&["--collector.disable-defaults", "--collector.cpu"], false),
            (&["--collector.disable-defaults", "--collector.cpu", "--collector.cpufreq"], true),
        ] {
            let words = ["node-exporter"].iter().chain(flags).map(Into::into);
            let matches = common::program::parse::<NodeExporter>(words).unwrap();
            assert_eq!(arguments(&matches).unwrap().cpu.has_cpufreq, expected, "{flags:?}");
        }
    }
}
