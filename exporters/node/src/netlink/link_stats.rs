//! The counters of a network device: `IFLA_STATS64` of rtnetlink(7).

use common::metric::{Metric, counter};

use super::attributes::{Attribute, Attributes};

// From include/uapi/linux/if_link.h.
const STATS: Attribute = Attribute::new(7, "IFLA_STATS");
const STATS64: Attribute = Attribute::new(23, "IFLA_STATS64");

/// Families of each counter by itself, named as the kernel names them.
pub(crate) const LINK_METRICS: &[Metric<LinkStats>] = &[
    counter("node_network_receive_packets_total", "Packets received.", |c| {
        c.get(LinkStat::RxPackets)
    }),
    counter("node_network_transmit_packets_total", "Packets sent.", |c| c.get(LinkStat::TxPackets)),
    counter("node_network_receive_bytes_total", "Bytes received.", |c| c.get(LinkStat::RxBytes)),
    counter("node_network_transmit_bytes_total", "Bytes sent.", |c| c.get(LinkStat::TxBytes)),
    counter("node_network_receive_errors_total", "Counter rx_errors.", |c| {
        c.get(LinkStat::RxErrors)
    }),
    counter("node_network_transmit_errors_total", "Counter tx_errors.", |c| {
        c.get(LinkStat::TxErrors)
    }),
    counter("node_network_receive_dropped_total", "Counter rx_dropped.", |c| {
        c.get(LinkStat::RxDropped)
    }),
    counter("node_network_transmit_dropped_total", "Counter tx_dropped.", |c| {
        c.get(LinkStat::TxDropped)
    }),
    counter("node_network_multicast_total", "Counter multicast.", |c| c.get(LinkStat::Multicast)),
    counter("node_network_collisions_total", "Counter collisions.", |c| {
        c.get(LinkStat::Collisions)
    }),
    counter("node_network_receive_length_errors_total", "Counter rx_length_errors.", |c| {
        c.get(LinkStat::RxLength)
    }),
    counter("node_network_receive_over_errors_total", "Counter rx_over_errors.", |c| {
        c.get(LinkStat::RxOver)
    }),
    counter("node_network_receive_crc_errors_total", "Counter rx_crc_errors.", |c| {
        c.get(LinkStat::RxCrc)
    }),
    counter("node_network_receive_frame_errors_total", "Counter rx_frame_errors.", |c| {
        c.get(LinkStat::RxFrame)
    }),
    counter("node_network_receive_fifo_errors_total", "Counter rx_fifo_errors.", |c| {
        c.get(LinkStat::RxFifo)
    }),
    counter("node_network_receive_missed_errors_total", "Counter rx_missed_errors.", |c| {
        c.get(LinkStat::RxMissed)
    }),
    counter("node_network_transmit_aborted_errors_total", "Counter tx_aborted_errors.", |c| {
        c.get(LinkStat::TxAborted)
    }),
    counter("node_network_transmit_carrier_errors_total", "Counter tx_carrier_errors.", |c| {
        c.get(LinkStat::TxCarrier)
    }),
    counter("node_network_transmit_fifo_errors_total", "Counter tx_fifo_errors.", |c| {
        c.get(LinkStat::TxFifo)
    }),
    counter("node_network_transmit_heartbeat_errors_total", "Counter tx_heartbeat_errors.", |c| {
        c.get(LinkStat::TxHeartbeat)
    }),
    counter("node_network_transmit_window_errors_total", "Counter tx_window_errors.", |c| {
        c.get(LinkStat::TxWindow)
    }),
    counter("node_network_receive_compressed_total", "Compressed packets received.", |c| {
        c.get(LinkStat::RxCompressed)
    }),
    counter("node_network_transmit_compressed_total", "Compressed packets sent.", |c| {
        c.get(LinkStat::TxCompressed)
    }),
    counter(
        "node_network_receive_nohandler_total",
        "Received packets without a protocol handler.",
        |c| c.get(LinkStat::RxNoHandler),
    ),
];

