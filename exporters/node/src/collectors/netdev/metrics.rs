//! Families named after the columns of `/proc/net/dev`.

use common::metric::{Metric, counter};

use crate::netlink::{LinkStat, LinkStats};

/// Drivers' finer counts are summed as the kernel does there.
pub(super) const METRICS: &[Metric<LinkStats>] = &[
    counter("node_network_receive_bytes_total", "Bytes received.", |c| c.get(LinkStat::RxBytes)),
    counter("node_network_receive_packets_total", "Packets received.", |c| {
        c.get(LinkStat::RxPackets)
    }),
    counter("node_network_receive_errs_total", "Bad packets received.", |c| {
        c.get(LinkStat::RxErrors)
    }),
    counter(
        "node_network_receive_drop_total",
        "Received packets dropped due to lack of space.",
        |c| c.sum(&[LinkStat::RxDropped, LinkStat::RxMissed]),
    ),
    counter("node_network_receive_fifo_total", "Overruns of the receive queue.", |c| {
        c.get(LinkStat::RxFifo)
    }),
    counter("node_network_receive_frame_total", "Packets received with a bad frame.", |c| {
        c.sum(&[LinkStat::RxLength, LinkStat::RxOver, LinkStat::RxCrc, LinkStat::RxFrame])
    }),
    counter("node_network_receive_compressed_total", "Compressed packets received.", |c| {
        c.get(LinkStat::RxCompressed)
    }),
    counter("node_network_receive_multicast_total", "Multicast packets received.", |c| {
        c.get(LinkStat::Multicast)
    }),
    counter(
        "node_network_receive_nohandler_total",
        "Received packets without a protocol handler.",
        |c| c.get(LinkStat::RxNoHandler),
    ),
    counter("node_network_transmit_bytes_total", "Bytes sent.", |c| c.get(LinkStat::TxBytes)),
    counter("node_network_transmit_packets_total", "Packets sent.", |c| c.get(LinkStat::TxPackets)),
    counter("node_network_transmit_errs_total", "Packets that could not be sent.", |c| {
        c.get(LinkStat::TxErrors)
    }),
    counter("node_network_transmit_drop_total", "Packets dropped before they were sent.", |c| {
        c.get(LinkStat::TxDropped)
    }),
    counter("node_network_transmit_fifo_total", "Overruns of the send queue.", |c| {
        c.get(LinkStat::TxFifo)
    }),
    counter("node_network_transmit_colls_total", "Collisions while sending.", |c| {
        c.get(LinkStat::Collisions)
    }),
    counter("node_network_transmit_carrier_total", "Losses of carrier while sending.", |c| {
        c.sum(&[
            LinkStat::TxCarrier,
            LinkStat::TxAborted,
            LinkStat::TxHeartbeat,
            LinkStat::TxWindow,
        ])
    }),
    counter("node_network_transmit_compressed_total", "Compressed packets sent.", |c| {
        c.get(LinkStat::TxCompressed)
    }),
];
