//! Text format 0.0.4, <https://prometheus.io/docs/instrumenting/exposition_formats/>,
//! read as strictly as the Go exporters read it: one bad line costs its file.

use std::collections::HashMap;

use common::error::ParseError;
use common::metric::Kind;

use super::cursor::{Cursor, number};
use super::family::{Family, Labels, Part};

/// Lines that a file may have: each can cost many times its length in memory.
const MAX_LINES: usize = 250_000;

/// Families in the order in which they begin.
///
/// # Errors
/// The first line that breaks the format, has a timestamp or is one too many.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Family<'_>>, ParseError> {
    let mut families = Families::default();
    let mut lines = text.split(|byte| *byte == b'\n').enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        let mut cursor = Cursor(line);
        cursor.skip_blanks();
        let read = match lines.peek() {
            _ if number == MAX_LINES => Err("the file is too long".to_owned()),
            None if cursor.is_at_end() => Ok(()),
            None => Err("the last line does not end: the file is not complete".to_owned()),
            Some(_) => families.line(cursor),
        };
        let number = number + 1;
        read.map_err(|error| ParseError::Form(format!("line {number}: {error}")))?;
    }
    let mut families = families.list;
    families.retain(|family| !family.series.is_empty());
    families.iter_mut().try_for_each(Family::finish)?;
    Ok(families)
}

#[derive(Debug, Default)]
struct Families<'a> {
    list: Vec<Family<'a>>,
    positions: HashMap<&'a str, usize>,
}

impl<'a> Families<'a> {
    fn line(&mut self, mut cursor: Cursor<'a>) -> Result<(), String> {
        if cursor.is_at_end() {
            return Ok(());
        }
        if cursor.take(b'#') {
            return self.comment(cursor);
        }
        // The newer form has the name as the first thing in the braces.
        let mut is_in_braces = cursor.take(b'{');
        if is_in_braces {
            cursor.skip_blanks();
        }
        let name = cursor.name(true)?;
        if name.is_empty() {
            return Err("no metric name".to_owned());
        }
        cursor.skip_blanks();
        if is_in_braces {
            let ends = cursor.take(b'}');
            if !ends && !cursor.take(b',') {
                return Err(format!("unexpected character behind {name}"));
            }
            is_in_braces = !ends;
        } else {
            is_in_braces = cursor.take(b'{');
        }
        let (family, part) = self.family(name);
        family.has_kind = true;
        let point_label = family.point_label();
        let (mut point, mut labels) = (f64::NAN, Vec::new());
        if is_in_braces {
            (point, labels) = read_labels(&mut cursor, point_label)?;
        }
        cursor.skip_blanks();
        let word = cursor.word();
        let value = number(word)
            .ok_or_else(|| format!("value is no number: {:?}", String::from_utf8_lossy(word)))?;
        if !cursor.is_at_end() {
            return Err(behind_value(cursor));
        }
        family.add(part, point, labels, value);
        Ok(())
    }

    /// HELP and TYPE count if there is something behind the name; other comments do not.
    fn comment(&mut self, mut cursor: Cursor<'a>) -> Result<(), String> {
        cursor.skip_blanks();
        let keyword = cursor.word();
        if !matches!(keyword, b"HELP" | b"TYPE") {
            return Ok(());
        }
        cursor.skip_blanks();
        if cursor.is_at_end() {
            return Ok(());
        }
        let name = cursor.name(true)?;
        if cursor.is_at_end() {
            return Ok(());
        }
        if name.is_empty() || !cursor.is_at_blank() {
            return Err("invalid metric name in a comment".to_owned());
        }
        let (family, _) = self.family(name);
        cursor.skip_blanks();
        if cursor.is_at_end() {
            return Ok(());
        }
        if keyword == b"HELP" {
            if family.help.replace(cursor.rest_as_text()?).is_some() {
                return Err(format!("second HELP of {name}"));
            }
        } else {
            if std::mem::replace(&mut family.has_kind, true) {
                return Err(format!("TYPE of {name} comes twice or behind a sample"));
            }
            family.kind = kind(cursor.0)?;
        }
        Ok(())
    }

