//! The biggest keys that a pass has seen so far in one database.

use crate::bounded::cut;

/// Bytes of a key's name that are shown.
const MAX_NAME: usize = 256;

/// A key and its size.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    /// As it is shown: the beginning of a long one, with an ellipsis.
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) bytes: f64,
}

/// At most `limit` keys, the biggest first.
#[derive(Debug)]
pub(super) struct Top {
    limit: usize,
    keys: Vec<Key>,
}

impl Top {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, keys: Vec::new() }
    }

    /// True if a key of this size would be among the biggest.
    pub(super) fn takes(&self, bytes: f64) -> bool {
        self.keys.len() < self.limit || self.keys.last().is_some_and(|last| bytes > last.bytes)
    }

    /// Adds a key unless others are bigger. `SCAN` may find a key twice; it is one here.
    pub(super) fn add(&mut self, key: Key) {
        if let Some(place) = self.keys.iter().position(|known| known.name == key.name) {
            if self.keys.get(place).is_some_and(|known| known.bytes >= key.bytes) {
                return;
            }
            self.keys.remove(place);
        }
        let place = self.keys.partition_point(|known| known.bytes >= key.bytes);
        self.keys.insert(place, key);
        self.keys.truncate(self.limit);
    }

    pub(super) fn into_keys(self) -> Vec<Key> {
        self.keys
    }
}

/// A name as it is shown.
pub(super) fn shown(name: &str) -> String {
    let start = cut(name, MAX_NAME);
    if start.len() == name.len() { name.to_owned() } else { format!("{start}…") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, bytes: f64) -> Key {
        Key { name: name.into(), kind: "string".into(), bytes }
    }

    fn names(top: Top) -> Vec<String> {
        top.into_keys().into_iter().map(|key| key.name).collect()
    }

    #[test]
    fn the_biggest_are_kept_in_order() {
        let mut top = Top::new(2);
        for (name, bytes) in [("a", 1.0), ("b", 3.0), ("c", 2.0), ("d", 1.0)] {
            top.add(key(name, bytes));
        }
        assert!(top.takes(2.5) && !top.takes(2.0));
        assert_eq!(names(top), ["b", "c"]);
    }

    #[test]
    fn a_key_that_is_found_twice_is_one() {
        let mut top = Top::new(3);
        for (name, bytes) in [("a", 1.0), ("b", 3.0), ("a", 5.0), ("b", 2.0)] {
            top.add(key(name, bytes));
        }
        assert_eq!(top.into_keys(), [key("a", 5.0), key("b", 3.0)]);
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(shown("key"), "key");
        let long = "é".repeat(1000);
        assert_eq!(shown(&long), format!("{}…", "é".repeat(128)));
    }

    proptest::proptest! {
        #[test]
        fn they_are_the_biggest_of_all(sizes in proptest::collection::vec(0_u32..50, 0..40)) {
            let mut top = Top::new(5);
            for (number, size) in sizes.iter().enumerate() {
                if top.takes(f64::from(*size)) {
                    top.add(key(&number.to_string(), f64::from(*size)));
                }
            }
            let mut expected = sizes;
            expected.sort_unstable_by(|a, b| b.cmp(a));
            expected.truncate(5);
            let found: Vec<f64> = top.into_keys().iter().map(|key| key.bytes).collect();
            let expected: Vec<f64> = expected.into_iter().map(f64::from).collect();
            proptest::prop_assert_eq!(found, expected);
        }
    }
}
