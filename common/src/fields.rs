//! Families that are named after the fields of a source, whose names only the source knows.

use std::sync::{Mutex, MutexGuard};

use crate::metric::{Desc, Kind, is_plain};
use crate::sync::lock;

/// Fields that are remembered at most; for others the family is made each time.
const REMEMBERED: usize = 4096;

/// Longest key that is remembered.
const KEY_BYTES: usize = 1024;

/// The family of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name and, behind it, the help text.
    text: Box<str>,
    /// Length of the name.
    name: usize,
    is_plain: bool,
}

impl Field {
    /// A family of this name and help text.
    pub fn new(name: &str, help: &str) -> Self {
        let text = [name, help].concat().into();
        Self { text, name: name.len(), is_plain: is_plain(help) }
    }

    /// Name of the family.
    pub fn name(&self) -> &str {
        &self.text[..self.name]
    }

    /// What describes the family.
    pub fn desc(&self, kind: Kind) -> Desc<'_> {
        let (name, help) = self.text.split_at(self.name);
        Desc { name, help, kind, is_plain: self.is_plain }
    }
}

/// The families of the fields that a source has named so far, made once for each.
///
/// Sources name their fields in the same order each time, so a field is compared with the one
/// that came next the last time. That costs a fifth of making its family again.
#[derive(Debug, Default)]
pub struct Fields(Mutex<Known>);

/// What is remembered, close together: to fetch it from memory is most of what a lookup costs.
#[derive(Debug, Default)]
struct Known {
    /// The keys of all entries, both words of each.
    keys: String,
    entries: Vec<Entry>,
    /// The families of those that are wanted.
    fields: Vec<Field>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Where the key starts.
    start: u32,
    len: u16,
    /// Length of the first word.
    first: u16,
    /// Number of the family; `None` if the field is not wanted.
    field: Option<u16>,
}

impl Known {
    fn key(&self, entry: Entry) -> &str {
        let start = entry.start as usize;
        self.keys.get(start..start + usize::from(entry.len)).unwrap_or_default()
    }

    fn is(&self, entry: Entry, [first, second]: [&str; 2]) -> bool {
        usize::from(entry.first) == first.len()
            && self.key(entry).strip_prefix(first) == Some(second)
    }

    /// Place of the entry with this key, which is likely to be `next`.
    fn place(&self, next: usize, key: [&str; 2]) -> Option<usize> {
        if self.entries.get(next).is_some_and(|entry| self.is(*entry, key)) {
            return Some(next);
        }
        self.entries.iter().position(|entry| self.is(*entry, key))
    }

    /// A new entry, unless there are too many or its key is too long.
    fn entry(&self, key: [&str; 2]) -> Option<Entry> {
        let len = key[0].len() + key[1].len();
        let is_bounded = self.entries.len() < REMEMBERED && len <= KEY_BYTES;
        is_bounded.then_some(Entry {
            start: u32::try_from(self.keys.len()).ok()?,
            len: u16::try_from(len).ok()?,
            first: u16::try_from(key[0].len()).ok()?,
            field: None,
        })
    }

    /// Adds an entry; gives its place.
    fn add(&mut self, entry: Entry, key: [&str; 2], field: Option<Field>) -> usize {
        let number = u16::try_from(self.fields.len()).ok();
        let field = field.and_then(|field| {
            self.fields.push(field);
            number
        });
        self.keys.extend(key);
        self.entries.push(Entry { field, ..entry });
        self.entries.len() - 1
    }

    fn field(&self, entry: Entry) -> Option<&Field> {
        self.fields.get(usize::from(entry.field?))
    }
}

impl Fields {
    /// To be called before the fields are looked up in their order; others wait meanwhile.
    pub fn start(&self) -> Lookup<'_> {
        Lookup { known: lock(&self.0), next: 0, unknown: None }
    }

    /// Goes through lines that each begin with the name of a field: `each` is given the family of
    /// every wanted one with what is behind the name and the character that ends it, and every
    /// line in which `name_of` finds no name. Gives the number of lines with a name.
    ///
    /// A line that begins as the one of the last time is not taken apart: for `/proc/vmstat`, of
    /// which hardly any field is wanted, that took 23,000 instructions instead of 55,000.
    pub fn each_line<'t>(
        &self,
        text: &'t str,
        name_of: impl Fn(&'t str) -> Option<&'t str>,
        make: impl Fn(&str) -> Option<Field>,
        mut each: impl FnMut(Result<(&Field, &'t str), &'t str>),
    ) -> usize {
        let mut lookup = self.start();
        let (mut rest, mut count) = (text, 0);
        while !rest.is_empty() {
            if let Some(&entry) = lookup.known.entries.get(lookup.next)
                && let Some(behind) = rest.strip_prefix(lookup.known.key(entry))
            {
                let value;
                (value, rest) = cut_line(behind);
                if let Some(field) = lookup.known.field(entry) {
                    each(Ok((field, value)));
                }
                lookup.next += 1;
                count += 1;
                continue;
            }
            let line;
            (line, rest) = cut_line(rest);
            let Some(name) = name_of(line) else {
                each(Err(line));
                continue;
            };
            count += 1;
            let unknown;
            let field = if let Some(key) = line.get(..=name.len()) {
                lookup.get([key, ""], || make(name))
            } else {
                // With nothing behind it the name may be the beginning of another one.
                unknown = make(name);
                unknown.as_ref()
            };
            if let Some(field) = field {
                each(Ok((field, line.get(name.len() + 1..).unwrap_or_default())));
            }
        }
        count
    }
}

