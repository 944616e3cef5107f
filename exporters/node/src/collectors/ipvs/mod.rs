//! The kernel's load balancer: `/proc/net/ip_vs_stats` and `ip_vs`,
//! Documentation/networking/ipvs-sysctl.rst of the kernel and ipvsadm(8).

mod backends;

use std::collections::BTreeMap;
use std::str::FromStr;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::cli::parse_count;
use common::collector::Collector;
use common::error::{CollectError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::kernel::{Hex, KernelFile};
use common::metric::{Label, Metric, counter, gauge};

use crate::host::Host;
use crate::readers::bound::Bound;
use backends::{Backend, Counts, LABELS};

const TOTALS: &[Metric<[f64; 5]>] = &[
    counter("node_ipvs_connections_total", "Connections made.", |[c, ..]| Some(*c)),
    counter("node_ipvs_incoming_packets_total", "Packets received.", |[_, p, ..]| Some(*p)),
    counter("node_ipvs_outgoing_packets_total", "Packets sent.", |[_, _, p, ..]| Some(*p)),
    counter("node_ipvs_incoming_bytes_total", "Bytes received.", |[.., b, _]| Some(*b)),
    counter("node_ipvs_outgoing_bytes_total", "Bytes sent.", |[.., b]| Some(*b)),
];

const BACKENDS: &[Metric<Counts>] = &[
    gauge("node_ipvs_backend_connections_active", "Connections that are established.", |counts| {
        Some(counts.active as f64)
    }),
    gauge(
        "node_ipvs_backend_connections_inactive",
        "Connections in other states, mostly closing ones.",
        |counts| Some(counts.inactive as f64),
    ),
    gauge(
        "node_ipvs_backend_weight",
        "Weight of the backend in the distribution of connections.",
        |counts| Some(counts.weight as f64),
    ),
];

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Labels of the backends; backends with equal labels are added up
    #[arg(
        id = "collector.ipvs.backend-labels",
        long = "collector.ipvs.backend-labels",
        value_name = "LIST",
        default_value = "local_address,local_port,remote_address,remote_port,proto,local_mark"
    )]
    pub labels: BackendLabels,
    /// Backends to expose at most
    #[arg(
        id = "collector.ipvs.max-backends",
        long = "collector.ipvs.max-backends",
        value_name = "N",
        default_value = "100000",
        value_parser = parse_count
    )]
    pub max_backends: usize,
}

/// Which of [`LABELS`] a backend has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BackendLabels([bool; LABELS.len()]);

impl FromStr for BackendLabels {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, String> {
        let names: Vec<&str> = list.split(',').filter(|name| !name.is_empty()).collect();
        match names.iter().find(|name| !LABELS.contains(name)) {
            Some(unknown) => Err(format!("backends have no label {unknown:?}")),
            None => Ok(Self(LABELS.map(|label| names.contains(&label)))),
        }
    }
}

impl BackendLabels {
    fn choose(self, backend: &Backend) -> Vec<Label<'_>> {
        let labels = LABELS.into_iter().zip(backend.labels.iter().map(String::as_str));
        labels.zip(self.0).filter_map(|(label, is_chosen)| is_chosen.then_some(label)).collect()
    }
}

#[derive(Debug)]
pub(super) struct Ipvs {
    labels: BackendLabels,
    bound: Bound,
}

impl Ipvs {
    pub(super) fn new(options: &Options) -> Self {
        Self { labels: options.labels, bound: Bound::new("IPVS backends", options.max_backends) }
    }

    fn push_backends(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = read(host, "net/ip_vs")?;
        let backends: Partial<Vec<Backend>, ParseError> =
            backends::parse(&text).into_iter().collect();
        let mut sums: BTreeMap<Vec<Label<'_>>, Counts> = BTreeMap::new();
        for backend in &backends.good {
            sums.entry(self.labels.choose(backend)).or_default().add(backend.counts);
        }
        sink.table(BACKENDS, sums.iter().take(self.bound.of(sums.len())));
        backends.map_error(|error| text.blame(error)).finish()
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Ipvs::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for Ipvs {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let totals = push_totals(host, sink);
        totals.and(self.push_backends(host, sink))
    }
}

fn read<'a>(host: &'a Host, file: &'static str) -> Result<KernelFile<'a>, CollectError> {
    let absent = || CollectError::NoData("IPVS is not loaded".into());
    host.proc_if_present(file)?.ok_or_else(absent)
}

fn push_totals(host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
    let totals = read(host, "net/ip_vs_stats")?.parse(parse)?;
    sink.row(TOTALS, &totals);
    Ok(())
}

/// The third line: connections, packets in and out, bytes in and out.
fn parse(text: &str) -> Result<[f64; 5], ParseError> {
    let line = text.lines().nth(2).ok_or(ParseError::Missing { field: "line of totals" })?;
    let mut words = line.split_ascii_whitespace();
    let mut totals = [0.0; 5];
    for total in &mut totals {
        let Hex(count) = parse_number("total", words.next())?;
        *total = count as f64;
    }
    Ok(totals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_the_third_line() {
        let text = "   Total Incoming Outgoing         Incoming         Outgoing\n\
            \x20  Conns  Packets  Packets            Bytes            Bytes\n\
            \x20    10 E33656E5        0     51D8C8883AB3        1\n";
        let expected = [16.0, 3_811_989_221.0, 0.0, 89_991_519_156_915.0, 1.0];
        assert_eq!(parse(text), Ok(expected));
    }

    #[test]
    fn truncated_and_malformed_totals_are_errors() {
        for text in ["", "a\nb\n", "a\nb\n1 2 3 4\n", "a\nb\n1 2 3 4 x\n"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn labels_are_chosen_by_name() {
        let backend = Backend {
            labels: ["1.2.3.4", "", "80", "TCP", "5.6.7.8", "8080"].map(str::to_owned),
            counts: Counts::default(),
        };
        let labels: BackendLabels = "remote_address,local_port,,".parse().unwrap();
        let expected = [("local_port", "80"), ("remote_address", "5.6.7.8")];
        assert_eq!(labels.choose(&backend), expected);
        assert_eq!("".parse::<BackendLabels>().unwrap().choose(&backend), []);
        let error = "proto,port".parse::<BackendLabels>().unwrap_err();
        assert_eq!(error, "backends have no label \"port\"");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text);
        }
    }
}
