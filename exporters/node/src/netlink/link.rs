//! The network devices, rtnetlink(7): `RTM_GETLINK`.

use std::collections::BTreeMap;

use common::error::ParseError;

use super::attributes::{Attribute, Attributes, bytes_at, split};
use super::connection::{Answer, Connection};
use super::message::Request;

// From include/uapi/linux/rtnetlink.h and if_link.h.
const RTM_GETLINK: u16 = 18;
const IFNAME: Attribute = Attribute::new(3, "IFLA_IFNAME");
const EXT_MASK: Attribute = Attribute::new(29, "IFLA_EXT_MASK");
const RTEXT_FILTER_SKIP_STATS: u32 = 8;

/// Size of `struct ifinfomsg`.
const HEADER_BYTES: usize = 16;

/// A network device: its header, its name, and everything else as attributes.
#[derive(Debug)]
pub(crate) struct Link<'a> {
    pub(crate) index: u32,
    /// Kind of hardware, as in linux/if_arp.h.
    pub(crate) hardware: u16,
    /// As of netdevice(7).
    pub(crate) flags: u32,
    pub(crate) name: String,
    pub(crate) attributes: Attributes<'a>,
}

impl<'a> Link<'a> {
    /// Asks for all devices, with or without their counters, which cost the kernel most.
    pub(crate) fn request(with_counters: bool) -> Request {
        let filter = if with_counters { 0 } else { RTEXT_FILTER_SKIP_STATS };
        Request::dump("rtnetlink RTM_GETLINK", RTM_GETLINK, &[0; HEADER_BYTES])
            .with(EXT_MASK, &filter.to_ne_bytes())
    }

    /// # Errors
    /// The message is cut off or names no device.
    pub(crate) fn parse(payload: &'a [u8]) -> Result<Self, ParseError> {
        let (header, attributes) = split(payload, HEADER_BYTES)?;
        let name = attributes.text(IFNAME).filter(|name| !name.is_empty());
        Ok(Self {
            hardware: u16::from_ne_bytes(bytes_at(header, 2)?),
            index: u32::from_ne_bytes(bytes_at(header, 4)?),
            flags: u32::from_ne_bytes(bytes_at(header, 8)?),
            name: name.ok_or(ParseError::Missing { field: "IFLA_IFNAME" })?,
            attributes,
        })
    }
}

/// Names of all devices by index.
///
/// # Errors
/// As [`Connection::ask`].
pub(crate) fn names(connection: &mut Connection) -> Answer<BTreeMap<u32, String>> {
    let names = connection.ask(&Link::request(false), |payload| {
        Link::parse(payload).map(|link| (link.index, link.name))
    })?;
    Ok(names.map(|names| names.into_iter().collect()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::sample::attribute;
    use super::*;

    /// A message of the kernel.
    pub(crate) fn message(index: u32, name: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut header = vec![0, 0, 1, 0];
        for number in [index, 0x1003, 0] {
            header.extend(number.to_ne_bytes());
        }
        [header, attribute(IFNAME, name.as_bytes()), attributes.concat()].concat()
    }

    #[test]
    fn header_and_name_are_read() {
        let payload = message(3, "eth0", &[]);
        let link = Link::parse(&payload).unwrap();
        assert_eq!((link.index, link.name.as_str(), link.flags), (3, "eth0", 0x1003));
        assert_eq!(link.hardware, 1);
        assert!(Link::parse(&payload[..15]).is_err());
        assert!(Link::parse(&message(3, "", &[])).is_err());
    }

    #[test]
    fn the_kernel_knows_the_loopback_device() {
        let mut connection = Connection::open(None).unwrap();
        let names = names(&mut connection).unwrap();
        let (index, _) = names.good.iter().find(|(_, name)| *name == "lo").unwrap();
        assert_eq!(connection.device_name(*index).unwrap().as_deref(), Some("lo"));
        assert_eq!(connection.device_name(u32::MAX / 2).unwrap(), None);
        names.finish().unwrap();
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>) {
            let _ = Link::parse(&bytes);
        }
    }
}
