//! The devices as the kernel lists them by netlink; their speeds come from its ethtool family.

use common::error::{CollectError, FirstError, ParseError, Partial};
use common::filter::Filter;

use super::{Device, MEGABIT_BYTES, NUMBERS};
use crate::netlink::{
    Attribute, Connection, Duplex, Link, LinkModes, LinkStats, hardware_address, link_modes,
};

// From include/uapi/linux/if_link.h.
const ADDRESS: Attribute = Attribute::new(1, "IFLA_ADDRESS");
const BROADCAST: Attribute = Attribute::new(2, "IFLA_BROADCAST");
const LINK: Attribute = Attribute::new(5, "IFLA_LINK");
const OPERSTATE: Attribute = Attribute::new(16, "IFLA_OPERSTATE");
const LINKMODE: Attribute = Attribute::new(17, "IFLA_LINKMODE");
const IFALIAS: Attribute = Attribute::new(20, "IFLA_IFALIAS");
const PROP_LIST: Attribute = Attribute::new(52, "IFLA_PROP_LIST");
const ALT_IFNAME: Attribute = Attribute::new(53, "IFLA_ALT_IFNAME");

/// Attributes that hold the number of a file in sysfs.
const ATTRIBUTES: [(&str, Attribute); 9] = [
    ("mtu", Attribute::new(4, "IFLA_MTU")),
    ("iflink", LINK),
    ("tx_queue_len", Attribute::new(13, "IFLA_TXQLEN")),
    ("link_mode", LINKMODE),
    ("netdev_group", Attribute::new(27, "IFLA_GROUP")),
    ("carrier", Attribute::new(33, "IFLA_CARRIER")),
    ("carrier_changes", Attribute::new(35, "IFLA_CARRIER_CHANGES")),
    ("carrier_up_count", Attribute::new(47, "IFLA_CARRIER_UP_COUNT")),
    ("carrier_down_count", Attribute::new(48, "IFLA_CARRIER_DOWN_COUNT")),
];

/// Names of the states that RFC 2863 knows, by number (include/uapi/linux/if.h).
const STATES: [&str; 7] =
    ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"];

/// Place of the duplex mode among the texts.
const DUPLEX: usize = 2;

/// The devices wanted.
pub(super) fn devices(
    wanted: &Filter,
    with_counters: bool,
) -> Result<Partial<Vec<Device>>, CollectError> {
    let request = Link::request(with_counters);
    let mut errors = FirstError::default();
    let devices = Connection::open(None)?
        .ask_in_part(&request, |payload, errors| parse(payload, with_counters, errors))?;
    let mut devices = errors.take(devices);
    devices.retain(|device| wanted.accepts(&device.name));
    // Without this family, or if it fails, only the speeds are not known.
    let modes = errors.note(link_modes().map_err(CollectError::from));
    let modes = modes.and_then(|modes| errors.take(modes)).unwrap_or_default();
    for device in &mut devices {
        if let Some(modes) = modes.iter().find(|modes| modes.device == device.name) {
            device.add(modes);
        }
    }
    Ok(errors.beside(devices))
}

/// The device; an attribute that is malformed costs only itself.
fn parse(
    payload: &[u8],
    with_counters: bool,
    errors: &mut FirstError<ParseError>,
) -> Result<Device, ParseError> {
    let link = Link::parse(payload)?;
    let attributes = link.attributes;
    let mut number = |attribute| errors.catch(attributes.number(attribute));
    let mut numbers = [None; NUMBERS.len()];
    for (column, value) in NUMBERS.iter().zip(&mut numbers) {
        let attribute = ATTRIBUTES.iter().find(|(file, _)| *file == column.key);
        let known = attribute.and_then(|(_, attribute)| number(*attribute));
        let known = known.map(|number| number as f64);
        *value = match column.key {
            "flags" => Some(link.flags.into()),
            "ifindex" => Some(link.index.into()),
            "type" => Some(link.hardware.into()),
            // A device that rests on no other one rests on itself.
            "iflink" => known.filter(|index| *index != 0.0).or(Some(link.index.into())),
            // The reference exporter has the mode in this place, too.
            "dormant" => number(LINKMODE).map(|mode| mode as f64),
            _ => known,
        };
    }
    let state = number(OPERSTATE).and_then(|state| usize::try_from(state).ok());
    let properties = errors.note(attributes.nested(PROP_LIST)).unwrap_or_default();
    Ok(Device {
        name: link.name,
        operational_state: (*state.and_then(|state| STATES.get(state)).unwrap_or(&STATES[0]))
            .into(),
        administrative_state: None,
        texts: [
            attributes.find(ADDRESS).map(hardware_address),
            attributes.find(BROADCAST).map(hardware_address),
            None,
            attributes.text(IFALIAS),
        ],
        numbers,
        alternative_names: properties.texts(ALT_IFNAME).collect(),
        stats: with_counters.then(|| LinkStats::from_attributes(attributes)),
    })
}

