//! What the kernel knows of each network device: `/sys/class/net`,
//! Documentation/ABI/testing/sysfs-class-net of the kernel.

use std::num::ParseIntError;
use std::str::FromStr;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::filter::{Filter, Pattern};
use common::metric::{Desc, Label};

use crate::host::Host;
use crate::readers::FirstError;

const DIRECTORY: &str = "class/net";

const UP: Desc<'_> = Desc::gauge("node_network_up", "1 if the device is operational, else 0.");
const INFO: Desc<'_> =
    Desc::gauge("node_network_info", "What is known of the network device; always 1.");

/// Megabits are what the kernel gives the speed in.
const MEGABIT_BYTES: f64 = 125_000.0;

/// File, family, factor.
const NUMBERS: [(&str, Desc<'static>, f64); 17] = [
    (
        "addr_assign_type",
        Desc::gauge("node_network_address_assign_type", "How the address was chosen."),
        1.0,
    ),
    ("carrier", Desc::gauge("node_network_carrier", "1 if there is a physical link, else 0."), 1.0),
    (
        "carrier_changes",
        Desc::counter("node_network_carrier_changes_total", "Times the link went up or down."),
        1.0,
    ),
    (
        "carrier_up_count",
        Desc::counter("node_network_carrier_up_changes_total", "Times the link went up."),
        1.0,
    ),
    (
        "carrier_down_count",
        Desc::counter("node_network_carrier_down_changes_total", "Times the link went down."),
        1.0,
    ),
    (
        "dev_id",
        Desc::gauge("node_network_device_id", "Tells devices of one address from each other."),
        1.0,
    ),
    (
        "dormant",
        Desc::gauge("node_network_dormant", "1 if the device waits for an event, else 0."),
        1.0,
    ),
    ("flags", Desc::gauge("node_network_flags", "Flags of the device, as of netdevice(7)."), 1.0),
    ("ifindex", Desc::gauge("node_network_iface_id", "Number of the device."), 1.0),
    (
        "iflink",
        Desc::gauge("node_network_iface_link", "Number of the device that this one rests on."),
        1.0,
    ),
    ("link_mode", Desc::gauge("node_network_iface_link_mode", "1 if the link is dormant."), 1.0),
    ("mtu", Desc::gauge("node_network_mtu_bytes", "Largest packet that can be sent."), 1.0),
    (
        "name_assign_type",
        Desc::gauge("node_network_name_assign_type", "How the name was chosen."),
        1.0,
    ),
    (
        "netdev_group",
        Desc::gauge("node_network_net_dev_group", "Group that the device is in."),
        1.0,
    ),
    ("speed", Desc::gauge("node_network_speed_bytes", "Bytes per second."), MEGABIT_BYTES),
    (
        "tx_queue_len",
        Desc::gauge("node_network_transmit_queue_length", "Packets that the send queue can hold."),
        1.0,
    ),
    (
        "type",
        Desc::gauge("node_network_protocol_type", "Kind of device, as in linux/if_arp.h."),
        1.0,
    ),
];

/// Labels of [`INFO`] that are files of the same name.
const TEXTS: [&str; 4] = ["address", "broadcast", "duplex", "ifalias"];

/// One device; what it does not tell is `None`.
#[derive(Debug)]
struct Device {
    name: String,
    operational_state: String,
    texts: [Option<String>; TEXTS.len()],
    numbers: [Option<i64>; NUMBERS.len()],
}

/// A number with or without `0x` before it.
#[derive(Debug, PartialEq)]
struct Integer(i64);

impl FromStr for Integer {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let hex = text.strip_prefix("0x").map(|digits| i64::from_str_radix(digits, 16));
        hex.unwrap_or_else(|| text.parse()).map(Self)
    }
}

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub struct Options {
    /// Network devices to leave out
    #[arg(
        id = "collector.netclass.ignored-devices",
        long = "collector.netclass.ignored-devices",
        value_name = "REGEX",
        default_value = "^$"
    )]
    pub exclude: Pattern,
    /// Leave out speeds below zero, which stand for unknown ones
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
}

#[derive(Debug)]
pub(super) struct Netclass {
    devices: Filter,
    ignore_invalid_speed: bool,
}

impl Netclass {
    pub(super) fn new(options: &Options) -> Self {
        if options.netlink || options.with_stats {
            tracing::warn!(
                "--collector.netclass.netlink and --collector.netclass_rtnl.with-stats have \
                 no effect yet: /sys/class/net is read"
            );
        }
        Self {
            devices: Filter::new(None, Some(options.exclude.clone())),
            ignore_invalid_speed: options.ignore_invalid_speed,
        }
    }

