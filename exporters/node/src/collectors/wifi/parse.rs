//! Messages of `nl80211`.

use common::error::{FirstError, ParseError};

use crate::netlink::{Attribute, Attributes, bytes_at, hardware_address};

pub(super) const IFINDEX: Attribute = Attribute::new(3, "NL80211_ATTR_IFINDEX");
const IFNAME: Attribute = Attribute::new(4, "NL80211_ATTR_IFNAME");
const MAC: Attribute = Attribute::new(6, "NL80211_ATTR_MAC");
const STA_INFO: Attribute = Attribute::new(21, "NL80211_ATTR_STA_INFO");
const WIPHY_FREQ: Attribute = Attribute::new(38, "NL80211_ATTR_WIPHY_FREQ");
const BSS: Attribute = Attribute::new(47, "NL80211_ATTR_BSS");

const BSSID: Attribute = Attribute::new(1, "NL80211_BSS_BSSID");
const INFORMATION_ELEMENTS: Attribute = Attribute::new(6, "NL80211_BSS_INFORMATION_ELEMENTS");
const STATUS: Attribute = Attribute::new(9, "NL80211_BSS_STATUS");

const INACTIVE_TIME: Attribute = Attribute::new(1, "NL80211_STA_INFO_INACTIVE_TIME");
const RX_BYTES: Attribute = Attribute::new(2, "NL80211_STA_INFO_RX_BYTES");
const TX_BYTES: Attribute = Attribute::new(3, "NL80211_STA_INFO_TX_BYTES");
const SIGNAL: Attribute = Attribute::new(7, "NL80211_STA_INFO_SIGNAL");
const TX_BITRATE: Attribute = Attribute::new(8, "NL80211_STA_INFO_TX_BITRATE");
const RX_PACKETS: Attribute = Attribute::new(9, "NL80211_STA_INFO_RX_PACKETS");
const TX_PACKETS: Attribute = Attribute::new(10, "NL80211_STA_INFO_TX_PACKETS");
const TX_RETRIES: Attribute = Attribute::new(11, "NL80211_STA_INFO_TX_RETRIES");
const TX_FAILED: Attribute = Attribute::new(12, "NL80211_STA_INFO_TX_FAILED");
const RX_BITRATE: Attribute = Attribute::new(14, "NL80211_STA_INFO_RX_BITRATE");
const CONNECTED_TIME: Attribute = Attribute::new(16, "NL80211_STA_INFO_CONNECTED_TIME");
const BEACON_LOSS: Attribute = Attribute::new(18, "NL80211_STA_INFO_BEACON_LOSS");
const RX_BYTES64: Attribute = Attribute::new(23, "NL80211_STA_INFO_RX_BYTES64");
const TX_BYTES64: Attribute = Attribute::new(24, "NL80211_STA_INFO_TX_BYTES64");

const BITRATE: Attribute = Attribute::new(1, "NL80211_RATE_INFO_BITRATE");
const BITRATE32: Attribute = Attribute::new(5, "NL80211_RATE_INFO_BITRATE32");

const MEGAHERTZ: f64 = 1e6;
const BITRATE_UNIT_BITS_PER_SECOND: f64 = 100_000.0;
const MILLISECONDS_PER_SECOND: f64 = 1000.0;

/// Number of the information element that holds the name of a network (IEEE 802.11, 9.4.2.2).
const SSID_ELEMENT: u8 = 0;

/// A wireless device.
#[derive(Debug, PartialEq)]
pub(super) struct Interface {
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) frequency_hertz: Option<f64>,
}

impl Interface {
    /// `None` for a device that is none of the network's, such as one for peer-to-peer links.
    pub(super) fn parse(attributes: Attributes<'_>) -> Result<Option<Self>, ParseError> {
        let index = attributes.number(IFINDEX)?.and_then(|index| u32::try_from(index).ok());
        let name = attributes.text(IFNAME).filter(|name| !name.is_empty());
        let (Some(index), Some(name)) = (index, name) else { return Ok(None) };
        let megahertz = attributes.number(WIPHY_FREQ)?;
        let frequency_hertz = megahertz.map(|megahertz| megahertz as f64 * MEGAHERTZ);
        Ok(Some(Self { index, name, frequency_hertz }))
    }
}

/// The network that a device belongs to.
#[derive(Debug, PartialEq)]
pub(super) struct Network {
    pub(super) bssid: String,
    pub(super) ssid: String,
    pub(super) mode: &'static str,
}

