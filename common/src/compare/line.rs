//! One line of a text format, leniently read: what other exporters write as well.

use std::fmt;

use super::side::Labels;
use crate::exposition::unquote;

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for Malformed {}

/// What a line says.
#[derive(Debug, PartialEq)]
pub(super) enum Line<'a> {
    /// Empty, a comment, or what nothing depends on.
    Nothing,
    /// Nothing may follow.
    End,
    /// Name and type of a family.
    Type(&'a str, &'a str),
    /// Name, labels and value of a sample.
    Sample(String, Labels, f64),
}

const TYPES: [&str; 9] = [
    "counter",
    "gauge",
    "histogram",
    "summary",
    "untyped",
    "unknown",
    "info",
    "stateset",
    "gaugehistogram",
];

/// Reads a line without its end.
pub(super) fn parse(line: &str) -> Result<Line<'_>, String> {
    let line = line.trim();
    if line == "# EOF" {
        return Ok(Line::End);
    }
    if let Some(rest) = line.strip_prefix("# TYPE ") {
        let mut words = rest.split_whitespace();
        let (Some(name), Some(kind), None) = (words.next(), words.next(), words.next()) else {
            return Err("expected # TYPE, a name and a type".into());
        };
        if !TYPES.contains(&kind) {
            return Err("there is no such type".into());
        }
        return Ok(Line::Type(name.trim_matches('"'), kind));
    }
    if line.is_empty() || line.starts_with('#') {
        return Ok(Line::Nothing);
    }
    let end = line.find(['{', ' ', '\t']).ok_or("a name without a value")?;
    let (name, rest) = line.split_at(end);
    let (quoted, labels, rest) = match rest.trim_start().strip_prefix('{') {
        Some(rest) => parse_labels(rest)?,
        None => (None, Labels::new(), rest),
    };
    let name = match quoted {
        Some(quoted) if name.is_empty() => quoted,
        None if is_name(name) => name.to_owned(),
        _ => return Err("the name of the metric is malformed".into()),
    };
    Ok(Line::Sample(name, labels, parse_value(rest)?))
}

fn is_name(text: &str) -> bool {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    text.starts_with(is_start) && text.chars().all(|c| is_start(c) || c.is_ascii_digit())
}

/// The value; a time and an exemplar may follow, which do not count.
fn parse_value(rest: &str) -> Result<f64, String> {
    let (rest, _exemplar) = rest.split_once(" # ").unwrap_or((rest, ""));
    let mut words = rest.split_whitespace();
    let value = words.next().ok_or("no value")?;
    let value = value.parse().map_err(|_| "the value is no number")?;
    if words.next().is_some_and(|time| time.parse::<f64>().is_err()) || words.next().is_some() {
        return Err("expected nothing but a time behind the value".into());
    }
    Ok(value)
}

/// What stands in braces: perhaps a name in quotes, the labels; and what follows.
type Braces<'a> = (Option<String>, Labels, &'a str);

/// Reads what follows an opening brace. Labels that are empty are as good as absent, and left out.
fn parse_labels(text: &str) -> Result<Braces<'_>, String> {
    let (mut name, mut labels) = (None, Labels::new());
    let mut rest = text.trim_start();
    loop {
        if let Some(behind) = rest.strip_prefix('}') {
            return Ok((name, labels, behind));
        }
        let (key, behind) = if let Some(quoted) = rest.strip_prefix('"') {
            parse_quoted(quoted)?
        } else {
            let end = rest.find('=').ok_or("a label without a value")?;
            (rest[..end].trim_end().to_owned(), &rest[end..])
        };
        let behind = behind.trim_start();
        let behind = if let Some(value) = behind.strip_prefix('=') {
            let value = value.trim_start().strip_prefix('"').ok_or("a label without quotes")?;
            let (value, behind) = parse_quoted(value)?;
            if key.is_empty() {
                return Err("a label without a name".into());
            }
            if !value.is_empty() && labels.insert(key, value).is_some() {
                return Err("a label comes twice".into());
            }
            behind
        } else if name.replace(key).is_some() {
            return Err("a label without a value".into());
        } else {
            behind
        };
        let behind = behind.trim_start();
        rest = match behind.strip_prefix(',') {
            Some(rest) => rest.trim_start(),
            None if behind.starts_with('}') => behind,
            None => return Err("expected a comma or a brace behind a label".into()),
        };
    }
}

fn parse_quoted(text: &str) -> Result<(String, &str), String> {
    unquote(text).ok_or_else(|| "a quote is not closed".into())
}
