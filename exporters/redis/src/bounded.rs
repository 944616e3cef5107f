//! Sums by names that others choose: the largest stay, the rest becomes one sum.

use std::collections::HashMap;
use std::hash::Hash;

/// Value of labels for the sum of what is over a limit. A name of a client, user or command has
/// no blank, so that it is none of these.
pub(crate) const OTHERS: &str = "all others";

/// Bytes of the name of a client or user that is a label, at most.
pub(crate) const MAX_NAME: usize = 128;

/// A sum of numbers.
pub(crate) trait Sum: Default {
    /// Adds the numbers of `other`.
    fn add(&mut self, other: &Self);

    /// What decides which sums are the largest.
    fn size(&self) -> f64;
}

/// A sum that is known only if each of its parts is: without one of them it would be too small.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Whole(Option<f64>);

impl Default for Whole {
    /// The sum of no parts.
    fn default() -> Self {
        Self(Some(0.0))
    }
}

impl Whole {
    /// A sum of one part; `None` if that is not known.
    pub(crate) fn of(part: Option<f64>) -> Self {
        Self(part)
    }

    /// Adds the parts of `other`.
    pub(crate) fn add(&mut self, other: Self) {
        self.0 = self.0.zip(other.0).map(|(sum, part)| sum + part);
    }

    /// The sum; `None` if it is not known.
    pub(crate) fn known(self) -> Option<f64> {
        self.0
    }
}

/// The `limit` largest sums, the largest first, those of equal size by name; and the sum of the
/// others, if there are some.
pub(crate) fn largest<Name: Eq + Hash + Ord, Row: Sum>(
    sums: HashMap<Name, Row>,
    limit: usize,
) -> (Vec<(Name, Row)>, Option<Row>) {
    let mut rows: Vec<(Name, Row)> = sums.into_iter().collect();
    rows.sort_by(|(a_name, a), (b_name, b)| {
        b.size().total_cmp(&a.size()).then_with(|| a_name.cmp(b_name))
    });
    let rest = rows.split_off(limit.min(rows.len()));
    let mut rest = rest.iter();
    let others = rest.next().map(|(_, first)| {
        let mut sum = Row::default();
        sum.add(first);
        rest.for_each(|(_, row)| sum.add(row));
        sum
    });
    (rows, others)
}

/// The beginning of a name, of at most `max` bytes.
pub(crate) fn cut(name: &str, max: usize) -> &str {
    name.get(..name.floor_char_boundary(max)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Sum for f64 {
        fn add(&mut self, other: &Self) {
            *self += other;
        }

        fn size(&self) -> f64 {
            *self
        }
    }

    #[test]
    fn the_largest_stay_and_the_rest_is_one_sum() {
        let sums = HashMap::from([("a", 1.0), ("b", 9.0), ("c", 1.0), ("d", 3.0)]);
        let (rows, others) = largest(sums.clone(), 2);
        assert_eq!((rows, others), (vec![("b", 9.0), ("d", 3.0)], Some(2.0)));
        let (rows, others) = largest(sums.clone(), 3);
        assert_eq!((rows[2], others), (("a", 1.0), Some(1.0)));
        assert_eq!(largest(sums.clone(), 4).1, None);
        assert_eq!(largest(sums, 0), (vec![], Some(14.0)));
        assert_eq!(largest(HashMap::<&str, f64>::new(), 0), (vec![], None));
    }

    #[test]
    fn a_sum_is_not_known_without_one_of_its_parts() {
        let mut sum = Whole::default();
        sum.add(Whole::of(Some(2.0)));
        sum.add(Whole::of(Some(3.0)));
        assert_eq!(sum.known(), Some(5.0));
        sum.add(Whole::of(None));
        sum.add(Whole::of(Some(1.0)));
        assert_eq!(sum.known(), None);
    }

    #[test]
    fn names_are_cut_between_characters() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!((cut("aéé", 4), cut("aéé", 0)), ("aé", ""));
    }
}