impl Network {
    /// `None` for a network that is only within reach.
    pub(super) fn parse(attributes: Attributes<'_>) -> Result<Option<Self>, ParseError> {
        let bss = attributes.nested(BSS)?;
        let Some(status) = bss.number(STATUS)? else { return Ok(None) };
        Ok(Some(Self {
            bssid: hardware_address(bss.need(BSSID)?),
            ssid: ssid(bss.find(INFORMATION_ELEMENTS).unwrap_or_default())?,
            // NL80211_BSS_STATUS_AUTHENTICATED, _ASSOCIATED and _IBSS_JOINED.
            mode: match status {
                0 | 1 => "client",
                2 => "ad-hoc",
                _ => "unknown",
            },
        }))
    }
}

/// Name of the network among its information elements: number, length, value.
fn ssid(elements: &[u8]) -> Result<String, ParseError> {
    let mut rest = elements;
    while let [number, length, values @ ..] = rest {
        let cut_off = || ParseError::Form(format!("information element {number} cut off"));
        let (value, next) = values.split_at_checked((*length).into()).ok_or_else(cut_off)?;
        if *number == SSID_ELEMENT {
            return Ok(String::from_utf8_lossy(value).into_owned());
        }
        rest = next;
    }
    Ok(String::new())
}

/// The other end of a connection; what the driver does not report is `None`.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Station {
    pub(super) mac_address: String,
    pub(super) connected_seconds: Option<f64>,
    pub(super) inactive_seconds: Option<f64>,
    pub(super) receive_bits_per_second: Option<f64>,
    pub(super) transmit_bits_per_second: Option<f64>,
    pub(super) receive_bytes: Option<f64>,
    pub(super) transmit_bytes: Option<f64>,
    pub(super) signal_dbm: Option<f64>,
    pub(super) transmit_retries: Option<f64>,
    pub(super) transmit_failed: Option<f64>,
    pub(super) beacon_loss: Option<f64>,
    pub(super) transmitted_packets: Option<f64>,
    pub(super) received_packets: Option<f64>,
}

impl Station {
    /// A figure that is malformed costs only itself.
    pub(super) fn parse(
        attributes: Attributes<'_>,
        errors: &mut FirstError<ParseError>,
    ) -> Result<Self, ParseError> {
        let mac_address = hardware_address(attributes.need(MAC)?);
        let info = attributes.nested(STA_INFO)?;
        let receive_rate = info.nested(RX_BITRATE).and_then(bits_per_second);
        let transmit_rate = info.nested(TX_BITRATE).and_then(bits_per_second);
        let signal = info.find(SIGNAL).map(|value| bytes_at(value, 0)).transpose();
        let signal = errors.catch(signal);
        let (receive_bits_per_second, transmit_bits_per_second) =
            (errors.catch(receive_rate), errors.catch(transmit_rate));
        let mut number =
            |attribute| errors.catch(info.number(attribute)).map(|number| number as f64);
        Ok(Self {
            mac_address,
            connected_seconds: number(CONNECTED_TIME),
            inactive_seconds: number(INACTIVE_TIME).map(|time| time / MILLISECONDS_PER_SECOND),
            receive_bits_per_second,
            transmit_bits_per_second,
            receive_bytes: number(RX_BYTES64).or_else(|| number(RX_BYTES)),
            transmit_bytes: number(TX_BYTES64).or_else(|| number(TX_BYTES)),
            signal_dbm: signal.map(|signal| i8::from_ne_bytes(signal).into()),
            transmit_retries: number(TX_RETRIES),
            transmit_failed: number(TX_FAILED),
            beacon_loss: number(BEACON_LOSS),
            transmitted_packets: number(TX_PACKETS),
            received_packets: number(RX_PACKETS),
        })
    }
}

