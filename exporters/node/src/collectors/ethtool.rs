//! Link modes and drivers of network devices, ethtool(8): the kernel's generic netlink family
//! of that name, and `/sys/class/net`.
//!
//! The statistics of drivers, and versions of drivers and firmware, are available by ioctl(2) only,
//! which is an unsafe call. The crate below-ethtool makes it without soundness: in 0.9.0 the
//! kernel writes the number of statistics behind the end of an allocation (`StringSetInfo`).

use std::path::PathBuf;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::filter::{Filter, Pattern};
use common::metric::{Desc, Metric, gauge};

use crate::host::Host;
use crate::netlink::{LinkModes, link_modes};

const INFO: Desc<'_> = Desc::gauge("node_ethtool_info", "Driver of the network device; always 1.");
const PORT_INFO: Desc<'_> = Desc::gauge(
    "node_network_supported_port_info",
    "A supported port type of the device; always 1.",
);
const SUPPORTED_SPEED: Desc<'_> =
    Desc::gauge("node_network_supported_speed_bytes", "Bytes per second of a supported mode.");
const ADVERTISED_SPEED: Desc<'_> =
    Desc::gauge("node_network_advertised_speed_bytes", "Bytes per second of an advertised mode.");

const METRICS: &[Metric<LinkModes>] = &[
    gauge(
        "node_network_autonegotiate_supported",
        "1 if it supports autonegotiation, else 0.",
        |modes| bit(modes.supported, AUTONEGOTIATE),
    ),
    gauge(
        "node_network_autonegotiate_advertised",
        "1 if it advertises autonegotiation, else 0.",
        |modes| bit(modes.advertised, AUTONEGOTIATE),
    ),
    gauge("node_network_pause_supported", "1 if it supports pause, else 0.", |modes| {
        bit(modes.supported, PAUSE)
    }),
    gauge("node_network_pause_advertised", "1 if it advertises pause, else 0.", |modes| {
        bit(modes.advertised, PAUSE)
    }),
    gauge(
        "node_network_asymmetricpause_supported",
        "1 if it supports asymmetric pause, else 0.",
        |modes| bit(modes.supported, ASYMMETRIC_PAUSE),
    ),
    gauge(
        "node_network_asymmetricpause_advertised",
        "1 if it advertises asymmetric pause, else 0.",
        |modes| bit(modes.advertised, ASYMMETRIC_PAUSE),
    ),
    gauge("node_network_autonegotiate", "1 if autonegotiation is on, else 0.", |modes| {
        modes.autonegotiates.map(f64::from)
    }),
];

// Bits of `enum ethtool_link_mode_bit_indices` (include/uapi/linux/ethtool.h).
const AUTONEGOTIATE: u32 = 6;
const PAUSE: u32 = 13;
const ASYMMETRIC_PAUSE: u32 = 14;

/// Bit and value of the label `type`.
const PORTS: [(u32, &str); 6] =
    [(7, "TP"), (8, "AUI"), (9, "MII"), (10, "FIBRE"), (11, "BNC"), (16, "Backplane")];

/// Bit, megabits per second, and values of the labels `duplex` and `mode`.
const MODES: [(u32, f64, &str, &str); 22] = [
    (0, 10.0, "half", "10baseT"),
    (1, 10.0, "full", "10baseT"),
    (2, 100.0, "half", "100baseT"),
    (3, 100.0, "full", "100baseT"),
    (4, 1000.0, "half", "1000baseT"),
    (5, 1000.0, "full", "1000baseT"),
    (12, 10_000.0, "full", "10000baseT"),
    (17, 1000.0, "full", "1000baseKX"),
    (18, 10_000.0, "full", "10000baseKX4"),
    (19, 10_000.0, "full", "10000baseKR"),
    (20, 10_000.0, "full", "10000baseR_FEC"),
    (21, 20_000.0, "full", "20000baseMLD2"),
    (22, 20_000.0, "full", "20000baseKR2"),
    (23, 40_000.0, "full", "40000baseKR4"),
    (24, 40_000.0, "full", "40000baseCR4"),
    (25, 40_000.0, "full", "40000baseSR4"),
    (26, 40_000.0, "full", "40000baseLR4"),
    (27, 56_000.0, "full", "56000baseKR4"),
    (28, 56_000.0, "full", "56000baseCR4"),
    (29, 56_000.0, "full", "56000baseSR4"),
    (30, 56_000.0, "full", "56000baseLR4"),
    (31, 25_000.0, "full", "25000baseCR"),
];

const MEGABIT_BYTES: f64 = 125_000.0;

/// What drives a device of the machine.
#[derive(Debug, PartialEq)]
struct Driver {
    device: String,
    name: String,
    bus: String,
}

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Network devices to expose
    #[arg(
        id = "collector.ethtool.device-include",
        long = "collector.ethtool.device-include",
        value_name = "REGEX"
    )]
    pub include: Option<Pattern>,
    /// Network devices to leave out
    #[arg(
        id = "collector.ethtool.device-exclude",
        long = "collector.ethtool.device-exclude",
        value_name = "REGEX"
    )]
    pub exclude: Option<Pattern>,
}

#[derive(Debug)]
pub(super) struct Ethtool {
    devices: Filter,
}

