//! Traffic per network device: rtnetlink(7), or `/proc/net/dev`, proc_pid_net(5).
//!
//! Parsed here because the procfs crate stumbles over a device name that is
//! not followed by a space.

mod netlink;
mod proc;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::filter::{Filter, Pattern};
use common::metric::{Metric, counter};

use crate::host::Host;

/// Families named after the columns of `/proc/net/dev`; drivers' finer counts are summed as the kernel does there.
const METRICS: &[Metric<Counters>] = &[
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
const DETAILED_METRICS: &[Metric<Counters>] = &[
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
enum Field {
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
struct Counters([Option<u64>; 24]);

impl Counters {
    fn get(&self, field: Field) -> Option<f64> {
        self.0[field as usize].map(|count| count as f64)
    }

    /// Sum of those that there are, or nothing if there is none.
    fn sum(&self, fields: &[Field]) -> Option<f64> {
        let counts = fields.iter().filter_map(|field| self.0[*field as usize]);
        counts.reduce(u64::wrapping_add).map(|sum| sum as f64)
    }
}

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub struct Options {
    /// Network devices to expose
    #[arg(
        id = "collector.netdev.device-include",
        long = "collector.netdev.device-include",
        alias = "collector.netdev.device-whitelist",
        value_name = "REGEX"
    )]
    pub include: Option<Pattern>,
    /// Network devices to leave out
    #[arg(
        id = "collector.netdev.device-exclude",
        long = "collector.netdev.device-exclude",
        alias = "collector.netdev.device-blacklist",
        value_name = "REGEX"
    )]
    pub exclude: Option<Pattern>,
    /// Ask the kernel by netlink; off: read /proc/net/dev
    #[arg(
        id = "collector.netdev.netlink",
        long = "collector.netdev.netlink",
        default_value = "true"
    )]
    pub netlink: bool,
    /// Name the counters as the kernel does (netlink only)
    #[arg(
        id = "collector.netdev.enable-detailed-metrics",
        long = "collector.netdev.enable-detailed-metrics"
    )]
    pub detailed: bool,
}

#[derive(Debug)]
pub(super) struct Netdev {
    devices: Filter,
    netlink: bool,
    metrics: &'static [Metric<Counters>],
}

impl Netdev {
    pub(super) fn new(options: &Options) -> anyhow::Result<Self> {
        if options.include.is_some() && options.exclude.is_some() {
            anyhow::bail!(
                "--collector.netdev.device-include and --collector.netdev.device-exclude \
                 cannot be combined"
            );
        }
        Ok(Self {
            devices: Filter::new(options.include.clone(), options.exclude.clone()),
            netlink: options.netlink,
            metrics: if options.detailed && options.netlink { DETAILED_METRICS } else { METRICS },
        })
    }
}

#[async_trait]
impl Collector<Host> for Netdev {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut links = if self.netlink {
            netlink::links()?
        } else {
            let text = host.read_proc("net/dev")?;
            proc::parse(&text).map_err(|error| host.malformed_proc("net/dev", error))?
        };
        links.retain(|link| self.devices.accepts(&link.name));
        sink.table(
            self.metrics,
            links.iter().map(|link| ([("device", link.name.as_str())], &link.counters)),
        );
        Ok(())
    }
}