/// The wider form of a rate, which fast ones need, or the narrow one.
fn bits_per_second(rate: Attributes<'_>) -> Result<Option<f64>, ParseError> {
    let rate = rate.number(BITRATE32)?.or(rate.number(BITRATE)?);
    Ok(rate.map(|rate| rate as f64 * BITRATE_UNIT_BITS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use common::error::Partial;

    use super::*;
    use crate::netlink::sample::attribute;

    const ADDRESS: [u8; 6] = [0x52, 0x54, 0, 0, 0, 7];

    fn number(name: Attribute, value: u32) -> Vec<u8> {
        attribute(name, &value.to_ne_bytes())
    }

    fn network(bss: &[Vec<u8>]) -> Result<Option<Network>, ParseError> {
        Network::parse(Attributes::parse(&attribute(BSS, &bss.concat())).unwrap())
    }

    fn station(info: &[Vec<u8>]) -> Result<Partial<Station, ParseError>, ParseError> {
        let message = [attribute(MAC, &ADDRESS), attribute(STA_INFO, &info.concat())].concat();
        let mut errors = FirstError::default();
        let station = Station::parse(Attributes::parse(&message).unwrap(), &mut errors)?;
        Ok(errors.beside(station))
    }

    #[test]
    fn devices_without_a_name_are_left_out() {
        let parse = |message: &[Vec<u8>]| {
            Interface::parse(Attributes::parse(&message.concat()).unwrap()).unwrap()
        };
        let message = [number(IFINDEX, 3), attribute(IFNAME, b"wlan0\0"), number(WIPHY_FREQ, 2412)];
        let expected = Interface { index: 3, name: "wlan0".into(), frequency_hertz: Some(2_412e6) };
        assert_eq!(parse(&message), Some(expected));
        assert_eq!(parse(&message[..2]).unwrap().frequency_hertz, None);
        assert_eq!(parse(&message[..1]), None);
    }

    #[test]
    fn the_own_network_is_the_one_with_a_state() {
        let elements = [&[1, 2, 0x82, 0x84][..], &[0, 7], b"Example", &[3, 1, 6]].concat();
        let bss = [attribute(BSSID, &ADDRESS), attribute(INFORMATION_ELEMENTS, &elements)];
        assert_eq!(network(&bss), Ok(None));
        for (status, mode) in [(0, "client"), (1, "client"), (2, "ad-hoc"), (9, "unknown")] {
            let bss = [bss.to_vec(), vec![number(STATUS, status)]].concat();
            let expected =
                Network { bssid: "52:54:00:00:00:07".into(), ssid: "Example".into(), mode };
            assert_eq!(network(&bss), Ok(Some(expected)));
        }
        assert!(network(&[number(STATUS, 1)]).is_err(), "no address");
    }

    #[test]
    fn names_of_networks_are_any_bytes() {
        assert_eq!(ssid(&[]).unwrap(), "");
        assert_eq!(ssid(&[0, 2, 0xff, b'a']).unwrap(), "\u{fffd}a");
        assert!(ssid(&[0, 2, b'a']).is_err());
    }

    #[test]
    fn figures_of_stations_are_in_base_units() {
        let info = [
            number(INACTIVE_TIME, 1500),
            number(CONNECTED_TIME, 60),
            number(RX_BYTES, 1),
            attribute(RX_BYTES64, &(1_u64 << 40).to_ne_bytes()),
            number(TX_BYTES, 2),
            attribute(SIGNAL, &(-52_i8).to_ne_bytes()),
            attribute(TX_BITRATE, &attribute(BITRATE, &10_u16.to_ne_bytes())),
            attribute(RX_BITRATE, &number(BITRATE32, 100_000)),
        ];
        let expected = Station {
            mac_address: "52:54:00:00:00:07".into(),
            connected_seconds: Some(60.0),
            inactive_seconds: Some(1.5),
            receive_bits_per_second: Some(1e10),
            transmit_bits_per_second: Some(1e6),
            receive_bytes: Some((1_u64 << 40) as f64),
            transmit_bytes: Some(2.0),
            signal_dbm: Some(-52.0),
            ..Station::default()
        };
        assert_eq!(station(&info), Ok(Partial::whole(expected)));
    }

    #[test]
    fn a_malformed_figure_costs_only_itself() {
        for odd in [attribute(RX_BYTES, &[1, 2, 3]), attribute(SIGNAL, &[])] {
            let Partial { good, error } = station(&[odd, number(CONNECTED_TIME, 60)]).unwrap();
            assert!(error.is_some());
            assert_eq!((good.receive_bytes, good.signal_dbm), (None, None));
            assert_eq!(good.connected_seconds, Some(60.0));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>) {
            let _ = ssid(&bytes);
            let _ = network(std::slice::from_ref(&bytes));
            let _ = station(std::slice::from_ref(&bytes)).map(Partial::finish);
            let _ = Attributes::parse(&bytes).map(Interface::parse);
        }
    }
}