impl Ethtool {
    pub(super) fn new(options: &Options) -> Self {
        Self { devices: Filter::new(options.include.clone(), options.exclude.clone()) }
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Ethtool::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for Ethtool {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let names = host.list_sys("class/net")?.unwrap_or_default();
        let names = names.into_iter().filter(|name| self.devices.accepts(name));
        let mut errors = FirstError::default();
        let drivers: Vec<Driver> =
            names.filter_map(|name| errors.catch(Driver::read(host, name))).collect();
        push_drivers(&drivers, sink);
        let mut modes = errors.take(link_modes()?).ok_or_else(|| {
            CollectError::NoData("the kernel is older than 5.6: no link modes".into())
        })?;
        modes.retain(|modes| self.devices.accepts(&modes.device));
        push_modes(&modes, sink);
        errors.into_result()
    }
}

impl Driver {
    /// `None` for a device that is made of software.
    fn read(host: &Host, device: String) -> Result<Option<Self>, CollectError> {
        let last = |path: Option<PathBuf>| Some(path?.file_name()?.to_string_lossy().into_owned());
        let name = last(host.resolve_sys(&format!("class/net/{device}/device/driver"))?);
        let bus = last(host.resolve_sys(&format!("class/net/{device}/device"))?);
        let (Some(name), Some(bus)) = (name, bus) else { return Ok(None) };
        Ok(Some(Self { device, name, bus }))
    }
}

fn push_drivers(drivers: &[Driver], sink: &mut Sink) {
    let samples = drivers.iter().map(|driver| {
        let labels = [
            ("bus_info", &*driver.bus),
            ("device", &*driver.device),
            ("driver", &*driver.name),
            ("expansion_rom_version", ""),
            ("firmware_version", ""),
            ("version", ""),
        ];
        (labels, 1.0)
    });
    sink.samples(&INFO, samples);
}

fn push_modes(devices: &[LinkModes], sink: &mut Sink) {
    sink.table(METRICS, devices.iter().map(|modes| ([("device", &*modes.device)], modes)));
    let ports = devices.iter().flat_map(|modes| {
        let ports = PORTS.iter().filter(|(index, _)| is_set(modes.supported, *index));
        ports.map(|(_, port)| ([("device", &*modes.device), ("type", *port)], 1.0))
    });
    sink.samples(&PORT_INFO, ports);
    let bits: [(_, fn(&LinkModes) -> _); 2] = [
        (&SUPPORTED_SPEED, |modes| modes.supported),
        (&ADVERTISED_SPEED, |modes| modes.advertised),
    ];
    for (desc, bits) in bits {
        let mut family = sink.family(desc);
        for modes in devices {
            for (_, megabits, duplex, mode) in
                MODES.iter().filter(|(index, ..)| is_set(bits(modes), *index))
            {
                let labels = [("device", &*modes.device), ("duplex", duplex), ("mode", mode)];
                family.sample(&labels, megabits * MEGABIT_BYTES);
            }
        }
    }
}

fn is_set(bits: Option<u32>, index: u32) -> bool {
    bits.is_some_and(|bits| bits >> index & 1 == 1)
}

fn bit(bits: Option<u32>, index: u32) -> Option<f64> {
    bits.map(|bits| f64::from(is_set(Some(bits), index)))
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;

    #[test]
    fn modes_become_ports_speeds_and_abilities() {
        let modes = LinkModes {
            device: "eth0".into(),
            autonegotiates: Some(true),
            supported: Some(1 << 5 | 1 << 1 | 1 << AUTONEGOTIATE | 1 << 7 | 1 << 31),
            advertised: Some(1 << 5),
            speed_megabits: None,
            duplex: None,
        };
        let text = testing::exposed(|sink| push_modes(&[modes], sink));
        for sample in [
            "autonegotiate{device=\"eth0\"} 1\n",
            "autonegotiate_supported{device=\"eth0\"} 1\n",
            "autonegotiate_advertised{device=\"eth0\"} 0\n",
            "pause_supported{device=\"eth0\"} 0\n",
            "supported_port_info{device=\"eth0\",type=\"TP\"} 1\n",
            "supported_speed_bytes{device=\"eth0\",duplex=\"full\",mode=\"10baseT\"} 1250000\n",
            "supported_speed_bytes{device=\"eth0\",duplex=\"full\",mode=\"25000baseCR\"} 3125000000\n",
            "advertised_speed_bytes{device=\"eth0\",duplex=\"full\",mode=\"1000baseT\"} 125000000\n",
        ] {
            assert!(text.contains(&format!("node_network_{sample}")), "{sample} in {text}");
        }
        assert_eq!(text.matches("advertised_speed_bytes{").count(), 1, "{text}");
    }

    #[test]
    fn a_device_that_tells_nothing_has_no_samples() {
        let modes = LinkModes {
            device: "veth0".into(),
            autonegotiates: None,
            supported: None,
            advertised: None,
            speed_megabits: None,
            duplex: None,
        };
        let mut sink = Sink::default();
        push_modes(&[modes], &mut sink);
        assert!(sink.text().is_empty());
    }

    #[test]
    fn the_name_of_a_mode_starts_with_its_speed() {
        for (_, megabits, _, mode) in MODES {
            assert_eq!(mode.split("base").next().unwrap().parse(), Ok(megabits), "{mode}");
        }
    }

    #[test]
    fn devices_of_hardware_have_a_driver_and_those_of_software_none() {
        let host = Host::fixture("linux-6.1");
        let (device, name, bus) = ("eth0".into(), "e1000e".into(), "0000:00:03.0".into());
        let driver = Driver::read(&host, "eth0".into()).unwrap();
        assert_eq!(driver, Some(Driver { device, name, bus }));
        assert_eq!(Driver::read(&host, "tun0".into()).unwrap(), None);
        assert_eq!(Driver::read(&host, "vanished".into()).unwrap(), None);
    }
}
