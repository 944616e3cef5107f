//! The pieces of a line: labels, escapes, type words, timestamps.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr2, memchr3};

use super::Format;
use super::buffer::Buffer;
use super::number::put_integer;
use crate::metric::{Kind, Label};

/// Up to this length, as nearly all values of labels have, a text is looked through byte by byte.
const SHORT_BYTES: usize = 16;

/// Labels rendered once and used for many samples, such as those of one container.
#[derive(Clone, Debug, Default)]
pub struct LabelSet(Vec<u8>);

impl LabelSet {
    /// Renders `labels` in the given order.
    pub fn new<'a>(labels: impl IntoIterator<Item = Label<'a>>) -> Self {
        let mut out = Buffer::default();
        put_labels(&mut out, labels);
        Self(out.as_slice().to_vec())
    }
}

/// What gives a sample its labels: pairs of name and value in an array, slice or vector, a
/// [`LabelSet`], such a set with pairs behind it, `()` for no labels, or an option of these.
pub trait Labels {
    /// True if there is no label.
    fn is_empty(&self) -> bool;

    /// Appends `name="value",…` without braces.
    fn put(&self, out: &mut Buffer);
}

impl Labels for () {
    fn is_empty(&self) -> bool {
        true
    }

    fn put(&self, _: &mut Buffer) {}
}

impl<Value: AsRef<str>> Labels for [(&str, Value)] {
    #[inline]
    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    #[inline]
    fn put(&self, out: &mut Buffer) {
        put_labels(out, self.iter().map(|(name, value)| (*name, value.as_ref())));
    }
}

impl<Value: AsRef<str>, const N: usize> Labels for [(&str, Value); N] {
    #[inline]
    fn is_empty(&self) -> bool {
        N == 0
    }

    #[inline]
    fn put(&self, out: &mut Buffer) {
        self.as_slice().put(out);
    }
}

impl<Value: AsRef<str>> Labels for Vec<(&str, Value)> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn put(&self, out: &mut Buffer) {
        self.as_slice().put(out);
    }
}

impl Labels for LabelSet {
    #[inline]
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    fn put(&self, out: &mut Buffer) {
        out.put(&self.0);
    }
}

impl<More: Labels> Labels for (&LabelSet, More) {
    #[inline]
    fn is_empty(&self) -> bool {
        self.0.is_empty() && self.1.is_empty()
    }

    #[inline]
    fn put(&self, out: &mut Buffer) {
        self.0.put(out);
        if !self.0.is_empty() && !self.1.is_empty() {
            out.push(b',');
        }
        self.1.put(out);
    }
}

impl<L: Labels> Labels for Option<L> {
    #[inline]
    fn is_empty(&self) -> bool {
        self.as_ref().is_none_or(Labels::is_empty)
    }

    #[inline]
    fn put(&self, out: &mut Buffer) {
        if let Some(labels) = self {
            labels.put(out);
        }
    }
}

impl<L: Labels + ?Sized> Labels for &L {
    #[inline]
    fn is_empty(&self) -> bool {
        (**self).is_empty()
    }

    #[inline]
    fn put(&self, out: &mut Buffer) {
        (**self).put(out);
    }
}

/// Appends `{…}`, or nothing where there are no labels; returns where it is.
#[inline]
pub(super) fn put_block(out: &mut Buffer, labels: &(impl Labels + ?Sized)) -> Range<usize> {
    let start = out.len();
    if labels.is_empty() {
        return start..start;
    }
    out.push(b'{');
    labels.put(out);
    out.push(b'}');
    start..out.len()
}

/// Appends `name="value",…` without braces.
#[inline]
pub(super) fn put_labels<'a>(out: &mut Buffer, labels: impl IntoIterator<Item = Label<'a>>) {
    for (index, (name, value)) in labels.into_iter().enumerate() {
        let separator: &[u8] = if index > 0 { b"," } else { b"" };
        let name = name.as_bytes();
        match special(value.as_bytes()) {
            None => out.put_all([separator, name, b"=\"", value.as_bytes(), b"\""]),
            Some(first) => {
                out.put_all([separator, name, b"=\""]);
                put_escaped(out, value, first);
                out.push(b'"');
            }
        }
    }
}

/// Where the first byte is that a label value must not hold as it is.
#[inline]
fn special(text: &[u8]) -> Option<usize> {
    // 4 instructions a byte, against 130 for memchr3.
    if text.len() <= SHORT_BYTES {
        text.iter().position(|byte| b"\\\n\"".contains(byte))
    } else {
        memchr3(b'\\', b'\n', b'"', text)
    }
}

/// Appends text with backslash, line feed and double quote escaped, the first of which is at
/// `first`.
#[cold]
fn put_escaped(out: &mut Buffer, text: &str, first: usize) {
    let (mut rest, mut next) = (text.as_bytes(), Some(first));
    while let Some(position) = next {
        let byte = if rest[position] == b'\n' { b'n' } else { rest[position] };
        out.put_all([&rest[..position], b"\\", &[byte]]);
        rest = &rest[position + 1..];
        next = special(rest);
    }
    out.put(rest);
}

/// What comes before the name of a family.
pub(super) const HELP_WORD: &[u8] = b"# HELP ";

/// A help text with backslash and line feed escaped, and in OpenMetrics the double quote too.
pub(super) fn escape(help: &str, openmetrics: bool) -> Cow<'_, str> {
    let bytes = help.as_bytes();
    let special =
        if openmetrics { memchr3(b'\\', b'\n', b'"', bytes) } else { memchr2(b'\\', b'\n', bytes) };
    if special.is_none() {
        return Cow::Borrowed(help);
    }
    let escaped = help.replace('\\', r"\\").replace('\n', r"\n");
    Cow::Owned(if openmetrics { escaped.replace('"', "\\\"") } else { escaped })
}

/// Reads a label's value from behind its opening quote; gives what it says, and what follows the
/// closing one, if there is one.
pub(crate) fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(index + 1..)?)),
            '\\' => match characters.next()? {
                (_, 'n') => value.push('\n'),
                (_, escaped) => value.push(escaped),
            },
            _ => value.push(character),
        }
    }
    None
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
