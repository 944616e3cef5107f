//! The kernel's list of devices with their 64-bit counters.

use common::error::ParseError;

use super::Device;
use crate::netlink::{Answer, Attribute, Connection, Link, LinkStats};

// From include/uapi/linux/if_link.h.
const IFALIAS: Attribute = Attribute::new(20, "IFLA_IFALIAS");

/// Asks the kernel for all devices of this network namespace.
pub(super) fn devices() -> Answer<Vec<Device>> {
    Connection::open(None)?.ask(&Link::request(true), parse)
}

fn parse(payload: &[u8]) -> Result<Device, ParseError> {
    let link = Link::parse(payload)?;
    Ok(Device {
        name: link.name,
        alias: link.attributes.text(IFALIAS).unwrap_or_default(),
        stats: LinkStats::from_attributes(link.attributes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::LinkStat;
    use crate::netlink::sample::{attribute, link};

    #[test]
    fn aliases_are_read() {
        let device = parse(&link(2, "eth0", &[attribute(IFALIAS, b"uplink\0")])).unwrap();
        assert_eq!(device.alias, "uplink");
    }

    #[test]
    fn the_kernel_counts_the_traffic_of_the_loopback_device() {
        let devices = devices().unwrap();
        let loopback = devices.good.iter().find(|device| device.name == "lo").unwrap();
        assert!(loopback.stats.get(LinkStat::RxBytes).is_some());
        devices.finish().unwrap();
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>) {
            let _ = parse(&bytes);
            let _ = parse(&link(2, "eth0", &[bytes]));
        }
    }
}