/// The counters in the order of `struct rtnl_link_stats64` (include/uapi/linux/if_link.h).
#[derive(Clone, Copy, Debug)]
pub(crate) enum LinkStat {
    RxPackets,
    TxPackets,
    RxBytes,
    TxBytes,
    RxErrors,
    TxErrors,
    RxDropped,
    TxDropped,
    Multicast,
    Collisions,
    RxLength,
    RxOver,
    RxCrc,
    RxFrame,
    RxFifo,
    RxMissed,
    TxAborted,
    TxCarrier,
    TxFifo,
    TxHeartbeat,
    TxWindow,
    RxCompressed,
    TxCompressed,
    RxNoHandler,
}

/// The counters of one device; `None` where the source does not have them.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct LinkStats([Option<u64>; 24]);

impl LinkStats {
    /// The counters in a device's message: 64 bits wide, or 32 if the kernel has no others.
    pub(crate) fn from_attributes(attributes: Attributes<'_>) -> Self {
        let wide = attributes.find(STATS64).unwrap_or_default();
        let narrow = attributes.find(STATS).unwrap_or_default();
        let wide = wide.as_chunks().0.iter().map(|bytes| u64::from_ne_bytes(*bytes));
        let narrow = narrow.as_chunks().0.iter().map(|bytes| u32::from_ne_bytes(*bytes).into());
        let mut stats = Self::default();
        // The wide ones come last and so replace the narrow ones.
        for (counter, count) in stats.0.iter_mut().zip(narrow) {
            *counter = Some(count);
        }
        for (counter, count) in stats.0.iter_mut().zip(wide) {
            *counter = Some(count);
        }
        stats
    }

    /// Takes over a counter that the kernel gives elsewhere.
    pub(crate) fn set(&mut self, stat: LinkStat, count: Option<u64>) {
        self.0[stat as usize] = count;
    }

    /// The counter, if the source has it.
    pub(crate) fn get(&self, stat: LinkStat) -> Option<f64> {
        self.0[stat as usize].map(|count| count as f64)
    }

    /// Sum of those that there are, or nothing if there is none.
    pub(crate) fn sum(&self, stats: &[LinkStat]) -> Option<f64> {
        let counts = stats.iter().filter_map(|stat| self.0[*stat as usize]);
        counts.reduce(u64::wrapping_add).map(|sum| sum as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::attribute;
    use super::*;

    fn stats(attributes: &[Vec<u8>]) -> LinkStats {
        LinkStats::from_attributes(Attributes::parse(&attributes.concat()).unwrap())
    }

    #[test]
    fn wide_counters_beat_narrow_ones_in_any_order() {
        let wide: Vec<u8> = (1..=24_u64).flat_map(u64::to_ne_bytes).collect();
        let narrow: Vec<u8> = [9_u32; 24].into_iter().flat_map(u32::to_ne_bytes).collect();
        let mut attributes = [attribute(STATS, &narrow), attribute(STATS64, &wide)];
        for _ in 0..2 {
            attributes.reverse();
            let stats = stats(&attributes);
            assert_eq!(stats.get(LinkStat::RxBytes), Some(3.0));
            assert_eq!(stats.get(LinkStat::RxNoHandler), Some(24.0));
        }
    }

    #[test]
    fn what_is_not_told_has_no_sample() {
        let narrow: Vec<u8> = [9_u32; 23].into_iter().flat_map(u32::to_ne_bytes).collect();
        let narrow = stats(&[attribute(STATS, &narrow)]);
        assert_eq!(narrow.get(LinkStat::RxBytes), Some(9.0));
        assert_eq!(narrow.get(LinkStat::RxNoHandler), None);
        assert_eq!(stats(&[]), LinkStats::default());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            let _ = stats(&[attribute(STATS64, &bytes)]);
        }
    }
}
