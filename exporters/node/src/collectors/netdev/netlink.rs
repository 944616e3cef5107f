//! The kernel's list of links with their 64-bit counters, rtnetlink(7): `RTM_GETLINK`.

use std::time::Duration;

use common::error::{CollectError, ParseError};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use super::Counters;

/// A network device.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Link {
    pub(super) name: String,
    pub(super) counters: Counters,
}

const ORIGIN: &str = "rtnetlink RTM_GETLINK";

// From include/uapi/linux: netlink.h, rtnetlink.h, if_link.h.
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const IFLA_IFNAME: u16 = 3;
const IFLA_STATS: u16 = 7;
const IFLA_STATS64: u16 = 23;
const MESSAGE_HEADER_BYTES: usize = 16;
const LINK_HEADER_BYTES: usize = 16;
const REQUEST_BYTES: u32 = 32;
const ATTRIBUTE_HEADER_BYTES: usize = 4;

/// The kernel sends at most this much at once.
const RECEIVE_BYTES: usize = 32 * 1024;

/// The kernel answers at once; this only bounds a kernel that does not.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the kernel for all links of this network namespace.
pub(super) fn links() -> Result<Vec<Link>, CollectError> {
    dump().map_err(|error| CollectError::query(ORIGIN, &error)).and_then(|messages| {
        let parse = |error| CollectError::Parse { origin: ORIGIN.to_owned(), source: error };
        let mut links = Vec::new();
        for message in &messages {
            parse_messages(message, &mut links).map_err(parse)?;
        }
        Ok(links)
    })
}

/// The datagrams of the answer.
fn dump() -> Result<Vec<Vec<u8>>, Errno> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        // NETLINK_ROUTE is protocol 0.
        None,
    )?;
    set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(&socket, &request(), SendFlags::empty(), &kernel)?;
    let mut datagrams = Vec::new();
    loop {
        let mut datagram = Vec::with_capacity(RECEIVE_BYTES);
        let spare = rustix::buffer::spare_capacity(&mut datagram);
        match rustix::net::recv(&socket, spare, RecvFlags::empty()) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error),
        }
        let is_last = ends_dump(&datagram);
        datagrams.push(datagram);
        if is_last {
            return Ok(datagrams);
        }
    }
}

/// A dump request: message header, then a link header that names no link.
fn request() -> [u8; MESSAGE_HEADER_BYTES + LINK_HEADER_BYTES] {
    let mut request = [0; MESSAGE_HEADER_BYTES + LINK_HEADER_BYTES];
    request[..4].copy_from_slice(&REQUEST_BYTES.to_ne_bytes());
    request[4..6].copy_from_slice(&RTM_GETLINK.to_ne_bytes());
    request[6..8].copy_from_slice(&NLM_F_REQUEST_DUMP.to_ne_bytes());
    request
}

/// True if a datagram holds the end of the dump, or an error, or nothing.
fn ends_dump(datagram: &[u8]) -> bool {
    let mut rest = datagram;
    while let Some((kind, _, next)) = split_message(rest) {
        if kind == NLMSG_DONE || kind == NLMSG_ERROR {
            return true;
        }
        rest = next;
    }
    datagram.is_empty()
}

fn parse_messages(datagram: &[u8], links: &mut Vec<Link>) -> Result<(), ParseError> {
    let mut rest = datagram;
    while let Some((kind, payload, next)) = split_message(rest) {
        match kind {
            RTM_NEWLINK => links.push(parse_link(payload)?),
            NLMSG_ERROR => {
                let code = payload.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes));
                let error = std::io::Error::from_raw_os_error(code.wrapping_neg());
                return Err(ParseError::Form(format!("refused: {error}")));
            }
            _ => {}
        }
        rest = next;
    }
    Ok(())
}

