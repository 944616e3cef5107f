//! MySQL's sets: `uuid:1-5:7`, with tags since 8.3 `uuid:1-5:tag:1-3`, separated by commas.
//!
//! <https://dev.mysql.com/doc/refman/8.4/en/replication-gtids-concepts.html>

use std::collections::BTreeMap;

use common::error::ParseError;

/// Transactions by the server that committed them first, and by tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GtidSet(BTreeMap<String, BTreeMap<String, Vec<Interval>>>);

/// The transactions from the first number to the second, both included.
type Interval = (u64, u64);

impl GtidSet {
    /// Reads a set. Sources and intervals may come in any order and more than once.
    ///
    /// # Errors
    /// Any part is malformed: of half a set neither the size nor a difference would be right.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut set = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            set.add(part).ok_or_else(|| ParseError::form("no set of GTIDs", part))?;
        }
        for intervals in set.0.values_mut().flat_map(BTreeMap::values_mut) {
            *intervals = merged(std::mem::take(intervals));
        }
        Ok(set)
    }

    /// `uuid:interval:…` with tags between the intervals.
    fn add(&mut self, part: &str) -> Option<()> {
        let mut words = part.split(':').map(str::trim);
        let uuid = words.next().filter(|word| is_uuid(word))?.to_ascii_lowercase();
        let tags = self.0.entry(uuid).or_default();
        // A source, and a tag, needs an interval behind it.
        let (mut tag, mut is_whole) = (String::new(), false);
        for word in words {
            is_whole = !is_tag(word);
            if is_whole {
                tags.entry(tag.clone()).or_default().push(interval(word)?);
            } else {
                tag = word.to_ascii_lowercase();
            }
        }
        is_whole.then_some(())
    }

    /// How many transactions there are, by source.
    pub fn sizes(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(uuid, tags)| {
            let sizes = tags.values().map(|intervals| size(intervals));
            (uuid.as_str(), sizes.fold(0, u64::saturating_add))
        })
    }

    /// How many of these transactions are not in `other`, by source.
    pub fn sizes_without(&self, other: &Self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(uuid, tags)| {
            let missing = tags.iter().map(|(tag, intervals)| {
                let others = other.0.get(uuid).and_then(|tags| tags.get(tag));
                let both = others.map_or(0, |others| overlap(intervals, others));
                size(intervals).saturating_sub(both)
            });
            (uuid.as_str(), missing.fold(0, u64::saturating_add))
        })
    }
}

fn size(intervals: &[Interval]) -> u64 {
    let lengths = intervals.iter().map(|(first, last)| (last - first).saturating_add(1));
    lengths.fold(0, u64::saturating_add)
}

/// How many numbers are in both lists, each ascending and without overlaps.
fn overlap(one: &[Interval], other: &[Interval]) -> u64 {
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    let mut count = 0_u64;
    while let (Some(&&a), Some(&&b)) = (one.peek(), other.peek()) {
        let (first, last) = (a.0.max(b.0), a.1.min(b.1));
        if first <= last {
            count = count.saturating_add((last - first).saturating_add(1));
        }
        if a.1 <= b.1 {
            one.next()
        } else {
            other.next()
        };
    }
    count
}

/// The same numbers in ascending intervals that neither overlap nor touch.
fn merged(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.sort_unstable();
    let mut merged: Vec<Interval> = Vec::with_capacity(intervals.len());
    for (first, last) in intervals {
        match merged.last_mut() {
            Some(previous) if first <= previous.1.saturating_add(1) => {
                previous.1 = previous.1.max(last);
            }
            _ => merged.push((first, last)),
        }
    }
    merged
}

/// `n` or `first-last`.
fn interval(word: &str) -> Option<Interval> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let number = |text: &str| {
        let text = text.trim();
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok())?
    };
    let (first, last) = (number(first)?, number(last)?);
    (first > 0 && first <= last).then_some((first, last))
}

/// Eight, four, four, four and twelve hexadecimal digits.
fn is_uuid(word: &str) -> bool {
    let lengths = word.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12])
        && word.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// A letter or underscore, then letters, digits and underscores.
