//! The answer to `INFO`: lines `field:value` in sections that begin with `# Name`.

use std::ops::Range;

use common::error::{CollectError, ParseError, excerpt};
use common::keyed::Keyed;

/// Sections whose fields are named by what happened to run: one line per
/// command or error. They have collectors of their own.
const PER_COMMAND: [&str; 3] = ["Commandstats", "Errorstats", "Latencystats"];

/// The text of one `INFO`, with its sections found.
#[derive(Debug)]
pub struct Info {
    text: String,
    sections: Vec<Section>,
}

#[derive(Debug)]
struct Section {
    name: Range<usize>,
    body: Range<usize>,
}

impl Info {
    /// Finds the sections. Any text is acceptable; what is no field is skipped.
    pub fn new(text: String) -> Self {
        let mut sections = vec![Section { name: 0..0, body: 0..text.len() }];
        let mut position = 0;
        for line in text.split_inclusive('\n') {
            let start = position;
            position += line.len();
            // Kvrocks puts a comment of several words into its keyspace section.
            let Some(name) = line.trim_ascii_end().strip_prefix("# ") else { continue };
            if name.is_empty() || name.contains([' ', ':']) {
                continue;
            }
            if let Some(last) = sections.last_mut() {
                last.body.end = start;
            }
            let name = start + 2..start + 2 + name.len();
            sections.push(Section { name, body: position..text.len() });
        }
        Self { text, sections }
    }

    /// Fields of the section `name`, in order.
    pub fn section<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.fields_of(move |section| section == name)
    }

    /// Fields of all sections but those with one line per command or error.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields_of(|section| !PER_COMMAND.contains(&section))
    }

    /// The first value of `field`, outside the sections with one line per command or error.
    pub fn field(&self, field: &str) -> Option<&str> {
        self.fields().find(|(name, _)| *name == field).map(|(_, value)| value)
    }

    /// True for a node of a cluster.
    pub fn is_clustered(&self) -> bool {
        self.field("cluster_enabled") == Some("1")
    }

    /// True for a sentinel, which has neither data nor settings.
    pub fn is_sentinel(&self) -> bool {
        self.field("redis_mode") == Some("sentinel")
    }

    fn fields_of<'a>(
        &'a self,
        wanted: impl Fn(&str) -> bool + 'a,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let part = |range: &Range<usize>| self.text.get(range.clone()).unwrap_or_default();
        self.sections
            .iter()
            .filter(move |section| wanted(part(&section.name)))
            .flat_map(move |section| fields(part(&section.body)))
    }
}

/// The lines `field:value` of a text; comments and other lines are skipped.
pub fn fields(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(':'))
        .filter(|(field, _)| !field.is_empty())
}

/// The parts of a value such as `keys=2,expires=1`; what has no `=` is skipped.
pub fn parts(value: &str) -> impl Iterator<Item = (&str, &str)> {
    value.split(',').filter_map(|part| part.split_once('='))
}

/// A value as a number: states count as 1 and 0.
pub fn number(text: &str) -> Option<f64> {
    match text {
        "ok" | "true" => Some(1.0),
        "err" | "fail" | "false" => Some(0.0),
        text => text.parse().ok(),
    }
}

/// A field that is a level.
pub const fn gauge(field: &'static str, name: &'static str, help: &'static str) -> Keyed {
    Keyed::gauge(field, name, help).read_by(read)
}

/// A field that only grows.
pub const fn counter(field: &'static str, name: &'static str, help: &'static str) -> Keyed {
    Keyed::counter(field, name, help).read_by(read)
}

fn read(text: &str) -> Result<Option<f64>, ParseError> {
    number(text).map(Some).ok_or_else(|| ParseError::number("value", text))
}

/// The line of `field` in a table that is sorted by field.
pub fn find<'a>(sorted: &'a [Keyed], field: &str) -> Option<&'a Keyed> {
    sorted.binary_search_by(|known| known.key.cmp(field)).ok().and_then(|index| sorted.get(index))
}

/// The number behind `prefix` in a name such as `slave0` or `db12`.
pub fn index(name: &str, prefix: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Says which line of a section is malformed; values are not repeated in full.
pub fn malformed_line(field: &str, value: &str) -> ParseError {
    ParseError::Form(format!("{} has an unexpected value: {:?}", excerpt(field), excerpt(value)))
}

/// Turns the first malformed line of a section into the collector's verdict.
///
/// # Errors
/// [`CollectError::Parse`] if there was one.
pub fn verdict(origin: &str, malformed: Option<ParseError>) -> Result<(), CollectError> {
    match malformed {
        Some(source) => Err(CollectError::Parse { origin: origin.to_owned(), source }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "early:1\r\n# Server\r\nredis_mode:standalone\r\nos:Linux a:b\r\n\r\n\
                        # Commandstats\r\ncmdstat_get:calls=1\r\n# Keyspace\r\n\
                        # Last scan db time: Mon Jan 1 00:00:00 2024\r\ndb0:keys=1\r\nstray";

    #[test]
    fn fields_belong_to_their_sections() {
        let info = Info::new(TEXT.into());
        assert_eq!(
            info.section("Server").collect::<Vec<_>>(),
            [("redis_mode", "standalone"), ("os", "Linux a:b")]
        );
        assert_eq!(info.section("Keyspace").collect::<Vec<_>>(), [("db0", "keys=1")]);
        let names: Vec<&str> = info.fields().map(|(name, _)| name).collect();
        assert_eq!(names, ["early", "redis_mode", "os", "db0"]);
        assert_eq!(info.field("early"), Some("1"));
        assert_eq!(info.field("cmdstat_get"), None);
    }

    #[test]
    fn states_and_numbers_have_values() {
        for (text, value) in [("ok", 1.0), ("fail", 0.0), ("-1", -1.0), ("7.73", 7.73)] {
            assert_eq!(number(text), Some(value), "{text}");
        }
        assert_eq!(number("inf"), Some(f64::INFINITY));
        assert!(number("-nan").is_some_and(f64::is_nan));
        assert_eq!([number(""), number("1K"), number("noeviction")], [None; 3]);
    }

    #[test]
    fn only_digits_make_an_index() {
        assert_eq!(index("db12", "db"), Some(12));
        for name in ["db", "db+1", "dbx", "db0_distrib_strings_sizes", "db99999999999999999999"] {
            assert_eq!(index(name, "db"), None, "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_sections(text in "(# ?[a-zC:é ]{0,6}\r?\n?|[a-z:=,é]{0,9}\n)*") {
            let info = Info::new(text);
            let _ = (info.fields().count(), info.section("C").count(), info.is_clustered());
        }
    }
}
