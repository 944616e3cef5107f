//! Slots of a cluster: which one a key is in, and those that a node serves,
//! <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>.

use std::ops::RangeInclusive;

/// Slots of every cluster.
pub const COUNT: u16 = 16_384;

/// The slot of a key: of what stands between its first braces, if something does.
pub fn of(key: &[u8]) -> u16 {
    let position = |text: &[u8], wanted| text.iter().position(|byte| *byte == wanted);
    let tag = position(key, b'{').and_then(|open| {
        let rest = &key[open + 1..];
        position(rest, b'}').filter(|end| *end > 0).map(|end| &rest[..end])
    });
    crc16(tag.unwrap_or(key)) % COUNT
}

/// The XMODEM form: polynomial 0x1021, from zero, highest bit first.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 { shifted } else { shifted ^ 0x1021 }
        })
    })
}

/// A set of slots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slots(Vec<RangeInclusive<u16>>);

impl Slots {
    /// Adds `first-last` or one number; false if the text is neither.
    pub fn add(&mut self, text: &str) -> bool {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (Ok(first), Ok(last)) = (first.parse(), last.parse()) else { return false };
        let is_range = first <= last && last < COUNT;
        if is_range {
            self.0.push(first..=last);
        }
        is_range
    }

    /// True if `slot` is one of these.
    pub fn contains(&self, slot: u16) -> bool {
        self.0.iter().any(|range| range.contains(&slot))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.iter().map(RangeInclusive::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_slots_that_servers_say() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        // As `CLUSTER KEYSLOT` answers.
        for (key, slot) in [
            ("", 0),
            ("foo", 12_182),
            ("{foo}bar", 12_182),
            ("x{foo}{bar}", 12_182),
            ("{}foo", 9500),
            ("foo{", of(b"foo{")),
            ("{{foo}}", of(b"{foo")),
        ] {
            assert_eq!(of(key.as_bytes()), slot, "{key}");
        }
    }

    #[test]
    fn ranges_and_single_slots_are_counted() {
        let mut slots = Slots::default();
        assert!(["0-5460", "16383"].into_iter().all(|text| slots.add(text)));
        for text in ["", "-", "5-1", "16384", "1-x", "[93-<-ab]"] {
            assert!(!slots.add(text), "{text}");
        }
        assert_eq!(slots.count(), 5462);
        assert!(slots.contains(5460) && slots.contains(16_383) && !slots.contains(5461));
    }

    proptest::proptest! {
        #[test]
        fn any_key_has_a_slot(key: Vec<u8>, text in "[-0-9]{0,9}") {
            proptest::prop_assert!(of(&key) < COUNT);
            let mut slots = Slots::default();
            proptest::prop_assert_eq!(slots.add(&text), slots.count() > 0);
        }
    }
}
