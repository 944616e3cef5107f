//! What the kernel knows of each network device: `/sys/class/net`,
//! Documentation/ABI/testing/sysfs-class-net of the kernel, or rtnetlink(7).

mod netlink;
mod sysfs;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::cli::parse_count;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::filter::{Filter, Pattern};
use common::keyed::Keyed;
use common::metric::{Desc, Kind, Label};

use crate::host::Host;
use crate::netlink::{LINK_METRICS, LinkStats};
use crate::readers::bound::Bound;

const UP: Desc<'_> = Desc::gauge("node_network_up", "1 if the device is operational, else 0.");
const INFO: Desc<'_> =
    Desc::gauge("node_network_info", "Information about the network device; always 1.");
const ALTERNATIVE_NAMES: Desc<'_> =
    Desc::gauge("node_network_altnames_info", "Another name of the network device; always 1.");

/// Megabits are what the kernel gives the speed in.
const MEGABIT_BYTES: f64 = 125_000.0;

/// Keys are files.
const NUMBERS: [Keyed; 17] = [
    Keyed::gauge(
        "addr_assign_type",
        "node_network_address_assign_type",
        "How the address was chosen.",
    ),
    Keyed::gauge("carrier", "node_network_carrier", "1 if there is a physical link, else 0."),
    Keyed::counter(
        "carrier_changes",
        "node_network_carrier_changes_total",
        "Times the link went up or down.",
    ),
    Keyed::counter(
        "carrier_up_count",
        "node_network_carrier_up_changes_total",
        "Times the link went up.",
    ),
    Keyed::counter(
        "carrier_down_count",
        "node_network_carrier_down_changes_total",
        "Times the link went down.",
    ),
    Keyed::gauge(
        "dev_id",
        "node_network_device_id",
        "Number that distinguishes devices with the same address.",
    ),
    Keyed::gauge("dormant", "node_network_dormant", "1 if the device waits for an event, else 0."),
    Keyed::gauge("flags", "node_network_flags", "Flags of the device, as of netdevice(7)."),
    Keyed::gauge("ifindex", "node_network_iface_id", "Number of the device."),
    Keyed::gauge(
        "iflink",
        "node_network_iface_link",
        "Number of the lower device that this one uses.",
    ),
    Keyed::gauge("link_mode", "node_network_iface_link_mode", "1 if the link is dormant."),
    Keyed::gauge("mtu", "node_network_mtu_bytes", "Largest packet that can be sent."),
    Keyed::gauge("name_assign_type", "node_network_name_assign_type", "How the name was chosen."),
    Keyed::gauge("netdev_group", "node_network_net_dev_group", "Group that the device is in."),
    Keyed::gauge("speed", "node_network_speed_bytes", "Bytes per second.").times(MEGABIT_BYTES),
    Keyed::gauge(
        "tx_queue_len",
        "node_network_transmit_queue_length",
        "Packets that the send queue can hold.",
    ),
    Keyed::gauge("type", "node_network_protocol_type", "Kind of device, as in linux/if_arp.h."),
];

/// Labels of [`INFO`] that are files of the same name.
const TEXTS: [&str; 4] = ["address", "broadcast", "duplex", "ifalias"];

/// One device; what it does not report is `None`.
#[derive(Debug)]
struct Device {
    name: String,
    operational_state: String,
    /// Whether it is switched on; by netlink this is no label.
    administrative_state: Option<&'static str>,
    texts: [Option<String>; TEXTS.len()],
    /// In the order of [`NUMBERS`].
    numbers: [Option<f64>; NUMBERS.len()],
    /// From netlink only.
    alternative_names: Vec<String>,
    /// From netlink only, on request.
    stats: Option<LinkStats>,
}

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Network devices to leave out
    #[arg(
        id = "collector.netclass.ignored-devices",
        long = "collector.netclass.ignored-devices",
        value_name = "REGEX",
        default_value = "^$"
    )]
    pub exclude: Pattern,
    /// Leave out speeds below zero, which mean that the speed is unknown
    #[arg(
        id = "collector.netclass.ignore-invalid-speed",
        long = "collector.netclass.ignore-invalid-speed"
    )]
    pub ignore_invalid_speed: bool,
    /// Ask the kernel by netlink; off: read /sys/class/net
    #[arg(id = "collector.netclass.netlink", long = "collector.netclass.netlink")]
    pub netlink: bool,
    /// Also expose the traffic of each device (netlink only)
    #[arg(id = "collector.netclass_rtnl.with-stats", long = "collector.netclass_rtnl.with-stats")]
    pub with_stats: bool,
    /// Network devices to expose at most
    #[arg(
        id = "collector.netclass.max-devices",
        long = "collector.netclass.max-devices",
        value_name = "N",
        default_value = "10000",
        value_parser = parse_count
    )]
    pub max_devices: usize,
}

