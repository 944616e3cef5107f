//! The answer to `INFO`: lines `field:value` in sections that begin with `# Name`.

use std::ops::Range;

use common::error::{ParseError, excerpt};
use common::kernel;
use common::keyed::Keyed;

/// Sections whose fields are named by what happened to run: one line per
/// command or error. They have collectors of their own.
const PER_COMMAND: [&str; 3] = ["Commandstats", "Errorstats", "Latencystats"];

/// Bytes of text for which room for a field is made at first.
const BYTES_PER_FIELD: usize = 24;

/// The only section whose name has a blank; Valkey.
const ENGINES: &str = "Scripting Engines";

/// The text of one `INFO`, with its sections and fields found: collectors look for many of them.
#[derive(Debug)]
pub struct Info {
    text: String,
    sections: Vec<Section>,
    fields: Vec<Field>,
    /// Those of the sections with one line per command or error.
    named: Vec<Field>,
    /// As which major version of Redis the server counts; 0 for servers that only look like one.
    generation: u64,
    /// A dozen collectors ask for this or one of the next.
    role: Option<Box<str>>,
    is_clustered: bool,
    is_sentinel: bool,
}

#[derive(Debug)]
struct Section {
    name: Range<usize>,
    /// Where its fields begin in the list of fields, and in that of named ones.
    fields: usize,
    named: usize,
}

/// Where a line is in the text, which is not as long as these can count.
#[derive(Clone, Copy, Debug)]
struct Field {
    start: u32,
    /// Place of the colon.
    colon: u32,
    end: u32,
}

impl Field {
    /// The line `name:value` that begins at `start`; `find` finds the colon.
    fn new(start: usize, line: &str, find: fn(u8, &[u8]) -> Option<usize>) -> Option<Self> {
        let colon = find(b':', line.as_bytes()).filter(|colon| *colon > 0)?;
        let end = u32::try_from(start + line.len()).ok()?;
        let start = u32::try_from(start).ok()?;
        Some(Self { start, colon: start + u32::try_from(colon).ok()?, end })
    }

    fn name(self) -> Range<usize> {
        self.start as usize..self.colon as usize
    }

    fn value(self) -> Range<usize> {
        self.colon as usize + 1..self.end as usize
    }
}

impl Info {
    /// Finds the sections and fields. Any text is acceptable; what is no field is skipped.
    pub fn new(text: String) -> Self {
        let mut sections = vec![Section { name: 0..0, fields: 0, named: 0 }];
        let mut fields: Vec<Field> = Vec::with_capacity(text.len() / BYTES_PER_FIELD);
        let mut named = Vec::new();
        let (mut role, mut is_clustered) = (None, None);
        let mut is_named = false;
        for line in kernel::lines(&text) {
            let line = trim(line);
            let start = line.as_ptr().addr() - text.as_ptr().addr();
            if let Some(comment) = line.strip_prefix('#') {
                let Some(name) = section_name(comment) else { continue };
                is_named = PER_COMMAND.contains(&name);
                let name = start + 2..start + 2 + name.len();
                sections.push(Section { name, fields: fields.len(), named: named.len() });
            } else if is_named {
                // Names of commands may hold colons, values never.
                named.extend(Field::new(start, line, memchr::memrchr));
            } else if let Some(field) = Field::new(start, line, memchr::memchr) {
                fields.push(field);
                match text.get(field.name()) {
                    Some("role") => role = role.or_else(|| text.get(field.value())),
                    Some("cluster_enabled") => {
                        is_clustered.get_or_insert(text.get(field.value()) == Some("1"));
                    }
                    _ => {}
                }
            }
        }
        let role = role.map(Into::into);
        let is_clustered = is_clustered.unwrap_or(false);
        let (generation, is_sentinel) = (0, false);
        let mut info =
            Self { text, sections, fields, named, generation, role, is_clustered, is_sentinel };
        info.generation = info.generation().unwrap_or(0);
        info.is_sentinel = info.mode() == Some("sentinel");
        info
    }