    /// The device, or `None` if it has gone meanwhile or is none (`bonding_masters` is a file).
    ///
    /// An attribute that cannot be read or parsed costs only itself.
    fn read(&self, host: &Host, name: String, errors: &mut FirstError) -> Option<Device> {
        let path = |file: &str| format!("{DIRECTORY}/{name}/{file}");
        let numbers = NUMBERS.map(|(file, ..)| {
            let Integer(number) = errors.catch(host.number(&path(file)))?;
            (number >= 0 || file != "speed" || !self.ignore_invalid_speed).then_some(number)
        });
        let texts = TEXTS.map(|file| errors.catch(host.attribute(&path(file))));
        // Every device has a state. Read last, it shows that the device was there all the time.
        let operational_state = errors.catch(host.attribute(&path("operstate")))?;
        Some(Device { name, operational_state, texts, numbers })
    }
}

#[async_trait]
impl Collector<Host> for Netclass {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let names = host
            .list_sys(DIRECTORY)?
            .ok_or_else(|| CollectError::NoData("no network devices in sysfs".into()))?;
        let names = names.into_iter().filter(|name| self.devices.accepts(name));
        let mut errors = FirstError::default();
        let devices: Vec<Device> =
            names.filter_map(|name| self.read(host, name, &mut errors)).collect();
        push(&devices, sink);
        errors.into_result()
    }
}

fn push(devices: &[Device], sink: &mut Sink) {
    let mut family = sink.family(&UP);
    for device in devices {
        let is_up = device.operational_state == "up";
        family.sample(&[("device", &device.name)], if is_up { 1.0 } else { 0.0 });
    }
    drop(family);
    let mut family = sink.family(&INFO);
    for device in devices {
        family.sample(&device.info(), 1.0);
    }
    drop(family);
    for (index, (_, desc, factor)) in NUMBERS.iter().enumerate() {
        let mut family = sink.family(desc);
        for device in devices {
            if let Some(Some(number)) = device.numbers.get(index) {
                family.sample(&[("device", &device.name)], *number as f64 * factor);
            }
        }
    }
}

impl Device {
    fn number(&self, file: &str) -> Option<i64> {
        NUMBERS.iter().zip(self.numbers).find(|((name, ..), _)| *name == file)?.1
    }

    fn info(&self) -> [Label<'_>; 7] {
        let administrative_state = match self.number("flags") {
            Some(flags) if flags & 1 == 1 => "up",
            Some(_) => "down",
            None => "unknown",
        };
        let [address, broadcast, duplex, alias] =
            self.texts.each_ref().map(|text| text.as_deref().unwrap_or_default());
        [
            ("address", address),
            ("adminstate", administrative_state),
            ("broadcast", broadcast),
            ("device", &self.name),
            ("duplex", duplex),
            ("ifalias", alias),
            ("operstate", &self.operational_state),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devices() -> Netclass {
        Netclass { devices: Filter::default(), ignore_invalid_speed: true }
    }

    #[test]
    fn devices_tell_what_they_have() {
        let host = Host::fixture("linux-6.1");
        let read = |name: &str| {
            let mut errors = FirstError::default();
            let device = devices().read(&host, name.into(), &mut errors);
            errors.into_result().unwrap();
            device
        };
        let up = read("eth0").unwrap();
        assert_eq!((up.number("speed"), up.number("dev_id")), (Some(1000), Some(32)));
        assert!(up.info().contains(&("adminstate", "up")));
        let down = read("eth2").unwrap();
        assert_eq!((down.number("carrier"), down.number("carrier_changes")), (None, Some(7)));
        assert!(down.info().contains(&("adminstate", "down")));
        assert_eq!(read("tun0").unwrap().number("speed"), None);
        assert!(read("bonding_masters").is_none(), "a file is no device");
        assert!(read("vanished").is_none());
    }

    #[test]
    fn numbers_are_decimal_or_prefixed() {
        assert_eq!("0x1003".parse(), Ok(Integer(4099)));
        assert_eq!("-1".parse(), Ok(Integer(-1)));
        for text in ["", "0x", "x1", "1 2"] {
            assert!(text.parse::<Integer>().is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\n]|\\PC){0,30}") {
            let _ = text.parse::<Integer>();
        }
    }
}
