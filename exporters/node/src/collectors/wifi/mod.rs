//! Wireless networks and their stations: generic netlink `nl80211`,
//! include/uapi/linux/nl80211.h of the kernel.

mod parse;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial};
use common::exposition::Sink;
use common::metric::{Desc, Metric, counter, gauge};
use rustix::io::Errno;

use crate::host::Host;
use crate::netlink::{Attributes, Family};
use parse::{Interface, Network, Station};

const FREQUENCY: Desc<'_> =
    Desc::gauge("node_wifi_interface_frequency_hertz", "Frequency that the device works at.");
const INFO: Desc<'_> =
    Desc::gauge("node_wifi_station_info", "Network that the device belongs to; always 1.");

const METRICS: &[Metric<Station>] = &[
    counter(
        "node_wifi_station_connected_seconds_total",
        "Time that the station has been connected, in seconds.",
        |station| station.connected_seconds,
    ),
    gauge(
        "node_wifi_station_inactive_seconds",
        "Time since the station was last active, in seconds.",
        |station| station.inactive_seconds,
    ),
    gauge("node_wifi_station_receive_bits_per_second", "Receive rate.", |station| {
        station.receive_bits_per_second
    }),
    gauge("node_wifi_station_transmit_bits_per_second", "Transmit rate.", |station| {
        station.transmit_bits_per_second
    }),
    counter("node_wifi_station_receive_bytes_total", "Bytes received.", |station| {
        station.receive_bytes
    }),
    counter("node_wifi_station_transmit_bytes_total", "Bytes sent.", |station| {
        station.transmit_bytes
    }),
    gauge("node_wifi_station_signal_dbm", "Strength of the signal in dBm.", |station| {
        station.signal_dbm
    }),
    counter("node_wifi_station_transmit_retries_total", "Packets sent again.", |station| {
        station.transmit_retries
    }),
    counter(
        "node_wifi_station_transmit_failed_total",
        "Packets that could not be sent.",
        |station| station.transmit_failed,
    ),
    counter("node_wifi_station_beacon_loss_total", "Times that beacons were lost.", |station| {
        station.beacon_loss
    }),
    counter("node_wifi_station_transmitted_packets_total", "Packets sent.", |station| {
        station.transmitted_packets
    }),
    counter("node_wifi_station_received_packets_total", "Packets received.", |station| {
        station.received_packets
    }),
];

/// A command: its name and its number.
type Command = (&'static str, u8);

const GET_INTERFACE: Command = ("nl80211 NL80211_CMD_GET_INTERFACE", 5);
const GET_STATION: Command = ("nl80211 NL80211_CMD_GET_STATION", 17);
const GET_SCAN: Command = ("nl80211 NL80211_CMD_GET_SCAN", 32);

/// Refusals of a device that is of a kind that has no such thing, is down or has gone.
const NOTHING_TO_TELL: [Errno; 4] = [Errno::OPNOTSUPP, Errno::NOENT, Errno::NETDOWN, Errno::NODEV];

/// A device with its network and the stations that it hears.
#[derive(Debug)]
struct Device {
    interface: Interface,
    network: Option<Network>,
    stations: Vec<Station>,
}

#[derive(Debug, Default)]
pub(super) struct Wifi;

#[async_trait]
impl Collector<Host> for Wifi {
    async fn collect(&self, _: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let no_data = |reason: &str| CollectError::NoData(reason.to_owned());
        let mut family =
            Family::open("nl80211")?.ok_or_else(|| no_data("no wireless network in the kernel"))?;
        let request = family.dump(GET_INTERFACE.0, GET_INTERFACE.1);
        let interfaces = family.ask(&request, Interface::parse).map_err(|error| {
            let is_forbidden = error.is_refusal(Errno::PERM);
            if is_forbidden { no_data("no permission") } else { error.into() }
        })?;
        let (mut devices, mut errors) = (Vec::new(), FirstError::default());
        for interface in errors.take(interfaces).into_iter().flatten() {
            let index = interface.index;
            let network = |attributes: Attributes<'_>, _: &mut _| Network::parse(attributes);
            let networks = about(&mut family, GET_SCAN, index, network);
            let stations = about(&mut family, GET_STATION, index, Station::parse);
            // Of all networks within reach, the own one alone has a state.
            let network = errors.take(networks).into_iter().flatten().next();
            devices.push(Device { interface, network, stations: errors.take(stations) });
        }
        push(&devices, sink);
        errors.into_result()
    }
}

/// What the kernel knows of one device.
fn about<T>(
    family: &mut Family,
    (name, command): Command,
    index: u32,
    parse: impl Fn(Attributes<'_>, &mut FirstError<ParseError>) -> Result<T, ParseError>,
) -> Partial<Vec<T>> {
    let request = family.dump(name, command).with(parse::IFINDEX, &index.to_ne_bytes());
    match family.ask_in_part(&request, parse) {
        Ok(answer) => answer,
        Err(error) if NOTHING_TO_TELL.iter().any(|errno| error.is_refusal(*errno)) => {
            Partial::whole(Vec::new())
        }
        Err(error) => Partial::failed(error.into()),
    }
}

fn push(devices: &[Device], sink: &mut Sink) {
    let samples = devices.iter().filter_map(|Device { interface, .. }| {
        let hertz = interface.frequency_hertz?;
        Some(([("device", &interface.name)], hertz))
    });
    sink.samples(&FREQUENCY, samples);
    let samples = devices.iter().filter_map(|Device { interface, network, .. }| {
        let network = network.as_ref()?;
        let labels = [
            ("bssid", &*network.bssid),
            ("device", &*interface.name),
            ("mode", network.mode),
            ("ssid", &*network.ssid),
        ];
        Some((labels, 1.0))
    });
    sink.samples(&INFO, samples);
    let stations = devices.iter().flat_map(|device| {
        let name = device.interface.name.as_str();
        device.stations.iter().map(move |station| {
            ([("device", name), ("mac_address", station.mac_address.as_str())], station)
        })
    });
    sink.table(METRICS, stations);
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;

    #[test]
    fn devices_show_their_network_and_stations() {
        let station = Station {
            mac_address: "52:54:00:00:00:07".into(),
            signal_dbm: Some(-52.0),
            ..Station::default()
        };
        let device = Device {
            interface: Interface { index: 3, name: "wlan0".into(), frequency_hertz: Some(2_412e6) },
            network: Some(Network {
                bssid: "00:11:22:33:44:55".into(),
                ssid: "Example".into(),
                mode: "client",
            }),
            stations: vec![station],
        };
        let text = testing::exposed(|sink| push(&[device], sink));
        for sample in [
            "node_wifi_interface_frequency_hertz{device=\"wlan0\"} 2412000000\n",
            "node_wifi_station_info{bssid=\"00:11:22:33:44:55\",device=\"wlan0\",mode=\"client\",ssid=\"Example\"} 1\n",
            "node_wifi_station_signal_dbm{device=\"wlan0\",mac_address=\"52:54:00:00:00:07\"} -52\n",
        ] {
            assert!(text.contains(sample), "{sample} in {text}");
        }
        assert!(!text.contains("node_wifi_station_inactive_seconds"), "none was told: {text}");
    }
}