/// Type, payload and what follows the first message; `None` at the end or if it is cut off.
fn split_message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
    let kind = u16::from_ne_bytes(*bytes.get(4..6)?.first_chunk()?);
    let payload = bytes.get(MESSAGE_HEADER_BYTES..length)?;
    Some((kind, payload, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

fn parse_link(payload: &[u8]) -> Result<Link, ParseError> {
    let mut link = Link::default();
    let mut has_wide_counters = false;
    let mut rest = payload.get(LINK_HEADER_BYTES..).unwrap_or_default();
    while let Some((kind, value, next)) = split_attribute(rest) {
        match kind {
            IFLA_IFNAME => {
                let name = value.split(|byte| *byte == 0).next().unwrap_or_default();
                link.name = String::from_utf8_lossy(name).into_owned();
            }
            IFLA_STATS64 => {
                has_wide_counters = true;
                link.counters = Counters::default();
                let counts = value.chunks_exact(8).filter_map(|bytes| bytes.first_chunk());
                for (counter, bytes) in link.counters.0.iter_mut().zip(counts) {
                    *counter = Some(u64::from_ne_bytes(*bytes));
                }
            }
            IFLA_STATS if !has_wide_counters => {
                let counts = value.chunks_exact(4).filter_map(|bytes| bytes.first_chunk());
                for (counter, bytes) in link.counters.0.iter_mut().zip(counts) {
                    *counter = Some(u32::from_ne_bytes(*bytes).into());
                }
            }
            _ => {}
        }
        rest = next;
    }
    if link.name.is_empty() { Err(ParseError::Missing { field: "IFLA_IFNAME" }) } else { Ok(link) }
}

/// Type, value and what follows the first attribute.
fn split_attribute(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::from(u16::from_ne_bytes(*bytes.first_chunk()?));
    let kind = u16::from_ne_bytes(*bytes.get(2..4)?.first_chunk()?);
    let value = bytes.get(ATTRIBUTE_HEADER_BYTES..length)?;
    Some((kind, value, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::super::Field;
    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(ATTRIBUTE_HEADER_BYTES + value.len()).unwrap();
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn message(kind: u16, attributes: &[Vec<u8>]) -> Vec<u8> {
        let payload = [vec![0; LINK_HEADER_BYTES], attributes.concat()].concat();
        let length = u32::try_from(MESSAGE_HEADER_BYTES + payload.len()).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(MESSAGE_HEADER_BYTES, 0);
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn wide_counters_beat_narrow_ones_in_any_order() {
        let wide: Vec<u8> = (1..=24_u64).flat_map(u64::to_ne_bytes).collect();
        let narrow: Vec<u8> = [9_u32; 24].into_iter().flat_map(u32::to_ne_bytes).collect();
        for order in [[IFLA_STATS, IFLA_STATS64], [IFLA_STATS64, IFLA_STATS]] {
            let mut attributes = vec![attribute(IFLA_IFNAME, b"eth0\0")];
            for kind in order {
                attributes.push(attribute(kind, if kind == IFLA_STATS { &narrow } else { &wide }));
            }
            let mut links = Vec::new();
            parse_messages(&message(RTM_NEWLINK, &attributes), &mut links).unwrap();
            assert_eq!(links[0].name, "eth0");
            assert_eq!(links[0].counters.get(Field::RxBytes), Some(3.0));
            assert_eq!(links[0].counters.get(Field::RxNoHandler), Some(24.0));
        }
    }

    #[test]
    fn an_error_message_is_an_error() {
        let mut refused = message(NLMSG_ERROR, &[]);
        refused[MESSAGE_HEADER_BYTES..][..4].copy_from_slice(&(-1_i32).to_ne_bytes());
        let error = parse_messages(&refused, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("Operation not permitted"), "{error}");
        assert!(ends_dump(&refused) && ends_dump(&[]));
    }

    #[test]
    fn the_kernel_knows_the_loopback_device() {
        let links = links().unwrap();
        assert!(links.iter().any(|link| link.name == "lo"), "{links:?}");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>) {
            let _ = parse_messages(&bytes, &mut Vec::new());
            ends_dump(&bytes);
        }
    }
}