    /// The family that a name belongs to: its own, a histogram's or summary's, or a new one.
    fn family(&mut self, name: &'a str) -> (&mut Family<'a>, Part) {
        let known = |name: &str| self.positions.get(name).copied();
        let as_part = |(suffix, part, kinds): &(&str, Part, &[Kind])| {
            let position = known(name.strip_suffix(suffix)?)?;
            kinds.contains(&self.list.get(position)?.kind).then_some((position, *part))
        };
        let (position, part) = known(name)
            .map(|position| (position, Part::Point))
            .or_else(|| PARTS.iter().find_map(as_part))
            .unwrap_or((self.list.len(), Part::Point));
        if position == self.list.len() {
            self.positions.insert(name, position);
            self.list.push(Family::new(name));
        }
        (&mut self.list[position], part)
    }
}

const PARTS: [(&str, Part, &[Kind]); 3] = [
    ("_count", Part::Count, &[Kind::Histogram, Kind::Summary]),
    ("_sum", Part::Sum, &[Kind::Histogram, Kind::Summary]),
    ("_bucket", Part::Point, &[Kind::Histogram]),
];

fn kind(word: &[u8]) -> Result<Kind, String> {
    match word.to_ascii_lowercase().as_slice() {
        b"counter" => Ok(Kind::Counter),
        b"gauge" => Ok(Kind::Gauge),
        b"histogram" => Ok(Kind::Histogram),
        b"summary" => Ok(Kind::Summary),
        b"untyped" => Ok(Kind::Untyped),
        _ => Err(format!("unknown type {:?}", String::from_utf8_lossy(word))),
    }
}

/// Labels behind the opening brace, sorted, and the value of `point_label`, NaN if there is none.
fn read_labels<'a>(
    cursor: &mut Cursor<'a>,
    point_label: Option<&str>,
) -> Result<(f64, Labels<'a>), String> {
    let (mut point, mut labels) = (f64::NAN, Labels::new());
    loop {
        cursor.skip_blanks();
        if cursor.take(b'}') {
            break;
        }
        let name = cursor.name(false)?;
        if name.is_empty() || name == "__name__" {
            return Err("invalid label name".to_owned());
        }
        cursor.skip_blanks();
        if !cursor.take(b'=') {
            return Err(format!("no = behind label {name}"));
        }
        cursor.skip_blanks();
        if !cursor.take(b'"') {
            return Err(format!("value of label {name} has no quotes"));
        }
        let value = cursor.quoted_text()?;
        if point_label == Some(name) {
            point = number(value.as_bytes()).ok_or_else(|| format!("{name} is no number"))?;
        } else {
            labels.push((name, value));
        }
        cursor.skip_blanks();
        if !cursor.take(b',') {
            if cursor.take(b'}') {
                break;
            }
            return Err(format!("unexpected character behind the value of label {name}"));
        }
    }
    labels.sort_unstable_by_key(|(name, _)| *name);
    match labels.windows(2).find(|pair| matches!(pair, [a, b] if a.0 == b.0)) {
        Some(pair) => Err(format!("label {} comes twice", pair[0].0)),
        None => Ok((point, labels)),
    }
}

/// Why something behind a value is refused, a timestamp being the usual case.
fn behind_value(mut cursor: Cursor<'_>) -> String {
    cursor.skip_blanks();
    let word = String::from_utf8_lossy(cursor.word()).into_owned();
    if word.parse::<i64>().is_ok() && cursor.is_at_end() {
        "timestamps are not supported: they would go stale unseen".to_owned()
    } else {
        format!("unexpected text behind the value: {word:?}")
    }
}

#[cfg(test)]
mod tests;
