//! Routes of all routing tables: rtnetlink(7) `RTM_GETROUTE`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::cli::parse_count;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;
use crate::netlink::{
    Attribute, Attributes, Connection, Request, bytes_at, ip_address, names, split,
};
use crate::readers::bound::Bound;

const INFO: Desc<'_> =
    Desc::gauge("node_network_route_info", "A route, or one hop of it; always 1.");
const ROUTES: Desc<'_> =
    Desc::gauge("node_network_routes", "Routes, or hops of them, over the device.");

// From include/uapi/linux/rtnetlink.h.
const RTM_GETROUTE: u16 = 26;
const RTN_UNICAST: u8 = 1;
const DST: Attribute = Attribute::new(1, "RTA_DST");
const OIF: Attribute = Attribute::new(4, "RTA_OIF");
const GATEWAY: Attribute = Attribute::new(5, "RTA_GATEWAY");
const PRIORITY: Attribute = Attribute::new(6, "RTA_PRIORITY");
const PREFSRC: Attribute = Attribute::new(7, "RTA_PREFSRC");
const MULTIPATH: Attribute = Attribute::new(9, "RTA_MULTIPATH");

/// Size of `struct rtmsg`.
const HEADER_BYTES: usize = 12;

/// Size of `struct rtnexthop`.
const HOP_BYTES: usize = 8;

/// One way that packets may take. In this order they are shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    device: Option<u32>,
    destination: String,
    gateway: Option<IpAddr>,
    source: Option<IpAddr>,
    priority: u64,
    protocol: &'static str,
    /// Share among the hops of one route; a route of one hop has none.
    weight: Option<u16>,
}

impl Way {
    /// Labels of [`INFO`]; what the way lacks is empty.
    fn labels(&self, device: &str) -> [(&'static str, String); 7] {
        let text = |ip: Option<IpAddr>| ip.map(|ip| ip.to_string()).unwrap_or_default();
        [
            ("dest", self.destination.clone()),
            ("device", device.to_owned()),
            ("gw", text(self.gateway)),
            ("priority", self.priority.to_string()),
            ("proto", self.protocol.to_owned()),
            ("src", text(self.source)),
            ("weight", self.weight.map(|weight| weight.to_string()).unwrap_or_default()),
        ]
    }
}

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Routes to expose one by one at most; all are counted
    #[arg(
        id = "collector.network_route.max-routes",
        long = "collector.network_route.max-routes",
        value_name = "N",
        default_value = "100000",
        value_parser = parse_count
    )]
    pub max_routes: usize,
}

#[derive(Debug)]
pub(super) struct NetworkRoute {
    bound: Bound,
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    let options = Options::from_arg_matches(matches)?;
    Ok(Box::new(NetworkRoute { bound: Bound::new("routes", options.max_routes) }))
}

#[async_trait]
impl Collector<Host> for NetworkRoute {
    async fn collect(&self, _: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut connection = Connection::open(None)?;
        let mut errors = FirstError::default();
        let names = errors.take(names(&mut connection)?);
        let request = Request::dump("rtnetlink RTM_GETROUTE", RTM_GETROUTE, &[0; HEADER_BYTES]);
        let routes = errors.take(connection.ask(&request, parse)?);
        push(routes.into_iter().flatten().collect(), &names, &self.bound, sink);
        errors.into_result()
    }
}

fn push(mut ways: Vec<Way>, names: &BTreeMap<u32, String>, bound: &Bound, sink: &mut Sink) {
    let name = |way: &Way| way.device.and_then(|device| names.get(&device)).map_or("", |name| name);
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for way in &ways {
        *counts.entry(name(way)).or_default() += 1;
    }
    // Two tables may hold the same route.
    ways.sort_unstable();
    ways.dedup();
    let shown = ways.iter().take(bound.of(ways.len()));
    sink.samples(&INFO, shown.map(|way| (way.labels(name(way)), 1.0)));
    let samples = counts.into_iter().map(|(device, count)| ([("device", device)], count.into()));
    sink.samples(&ROUTES, samples);
}

