//! Families that are named after the fields of a source, whose names only the source knows.

use std::sync::{Mutex, MutexGuard};

use crate::metric::{Desc, Kind};
use crate::sync::lock;

/// Fields that are remembered at most; for others the family is made each time.
const REMEMBERED: usize = 4096;

/// The family of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name of the family.
    pub name: String,
    /// Its help text.
    pub help: String,
}

impl Field {
    /// What describes the family.
    pub fn desc(&self, kind: Kind) -> Desc<'_> {
        Desc { name: &self.name, help: &self.help, kind }
    }
}

/// The families of the fields that a source has named so far, made once for each.
///
/// Sources name their fields in the same order each time, so a field is compared with the one
/// that came next the last time. That costs a fifth of making its family again.
#[derive(Debug, Default)]
pub struct Fields(Mutex<Vec<Known>>);

#[derive(Debug)]
struct Known {
    /// Both words of the key, in one piece of memory: to fetch it is what a lookup costs.
    key: Box<str>,
    /// Length of the first word.
    first: usize,
    /// `None` if the field is not wanted.
    field: Option<Field>,
}

impl Known {
    fn is(&self, [first, second]: [&str; 2]) -> bool {
        self.first == first.len() && self.key.strip_prefix(first) == Some(second)
    }
}

impl Fields {
    /// To be called before the fields are looked up in their order; others wait meanwhile.
    pub fn start(&self) -> Lookup<'_> {
        Lookup { known: lock(&self.0), next: 0, unknown: None }
    }
}

/// The fields while one answer of the source is gone through.
#[derive(Debug)]
pub struct Lookup<'a> {
    known: MutexGuard<'a, Vec<Known>>,
    /// Place of the field that is likely to come next.
    next: usize,
    /// The field of the last key if that is not remembered.
    unknown: Option<Field>,
}

impl Lookup<'_> {
    /// The family of the field that `key` names; `make` makes it, or `None` if it is not wanted.
    /// What it makes may depend on the key alone.
    pub fn get(&mut self, key: [&str; 2], make: impl FnOnce() -> Option<Field>) -> Option<&Field> {
        let place = match self.known.get(self.next) {
            Some(known) if known.is(key) => self.next,
            _ => match self.known.iter().position(|known| known.is(key)) {
                Some(place) => place,
                None if self.known.len() < REMEMBERED => {
                    self.known.push(Known {
                        key: key.concat().into(),
                        first: key[0].len(),
                        field: make(),
                    });
                    self.known.len() - 1
                }
                None => {
                    self.unknown = make();
                    return self.unknown.as_ref();
                }
            },
        };
        self.next = place + 1;
        self.known.get(place)?.field.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(key: [&str; 2]) -> Option<Field> {
        let name = key.concat();
        name.starts_with('a').then(|| Field { help: format!("{name}."), name })
    }

    fn get<'a>(lookup: &'a mut Lookup<'_>, key: [&str; 2]) -> Option<&'a str> {
        lookup.get(key, || make(key)).map(|field| field.name.as_str())
    }

    #[test]
    fn a_field_is_made_once_in_whatever_order_it_comes() {
        let fields = Fields::default();
        for order in [[0, 1, 2], [0, 1, 2], [2, 0, 1], [1, 1, 0]] {
            let mut lookup = fields.start();
            for number in order {
                let key = [["a", "x"], ["b", "x"], ["ax", ""]][number];
                let expected = ["ax", "", "ax"][number];
                assert_eq!(get(&mut lookup, key).unwrap_or_default(), expected);
            }
        }
        let mut lookup = fields.start();
        assert_eq!(lookup.known.len(), 3);
        let made = lookup.get(["a", "x"], || None);
        assert_eq!(made.map(|field| field.desc(Kind::Gauge).help), Some("ax."));
    }

    #[test]
    fn what_goes_beyond_the_bound_is_made_each_time() {
        let fields = Fields::default();
        let mut lookup = fields.start();
        for number in 0..REMEMBERED + 10 {
            assert_eq!(get(&mut lookup, ["b", &number.to_string()]), None);
        }
        assert_eq!(get(&mut lookup, ["a", "late"]), Some("alate"));
        assert_eq!(get(&mut lookup, ["b", "1"]), None);
        assert_eq!(lookup.known.len(), REMEMBERED);
    }
}
