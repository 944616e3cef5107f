//! The counters of a device and the two ways of naming them.

use common::metric::{Metric, counter};

/// Families named after the columns of `/proc/net/dev`; drivers' finer counts are summed as the kernel does there.
pub(super) const METRICS: &[Metric<Counters>] = &[
    counter("node_network_receive_bytes_total", "Bytes received.", |c| c.get(Field::RxBytes)),
    counter("node_network_receive_packets_total", "Packets received.", |c| c.get(Field::RxPackets)),
    counter("node_network_receive_errs_total", "Bad packets received.", |c| c.get(Field::RxErrors)),
    counter("node_network_receive_drop_total", "Packets received that found no room.", |c| {
        c.sum(&[Field::RxDropped, Field::RxMissed])
    }),
    counter("node_network_receive_fifo_total", "Overruns of the receive queue.", |c| {
        c.get(Field::RxFifo)
    }),
    counter("node_network_receive_frame_total", "Packets received with a bad frame.", |c| {
        c.sum(&[Field::RxLength, Field::RxOver, Field::RxCrc, Field::RxFrame])
    }),
    counter("node_network_receive_compressed_total", "Compressed packets received.", |c| {
        c.get(Field::RxCompressed)
    }),
    counter("node_network_receive_multicast_total", "Multicast packets received.", |c| {
        c.get(Field::Multicast)
    }),
    counter("node_network_receive_nohandler_total", "Packets received that nobody wanted.", |c| {
        c.get(Field::RxNoHandler)
    }),
    counter("node_network_transmit_bytes_total", "Bytes sent.", |c| c.get(Field::TxBytes)),
    counter("node_network_transmit_packets_total", "Packets sent.", |c| c.get(Field::TxPackets)),
    counter("node_network_transmit_errs_total", "Packets that could not be sent.", |c| {
        c.get(Field::TxErrors)
    }),
    counter("node_network_transmit_drop_total", "Packets dropped on the way out.", |c| {
        c.get(Field::TxDropped)
    }),
    counter("node_network_transmit_fifo_total", "Overruns of the send queue.", |c| {
        c.get(Field::TxFifo)
    }),
    counter("node_network_transmit_colls_total", "Collisions while sending.", |c| {
        c.get(Field::Collisions)
    }),
    counter("node_network_transmit_carrier_total", "Losses of carrier while sending.", |c| {
        c.sum(&[Field::TxCarrier, Field::TxAborted, Field::TxHeartbeat, Field::TxWindow])
    }),
    counter("node_network_transmit_compressed_total", "Compressed packets sent.", |c| {
        c.get(Field::TxCompressed)
    }),
];

/// Families of each counter by itself, named as the kernel names them.
pub(in super::super) const DETAILED_METRICS: &[Metric<Counters>] = &[
    counter("node_network_receive_packets_total", "Packets received.", |c| c.get(Field::RxPackets)),
    counter("node_network_transmit_packets_total", "Packets sent.", |c| c.get(Field::TxPackets)),
    counter("node_network_receive_bytes_total", "Bytes received.", |c| c.get(Field::RxBytes)),
    counter("node_network_transmit_bytes_total", "Bytes sent.", |c| c.get(Field::TxBytes)),
    counter("node_network_receive_errors_total", "Counter rx_errors.", |c| c.get(Field::RxErrors)),
    counter("node_network_transmit_errors_total", "Counter tx_errors.", |c| c.get(Field::TxErrors)),
    counter("node_network_receive_dropped_total", "Counter rx_dropped.", |c| {
        c.get(Field::RxDropped)
    }),
    counter("node_network_transmit_dropped_total", "Counter tx_dropped.", |c| {
        c.get(Field::TxDropped)
    }),
    counter("node_network_multicast_total", "Counter multicast.", |c| c.get(Field::Multicast)),
    counter("node_network_collisions_total", "Counter collisions.", |c| c.get(Field::Collisions)),
    counter("node_network_receive_length_errors_total", "Counter rx_length_errors.", |c| {
        c.get(Field::RxLength)
    }),
    counter("node_network_receive_over_errors_total", "Counter rx_over_errors.", |c| {
        c.get(Field::RxOver)
    }),
    counter("node_network_receive_crc_errors_total", "Counter rx_crc_errors.", |c| {
        c.get(Field::RxCrc)
    }),
    counter("node_network_receive_frame_errors_total", "Counter rx_frame_errors.", |c| {
        c.get(Field::RxFrame)
    }),
    counter("node_network_receive_fifo_errors_total", "Counter rx_fifo_errors.", |c| {
        c.get(Field::RxFifo)
    }),
    counter("node_network_receive_missed_errors_total", "Counter rx_missed_errors.", |c| {
        c.get(Field::RxMissed)
    }),
    counter("node_network_transmit_aborted_errors_total", "Counter tx_aborted_errors.", |c| {
        c.get(Field::TxAborted)
    }),
    counter("node_network_transmit_carrier_errors_total", "Counter tx_carrier_errors.", |c| {
        c.get(Field::TxCarrier)
    }),
    counter("node_network_transmit_fifo_errors_total", "Counter tx_fifo_errors.", |c| {
        c.get(Field::TxFifo)
    }),
    counter("node_network_transmit_heartbeat_errors_total", "Counter tx_heartbeat_errors.", |c| {
        c.get(Field::TxHeartbeat)
    }),
    counter("node_network_transmit_window_errors_total", "Counter tx_window_errors.", |c| {
        c.get(Field::TxWindow)
    }),
    counter("node_network_receive_compressed_total", "Compressed packets received.", |c| {
        c.get(Field::RxCompressed)
    }),
    counter("node_network_transmit_compressed_total", "Compressed packets sent.", |c| {
        c.get(Field::TxCompressed)
    }),
    counter("node_network_receive_nohandler_total", "Packets received that nobody wanted.", |c| {
        c.get(Field::RxNoHandler)
    }),
];

/// Counters in the order of `struct rtnl_link_stats64` (include/uapi/linux/if_link.h).
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Field {
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

/// Counters of one device; `None` where the source does not have them.
#[derive(Debug, Default, PartialEq)]
pub(in super::super) struct Counters(pub(super) [Option<u64>; 24]);

impl Counters {
    pub(in super::super) fn get(&self, field: Field) -> Option<f64> {
        self.0[field as usize].map(|count| count as f64)
    }

    /// Sum of those that there are, or nothing if there is none.
    pub(super) fn sum(&self, fields: &[Field]) -> Option<f64> {
        let counts = fields.iter().filter_map(|field| self.0[*field as usize]);
        counts.reduce(u64::wrapping_add).map(|sum| sum as f64)
    }
}
