//! Attributes, rtnetlink(7): numbered values, side by side and nested.

use std::net::IpAddr;

use common::error::ParseError;

const HEADER_BYTES: usize = 4;

/// The two highest bits of an attribute's number are flags of its layout.
const NUMBER_MASK: u16 = 0x3fff;

/// Number of an attribute among its siblings, and its name in the kernel's headers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attribute {
    number: u16,
    name: &'static str,
}

impl Attribute {
    pub(crate) const fn new(number: u16, name: &'static str) -> Self {
        Self { number, name }
    }

    /// Appends the attribute to a message.
    pub(crate) fn put(self, value: &[u8], message: &mut Vec<u8>) {
        // No value comes near the limit; the kernel would refuse the message.
        let length = u16::try_from(HEADER_BYTES + value.len()).unwrap_or(u16::MAX);
        message.extend(length.to_ne_bytes());
        message.extend(self.number.to_ne_bytes());
        message.extend(value);
        message.resize(message.len().next_multiple_of(4), 0);
    }
}

/// A list of attributes, each of them whole.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    /// # Errors
    /// An attribute is longer than what is left, or shorter than its header.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut rest = bytes;
        // A remainder shorter than a header is padding to the kernel.
        while rest.len() >= HEADER_BYTES {
            let cut_off = || {
                let (at, of) = (bytes.len() - rest.len(), bytes.len());
                ParseError::Form(format!("attribute cut off at byte {at} of {of}"))
            };
            (_, _, rest) = split_attribute(rest).ok_or_else(cut_off)?;
        }
        Ok(Self(bytes))
    }

    /// Number and value of each.
    pub(crate) fn iter(self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (number, value, next) = split_attribute(rest)?;
            rest = next;
            Some((number, value))
        })
    }

    /// Values of all attributes of one number.
    pub(crate) fn all(self, attribute: Attribute) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(number, _)| *number == attribute.number).map(|(_, value)| value)
    }

    /// Value of the attribute, if it is there.
    pub(crate) fn find(self, attribute: Attribute) -> Option<&'a [u8]> {
        self.all(attribute).next()
    }

    /// An unsigned number of 1, 2, 4 or 8 bytes.
    ///
    /// # Errors
    /// It has another length.
    pub(crate) fn number(self, attribute: Attribute) -> Result<Option<u64>, ParseError> {
        let Some(value) = self.find(attribute) else { return Ok(None) };
        let number = match value.len() {
            1 => u8::from_ne_bytes(bytes_at(value, 0)?).into(),
            2 => u16::from_ne_bytes(bytes_at(value, 0)?).into(),
            4 => u32::from_ne_bytes(bytes_at(value, 0)?).into(),
            8 => u64::from_ne_bytes(bytes_at(value, 0)?),
            length => {
                let name = attribute.name;
                return Err(ParseError::Form(format!("{name} is no number: {length} bytes")));
            }
        };
        Ok(Some(number))
    }

    /// Text up to the first zero byte; invalid UTF-8 is replaced.
    pub(crate) fn text(self, attribute: Attribute) -> Option<String> {
        self.texts(attribute).next()
    }

    /// As [`Self::text`], for all attributes of one number.
    pub(crate) fn texts(self, attribute: Attribute) -> impl Iterator<Item = String> {
        self.all(attribute).map(text)
    }

    /// The attributes that an attribute holds; none if it is not there.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub(crate) fn nested(self, attribute: Attribute) -> Result<Self, ParseError> {
        Attributes::parse(self.find(attribute).unwrap_or_default())
    }

    /// Value of the attribute.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) fn need(self, attribute: Attribute) -> Result<&'a [u8], ParseError> {
        self.find(attribute).ok_or(ParseError::Missing { field: attribute.name })
    }
}

