//! Name and version of the distribution: os-release(5).

use std::sync::Mutex;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial};
use common::exposition::Sink;
use common::metric::Desc;
use common::sync::lock;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::host::Host;

/// Places to look in below the host's root, in order.
const FILES: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];

const INFO: Desc<'_> =
    Desc::gauge("node_os_info", "Information about the distribution from os-release; always 1.");
const VERSION: Desc<'_> =
    Desc::gauge("node_os_version", "Major and minor version of the distribution as a number.");
const SUPPORT_END: Desc<'_> = Desc::gauge(
    "node_os_support_end_timestamp_seconds",
    "When the support of the distribution ends, in seconds since the epoch.",
);

/// Labels of [`INFO`]; their keys in the file are the same in capitals.
const INFO_LABELS: [&str; 12] = [
    "build_id",
    "id",
    "id_like",
    "image_id",
    "image_version",
    "name",
    "pretty_name",
    "variant",
    "variant_id",
    "version",
    "version_codename",
    "version_id",
];

#[derive(Debug, Default)]
pub(super) struct OsRelease {
    /// The text last read and what it says, as it changes with an upgrade of the system only:
    /// taking it apart was two thirds of this collector's work.
    last: Mutex<Option<(String, Partial<Release, ParseError>)>>,
}

#[async_trait]
impl Collector<Host> for OsRelease {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        for file in FILES {
            if let Some(text) = host.read_rootfs_if_present(file)? {
                let malformed = |error| CollectError::parse(&host.rootfs().join(file), error);
                let mut last = lock(&self.last);
                let known = last.take().filter(|(known, _)| *known == text);
                let (_, release) = last.insert(known.unwrap_or_else(|| {
                    let release = Release::parse(&text);
                    (text, release)
                }));
                return expose(release, sink).map_err(malformed);
            }
        }
        Err(CollectError::NoData("no os-release file".into()))
    }
}

/// Pushes what a file says. A malformed line costs its own label; a file of such lines alone is none.
fn expose(release: &Partial<Release, ParseError>, sink: &mut Sink) -> Result<(), ParseError> {
    let mut errors = FirstError::from(release.error.clone().map_or(Ok(()), Err));
    if !release.good.0.is_empty() || release.error.is_none() {
        errors.note(release.good.push(sink));
    }
    errors.into_result()
}

/// Assignments of an os-release file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Release(Vec<(String, String)>);

impl Release {
    fn get(&self, key: &str) -> &str {
        // The last assignment counts, as in a shell.
        let found = self.0.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(key));
        found.map_or("", |(_, value)| value)
    }

    fn push(&self, sink: &mut Sink) -> Result<(), ParseError> {
        let labels = INFO_LABELS.map(|label| (label, self.get(label)));
        sink.family(&INFO).sample(&labels, 1.0);
        if let Some(version) = leading_version(self.get("version_id")) {
            let labels = ["id", "id_like", "name"].map(|label| (label, self.get(label)));
            sink.family(&VERSION).sample(&labels, version);
        }
        let support_end = self.get("support_end");
        if !support_end.is_empty() {
            sink.value(&SUPPORT_END, midnight_utc(support_end)?);
        }
        Ok(())
    }

    fn parse(text: &str) -> Partial<Self, ParseError> {
        let lines = text.lines().map(str::trim);
        let assignments = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        assignments.map(parse_assignment).collect::<Partial<_, _>>().map(Self)
    }
}

fn parse_assignment(line: &str) -> Result<(String, String), ParseError> {
    let malformed = || ParseError::form("no assignment", line);
    let (key, value) = line.split_once('=').ok_or_else(malformed)?;
    let key = key.trim_start_matches("export ").trim();
    Ok((key.to_owned(), unquote(value).ok_or_else(malformed)?))
}

/// Removes quotes and backslashes as a shell does; `None` if a quote is left open.
fn unquote(value: &str) -> Option<String> {
    let mut text = String::with_capacity(value.len());
    let mut quote = None;
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => quote = Some(character),
            ('\\', None | Some('"')) => text.push(characters.next()?),
            (c, None) if c.is_whitespace() => break,
            (c, _) => text.push(c),
        }
    }
    quote.is_none().then_some(text)
}

/// `12` of `12`, `24.04` of `24.04.1`; nothing if that is zero or no number.
fn leading_version(version_id: &str) -> Option<f64> {
    let mut points = 0;
    let end = version_id.find(|c: char| {
        points += usize::from(c == '.');
        !(c.is_ascii_digit() || c == '.') || points > 1
    });
    let number: f64 = version_id[..end.unwrap_or(version_id.len())].parse().ok()?;
    (number > 0.0).then_some(number)
}

fn midnight_utc(date: &str) -> Result<f64, ParseError> {
    let malformed = |_| ParseError::form("SUPPORT_END is no date", date);
    let date: Date = date.parse().map_err(malformed)?;
    let midnight = date.to_zoned_datetime(TimeZone::UTC).map_err(malformed)?;
    Ok(midnight.timestamp().as_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::testing;

    fn exposed(text: &str) -> Result<String, ParseError> {
        let mut sink = Sink::default();
        expose(&Release::parse(text), &mut sink)?;
        Ok(testing::text(&sink))
    }

    #[test]
    fn assignments_are_unquoted() {
        let text = exposed(
            "# a comment\nNAME=\"Debian \\\"GNU\\\"\"\nID=debian\nVERSION_ID='12.5.1'\n\n\
             PRETTY_NAME=Debian\\ 12\nSUPPORT_END=2026-06-10\n",
        )
        .unwrap();
        assert!(text.contains("name=\"Debian \\\"GNU\\\"\""), "{text}");
        assert!(text.contains("pretty_name=\"Debian 12\",variant=\"\""), "{text}");
        assert!(text.contains("} 12.5\n"), "{text}");
        assert!(text.contains("node_os_support_end_timestamp_seconds 1781049600\n"), "{text}");
    }

    #[test]
    fn rolling_releases_have_no_version() {
        assert!(!exposed("ID=arch\n").unwrap().contains("node_os_version"));
        assert_eq!(leading_version("22.04"), Some(22.04));
        assert_eq!(leading_version("9"), Some(9.0));
        assert_eq!(leading_version("v1"), None);
        assert_eq!(leading_version("0"), None);
    }

    #[test]
    fn malformed_content_is_an_error() {
        for text in ["ID", "NAME=\"open", "A=b\\", "SUPPORT_END=soon"] {
            assert!(exposed(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_malformed_line_costs_only_its_label() {
        let mut sink = Sink::default();
        let error =
            expose(&Release::parse("NAME=\"open\nID=debian\nodd\nVERSION_ID=12\n"), &mut sink);
        assert_eq!(error, Err(ParseError::form("no assignment", "NAME=\"open")));
        let text = testing::text(&sink);
        assert!(text.contains("id=\"debian\",id_like=\"\""), "{text}");
        assert!(text.contains("} 12\n"), "{text}");
        let mut sink = Sink::default();
        assert!(expose(&Release::parse("odd\n"), &mut sink).is_err());
        assert!(sink.is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "((NAME|VERSION_ID|SUPPORT_END)=['0-9.\\\\-]{0,12}\n|\\PC{0,20}\n){0,6}") {
            let _ = exposed(&text);
        }
    }
}
