//! What the hardware can do and does, Documentation/networking/ethtool-netlink.rst of the
//! kernel: `ETHTOOL_MSG_LINKMODES_GET`.

use common::error::{FirstError, ParseError, Partial};

use super::attributes::{Attribute, Attributes};
use super::connection::Answer;
use super::generic::Family;

// From include/uapi/linux/ethtool_netlink.h.
const ETHTOOL_MSG_LINKMODES_GET: u8 = 4;
const HEADER: Attribute = Attribute::new(1, "ETHTOOL_A_LINKMODES_HEADER");
const DEV_NAME: Attribute = Attribute::new(2, "ETHTOOL_A_HEADER_DEV_NAME");
const FLAGS: Attribute = Attribute::new(3, "ETHTOOL_A_HEADER_FLAGS");
const COMPACT_BITSETS: u32 = 1;
const AUTONEG: Attribute = Attribute::new(2, "ETHTOOL_A_LINKMODES_AUTONEG");
const OURS: Attribute = Attribute::new(3, "ETHTOOL_A_LINKMODES_OURS");
const SPEED: Attribute = Attribute::new(5, "ETHTOOL_A_LINKMODES_SPEED");
const DUPLEX: Attribute = Attribute::new(6, "ETHTOOL_A_LINKMODES_DUPLEX");
const BITSET_VALUE: Attribute = Attribute::new(4, "ETHTOOL_A_BITSET_VALUE");
const BITSET_MASK: Attribute = Attribute::new(5, "ETHTOOL_A_BITSET_MASK");

/// Speed of a link that is down or does not report it.
const SPEED_UNKNOWN: u64 = 0xffff_ffff;

/// Whether a link carries both directions at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Duplex {
    Half,
    Full,
    Unknown,
}

/// The modes of one device; what it does not report is `None`.
#[derive(Debug, PartialEq)]
pub(crate) struct LinkModes {
    pub(crate) device: String,
    pub(crate) autonegotiates: Option<bool>,
    /// The first 32 modes that the hardware can use: `ETHTOOL_LINK_MODE_*` as bits.
    pub(crate) supported: Option<u32>,
    /// Those of them that it offers to the other end.
    pub(crate) advertised: Option<u32>,
    pub(crate) speed_megabits: Option<u64>,
    pub(crate) duplex: Option<Duplex>,
}

/// Asks for the modes of all devices that have some; `None` if the kernel is older than 5.6.
///
/// # Errors
/// As [`Family::ask`].
pub(crate) fn link_modes() -> Answer<Option<Vec<LinkModes>>> {
    let Some(mut family) = Family::open("ethtool")? else {
        return Ok(Partial::whole(None));
    };
    let mut header = Vec::new();
    FLAGS.put(&COMPACT_BITSETS.to_ne_bytes(), &mut header);
    let name = "generic netlink ETHTOOL_MSG_LINKMODES_GET";
    let request = family.dump(name, ETHTOOL_MSG_LINKMODES_GET).with(HEADER_NESTED, &header);
    Ok(family.ask_in_part(&request, LinkModes::parse)?.map(Some))
}

/// The header as the kernel wants it in a request: marked as nested.
const HEADER_NESTED: Attribute = Attribute::new(0x8001, "ETHTOOL_A_LINKMODES_HEADER");

impl LinkModes {
    /// An attribute that is malformed costs only itself.
    fn parse(
        attributes: Attributes<'_>,
        errors: &mut FirstError<ParseError>,
    ) -> Result<Self, ParseError> {
        let device = attributes.nested(HEADER)?.text(DEV_NAME);
        let ours = errors.note(attributes.nested(OURS)).unwrap_or_default();
        let mut number = |attribute| errors.catch(attributes.number(attribute));
        Ok(Self {
            device: device.ok_or(ParseError::Missing { field: "ETHTOOL_A_HEADER_DEV_NAME" })?,
            autonegotiates: number(AUTONEG).map(|autoneg| autoneg != 0),
            supported: first_word(ours, BITSET_MASK),
            advertised: first_word(ours, BITSET_VALUE),
            speed_megabits: number(SPEED).filter(|speed| *speed != SPEED_UNKNOWN),
            duplex: number(DUPLEX).map(|duplex| match duplex {
                0 => Duplex::Half,
                1 => Duplex::Full,
                _ => Duplex::Unknown,
            }),
        })
    }
}

fn first_word(bitset: Attributes<'_>, attribute: Attribute) -> Option<u32> {
    bitset.find(attribute)?.first_chunk().map(|word| u32::from_ne_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::super::sample::attribute;
    use super::*;

    fn message(ours: &[u8], speed: u32) -> Vec<u8> {
        [
            attribute(HEADER_NESTED, &attribute(DEV_NAME, b"eth0\0")),
            attribute(AUTONEG, &[1]),
            attribute(OURS, ours),
            attribute(SPEED, &speed.to_ne_bytes()),
            attribute(DUPLEX, &[1]),
        ]
        .concat()
    }

    fn parsed(message: &[u8]) -> Result<Partial<LinkModes, ParseError>, ParseError> {
        let mut errors = FirstError::default();
        let modes = LinkModes::parse(Attributes::parse(message)?, &mut errors)?;
        Ok(errors.beside(modes))
    }

    #[test]
    fn a_malformed_attribute_costs_only_itself() {
        let header = attribute(HEADER_NESTED, &attribute(DEV_NAME, b"eth0\0"));
        let message = [header, attribute(SPEED, &[1, 2, 3]), attribute(DUPLEX, &[0])].concat();
        let Partial { good, error } = parsed(&message).unwrap();
        assert_eq!((good.speed_megabits, good.duplex), (None, Some(Duplex::Half)));
        assert!(error.is_some());
    }

    #[test]
    fn modes_and_speed_are_read() {
        let words = |first: u32| [first.to_ne_bytes(), [0; 4]].concat();
        let ours =
            [attribute(BITSET_VALUE, &words(0x20)), attribute(BITSET_MASK, &words(0x8000_002f))];
        let message = message(&ours.concat(), 1000);
        let modes = parsed(&message).unwrap().good;
        let expected = LinkModes {
            device: "eth0".into(),
            autonegotiates: Some(true),
            supported: Some(0x8000_002f),
            advertised: Some(0x20),
            speed_megabits: Some(1000),
            duplex: Some(Duplex::Full),
        };
        assert_eq!(modes, expected);
    }

    #[test]
    fn unknown_speeds_and_absent_modes_are_none() {
        let message = message(&[], u32::MAX);
        let modes = parsed(&message).unwrap().good;
        assert_eq!((modes.speed_megabits, modes.supported, modes.advertised), (None, None, None));
        assert!(parsed(&[]).is_err());
    }

    #[test]
    fn the_kernel_answers_or_has_no_such_family() {
        link_modes().unwrap().finish().unwrap();
    }

    proptest::proptest! {
        #[test]
        fn any_attributes_are_parsed_or_refused(bytes: Vec<u8>) {
            let mut errors = FirstError::default();
            let _ = Attributes::parse(&bytes).map(|modes| LinkModes::parse(modes, &mut errors));
        }
    }
}
