//! Queues of network devices, tc(8): rtnetlink(7) `RTM_GETQDISC`.

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::filter::{Filter, Pattern};
use common::metric::{Metric, counter, gauge};

use crate::host::Host;
use crate::netlink::{Attribute, Attributes, Connection, Request, bytes_at, names, split};

const METRICS: &[Metric<Stats>] = &[
    counter("node_qdisc_bytes_total", "Bytes sent.", |stats| stats.bytes),
    counter("node_qdisc_packets_total", "Packets sent.", |stats| stats.packets),
    counter("node_qdisc_drops_total", "Packets dropped.", |stats| stats.drops),
    counter(
        "node_qdisc_requeues_total",
        "Packets put back because the device was busy.",
        |stats| stats.requeues,
    ),
    counter("node_qdisc_overlimits_total", "Packets over a limit.", |stats| stats.overlimits),
    gauge("node_qdisc_current_queue_length", "Packets that wait to be sent.", |stats| {
        stats.queued_packets
    }),
    gauge("node_qdisc_backlog", "Bytes that wait to be sent.", |stats| stats.queued_bytes),
];

// From include/uapi/linux/rtnetlink.h, pkt_sched.h and gen_stats.h.
const RTM_GETQDISC: u16 = 38;
const TC_H_ROOT: u32 = 0xffff_ffff;
const KIND: Attribute = Attribute::new(1, "TCA_KIND");
const STATS: Attribute = Attribute::new(3, "TCA_STATS");
const STATS2: Attribute = Attribute::new(7, "TCA_STATS2");
const STATS_BASIC: Attribute = Attribute::new(1, "TCA_STATS_BASIC");
const STATS_QUEUE: Attribute = Attribute::new(3, "TCA_STATS_QUEUE");
const STATS_PKT64: Attribute = Attribute::new(8, "TCA_STATS_PKT64");

/// Size of `struct tcmsg`.
const HEADER_BYTES: usize = 20;

/// Figures of one queue; what it does not report is `None`.
#[derive(Debug, Default, PartialEq)]
struct Stats {
    bytes: Option<f64>,
    packets: Option<f64>,
    drops: Option<f64>,
    requeues: Option<f64>,
    overlimits: Option<f64>,
    queued_packets: Option<f64>,
    queued_bytes: Option<f64>,
}

/// The queue that a device gives its packets to.
#[derive(Debug, PartialEq)]
struct Root {
    device: u32,
    kind: String,
    stats: Stats,
}

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Network devices to expose
    #[arg(
        id = "collector.qdisc.device-include",
        long = "collector.qdisc.device-include",
        alias = "collector.qdisk.device-include",
        value_name = "REGEX"
    )]
    pub include: Option<Pattern>,
    /// Network devices to leave out
    #[arg(
        id = "collector.qdisc.device-exclude",
        long = "collector.qdisc.device-exclude",
        alias = "collector.qdisk.device-exclude",
        value_name = "REGEX"
    )]
    pub exclude: Option<Pattern>,
}

#[derive(Debug)]
pub(super) struct Qdisc {
    devices: Filter,
}

impl Qdisc {
    pub(super) fn new(options: &Options) -> anyhow::Result<Self> {
        let (include, exclude) = (options.include.as_ref(), options.exclude.as_ref());
        Ok(Self { devices: Filter::exclusive("collector.qdisc.device", include, exclude, "")? })
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Qdisc::new(&Options::from_arg_matches(matches)?)?))
}

#[async_trait]
impl Collector<Host> for Qdisc {
    async fn collect(&self, _: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut connection = Connection::open(None)?;
        let mut errors = FirstError::default();
        let names = errors.take(names(&mut connection)?);
        let request = Request::dump("rtnetlink RTM_GETQDISC", RTM_GETQDISC, &[0; HEADER_BYTES]);
        let roots = errors.take(connection.ask_in_part(&request, parse)?);
        let rows = roots.iter().flatten().filter_map(|root| {
            let device = names.get(&root.device).filter(|name| self.devices.accepts(name))?;
            Some(([("device", device.as_str()), ("kind", &*root.kind)], &root.stats))
        });
        sink.table(METRICS, rows);
        errors.into_result()
    }
}

/// The queue, or `None` if it is part of another one. Figures that are malformed cost only themselves.
fn parse(payload: &[u8], errors: &mut FirstError<ParseError>) -> Result<Option<Root>, ParseError> {
    let (header, attributes) = split(payload, HEADER_BYTES)?;
    let parent = u32::from_ne_bytes(bytes_at(header, 12)?);
    if parent != TC_H_ROOT && parent != 0 {
        return Ok(None);
    }
    let kind = attributes.text(KIND).ok_or(ParseError::Missing { field: "TCA_KIND" })?;
    let device = u32::from_ne_bytes(bytes_at(header, 4)?);
    let stats = match attributes.find(STATS) {
        Some(stats) if attributes.find(STATS2).is_none() => errors.note(parse_old_stats(stats)),
        _ => errors.note(attributes.nested(STATS2)).map(|nested| parse_stats(nested, errors)),
    };
    let stats = stats.unwrap_or_default();
    Ok(Some(Root { device, kind, stats }))
}