/// The ways of a route; none if it leads to no other host.
fn parse(payload: &[u8]) -> Result<Vec<Way>, ParseError> {
    let (header, attributes) = split(payload, HEADER_BYTES)?;
    let [kind] = bytes_at(header, 7)?;
    if kind != RTN_UNICAST {
        return Ok(Vec::new());
    }
    let [prefix_bits] = bytes_at(header, 1)?;
    let [protocol] = bytes_at(header, 5)?;
    let way = Way {
        device: device(attributes.number(OIF)?),
        destination: match attributes.find(DST) {
            Some(address) if prefix_bits != 0 => format!("{}/{prefix_bits}", ip_address(address)?),
            None if prefix_bits != 0 => return Err(ParseError::Missing { field: "RTA_DST" }),
            _ => "default".into(),
        },
        gateway: address(attributes, GATEWAY)?,
        source: address(attributes, PREFSRC)?,
        priority: attributes.number(PRIORITY)?.unwrap_or_default(),
        protocol: protocol_name(protocol),
        weight: None,
    };
    match attributes.find(MULTIPATH).filter(|hops| !hops.is_empty()) {
        Some(hops) => parse_hops(&way, hops),
        None => Ok(vec![way]),
    }
}

/// A `struct rtnexthop` with attributes of its own for each hop.
fn parse_hops(way: &Way, hops: &[u8]) -> Result<Vec<Way>, ParseError> {
    let mut ways = Vec::new();
    let mut rest = hops;
    while rest.len() >= HOP_BYTES {
        let length = usize::from(u16::from_ne_bytes(bytes_at(rest, 0)?));
        let hop = rest.get(..length).filter(|hop| hop.len() >= HOP_BYTES);
        let hop = hop.ok_or_else(|| ParseError::Form("hop of a route cut off".into()))?;
        let (header, attributes) = split(hop, HOP_BYTES)?;
        let [hops] = bytes_at(header, 3)?;
        ways.push(Way {
            device: device(Some(u32::from_ne_bytes(bytes_at(header, 4)?).into())),
            gateway: address(attributes, GATEWAY)?,
            weight: Some(u16::from(hops) + 1),
            ..way.clone()
        });
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(ways)
}

fn device(index: Option<u64>) -> Option<u32> {
    index.and_then(|index| u32::try_from(index).ok())
}

fn address(attributes: Attributes<'_>, attribute: Attribute) -> Result<Option<IpAddr>, ParseError> {
    attributes.find(attribute).map(ip_address).transpose()
}

/// Who made a route: `RTPROT_*`.
fn protocol_name(protocol: u8) -> &'static str {
    match protocol {
        0 => "unspec",
        1 => "redirect",
        2 => "kernel",
        3 => "boot",
        4 => "static",
        8 => "gated",
        9 => "ra",
        10 => "mrt",
        11 => "zebra",
        12 => "bird",
        13 => "dnrouted",
        14 => "xorp",
        15 => "ntk",
        16 => "dhcp",
        17 => "mrouted",
        42 => "babel",
        186 => "bgp",
        187 => "isis",
        188 => "ospf",
        189 => "rip",
        192 => "eigrp",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;
    use crate::netlink::sample::attribute;

    fn message(prefix_bits: u8, kind: u8, attributes: &[Vec<u8>]) -> Vec<u8> {
        let header = vec![2, prefix_bits, 0, 0, 254, 16, 0, kind, 0, 0, 0, 0];
        [header, attributes.concat()].concat()
    }

    fn hop(hops: u8, device: u32, gateway: [u8; 4]) -> Vec<u8> {
        let attributes = attribute(GATEWAY, &gateway);
        let length = u16::try_from(HOP_BYTES + attributes.len()).unwrap().to_ne_bytes();
        [vec![length[0], length[1], 0, hops], device.to_ne_bytes().to_vec(), attributes].concat()
    }

    fn text(messages: &[Vec<u8>]) -> String {
        bounded_text(messages, 10)
    }

    fn bounded_text(messages: &[Vec<u8>], most: usize) -> String {
        let ways = messages.iter().flat_map(|message| parse(message).unwrap()).collect();
        let devices = BTreeMap::from([(3, "eth0".into()), (4, "eth1".into())]);
        testing::exposed(|sink| push(ways, &devices, &Bound::new("routes", most), sink))
    }

    #[test]
    fn routes_name_their_device_once_per_table() {
        let route = [
            attribute(DST, &[10, 1, 0, 0]),
            attribute(PREFSRC, &[10, 0, 0, 2]),
            attribute(PRIORITY, &100_u32.to_ne_bytes()),
            attribute(OIF, &3_u32.to_ne_bytes()),
        ];
        let gateway = [attribute(GATEWAY, &[10, 0, 0, 1]), attribute(OIF, &3_u32.to_ne_bytes())];
        let route = message(16, 1, &route);
        let text = text(&[message(0, 1, &gateway), route.clone(), route, message(8, 2, &[])]);
        let default = "{dest=\"default\",device=\"eth0\",gw=\"10.0.0.1\",priority=\"0\",\
                       proto=\"dhcp\",src=\"\",weight=\"\"} 1\n";
        let near = "{dest=\"10.1.0.0/16\",device=\"eth0\",gw=\"\",priority=\"100\",\
                    proto=\"dhcp\",src=\"10.0.0.2\",weight=\"\"} 1\n";
        assert_eq!(text.matches("node_network_route_info{").count(), 2, "{text}");
        assert!(text.contains(default) && text.contains(near), "{text}");
        assert!(text.contains("node_network_routes{device=\"eth0\"} 3\n"), "{text}");
    }

    #[test]
    fn routes_have_a_bound_and_all_are_counted() {
        let route = |part| {
            let attributes =
                [attribute(DST, &[10, part, 0, 0]), attribute(OIF, &3_u32.to_ne_bytes())];
            message(16, 1, &attributes)
        };
        let text = bounded_text(&[route(2), route(1), route(3)], 2);
        assert_eq!(text.matches("node_network_route_info{").count(), 2, "{text}");
        assert!(text.contains("node_network_routes{device=\"eth0\"} 3\n"), "{text}");
    }

    #[test]
    fn each_hop_is_a_way() {
        let hops = [hop(0, 3, [10, 0, 0, 1]), hop(255, 4, [10, 0, 1, 1])].concat();
        let text = text(&[message(0, 1, &[attribute(MULTIPATH, &hops)])]);
        assert!(text.contains("device=\"eth0\",gw=\"10.0.0.1\""), "{text}");
        assert!(text.contains("device=\"eth1\",gw=\"10.0.1.1\""), "{text}");
        assert!(
            text.contains("weight=\"1\"} 1\n") && text.contains("weight=\"256\"} 1\n"),
            "{text}"
        );
    }

    #[test]
    fn malformed_routes_are_errors() {
        assert!(parse(&[0; 11]).is_err());
        assert!(parse(&message(8, 1, &[])).is_err(), "a prefix of nothing");
        assert!(parse(&message(8, 1, &[attribute(DST, &[10])])).is_err());
        let hop = hop(0, 3, [10, 0, 0, 1]);
        for length in [HOP_BYTES, hop.len() - 1] {
            assert!(parse(&message(0, 1, &[attribute(MULTIPATH, &hop[..length])])).is_err());
        }
        let short = [4, 0, 0, 0, 0, 0, 0, 0];
        assert!(parse(&message(0, 1, &[attribute(MULTIPATH, &short)])).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>) {
            let _ = parse(&bytes);
            let _ = parse(&message(0, 1, &[attribute(MULTIPATH, &bytes)]));
        }
    }
}
