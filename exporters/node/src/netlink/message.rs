//! Messages, netlink(7): a header with length and type, then the payload.

use common::error::ParseError;

use super::attributes::Attribute;

// From include/uapi/linux/netlink.h.
pub(super) const NLMSG_NOOP: u16 = 1;
pub(super) const NLMSG_ERROR: u16 = 2;
pub(super) const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_DUMP: u16 = 0x300;

const HEADER_BYTES: usize = 16;

/// A question to the kernel.
#[derive(Debug)]
pub(crate) struct Request {
    pub(super) name: &'static str,
    kind: u16,
    flags: u16,
    payload: Vec<u8>,
}

impl Request {
    /// Asks for everything of a kind. The name is for errors; `header` comes before the attributes.
    pub(crate) fn dump(name: &'static str, kind: u16, header: &[u8]) -> Self {
        Self { name, kind, flags: NLM_F_REQUEST | NLM_F_DUMP, payload: header.to_vec() }
    }

    /// Asks for one thing; the kernel confirms that there is no more to the answer.
    pub(crate) fn one(name: &'static str, kind: u16, header: &[u8]) -> Self {
        Self { name, kind, flags: NLM_F_REQUEST | NLM_F_ACK, payload: header.to_vec() }
    }

    /// Adds an attribute.
    pub(crate) fn with(mut self, attribute: Attribute, value: &[u8]) -> Self {
        attribute.put(value, &mut self.payload);
        self
    }

    pub(super) fn encode(&self, sequence: u32) -> Vec<u8> {
        message(self.kind, self.flags, sequence, &self.payload)
    }
}

/// A message with its header; the kernel fills in the sender.
fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    // No payload comes near the limit; the kernel would refuse the message.
    let length = u32::try_from(HEADER_BYTES + payload.len()).unwrap_or(u32::MAX);
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.resize(HEADER_BYTES, 0);
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// One message of an answer.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    /// Sequence number of the request that it answers.
    pub(super) sequence: u32,
    pub(super) payload: &'a [u8],
}

/// The messages of a datagram; the first malformed one is the last.
#[derive(Debug)]
pub(super) struct Messages<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let Some((message, rest)) = split_message(self.0) else {
            let length = std::mem::take(&mut self.0).len();
            return Some(Err(ParseError::Form(format!("message cut off after {length} bytes"))));
        };
        self.0 = rest;
        Some(Ok(message))
    }
}

fn split_message(bytes: &[u8]) -> Option<(Message<'_>, &[u8])> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
    let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
    let sequence = u32::from_ne_bytes(*bytes.get(8..)?.first_chunk()?);
    let payload = bytes.get(HEADER_BYTES..length)?;
    let rest = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((Message { kind, sequence, payload }, rest))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A message of the kernel.
    pub(in super::super) fn reply(kind: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
        message(kind, 0, sequence, payload)
    }

    #[test]
    fn a_datagram_holds_several_messages() {
        let datagram = [reply(16, 7, b"abcde"), reply(17, 8, b"")].concat();
        let messages: Vec<_> = Messages(&datagram).map(Result::unwrap).collect();
        assert_eq!(
            (messages[0].kind, messages[0].sequence, messages[0].payload),
            (16, 7, &b"abcde"[..])
        );
        assert_eq!(
            (messages[1].kind, messages[1].sequence, messages[1].payload),
            (17, 8, &b""[..])
        );
        assert_eq!(messages.len(), 2);
    }

    #[test]
    fn cut_off_messages_are_errors() {
        let datagram = reply(16, 7, b"abcd");
        for length in 1..datagram.len() {
            let messages: Vec<_> = Messages(&datagram[..length]).collect();
            assert!(matches!(messages[..], [Err(_)]), "{length}");
        }
    }

    #[test]
    fn requests_carry_their_attributes() {
        let request = Request::dump("X", 18, &[0; 4]).with(Attribute::new(2, "A"), b"xy");
        let bytes = request.encode(9);
        let message = Messages(&bytes).next().unwrap().unwrap();
        assert_eq!((message.kind, message.sequence), (18, 9));
        assert_eq!(message.payload[..4], [0; 4]);
        assert_eq!(message.payload[8..], *b"xy\0\0");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_split_or_refused(bytes: Vec<u8>) {
            assert!(Messages(&bytes).count() <= bytes.len());
        }
    }
}
