//! The list of known differences, each with its reason.

use std::fmt;

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Only ours has the family.
    Ours,
    /// Only the peer has it.
    Peer,
    /// The types differ.
    Type,
    /// Ours has the label in addition.
    Label,
    /// Only the peer has the label.
    PeerLabel,
    /// The sets of series differ.
    Series,
    /// The values differ.
    Value,
    /// The values differ a little: by a quarter or by ten at most.
    About,
}

impl Word {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Ours, "ours"),
        (Self::Peer, "peer"),
        (Self::Type, "type"),
        (Self::Label, "label"),
        (Self::PeerLabel, "peer-label"),
        (Self::Series, "series"),
        (Self::Value, "value"),
        (Self::About, "about"),
    ];

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, word)| *word == text).map(|(word, _)| word)
    }

    fn needs_label(self) -> bool {
        matches!(self, Self::Label | Self::PeerLabel)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.into_iter().find(|(word, _)| word == self).map(|(_, name)| name);
        f.write_str(name.unwrap_or_default())
    }
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What differs.
    pub word: Word,
    /// Name of the family; one `*` stands for any text.
    pub family: String,
    /// The label that it is about, if it is about one; also with a `*`.
    pub label: Option<String>,
    /// The value of that label, if only such series differ; also with a `*`.
    pub value: Option<String>,
    /// Why, for the user.
    pub reason: String,
}

/// What may differ, and why. One line each: a word, the family, for labels the label, then `#` and
/// the reason. `series`, `value` and `about` may have `LABEL=VALUE`, which narrows them to such
/// series.
///
/// | word | meaning |
/// |---|---|
/// | `ours` | only ours has the family |
/// | `peer` | only the peer has it |
/// | `type` | the types differ |
/// | `label` | ours has this label in addition |
/// | `peer-label` | only the peer has this label |
/// | `series` | the sets of series differ, in all that tells them apart |
/// | `value` | the values differ |
/// | `about` | the values differ a little: by a quarter or by ten at most |
#[derive(Clone, Debug, Default)]
pub struct Known(Vec<Entry>);

/// Of all four programs.
const OF_ALL: &str = include_str!("differences.txt");

impl Known {
    /// Reads a program's list, to which what all programs have in common is added.
    ///
    /// # Errors
    /// A line without its parts or without a reason, with its number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().enumerate().chain(OF_ALL.lines().enumerate());
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let entry = |(index, line): (usize, &str)| {
            parse_entry(line).ok_or_else(|| format!("line {}: {line}", index + 1))
        };
        Ok(Self(lines.map(entry).collect::<Result<_, _>>()?))
    }

    /// All entries, those of the program first.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// Why `family` differs so as a whole.
    pub fn reason(&self, word: Word, family: &str) -> Option<&str> {
        let mut entries = self.of(word, family).filter(|entry| entry.label.is_none());
        entries.next().map(|entry| entry.reason.as_str())
    }

    /// Why only one side has the label `label` in `family`.
    pub fn label_reason(&self, word: Word, family: &str, label: &str) -> Option<&str> {
        let is_it =
            |entry: &&Entry| entry.label.as_ref().is_some_and(|pattern| matches(pattern, label));
        self.of(word, family).find(is_it).map(|entry| entry.reason.as_str())
    }

    /// Why a series with these labels differs.
    pub fn series_reason<'a>(
        &self,
        word: Word,
        family: &str,
        labels: impl Fn(&str) -> Option<&'a str>,
    ) -> Option<&str> {
        let is_it = |entry: &&Entry| match (&entry.label, &entry.value) {
            (Some(label), Some(value)) => labels(label).is_some_and(|found| matches(value, found)),
            _ => true,
        };
        self.of(word, family).find(is_it).map(|entry| entry.reason.as_str())
    }

    fn of(&self, word: Word, family: &str) -> impl Iterator<Item = &Entry> {
        self.0.iter().filter(move |entry| entry.word == word && matches(&entry.family, family))
    }
}

fn parse_entry(line: &str) -> Option<Entry> {
    let (what, reason) = line.split_once(" # ")?;
    let mut words = what.split_whitespace();
    let word = Word::parse(words.next()?)?;
    let family = words.next()?.to_owned();
    let (label, value) = match words.next() {
        None => (None, None),
        Some(label) if word.needs_label() && !label.contains('=') => (Some(label.to_owned()), None),
        Some(narrowed) => {
            let (label, value) = narrowed.split_once('=')?;
            (Some(label.to_owned()), Some(value.to_owned()))
        }
    };
    let is_narrowed = value.is_some();
    let may_be_narrowed = matches!(word, Word::Series | Word::Value | Word::About);
    let is_whole = words.next().is_none() && !reason.trim().is_empty();
    let is_sensible = word.needs_label() == (label.is_some() && !is_narrowed);
    (is_whole && is_sensible && (may_be_narrowed || !is_narrowed)).then(|| Entry {
        word,
        family,
        label,
        value,
        reason: reason.trim().to_owned(),
    })
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
        None => pattern == text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_a_reason_and_what_its_word_needs() {
        for text in [
            "ours a",
            "ours a #",
            "ours a # ",
            "label a # r",
            "ours # r",
            "other a # r",
            "label a b=c # r",
            "ours a b=c # r",
            "series a b # r",
            "value a b=c d # r",
        ] {
            assert_eq!(Known::parse(text).unwrap_err(), format!("line 1: {text}"));
        }
    }

    #[test]
    fn patterns_and_labels_narrow_an_entry() {
        let text = "# c\n\nseries a_*_total d=lo* # r\nlabel b k # s\nvalue c # t\n";
        let known = Known::parse(text).unwrap();
        let device = |name: &'static str| move |label: &str| (label == "d").then_some(name);
        let reason = |family, name| known.series_reason(Word::Series, family, device(name));
        assert_eq!(reason("a_b_total", "lo0"), Some("r"));
        assert_eq!((reason("a_b_total", "eth0"), reason("a_b", "lo")), (None, None));
        assert_eq!(known.reason(Word::Series, "a_b_total"), None);
        assert_eq!(known.label_reason(Word::Label, "b", "k"), Some("s"));
        assert_eq!(known.label_reason(Word::PeerLabel, "b", "k"), None);
        assert_eq!(known.series_reason(Word::Value, "c", device("x")), Some("t"));
        assert!(known.reason(Word::Peer, "go_goroutines").is_some());
        assert_eq!(Word::PeerLabel.to_string(), "peer-label");
    }
}