impl Device {
    fn add(&mut self, modes: &LinkModes) {
        for (column, value) in NUMBERS.iter().zip(&mut self.numbers) {
            if column.key == "speed" {
                *value = modes.speed_megabits.map(|speed| speed as f64 * MEGABIT_BYTES);
            }
        }
        self.texts[DUPLEX] = modes.duplex.map(|duplex| match duplex {
            Duplex::Half => "Half".into(),
            Duplex::Full => "Full".into(),
            Duplex::Unknown => "Unknown".into(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::sample::{attribute, link};

    fn parsed(message: &[u8]) -> (Device, FirstError<ParseError>) {
        let mut errors = FirstError::default();
        (parse(message, false, &mut errors).unwrap(), errors)
    }

    #[test]
    fn a_malformed_attribute_costs_only_itself() {
        let [mtu, carrier] = [0, 5].map(|index| ATTRIBUTES[index].1);
        let attributes = [attribute(mtu, &[1, 2, 3]), attribute(carrier, &[1])];
        let (device, errors) = parsed(&link(3, "eth0", &attributes));
        assert_eq!((device.number("mtu"), device.number("carrier")), (None, Some(1.0)));
        assert_eq!(errors.into_result().unwrap_err().to_string(), "IFLA_MTU is no number: 3 bytes");
    }

    #[test]
    fn attributes_become_the_numbers_of_the_files() {
        let names = [attribute(ALT_IFNAME, b"enp1s0\0"), attribute(ALT_IFNAME, b"uplink\0")];
        let message = link(
            3,
            "eth0",
            &[
                attribute(ADDRESS, &[0x52, 0x54, 0, 1, 2, 3]),
                attribute(OPERSTATE, &[6]),
                attribute(LINKMODE, &[1]),
                attribute(ATTRIBUTES[0].1, &1500_u32.to_ne_bytes()),
                attribute(PROP_LIST, &names.concat()),
            ],
        );
        let (mut device, errors) = parsed(&message);
        assert_eq!(errors.into_result(), Ok(()));
        assert_eq!((device.number("mtu"), device.number("ifindex")), (Some(1500.0), Some(3.0)));
        assert_eq!((device.number("iflink"), device.number("type")), (Some(3.0), Some(1.0)));
        assert_eq!((device.number("dormant"), device.number("link_mode")), (Some(1.0), Some(1.0)));
        assert_eq!((device.number("carrier"), device.number("dev_id")), (None, None));
        assert_eq!(device.alternative_names, ["enp1s0", "uplink"]);
        assert!(device.info().contains(&("address", "52:54:00:01:02:03")));
        assert!(device.info().contains(&("operstate", "up")));
        device.add(&LinkModes {
            device: "eth0".into(),
            autonegotiates: None,
            supported: None,
            advertised: None,
            speed_megabits: Some(1000),
            duplex: Some(Duplex::Full),
        });
        assert_eq!(device.number("speed"), Some(1000.0 * MEGABIT_BYTES));
        assert!(device.info().contains(&("duplex", "Full")));
    }

    #[test]
    fn a_device_rests_on_another_or_itself() {
        let on = |index: u32| {
            let message = link(3, "eth0", &[attribute(LINK, &index.to_ne_bytes())]);
            parsed(&message).0.number("iflink")
        };
        assert_eq!((on(9), on(0)), (Some(9.0), Some(3.0)));
    }

    #[test]
    fn the_kernel_lists_the_loopback_device() {
        let devices = devices(&Filter::default(), true).unwrap();
        let loopback = devices.good.iter().find(|device| device.name == "lo").unwrap();
        assert!(loopback.stats.is_some() && loopback.number("mtu").is_some());
        devices.finish().unwrap();
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>) {
            let mut errors = FirstError::default();
            let _ = parse(&bytes, true, &mut errors);
            let _ = parse(&link(3, "eth0", &[bytes]), true, &mut errors);
        }
    }
}
