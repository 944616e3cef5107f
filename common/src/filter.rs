//! Regular expressions from flags, and the include/exclude pair that devices are chosen with.

use std::fmt;
use std::str::FromStr;

use regex::bytes::{Regex, RegexBuilder};

/// A regular expression in the dialect of the Go exporters' flags (RE2).
///
/// It is searched for, not anchored, and its classes (`\d`, `\w`, `\s`, `\b`) are ASCII.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: Box<str>,
    /// `None` for one that finds everything, as defaults do: to compile that would bring half a
    /// megabyte of code into memory.
    regex: Option<Regex>,
}

impl Pattern {
    /// True if the pattern occurs in `text`.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.as_ref().is_none_or(|regex| regex.is_match(text.as_bytes()))
    }

    /// True if it is the empty one, which stands for none.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pattern = |regex| Self { text: text.into(), regex };
        if matches!(text, "" | ".*") {
            return Ok(pattern(None));
        }
        let regex = RegexBuilder::new(text).unicode(text.contains("\\p")).build();
        regex.map(|regex| pattern(Some(regex))).map_err(|error| {
            // The library draws the pattern over several lines; its last line is the reason.
            let error = error.to_string();
            error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Which names are wanted: those that `include` finds, if there is one, and `exclude` does not.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    include: Option<Pattern>,
    exclude: Option<Pattern>,
}

impl Filter {
    /// A filter of two patterns; an empty pattern counts as none.
    pub fn new(include: Option<Pattern>, exclude: Option<Pattern>) -> Self {
        let given = |pattern: Option<Pattern>| pattern.filter(|pattern| !pattern.is_empty());
        Self { include: given(include), exclude: given(exclude) }
    }

    /// A filter whose default exclusion holds only while nothing is included by name;
    /// an empty pattern counts as none, an empty exclusion also lifts the default.
    ///
    /// # Errors
    /// Both patterns are given; `flag` names the pair in the message.
    pub fn exclusive(
        flag: &str,
        include: Option<&Pattern>,
        exclude: Option<&Pattern>,
        default_exclude: &str,
    ) -> anyhow::Result<Self> {
        let include = include.filter(|pattern| !pattern.is_empty());
        if include.is_some() && exclude.is_some_and(|pattern| !pattern.is_empty()) {
            anyhow::bail!("--{flag}-include and --{flag}-exclude cannot be combined");
        }
        let default = || default_exclude.parse().map_err(anyhow::Error::msg);
        Ok(match (include, exclude) {
            (Some(include), _) => Self::new(Some(include.clone()), None),
            (None, Some(exclude)) => Self::new(None, Some(exclude.clone())),
            (None, None) => Self::new(None, Some(default()?)),
        })
    }

    /// True if `name` is wanted.
    pub fn accepts(&self, name: &str) -> bool {
        self.exclude.as_ref().is_none_or(|pattern| !pattern.matches(name))
            && self.include.as_ref().is_none_or(|pattern| pattern.matches(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    #[test]
    fn patterns_are_searched_and_ascii() {
        assert!(pattern("d[a-z]").matches("sda1"));
        assert!(!pattern("^a$").matches("ab"));
        for everything in ["", ".*", "^", "(?s)^.*$"] {
            assert!(["", "a", "\n"].iter().all(|text| pattern(everything).matches(text)));
        }
        assert!(!pattern(r"\d").matches("٣"));
        assert_eq!(r"a(b".parse::<Pattern>().unwrap_err(), "unclosed group");
    }

    #[test]
    fn exclusion_beats_inclusion_and_empty_patterns_do_nothing() {
        let filter = Filter::new(Some(pattern("^e")), Some(pattern("1$")));
        assert!(filter.accepts("eth0"));
        assert!(!filter.accepts("eth1"));
        assert!(!filter.accepts("lo"));
        assert!(Filter::new(Some(pattern("")), Some(pattern(""))).accepts("anything"));
    }

    #[test]
    fn an_inclusion_lifts_the_default_exclusion() {
        let loops = pattern("^loop");
        let filter = Filter::exclusive("x", None, None, "^loop").unwrap();
        assert!(!filter.accepts("loop0"));
        let filter = Filter::exclusive("x", Some(&loops), None, "^loop").unwrap();
        assert!(filter.accepts("loop0") && !filter.accepts("sda"));
        let empty = pattern("");
        let filter = Filter::exclusive("x", Some(&empty), Some(&loops), "").unwrap();
        assert!(!filter.accepts("loop0") && filter.accepts("sda"));
        assert!(Filter::exclusive("x", Some(&loops), Some(&empty), "").is_ok());
        assert!(Filter::exclusive("x", None, Some(&empty), "^loop").unwrap().accepts("loop0"));
        let error = Filter::exclusive("x", Some(&loops), Some(&loops), "").unwrap_err();
        assert_eq!(error.to_string(), "--x-include and --x-exclude cannot be combined");
    }
}
