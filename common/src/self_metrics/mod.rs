//! The exporter's own figures: what its process uses, and a prometheus-client registry of counters,
//! bridged into both formats.

mod bridge;
mod process;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::exporter::Exporter;
use crate::exposition::{LabelSet, Sink};
use crate::metric::Desc;

type Labelled = Family<[(&'static str, &'static str); 1], Counter>;

/// Counters of the endpoints that serve metrics, with the process's own figures and the build
/// information.
#[derive(Debug)]
pub struct SelfMetrics {
    registry: Registry,
    /// Name and labels of the family that says which build is running.
    build: (String, LabelSet),
    process: process::OwnProcess,
    requests: Labelled,
    errors: Labelled,
    in_flight: Gauge,
}

/// Which families about the exporter itself go with an answer; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OwnFamilies {
    /// None: the answer is about a target that the request names.
    Nothing,
    /// The build information.
    BuildInfo,
    /// Also `process_*` and `promhttp_*`.
    All,
}

/// Name and labels of the family that says which build is running.
#[derive(Clone, Debug)]
pub struct BuildInfo {
    /// Such as `node_exporter_build_info`; empty for no such family.
    pub name: String,
    /// Label names as the reference exporter has them, with this build's values.
    pub labels: Vec<(&'static str, String)>,
}

impl BuildInfo {
    /// Build information with the seven labels that Go exporters share;
    /// `goversion` holds the version of the Rust compiler.
    pub fn go_style(name: &str) -> Self {
        let build = crate::version::BUILD;
        let labels = [
            ("branch", build.branch),
            ("goarch", build.architecture),
            ("goos", std::env::consts::OS),
            ("goversion", build.compiler),
            ("revision", build.revision),
            ("tags", "unknown"),
            ("version", build.version),
        ];
        let labels = labels.into_iter().map(|(label, value)| (label, value.to_owned())).collect();
        Self { name: name.to_owned(), labels }
    }
}

impl SelfMetrics {
    /// Registers everything; counters of known label values start at zero.
    pub fn new(build_info: BuildInfo) -> Self {
        let mut registry = Registry::default();
        let (requests, errors, in_flight) =
            (Labelled::default(), Labelled::default(), Gauge::default());
        registry.register(
            "promhttp_metric_handler_requests",
            "Scrapes answered, by HTTP status code",
            requests.clone(),
        );
        registry.register(
            "promhttp_metric_handler_errors",
            "Scrapes whose samples could not all be served, by cause",
            errors.clone(),
        );
        registry.register(
            "promhttp_metric_handler_requests_in_flight",
            "Scrapes being answered now, this one included",
            in_flight.clone(),
        );
        for code in ["200", "500", "503"] {
            drop(requests.get_or_create(&[("code", code)]));
        }
        for cause in ["encoding", "gathering"] {
            drop(errors.get_or_create(&[("cause", cause)]));
        }
        let labels = build_info.labels.iter().map(|(name, value)| (*name, value.as_str()));
        let build = (build_info.name, LabelSet::new(labels));
        let process = process::OwnProcess::new();
        Self { registry, build, process, requests, errors, in_flight }
    }

    /// Counts an answered scrape.
    pub fn count_request(&self, code: &'static str) {
        self.requests.get_or_create(&[("code", code)]).inc();
    }

    /// Counts a scrape of which samples had to be dropped.
    pub fn count_gathering_error(&self) {
        self.errors.get_or_create(&[("cause", "gathering")]).inc();
    }

    /// Counts a scrape as in flight until the returned guard is dropped.
    pub fn start_request(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// Pushes those families about the exporter itself that are asked for; `exporter` is the one
    /// that has just scraped.
    pub fn push(&self, sink: &mut Sink, families: OwnFamilies, exporter: &dyn Exporter) {
        let (name, labels) = &self.build;
        if families >= OwnFamilies::BuildInfo && !name.is_empty() {
            let help = "Which build of the exporter is running; the value is always 1.";
            sink.family(&Desc::gauge(name, help)).sample(labels, 1.0);
        }
        if families >= OwnFamilies::All {
            bridge::push(&self.registry, sink);
            self.process.push(sink, exporter.network_octets());
        }
    }
}

/// A scrape in flight.
#[derive(Debug)]
pub struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