/// `struct gnet_stats_basic`, `struct gnet_stats_queue`, and packets 64 bits wide.
fn parse_stats(attributes: Attributes<'_>, errors: &mut FirstError<ParseError>) -> Stats {
    let mut stats = Stats::default();
    if let Some(basic) = attributes.find(STATS_BASIC) {
        let bytes = errors.note(bytes_at(basic, 0));
        stats.bytes = bytes.map(|bytes| u64::from_ne_bytes(bytes) as f64);
        stats.packets = errors.note(count(basic, 8));
    }
    if let Some(packets) = errors.catch(attributes.number(STATS_PKT64)) {
        stats.packets = Some(packets as f64);
    }
    if let Some(queue) = attributes.find(STATS_QUEUE) {
        let mut count = |offset| errors.note(count(queue, offset));
        stats.queued_packets = count(0);
        stats.queued_bytes = count(4);
        stats.drops = count(8);
        stats.requeues = count(12);
        stats.overlimits = count(16);
    }
    stats
}

/// `struct tc_stats`, of kernels before 2.6.10.
fn parse_old_stats(stats: &[u8]) -> Result<Stats, ParseError> {
    Ok(Stats {
        bytes: Some(u64::from_ne_bytes(bytes_at(stats, 0)?) as f64),
        packets: Some(count(stats, 8)?),
        drops: Some(count(stats, 12)?),
        requeues: None,
        overlimits: Some(count(stats, 16)?),
        queued_packets: Some(count(stats, 28)?),
        queued_bytes: Some(count(stats, 32)?),
    })
}

fn count(structure: &[u8], offset: usize) -> Result<f64, ParseError> {
    Ok(u32::from_ne_bytes(bytes_at(structure, offset)?).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::sample::attribute;

    fn message(parent: u32, attributes: &[Vec<u8>]) -> Vec<u8> {
        let header = [0, 3, 0, parent, 1].map(u32::to_ne_bytes).concat();
        [header, attribute(KIND, b"fq_codel\0"), attributes.concat()].concat()
    }

    /// The queue of a message without fault.
    fn whole(message: &[u8]) -> Option<Root> {
        let mut errors = FirstError::default();
        let root = parse(message, &mut errors).unwrap();
        errors.into_result().unwrap();
        root
    }

    fn words(count: u32) -> Vec<u8> {
        (1..=count).flat_map(u32::to_ne_bytes).collect()
    }

    #[test]
    fn figures_of_root_queues_are_read() {
        let basic = [7_u64.to_ne_bytes().to_vec(), 8_u64.to_ne_bytes().to_vec()].concat();
        let nested = [attribute(STATS_BASIC, &basic), attribute(STATS_QUEUE, &words(5))].concat();
        let root = whole(&message(TC_H_ROOT, &[attribute(STATS2, &nested)])).unwrap();
        let stats = Stats {
            bytes: Some(7.0),
            packets: Some(8.0),
            queued_packets: Some(1.0),
            queued_bytes: Some(2.0),
            drops: Some(3.0),
            requeues: Some(4.0),
            overlimits: Some(5.0),
        };
        assert_eq!(root, Root { device: 3, kind: "fq_codel".into(), stats });
        assert_eq!(whole(&message(0x8001_0001, &[])), None);
    }

    #[test]
    fn wide_counts_of_packets_beat_narrow_ones() {
        let nested = [
            attribute(STATS_BASIC, &[0; 16]),
            attribute(STATS_PKT64, &(1_u64 << 40).to_ne_bytes()),
        ];
        let root = whole(&message(0, &[attribute(STATS2, &nested.concat())])).unwrap();
        assert_eq!(root.stats.packets, Some((1_u64 << 40) as f64));
    }

    #[test]
    fn old_kernels_tell_all_in_one_structure() {
        let root = whole(&message(TC_H_ROOT, &[attribute(STATS, &words(10))])).unwrap();
        assert_eq!((root.stats.packets, root.stats.requeues), (Some(3.0), None));
        assert_eq!((root.stats.queued_packets, root.stats.queued_bytes), (Some(8.0), Some(9.0)));
        assert_eq!(whole(&message(0, &[])).unwrap().stats, Stats::default());
    }

    #[test]
    fn cut_off_structures_cost_only_themselves() {
        let mut errors = FirstError::default();
        assert!(parse(&[0; 19], &mut errors).is_err());
        let old = parse(&message(0, &[attribute(STATS, &words(8))]), &mut errors);
        assert_eq!(old.unwrap().unwrap().stats, Stats::default());
        assert!(errors.into_result().is_err());
        let mut errors = FirstError::default();
        let nested = attribute(STATS_QUEUE, &words(4));
        let new = parse(&message(0, &[attribute(STATS2, &nested)]), &mut errors);
        let stats = new.unwrap().unwrap().stats;
        assert_eq!((stats.requeues, stats.overlimits), (Some(4.0), None));
        assert!(errors.into_result().is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>) {
            let mut errors = FirstError::default();
            let _ = parse(&bytes, &mut errors);
            let _ = parse(&message(0, &[attribute(STATS2, &bytes)]), &mut errors);
        }
    }
}