    /// Fields of the section `name`, in order.
    pub fn section<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.of_sections(&self.fields, |section| section.fields, move |section| section == name)
    }

    /// Lines of a section with one line per command or error: what follows `prefix`, and the
    /// line.
    ///
    /// The names hold what clients sent. Redis before 6.2 counts an HTTP request as the command
    /// `host:`, of which the colon is left out; values hold none.
    pub fn named_lines<'a>(
        &'a self,
        section: &'a str,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, Line<'a>)> {
        let lines =
            self.of_sections(&self.named, |section| section.named, move |name| name == section);
        lines.filter_map(move |(field, value)| {
            let name = field.strip_prefix(prefix)?.trim_end_matches(':');
            Some((name, Line::new(field, value)))
        })
    }

    /// Fields of all sections but those with one line per command or error.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|field| self.split(*field))
    }

    /// The first value of `field`, outside the sections with one line per command or error.
    pub fn field(&self, field: &str) -> Option<&str> {
        self.fields().find(|(name, _)| *name == field).map(|(_, value)| value)
    }

    /// The first value of `field` in the section about the server itself, or before any section.
    /// Cheaper than [`Self::field`], where the server lacks the field above all.
    pub fn server_field(&self, field: &str) -> Option<&str> {
        let wanted = |section: &str| matches!(section, "" | "Server");
        let mut fields = self.of_sections(&self.fields, |section| section.fields, wanted);
        fields.find(|(name, _)| *name == field).map(|(_, value)| value)
    }

    /// True for a node of a cluster.
    pub fn is_clustered(&self) -> bool {
        self.is_clustered
    }

    /// `master`, `slave` or `sentinel`.
    pub fn role(&self) -> Option<&str> {
        self.role.as_deref()
    }

    /// The server's clock when it answered, as Unix time; since Redis 5.
    pub fn server_time(&self) -> Option<f64> {
        let microseconds: f64 = self.server_field("server_time_usec")?.parse().ok()?;
        Some(microseconds / 1e6)
    }

    /// True for Redis from a major version on, and for Valkey, which counts as Redis 7. Other
    /// servers lack commands of the version that they claim.
    pub fn is_redis_since(&self, major: u64) -> bool {
        self.generation >= major
    }

    fn generation(&self) -> Option<u64> {
        const OTHERS: [&str; 2] = ["dragonfly_version", "kvrocks_version"];
        if OTHERS.iter().any(|field| self.server_field(field).is_some()) {
            return None;
        }
        self.server_field("redis_version")?.split('.').next()?.parse().ok()
    }

    /// True for a sentinel, which has neither data nor settings.
    pub fn is_sentinel(&self) -> bool {
        self.is_sentinel
    }

    /// `standalone`, `cluster` or `sentinel`. Valkey calls the field `server_mode` unless it is
    /// set to present itself as Redis.
    pub fn mode(&self) -> Option<&str> {
        self.server_field("redis_mode").or_else(|| self.server_field("server_mode"))
    }

    /// What sections have in `list`, where each begins at `start`.
    fn of_sections<'a>(
        &'a self,
        list: &'a [Field],
        start: fn(&Section) -> usize,
        wanted: impl Fn(&str) -> bool + 'a,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let ends = self.sections.iter().skip(1).map(start).chain([list.len()]);
        let sections = self.sections.iter().zip(ends);
        let wanted = sections.filter(move |(section, _)| wanted(self.part(section.name.clone())));
        let fields = wanted.filter_map(move |(section, end)| list.get(start(section)..end));
        fields.flatten().map(|field| self.split(*field))
    }

    fn split(&self, field: Field) -> (&str, &str) {
        (self.part(field.name()), self.part(field.value()))
    }

    fn part(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }
}

/// The name of the section that a comment begins, if it does.
fn section_name(comment: &str) -> Option<&str> {
    let name = comment.strip_prefix(' ')?;
    // Kvrocks puts a comment of several words into its keyspace section.
    (!name.is_empty() && (!name.contains([' ', ':']) || name == ENGINES)).then_some(name)
}

/// The lines `field:value` of a text; comments and other lines are skipped.
pub fn fields(text: &str) -> impl Iterator<Item = (&str, &str)> {
    kernel::lines(text).filter_map(field)
}

/// As [`str::trim`]. Hardly any line begins or ends with a blank, and to see that takes a tenth of
/// the time.
fn trim(line: &str) -> &str {
    match line.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => line,
        _ => line.trim(),
    }
}

/// The field on a line, if there is one.
fn field(line: &str) -> Option<(&str, &str)> {
    let (name, value) = kernel::split_once(trim(line), b':')?;
    (!name.is_empty() && !name.starts_with('#')).then_some((name, value))
}

/// A line such as `db0:keys=2,expires=1`, whose parts are found by their names.
///
/// Servers have different parts, so one that is absent is no error; one that is no number
/// costs its own sample alone.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    field: &'a str,
    value: &'a str,
}

impl<'a> Line<'a> {
    /// The line `field:value`.
    pub fn new(field: &'a str, value: &'a str) -> Self {
        Self { field, value }
    }

    /// Names and values of the parts; what has no `=` is skipped.
    pub fn parts(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut rest = Some(self.value);
        let part = move || {
            let text = rest.take()?;
            let Some((part, behind)) = kernel::split_once(text, b',') else { return Some(text) };
            rest = Some(behind);
            Some(part)
        };
        std::iter::from_fn(part).filter_map(|part| kernel::split_once(part, b'='))
    }

