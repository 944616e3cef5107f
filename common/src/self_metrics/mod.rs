//! The exporter's own figures: what its process uses, and its answers, counted by
//! prometheus-client.

mod process;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use crate::exporter::Exporter;
use crate::exposition::{LabelSet, Sink};
use crate::metric::Desc;

const REQUESTS: Desc<'_> = Desc::counter(
    "promhttp_metric_handler_requests_total",
    "Scrapes answered, by HTTP status code.",
);
const ERRORS: Desc<'_> = Desc::counter(
    "promhttp_metric_handler_errors_total",
    "Scrapes whose samples could not all be served, by cause.",
);
const IN_FLIGHT: Desc<'_> = Desc::gauge(
    "promhttp_metric_handler_requests_in_flight",
    "Scrapes being answered now, this one included.",
);

/// Counters of the endpoints that serve metrics, with the process's own figures and the build
/// information.
#[derive(Debug)]
pub struct SelfMetrics {
    /// Name and labels of the family that says which build is running.
    build: (String, LabelSet),
    process: process::OwnProcess,
    /// By status code.
    requests: [(&'static str, Counter); 3],
    /// By cause; encoding cannot fail.
    errors: [(&'static str, Counter); 2],
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
    /// All counters are at zero.
    pub fn new(build_info: BuildInfo) -> Self {
        let labels = build_info.labels.iter().map(|(name, value)| (*name, value.as_str()));
        Self {
            build: (build_info.name, LabelSet::new(labels)),
            process: process::OwnProcess::new(),
            requests: ["200", "500", "503"].map(|code| (code, Counter::default())),
            errors: ["encoding", "gathering"].map(|cause| (cause, Counter::default())),
            in_flight: Gauge::default(),
        }
    }

    /// Counts an answered scrape, if its status is one of those that are counted.
    pub fn count_request(&self, code: &str) {
        count(&self.requests, code);
    }

    /// Counts a scrape of which samples had to be dropped.
    pub fn count_gathering_error(&self) {
        count(&self.errors, "gathering");
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
            self.push_answers(sink);
            self.process.push(sink, exporter.network_octets());
        }
    }

    fn push_answers(&self, sink: &mut Sink) {
        for (desc, label, counters) in
            [(REQUESTS, "code", &self.requests[..]), (ERRORS, "cause", &self.errors)]
        {
            let samples = counters.iter().map(|(value, counter)| ([(label, *value)], counter));
            sink.samples(&desc, samples.map(|(labels, counter)| (labels, counter.get() as f64)));
        }
        sink.value(&IN_FLIGHT, self.in_flight.get() as f64);
    }
}

fn count(counters: &[(&'static str, Counter)], value: &str) {
    if let Some((_, counter)) = counters.iter().find(|(label, _)| *label == value) {
        counter.inc();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::Format;
    use crate::testing::text;

    fn pushed(own: &SelfMetrics, format: Format) -> String {
        let mut sink = Sink::new(format);
        own.push_answers(&mut sink);
        text(&sink)
    }

    #[test]
    fn answers_are_counted_in_both_formats() {
        let own = SelfMetrics::new(BuildInfo { name: String::new(), labels: Vec::new() });
        for code in ["200", "503", "200", "404"] {
            own.count_request(code);
        }
        own.count_gathering_error();
        let guard = own.start_request();
        for (format, suffix) in [(Format::Text, "_total"), (Format::OpenMetrics, "")] {
            assert_eq!(
                pushed(&own, format).replace("promhttp_metric_handler_", ""),
                format!(
                    "# HELP requests{suffix} Scrapes answered, by HTTP status code.\n\
                     # TYPE requests{suffix} counter\n\
                     requests_total{{code=\"200\"}} 2\nrequests_total{{code=\"500\"}} 0\n\
                     requests_total{{code=\"503\"}} 1\n\
                     # HELP errors{suffix} Scrapes whose samples could not all be served, by cause.\n\
                     # TYPE errors{suffix} counter\n\
                     errors_total{{cause=\"encoding\"}} 0\nerrors_total{{cause=\"gathering\"}} 1\n\
                     # HELP requests_in_flight Scrapes being answered now, this one included.\n\
                     # TYPE requests_in_flight gauge\nrequests_in_flight 1\n"
                )
            );
        }
        drop(guard);
        assert!(pushed(&own, Format::Text).ends_with("requests_in_flight 0\n"));
    }
}