/// A line without its end, and what follows. Lines behind a name are short.
fn cut_line(text: &str) -> (&str, &str) {
    match text.bytes().position(|byte| byte == b'\n') {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, ""),
    }
}

/// The fields while one answer of the source is gone through.
#[derive(Debug)]
pub struct Lookup<'a> {
    known: MutexGuard<'a, Known>,
    /// Place of the field that is likely to come next.
    next: usize,
    /// The field of the last key if that is not remembered.
    unknown: Option<Field>,
}

impl Lookup<'_> {
    /// The family of the field that `key` names; `make` makes it, or `None` if it is not wanted.
    /// What it makes may depend on the key alone.
    pub fn get(&mut self, key: [&str; 2], make: impl FnOnce() -> Option<Field>) -> Option<&Field> {
        let place = if let Some(place) = self.known.place(self.next, key) {
            place
        } else if let Some(entry) = self.known.entry(key) {
            self.known.add(entry, key, make())
        } else {
            self.unknown = make();
            return self.unknown.as_ref();
        };
        self.next = place + 1;
        self.known.field(*self.known.entries.get(place)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(key: [&str; 2]) -> Option<Field> {
        let name = key.concat();
        name.starts_with('a').then(|| Field::new(&name, &format!("{name}.")))
    }

    fn get<'a>(lookup: &'a mut Lookup<'_>, key: [&str; 2]) -> Option<&'a str> {
        lookup.get(key, || make(key)).map(Field::name)
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
        assert_eq!(lookup.known.entries.len(), 3);
        let made = lookup.get(["a", "x"], || None);
        assert_eq!(made.map(|field| field.desc(Kind::Gauge).help), Some("ax."));
    }

    /// The families of the lines with what is behind each name, and the lines without one.
    fn lines<'t>(fields: &Fields, text: &'t str) -> (Vec<(String, &'t str)>, Vec<&'t str>, usize) {
        let (mut found, mut odd) = (Vec::new(), Vec::new());
        let name_of = |line: &'t str| line.split(' ').next().filter(|name| !name.is_empty());
        let count = fields.each_line(
            text,
            name_of,
            |name| make([name, ""]),
            |line| match line {
                Ok((field, value)) => found.push((field.name().to_owned(), value)),
                Err(line) => odd.push(line),
            },
        );
        (found, odd, count)
    }

    #[test]
    fn lines_are_found_whatever_came_before() {
        let fields = Fields::default();
        for (text, expected, odd, count) in [
            ("a 1\nb 2\nab 3\n", vec![("a", "1"), ("ab", "3")], vec![], 3),
            ("a 4\nb 2\nab 5", vec![("a", "4"), ("ab", "5")], vec![], 3),
            (
                "ab 6\n\na 7\n 8\na 9\n",
                vec![("ab", "6"), ("a", "7"), ("a", "9")],
                vec!["", " 8"],
                3,
            ),
            (
                "a\nab\nabc 1\na 1\n",
                vec![("a", ""), ("ab", ""), ("abc", "1"), ("a", "1")],
                vec![],
                4,
            ),
            ("", vec![], vec![], 0),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(a, b)| (a.to_owned(), b)).collect();
            assert_eq!(lines(&fields, text), (expected, odd, count), "{text:?}");
        }
        let many: Vec<String> = (0..2 * REMEMBERED).map(|number| format!("a{number} 1")).collect();
        let many = many.join("\n");
        for _ in 0..2 {
            assert_eq!(lines(&fields, &many).0.len(), 2 * REMEMBERED);
        }
        assert_eq!(lock(&fields.0).entries.len(), REMEMBERED);
    }

    proptest::proptest! {
        #[test]
        fn what_is_remembered_changes_nothing(texts in proptest::collection::vec("[ab \n]{0,20}", 1..6)) {
            let fields = Fields::default();
            for text in &texts {
                proptest::prop_assert_eq!(lines(&fields, text), lines(&Fields::default(), text));
            }
        }
    }

    #[test]
    fn a_long_key_is_made_each_time() {
        let fields = Fields::default();
        let mut lookup = fields.start();
        let long = "a".repeat(KEY_BYTES);
        for (key, remembered) in [([&*long, "x"], 0), ([&*long, ""], 1), (["a", ""], 2)] {
            assert_eq!(get(&mut lookup, key), Some(&*key.concat()));
            assert_eq!(lookup.known.entries.len(), remembered);
        }
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
        assert_eq!(lookup.known.entries.len(), REMEMBERED);
    }
}