#[derive(Debug)]
pub(super) struct Netclass {
    devices: Filter,
    bound: Bound,
    ignore_invalid_speed: bool,
    netlink: bool,
    with_stats: bool,
}

impl Netclass {
    pub(super) fn new(options: &Options) -> Self {
        if options.with_stats && !options.netlink {
            tracing::warn!(
                "--collector.netclass_rtnl.with-stats has no effect without \
                 --collector.netclass.netlink"
            );
        }
        Self {
            devices: Filter::new(None, Some(options.exclude.clone())),
            bound: Bound::new("network devices", options.max_devices),
            ignore_invalid_speed: options.ignore_invalid_speed,
            netlink: options.netlink,
            with_stats: options.with_stats,
        }
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Netclass::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for Netclass {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut devices = if self.netlink {
            netlink::devices(&self.devices, self.with_stats)?
        } else {
            sysfs::devices(host, &self.devices, self.ignore_invalid_speed)?
        };
        self.bound.keep(&mut devices.good);
        push(&devices.good, sink);
        devices.finish()
    }
}

fn push(devices: &[Device], sink: &mut Sink) {
    let samples = devices.iter().map(|device| {
        let is_up = device.operational_state == "up";
        ([("device", &device.name)], f64::from(is_up))
    });
    sink.samples(&UP, samples);
    sink.samples(&INFO, devices.iter().map(|device| (device.info(), 1.0)));
    let rows = devices.iter().map(|device| ([("device", &device.name)], device.numbers.as_slice()));
    sink.columns(&NUMBERS, rows);
    let names = devices.iter().flat_map(|device| {
        let names = device.alternative_names.iter();
        names.map(|name| ([("altname", name), ("device", &device.name)], 1.0))
    });
    sink.samples(&ALTERNATIVE_NAMES, names);
    let counted = devices.iter().filter_map(|device| Some((device, device.stats.as_ref()?)));
    for metric in LINK_METRICS {
        // The reference exporter has them as gauges.
        let samples = counted.clone().filter_map(|(device, stats)| {
            let count = (metric.value)(stats)?;
            Some(([("device", &device.name)], count))
        });
        sink.samples(&Desc::new(metric.desc.name, metric.desc.help, Kind::Gauge), samples);
    }
}

impl Device {
    /// Labels of [`INFO`].
    fn info(&self) -> Vec<Label<'_>> {
        let [address, broadcast, duplex, alias] =
            self.texts.each_ref().map(|text| text.as_deref().unwrap_or_default());
        let mut labels = Vec::with_capacity(7);
        labels.push(("address", address));
        labels.extend(self.administrative_state.map(|state| ("adminstate", state)));
        labels.extend([
            ("broadcast", broadcast),
            ("device", &self.name),
            ("duplex", duplex),
            ("ifalias", alias),
            ("operstate", &self.operational_state),
        ]);
        labels
    }
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;

    impl Device {
        /// The sample's value that the file of this name gives.
        pub(super) fn number(&self, file: &str) -> Option<f64> {
            NUMBERS.iter().zip(self.numbers).find(|(column, _)| column.key == file)?.1
        }
    }

    fn text(device: Device) -> String {
        testing::exposed(|sink| push(&[device], sink))
    }

    #[test]
    fn a_device_of_netlink_has_other_labels_and_more_families() {
        let mut device = Device {
            name: "eth0".into(),
            operational_state: "up".into(),
            administrative_state: Some("down"),
            texts: Default::default(),
            numbers: [None; NUMBERS.len()],
            alternative_names: Vec::new(),
            stats: None,
        };
        assert!(device.info().contains(&("adminstate", "down")));
        device.administrative_state = None;
        device.alternative_names.push("enp1s0".into());
        device.stats = Some(LinkStats::default());
        assert!(device.info().iter().all(|(key, _)| *key != "adminstate"));
        let text = text(device);
        assert!(text.contains("node_network_up{device=\"eth0\"} 1\n"), "{text}");
        assert!(text.contains("altnames_info{altname=\"enp1s0\",device=\"eth0\"} 1\n"), "{text}");
        assert!(!text.contains("node_network_receive_bytes_total"), "none was told: {text}");
    }
}