fn text(value: &[u8]) -> String {
    let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// Number, value and what follows the first attribute.
fn split_attribute(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::from(u16::from_ne_bytes(*bytes.first_chunk()?));
    let number = u16::from_ne_bytes(*bytes.get(2..4)?.first_chunk()?);
    let value = bytes.get(HEADER_BYTES..length)?;
    let rest = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((number & NUMBER_MASK, value, rest))
}

/// The fixed header of a message, and the attributes behind it.
///
/// # Errors
/// The header is cut off, or as [`Attributes::parse`].
pub(crate) fn split(
    payload: &[u8],
    header_bytes: usize,
) -> Result<(&[u8], Attributes<'_>), ParseError> {
    let (header, attributes) =
        payload.split_at_checked(header_bytes).ok_or_else(|| cut_off(payload))?;
    Ok((header, Attributes::parse(attributes)?))
}

/// Bytes at an offset in a structure of the kernel.
///
/// # Errors
/// The structure is shorter.
pub(crate) fn bytes_at<const N: usize>(
    structure: &[u8],
    offset: usize,
) -> Result<[u8; N], ParseError> {
    let bytes = structure.get(offset..).and_then(|bytes| bytes.first_chunk());
    bytes.copied().ok_or_else(|| cut_off(structure))
}

/// An address of the Internet Protocol, of either version.
///
/// # Errors
/// It has another length.
pub(crate) fn ip_address(bytes: &[u8]) -> Result<IpAddr, ParseError> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .map_err(|_| ParseError::Form(format!("IP address of {} bytes", bytes.len())))
}

/// An address of hardware as text: `52:54:00:12:34:56`.
pub(crate) fn hardware_address(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}

fn cut_off(structure: &[u8]) -> ParseError {
    ParseError::Form(format!("structure cut off after {} bytes", structure.len()))
}

#[cfg(test)]
mod tests {
    use super::super::sample::attribute;
    use super::*;

    const A: Attribute = Attribute::new(1, "A");
    const B: Attribute = Attribute::new(2, "B");
    const NESTED_B: Attribute = Attribute::new(0x8002, "B");

    #[test]
    fn values_are_found_by_number() {
        let bytes = [attribute(A, b"eth0\0"), attribute(B, &7_u32.to_ne_bytes())].concat();
        let attributes = Attributes::parse(&bytes).unwrap();
        assert_eq!(attributes.text(A).as_deref(), Some("eth0"));
        assert_eq!(attributes.number(B), Ok(Some(7)));
        assert_eq!(attributes.number(Attribute::new(3, "C")), Ok(None));
        assert!(attributes.number(A).is_err(), "five bytes are no number");
        assert_eq!(
            attributes.need(Attribute::new(3, "C")),
            Err(ParseError::Missing { field: "C" })
        );
    }

    #[test]
    fn numbers_have_four_widths() {
        for value in [&[5][..], &5_u16.to_ne_bytes(), &5_u32.to_ne_bytes(), &5_u64.to_ne_bytes()] {
            let bytes = attribute(A, value);
            assert_eq!(Attributes::parse(&bytes).unwrap().number(A), Ok(Some(5)));
        }
    }

    #[test]
    fn nested_attributes_are_found_whatever_their_flags() {
        let bytes = attribute(NESTED_B, &attribute(A, b"x"));
        let attributes = Attributes::parse(&bytes).unwrap();
        assert_eq!(attributes.nested(B).unwrap().find(A), Some(&b"x"[..]));
        assert_eq!(attributes.nested(A).unwrap().iter().count(), 0);
    }

    #[test]
    fn addresses_are_told_by_their_length() {
        assert_eq!(ip_address(&[10, 0, 0, 1]).unwrap().to_string(), "10.0.0.1");
        assert_eq!(ip_address(&[0; 16]).unwrap().to_string(), "::");
        assert!(ip_address(&[0; 5]).is_err());
        assert_eq!(hardware_address(&[0x52, 0x54, 0, 0xab]), "52:54:00:ab");
        assert_eq!(hardware_address(&[]), "");
    }

    #[test]
    fn cut_off_attributes_are_errors() {
        let bytes = attribute(A, &[1; 8]);
        for length in 4..bytes.len() {
            assert!(Attributes::parse(&bytes[..length]).is_err(), "{length}");
        }
        assert!(Attributes::parse(&[3, 0, 1, 0]).is_err(), "shorter than its header");
        assert!(split(&bytes, 13).is_err() && bytes_at::<4>(&bytes, 9).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>, offset: usize) {
            if let Ok(attributes) = Attributes::parse(&bytes) {
                let values: usize = attributes.iter().map(|(_, value)| value.len()).sum();
                assert!(values <= bytes.len());
                let _ = attributes.number(A);
                let _ = attributes.nested(B);
            }
            let _ = bytes_at::<8>(&bytes, offset);
        }

        #[test]
        fn what_is_put_is_found(values in proptest::collection::vec(proptest::prelude::any::<Vec<u8>>(), 0..5)) {
            let bytes: Vec<u8> = values.iter().flat_map(|value| attribute(A, value)).collect();
            let found: Vec<Vec<u8>> =
                Attributes::parse(&bytes).unwrap().all(A).map(<[u8]>::to_vec).collect();
            assert_eq!(found, values);
        }
    }
}
