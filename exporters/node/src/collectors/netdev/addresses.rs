//! The addresses of all network devices, rtnetlink(7): `RTM_GETADDR`.

use std::net::IpAddr;

use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::metric::Desc;

use crate::netlink::{Attribute, Connection, Request, bytes_at, ip_address, names, split};

const INFO: Desc<'_> =
    Desc::gauge("node_network_address_info", "An address of the network device; always 1.");

// From include/uapi/linux/rtnetlink.h and if_addr.h.
const RTM_GETADDR: u16 = 22;
const ADDRESS: Attribute = Attribute::new(1, "IFA_ADDRESS");
const LOCAL: Attribute = Attribute::new(2, "IFA_LOCAL");

/// Size of `struct ifaddrmsg`.
const HEADER_BYTES: usize = 8;

#[derive(Debug, PartialEq)]
struct Address {
    device: u32,
    ip: IpAddr,
    prefix_bits: u8,
}

/// Asks the kernel and writes the family.
pub(super) fn push(sink: &mut Sink) -> Result<(), CollectError> {
    let mut connection = Connection::open(None)?;
    let mut errors = FirstError::default();
    let names = errors.take(names(&mut connection)?);
    let request = Request::dump("rtnetlink RTM_GETADDR", RTM_GETADDR, &[0; HEADER_BYTES]);
    let addresses = errors.take(connection.ask(&request, parse)?);
    let mut family = sink.family(&INFO);
    for address in &addresses {
        // A device that came in between is shown next time.
        let Some(name) = names.get(&address.device) else { continue };
        let labels = [
            ("address", &*address.ip.to_string()),
            ("device", name),
            ("netmask", &*address.prefix_bits.to_string()),
            ("scope", scope(address.ip)),
        ];
        family.sample(&labels, 1.0);
    }
    errors.into_result()
}

fn parse(payload: &[u8]) -> Result<Address, ParseError> {
    let (header, attributes) = split(payload, HEADER_BYTES)?;
    // Of a point-to-point link the other one is the peer's address.
    let bytes = attributes.find(LOCAL).map_or_else(|| attributes.need(ADDRESS), Ok)?;
    let ip = ip_address(bytes)?;
    let [prefix_bits] = bytes_at(header, 1)?;
    Ok(Address { device: u32::from_ne_bytes(bytes_at(header, 4)?), ip, prefix_bits })
}

/// How far an address reaches; a broadcast or unspecified one has no such word.
fn scope(ip: IpAddr) -> &'static str {
    let (link_local, interface_local, global) = match ip {
        IpAddr::V4(ip) => (
            ip.is_loopback() || ip.is_link_local() || ip.octets()[..3] == [224, 0, 0],
            false,
            !ip.is_broadcast() && !ip.is_unspecified() && !ip.is_multicast(),
        ),
        IpAddr::V6(ip) => {
            let [first, second, ..] = ip.octets();
            (
                ip.is_loopback()
                    || ip.is_unicast_link_local()
                    || (first == 0xff && second & 0xf == 2),
                first == 0xff && second & 0xf == 1,
                !ip.is_unspecified() && !ip.is_multicast(),
            )
        }
    };
    match (link_local, interface_local, global) {
        (true, ..) => "link-local",
        (_, true, _) => "interface-local",
        (.., true) => "global",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use common::testing;

    use super::*;
    use crate::netlink::sample::attribute;

    fn message(prefix_bits: u8, attributes: &[Vec<u8>]) -> Vec<u8> {
        let header = [2, prefix_bits, 0, 0].into_iter().chain(3_u32.to_ne_bytes());
        header.chain(attributes.concat()).collect()
    }

    #[test]
    fn the_own_address_is_told_not_the_peers() {
        let peer = attribute(ADDRESS, &[10, 0, 0, 2]);
        let own = attribute(LOCAL, &[10, 0, 0, 1]);
        let address = parse(&message(32, &[peer.clone(), own])).unwrap();
        let ip = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(address, Address { device: 3, ip, prefix_bits: 32 });
        assert_eq!(parse(&message(32, &[peer])).unwrap().ip.to_string(), "10.0.0.2");
        let six = attribute(ADDRESS, &Ipv6Addr::LOCALHOST.octets());
        assert_eq!(parse(&message(128, &[six])).unwrap().ip.to_string(), "::1");
    }

    #[test]
    fn messages_without_a_proper_address_are_errors() {
        assert!(parse(&message(32, &[])).is_err());
        assert!(parse(&message(32, &[attribute(ADDRESS, &[1, 2, 3])])).is_err());
        assert!(parse(&[0; 7]).is_err());
    }

    #[test]
    fn addresses_reach_differently_far() {
        let scopes = [
            ("127.0.0.1", "link-local"),
            ("169.254.1.1", "link-local"),
            ("224.0.0.1", "link-local"),
            ("10.1.2.3", "global"),
            ("239.1.1.1", ""),
            ("255.255.255.255", ""),
            ("0.0.0.0", ""),
            ("::1", "link-local"),
            ("fe80::1", "link-local"),
            ("ff02::1", "link-local"),
            ("ff01::1", "interface-local"),
            ("2001:db8::1", "global"),
            ("ff05::1", ""),
            ("::", ""),
        ];
        for (ip, expected) in scopes {
            assert_eq!(scope(ip.parse().unwrap()), expected, "{ip}");
        }
    }

    #[test]
    fn the_kernel_knows_its_own_addresses() {
        let text = testing::exposed(|sink| push(sink).unwrap());
        let loopback = "{address=\"127.0.0.1\",device=\"lo\",netmask=\"8\",scope=\"link-local\"} 1";
        assert!(text.is_empty() || text.contains(loopback), "{text}");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