fn is_tag(word: &str) -> bool {
    let is_word = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
    word.len() <= 32
        && word.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
        && word.bytes().all(is_word)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    const B: &str = "2f5c6d1a-0000-11ee-8c99-0242ac120002";

    fn sizes(text: &str) -> Vec<(String, u64)> {
        let set = GtidSet::parse(text).unwrap();
        set.sizes().map(|(uuid, size)| (uuid.to_owned(), size)).collect()
    }

    fn missing(one: &str, other: &str) -> Vec<u64> {
        let (one, other) = (GtidSet::parse(one).unwrap(), GtidSet::parse(other).unwrap());
        one.sizes_without(&other).map(|(_, size)| size).collect()
    }

    #[test]
    fn sets_are_counted_by_source() {
        assert_eq!(sizes(""), []);
        assert_eq!(sizes(&format!("{A}:23")), [(A.into(), 1)]);
        // As the server prints them: a line for each source.
        let two = format!("{A}:1-5:7:10-20,\n{B}:1-9223372036854775806");
        assert_eq!(sizes(&two), [(B.into(), 9_223_372_036_854_775_806), (A.into(), 17)]);
        let upper = format!("{}:1-3, {A}:3-4:4-6", A.to_uppercase());
        assert_eq!(sizes(&upper), [(A.into(), 6)]);
    }

    #[test]
    fn tags_are_numbered_apart() {
        assert_eq!(sizes(&format!("{A}:1-5:Group_1:1-3:other:7")), [(A.into(), 9)]);
        let one = format!("{A}:1-5:tag:1-3");
        assert_eq!(missing(&one, &format!("{A}:1-5")), [3]);
        assert_eq!(missing(&one, &format!("{A}:tag:2-9")), [6]);
    }

    #[test]
    fn a_replica_lacks_what_its_source_has_more() {
        assert_eq!(missing(&format!("{A}:1-10,{B}:5"), &format!("{A}:1-4:6-7")), [1, 4]);
        assert_eq!(missing(&format!("{A}:1-10"), &format!("{A}:1-10,{B}:1-3")), [0]);
        assert!(missing("", &format!("{A}:1-10")).is_empty());
    }

    #[test]
    fn half_a_set_is_refused() {
        for bad in [
            "x",
            A,
            &format!("{A}:"),
            &format!("{A}:0"),
            &format!("{A}:5-4"),
            &format!("{A}:1-2-3"),
            &format!("{A}:+1"),
            &format!("{A}:tag"),
            &format!("{A}:1:tag"),
            &format!("{A}:18446744073709551616"),
            "0-1-5",
            &format!("{A}:1-5,{B}"),
            &format!("{A}:1-5,{A}"),
        ] {
            let error = GtidSet::parse(bad).unwrap_err();
            assert!(error.to_string().starts_with("no set of GTIDs: \""), "{bad}: {error}");
        }
    }

    fn text(numbers: &BTreeSet<u64>) -> String {
        let mut text = A.to_owned();
        for number in numbers {
            text += &format!(":{number}");
        }
        if numbers.is_empty() { String::new() } else { text }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[-0-9a-f:, ]{0,80}|(?s).{0,60}") {
            if let Ok(set) = GtidSet::parse(&text) {
                prop_assert!(set.sizes_without(&set).all(|(_, size)| size == 0));
            }
        }

        #[test]
        fn any_intervals_are_read_or_refused(tail in "(:[0-9]{1,20}(-[0-9]{1,20})?){1,6}") {
            if let Ok(set) = GtidSet::parse(&format!("{A}{tail}")) {
                prop_assert!(set.sizes().all(|(_, size)| size > 0));
            }
        }

        #[test]
        fn sizes_and_differences_are_those_of_sets_of_numbers(
            one in prop::collection::btree_set(1_u64..40, 0..30),
            other in prop::collection::btree_set(1_u64..40, 0..30),
        ) {
            let set = GtidSet::parse(&text(&one)).unwrap();
            let size: u64 = set.sizes().map(|(_, size)| size).sum();
            prop_assert_eq!(size, one.len() as u64);
            let missing: u64 = missing(&text(&one), &text(&other)).into_iter().sum();
            prop_assert_eq!(missing, one.difference(&other).count() as u64);
        }
    }
}