    /// Text of the first part that is called `name`.
    pub fn text(self, name: &str) -> Option<&'a str> {
        self.parts().find(|(part, _)| *part == name).map(|(_, text)| text)
    }

    /// Number of the first part that is called `name`.
    ///
    /// # Errors
    /// There is such a part, but it is no number.
    pub fn number(self, name: &str) -> Result<Option<f64>, ParseError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        decimal(text).map(Some).ok_or_else(|| self.malformed_part(name, text))
    }

    /// Says which part is malformed.
    pub fn malformed_part(self, name: &str, text: &str) -> ParseError {
        ParseError::form(
            &format!("{} of {} is no number", excerpt(name), excerpt(self.field)),
            text,
        )
    }

    /// Says that nothing of the line could be used.
    pub fn malformed(self) -> ParseError {
        malformed_line(self.field, self.value)
    }
}

/// A value as a number: states count as 1 and 0.
pub fn number(text: &str) -> Option<f64> {
    match text {
        "ok" | "true" => Some(1.0),
        "err" | "fail" | "false" => Some(0.0),
        text => decimal(text),
    }
}

/// A number in decimal. Most are whole and short, and read in a third of the time that others take.
pub fn decimal(text: &str) -> Option<f64> {
    if !matches!(text.len(), 1..=15) {
        return text.parse().ok();
    }
    let mut number = 0_u64;
    for byte in text.bytes() {
        if !byte.is_ascii_digit() {
            return text.parse().ok();
        }
        number = number * 10 + u64::from(byte - b'0');
    }
    // Below 10^15, so that it is exact.
    Some(number as f64)
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

/// The value of the field that `known` describes.
///
/// # Errors
/// The text is no number.
pub fn value(known: &Keyed, text: &str) -> Result<Option<f64>, ParseError> {
    known.value(text).map_err(|_| malformed_line(known.key, text))
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
        let server = ["early", "os", "db0"].map(|field| info.server_field(field));
        assert_eq!(server, [Some("1"), Some("Linux a:b"), None]);
    }

    #[test]
    fn fields_of_engines_belong_to_no_section_before_them() {
        let info = Info::new("# Errorstats\r\n# Scripting Engines\r\nengines_count:1\r\n".into());
        assert_eq!(info.field("engines_count"), Some("1"));
    }

    #[test]
    fn names_of_commands_may_hold_colons() {
        let info = Info::new(
            "# Commandstats\r\ncmdstat_get:calls=4\r\ncmdstat_host::calls=2,usec=145\r\n\
             cmdstat_a:b:calls=1\r\nother_c:calls=1\r\ncmdstat_d\r\n# Server\r\ncmdstat_e:calls=1"
                .into(),
        );
        let lines = info.named_lines("Commandstats", "cmdstat_");
        let calls: Vec<_> = lines.map(|(name, line)| (name, line.text("calls"))).collect();
        assert_eq!(calls, [("get", Some("4")), ("host", Some("2")), ("a:b", Some("1"))]);
    }

    #[test]
    fn valkey_has_another_word_for_the_mode() {
        let info = |text: &str| Info::new(format!("# Server\r\n{text}\r\n"));
        assert!(info("server_mode:sentinel").is_sentinel());
        assert!(info("redis_mode:sentinel").is_sentinel());
        assert!(!info("server_mode:standalone").is_sentinel());
        assert_eq!(info("a:b").mode(), None);
    }

    #[test]
    fn decimals_are_the_same_whichever_way_they_are_read() {
        let texts =
            ["0", "007", "12", "999999999999999", "9999999999999999", "18446744073709551615"];
        for text in texts.into_iter().chain(["1.5", "-3", "+3", "1e3", "inf", "0.1"]) {
            assert_eq!(decimal(text), Some(text.parse().unwrap()), "{text}");
        }
        for text in ["", "x", "1x", "0x10", "1 ", "\u{661}"] {
            assert_eq!(decimal(text), None, "{text:?}");
        }
    }

    #[test]
    fn parts_are_found_by_their_names() {
        let line = Line::new("db0", "keys=2,stray,expires=x,keys=3,");
        assert_eq!((line.number("keys"), line.number("avg_ttl")), (Ok(Some(2.0)), Ok(None)));
        let error = line.number("expires").unwrap_err();
        assert_eq!(error.to_string(), "expires of db0 is no number: \"x\"");
        assert!(Line::new("db0", "").parts().next().is_none());
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
            for (_, line) in info.named_lines("C", "a") {
                let _ = (line.number("b"), line.malformed());
            }
        }
    }
}
