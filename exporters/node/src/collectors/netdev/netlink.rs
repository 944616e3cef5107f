//! The kernel's list of devices with their 64-bit counters.

use common::error::ParseError;

use super::Device;
use super::counters::Counters;
use crate::netlink::{Answer, Attribute, Attributes, Connection, Link};

// From include/uapi/linux/if_link.h.
const STATS: Attribute = Attribute::new(7, "IFLA_STATS");
const IFALIAS: Attribute = Attribute::new(20, "IFLA_IFALIAS");
const STATS64: Attribute = Attribute::new(23, "IFLA_STATS64");

/// Asks the kernel for all devices of this network namespace.
pub(super) fn devices() -> Answer<Vec<Device>> {
    Connection::open(None)?.ask(&Link::request(true), parse)
}

fn parse(payload: &[u8]) -> Result<Device, ParseError> {
    let link = Link::parse(payload)?;
    Ok(Device {
        name: link.name,
        alias: link.attributes.text(IFALIAS).unwrap_or_default(),
        counters: counters(link.attributes),
    })
}

/// The counters of a device: 64 bits wide, or 32 where a kernel has no others.
pub(in super::super) fn counters(attributes: Attributes<'_>) -> Counters {
    let wide = attributes.find(STATS64).unwrap_or_default();
    let narrow = attributes.find(STATS).unwrap_or_default();
    let wide = wide.as_chunks().0.iter().map(|bytes| u64::from_ne_bytes(*bytes));
    let narrow = narrow.as_chunks().0.iter().map(|bytes| u32::from_ne_bytes(*bytes).into());
    let mut counters = Counters::default();
    // Whatever the wide ones tell stands last and so beats the narrow ones.
    for (counter, count) in counters.0.iter_mut().zip(narrow) {
        *counter = Some(count);
    }
    for (counter, count) in counters.0.iter_mut().zip(wide) {
        *counter = Some(count);
    }
    counters
}

#[cfg(test)]
mod tests {
    use super::super::counters::Field;
    use super::*;
    use crate::netlink::sample::{attribute, link};

    #[test]
    fn wide_counters_beat_narrow_ones_in_any_order() {
        let wide: Vec<u8> = (1..=24_u64).flat_map(u64::to_ne_bytes).collect();
        let narrow: Vec<u8> = [9_u32; 24].into_iter().flat_map(u32::to_ne_bytes).collect();
        let mut attributes = [attribute(STATS, &narrow), attribute(STATS64, &wide)];
        for _ in 0..2 {
            attributes.reverse();
            let device = parse(&link(2, "eth0", &attributes)).unwrap();
            assert_eq!(device.name, "eth0");
            assert_eq!(device.counters.get(Field::RxBytes), Some(3.0));
            assert_eq!(device.counters.get(Field::RxNoHandler), Some(24.0));
        }
    }

    #[test]
    fn what_is_not_told_has_no_sample() {
        let narrow: Vec<u8> = [9_u32; 23].into_iter().flat_map(u32::to_ne_bytes).collect();
        let device = parse(&link(2, "eth0", &[attribute(STATS, &narrow)])).unwrap();
        assert_eq!(device.counters.get(Field::RxBytes), Some(9.0));
        assert_eq!(device.counters.get(Field::RxNoHandler), None);
        assert_eq!(parse(&link(2, "eth0", &[])).unwrap().counters, Counters::default());
    }

    #[test]
    fn aliases_are_read() {
        let device = parse(&link(2, "eth0", &[attribute(IFALIAS, b"uplink\0")])).unwrap();
        assert_eq!(device.alias, "uplink");
    }

    #[test]
    fn the_kernel_counts_the_traffic_of_the_loopback_device() {
        let devices = devices().unwrap();
        let loopback = devices.good.iter().find(|device| device.name == "lo").unwrap();
        assert!(loopback.counters.get(Field::RxBytes).is_some());
        devices.finish().unwrap();
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>) {
            let _ = parse(&bytes);
            let _ = parse(&link(2, "eth0", &[attribute(STATS64, &bytes)]));
        }
    }
}
