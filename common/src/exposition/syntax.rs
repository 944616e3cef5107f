//! The pieces of a line: labels, escapes, type words, timestamps.

use std::ops::Range;

use super::Format;
use super::buffer::Buffer;
use super::number::put_integer;
use super::sink::LabelSet;
use crate::metric::{Kind, Label};

/// Appends `{…}`, or nothing where there are no labels; returns where it stands.
#[inline]
pub(super) fn put_block(
    out: &mut Buffer,
    base: Option<&LabelSet>,
    labels: &[Label<'_>],
) -> Range<usize> {
    let start = out.len();
    let base = base.map_or(&[][..], |set| set.0.as_slice());
    if base.is_empty() && labels.is_empty() {
        return start..start;
    }
    out.push(b'{');
    out.put(base);
    if !base.is_empty() && !labels.is_empty() {
        out.push(b',');
    }
    put_labels(out, labels.iter().copied());
    out.push(b'}');
    start..out.len()
}

/// Appends `name="value",…` without braces.
#[inline]
pub(super) fn put_labels<'a>(out: &mut Buffer, labels: impl IntoIterator<Item = Label<'a>>) {
    for (index, (name, value)) in labels.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.put(name.as_bytes());
        out.put(b"=\"");
        put_escaped(out, value, true);
        out.push(b'"');
    }
}

/// Appends text with backslash and line feed escaped, and the double quote where asked.
#[inline]
fn put_escaped(out: &mut Buffer, text: &str, quotes: bool) {
    let special = |&byte: &u8| byte == b'\\' || byte == b'\n' || (quotes && byte == b'"');
    let mut rest = text.as_bytes();
    while let Some(position) = rest.iter().position(special) {
        out.put(&rest[..position]);
        out.push(b'\\');
        out.push(if rest[position] == b'\n' { b'n' } else { rest[position] });
        rest = &rest[position + 1..];
    }
    out.put(rest);
}

/// OpenMetrics escapes the double quote in help texts, text 0.0.4 does not.
pub(super) fn put_help(out: &mut Buffer, help: &str, openmetrics: bool) {
    put_escaped(out, help, openmetrics);
}

pub(super) fn type_word(kind: Kind, openmetrics: bool) -> &'static [u8] {
    match kind {
        Kind::Counter => b" counter\n",
        Kind::Gauge => b" gauge\n",
        Kind::Histogram => b" histogram\n",
        Kind::Summary => b" summary\n",
        Kind::Untyped if openmetrics => b" unknown\n",
        Kind::Untyped => b" untyped\n",
    }
}

/// Milliseconds in text 0.0.4, seconds with three decimals in OpenMetrics.
pub(super) fn put_timestamp(out: &mut Buffer, milliseconds: i64, format: Format) {
    out.push(b' ');
    match format {
        Format::Text => put_integer(out, milliseconds),
        Format::OpenMetrics => {
            let (seconds, rest) = (milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000));
            out.put(format!("{seconds}.{rest:03}").as_bytes());
        }
    }
}
