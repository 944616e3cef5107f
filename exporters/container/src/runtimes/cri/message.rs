//! Answers of the CRI: `ListContainerStatsResponse` of its `api.proto`, in the wire format of
//! protocol buffers, of which only what is needed is read.

use common::error::{ParseError, Partial};

use super::Written;

/// Containers at most.
const MAX_CONTAINERS: usize = 50_000;

/// Bytes of an id, and of a path, at most.
const MAX_TEXT: usize = 4096;

/// A container, and what it has written to its layer.
type Entry = (String, Written);

/// The containers whose layer was measured. A malformed one costs itself.
pub(super) fn parse(message: &[u8]) -> Partial<Vec<Entry>, ParseError> {
    let stats = Fields(message).filter_map(|field| match field {
        Ok((1, Value::Bytes(stats))) => container(stats).transpose(),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    });
    stats.take(MAX_CONTAINERS).collect()
}

/// `ContainerStats`: attributes 1 with id 1; writable layer 4.
fn container(message: &[u8]) -> Result<Option<Entry>, ParseError> {
    let id = find(find(message, 1)?.unwrap_or_default(), 1)?.unwrap_or_default();
    let Some(layer) = find(message, 4)? else { return Ok(None) };
    // `FilesystemUsage`: the file system 2 with its mount point 1; used bytes 3 with the value 1,
    // which is left out if it is 0.
    let Some(used) = find(layer, 3)? else { return Ok(None) };
    let mut bytes = 0;
    for field in Fields(used) {
        if let (1, Value::Number(number)) = field? {
            bytes = number;
        }
    }
    let file_system = find(find(layer, 2)?.unwrap_or_default(), 1)?.unwrap_or_default();
    let written = Written { bytes, file_system: text(file_system)? };
    Ok(Some((text(id)?, written)).filter(|(id, _)| !id.is_empty()))
}

fn text(bytes: &[u8]) -> Result<String, ParseError> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.len() <= MAX_TEXT => Ok(text.to_owned()),
        _ => Err(ParseError::Form("a text is too long or no UTF-8".into())),
    }
}

/// The last part of the message with this number, as the format has it.
fn find(message: &[u8], number: u64) -> Result<Option<&[u8]>, ParseError> {
    let mut found = None;
    for field in Fields(message) {
        match field? {
            (n, Value::Bytes(bytes)) if n == number => found = Some(bytes),
            _ => {}
        }
    }
    Ok(found)
}

#[derive(Debug, PartialEq)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of a type that is not needed.
    Other,
}

/// The fields of a message with their numbers; it ends with the first error.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or_else(|| ParseError::Form("message cut off or of another form".into())))
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.number()?;
        let value = match key & 7 {
            0 => Value::Number(self.number()?),
            1 => self.take(8).map(|_| Value::Other)?,
            2 => {
                let length = self.number()?.try_into().ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Other)?,
            _ => return None,
        };
        Some((key >> 3, value))
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = *self.take(1)? else { return None };
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::proptest;

    fn number(mut number: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while number > 0x7f {
            bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
            number >>= 7;
        }
        bytes.push(u8::try_from(number).unwrap());
        bytes
    }

    fn part(field: usize, bytes: &[u8]) -> Vec<u8> {
        [number(field << 3 | 2), number(bytes.len()), bytes.to_vec()].concat()
    }

    /// Statistics of a container, with fields that are not needed before and between.
    pub(crate) fn stats(id: &str, bytes: usize) -> Vec<u8> {
        let attributes = [part(1, id.as_bytes()), part(2, &part(1, b"name"))].concat();
        let used = if bytes == 0 { Vec::new() } else { [number(1 << 3), number(bytes)].concat() };
        let file_system = part(1, b"/var/lib/containerd/x");
        let time = [number(1 << 3), number(1_795_495_748_000_000_000)].concat();
        let layer = [time, part(2, &file_system), part(3, &used), part(4, &used)].concat();
        part(1, &[part(1, &attributes), part(2, b""), part(4, &layer)].concat())
    }

    fn written(id: &str, bytes: u64) -> Entry {
        (id.to_owned(), Written { bytes, file_system: "/var/lib/containerd/x".into() })
    }

    #[test]
    fn layers_are_read_and_an_empty_one_has_size_zero() {
        let message = [stats("a", 102_400), stats("b", 0), stats("c", 1 << 40)].concat();
        let expected = vec![written("a", 102_400), written("b", 0), written("c", 1 << 40)];
        assert_eq!(parse(&message), Partial::whole(expected));
        assert_eq!(parse(&[]), Partial::whole(Vec::new()));
    }

    #[test]
    fn what_was_not_measured_is_left_out() {
        let unmeasured = part(1, &part(1, &part(1, b"a")));
        let nameless = stats("", 5);
        let message = [unmeasured, nameless, stats("b", 5)].concat();
        assert_eq!(parse(&message), Partial::whole(vec![written("b", 5)]));
    }

    #[test]
    fn a_malformed_container_costs_itself_and_a_cut_costs_the_rest() {
        let found = parse(&[part(1, &[0xff]), stats("b", 5)].concat());
        assert!(found.good == [written("b", 5)] && found.error.is_some(), "{found:?}");
        let whole = [stats("a", 5), stats("b", 5)].concat();
        let found = parse(&whole[..whole.len() - 1]);
        assert!(found.good == [written("a", 5)] && found.error.is_some(), "{found:?}");
        assert!(parse(&[0x0b]).error.is_some(), "groups are not used");
        assert!(parse(&[0xff; 11]).error.is_some(), "a number of more than 64 bits");
        assert!(parse(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]).error.is_some());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>, cut in 0..200_usize) {
            let _ = parse(&bytes);
            let mut message = stats("a", 5);
            message.truncate(cut);
            message.extend(bytes);
            let _ = parse(&message);
        }
    }
}
