//! Where a collector pushes its samples: text is written at once, nothing is kept per sample.

use std::fmt;
use std::hash::BuildHasher;
use std::ops::Range;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::Format;
use super::buffer::Buffer;
use super::number::{put_bound, put_integer, put_value};
use crate::metric::{Desc, Kind, Label, Metric};

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

/// The samples of one collector in one scrape, as text of one format.
///
/// Families are written one after the other, in any order; the samples of one
/// family together. A second sample with the labels of an earlier one of its
/// family is dropped and counted.
#[derive(Default)]
pub struct Sink {
    format: Format,
    pub(super) text: Buffer,
    pub(super) families: Vec<Span>,
    /// Label blocks of the family under construction, with their hashes.
    seen: HashTable<(u64, Range<usize>)>,
    hasher: DefaultHashBuilder,
    pub(super) duplicates: usize,
    pub(super) first_duplicate: Option<String>,
}

/// Where one family stands in the text.
#[derive(Clone, Debug)]
pub(super) struct Span {
    /// Name in the HELP line (without `_total` for an OpenMetrics counter).
    pub(super) name: Range<usize>,
    /// The sample name ends in a `_total` that the HELP line lacks.
    pub(super) strips_total: bool,
    pub(super) header: Range<usize>,
    pub(super) samples: Range<usize>,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink")
            .field("format", &self.format)
            .field("bytes", &self.text.len())
            .field("families", &self.families.len())
            .finish_non_exhaustive()
    }
}

impl Sink {
    /// An empty sink for `format`.
    pub fn new(format: Format) -> Self {
        Self { format, ..Self::default() }
    }

    /// Empties the sink for another scrape, keeping its memory.
    pub fn reset(&mut self, format: Format) {
        self.format = format;
        self.text.clear();
        self.families.clear();
        self.seen.clear();
        self.duplicates = 0;
        self.first_duplicate = None;
    }

    /// The format written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Everything written so far, family after family.
    pub fn text(&self) -> &[u8] {
        self.text.as_slice()
    }

    /// Bytes of memory that the sink holds for its text.
    pub fn capacity(&self) -> usize {
        self.text.capacity()
    }

    /// Starts a family. It ends when the returned value is dropped, and leaves
    /// no trace if it got no sample.
    pub fn family<'s>(&'s mut self, desc: &Desc<'s>) -> Family<'s> {
        self.seen.clear();
        let openmetrics = self.format == Format::OpenMetrics;
        let (name, kind) = match (openmetrics, desc.kind) {
            (true, Kind::Counter) => match desc.name.strip_suffix("_total") {
                Some(name) => (name, Kind::Counter),
                // A counter under another name is no counter to OpenMetrics.
                None => (desc.name, Kind::Untyped),
            },
            (_, kind) => (desc.name, kind),
        };
        let header = self.text.len();
        self.text.put(b"# HELP ");
        let name_start = self.text.len();
        self.text.put(name.as_bytes());
        let name_range = name_start..self.text.len();
        self.text.push(b' ');
        put_help(&mut self.text, desc.help, openmetrics);
        self.text.put(b"\n# TYPE ");
        self.text.put(name.as_bytes());
        self.text.put(type_word(kind, openmetrics));
        let samples = self.text.len();
        let span = Span {
            name: name_range,
            strips_total: name.len() != desc.name.len(),
            header: header..samples,
            samples: samples..samples,
        };
        Family { sink: self, name: desc.name, span, count: 0, first: 0..0 }
    }

    /// Writes a family of one sample without labels.
    pub fn value(&mut self, desc: &Desc<'_>, value: f64) {
        self.family(desc).sample(&[], value);
    }

    /// Writes a table: for each metric, one sample of each row that has a value for it.
    ///
    /// `rows` gives the labels and the values of each row and is walked once per metric.
    #[expect(clippy::needless_pass_by_value, reason = "an iterator is handed over by value")]
    pub fn table<'a, Row: 'a, const N: usize>(
        &mut self,
        metrics: &[Metric<Row>],
        rows: impl Iterator<Item = ([Label<'a>; N], &'a Row)> + Clone,
    ) {
        for metric in metrics {
            let mut family = self.family(&metric.desc);
            for (labels, row) in rows.clone() {
                if let Some(value) = (metric.value)(row) {
                    family.sample(&labels, value);
                }
            }
        }
    }

    /// Writes a table of one row without labels.
    pub fn row<Row>(&mut self, metrics: &[Metric<Row>], row: &Row) {
        self.table(metrics, std::iter::once(([], row)));
    }

    /// True if the label block at `labels` is the first of its kind in this family.
    fn is_new(&mut self, labels: Range<usize>) -> bool {
        let text = self.text.as_slice();
        let block = &text[labels.clone()];
        let hash = self.hasher.hash_one(block);
        let known = self.seen.find(hash, |(h, range)| *h == hash && text[range.clone()] == *block);
        if known.is_some() {
            return false;
        }
        self.seen.insert_unique(hash, (hash, labels), |(h, _)| *h);
        true
    }
}

/// The family under construction.
#[derive(Debug)]
pub struct Family<'s> {
    sink: &'s mut Sink,
    name: &'s str,
    span: Span,
    count: usize,
    /// Label block of the first sample; enters the table when a second one comes.
    first: Range<usize>,
}

impl Family<'_> {
    /// Adds a sample.
    pub fn sample(&mut self, labels: &[Label<'_>], value: f64) {
        self.series(None, labels, value, None);
    }

    /// Adds a sample whose labels are those of `base` and then `labels`.
    pub fn sample_with(&mut self, base: &LabelSet, labels: &[Label<'_>], value: f64) {
        self.series(Some(base), labels, value, None);
    }

    /// Adds a sample with an explicit time in milliseconds since the epoch.
    pub fn sample_at(&mut self, labels: &[Label<'_>], value: f64, milliseconds: i64) {
        self.series(None, labels, value, Some(milliseconds));
    }

    /// Adds a histogram: `buckets` are (upper bound, cumulative count) in
    /// ascending order, `+Inf` being left out.
    pub fn histogram(
        &mut self,
        labels: &[Label<'_>],
        buckets: impl IntoIterator<Item = (f64, u64)>,
        sum: f64,
        count: u64,
    ) {
        let start = self.sink.text.len();
        for (bound, cumulative) in buckets {
            self.bounded_line("_bucket", labels, "le", bound, cumulative as f64);
        }
        self.bounded_line("_bucket", labels, "le", f64::INFINITY, count as f64);
        self.sum_and_count(start, labels, sum, count);
    }

    /// Adds a summary: `quantiles` are (quantile, value) in ascending order.
    pub fn summary(
        &mut self,
        labels: &[Label<'_>],
        quantiles: impl IntoIterator<Item = (f64, f64)>,
        sum: f64,
        count: u64,
    ) {
        let start = self.sink.text.len();
        for (quantile, value) in quantiles {
            self.bounded_line("", labels, "quantile", quantile, value);
        }
        self.sum_and_count(start, labels, sum, count);
    }

    /// Adds a whole sample line that is known to be well-formed and unlike the others.
    pub(crate) fn line(&mut self, line: &str) {
        self.count += 1;
        self.sink.text.put(line.as_bytes());
        self.sink.text.push(b'\n');
    }

    #[inline]
    fn series(
        &mut self,
        base: Option<&LabelSet>,
        labels: &[Label<'_>],
        value: f64,
        milliseconds: Option<i64>,
    ) {
        let text = &mut self.sink.text;
        let start = text.len();
        text.put(self.name.as_bytes());
        let block = put_block(text, base, labels);
        if !self.accept(start, block) {
            return;
        }
        let text = &mut self.sink.text;
        text.push(b' ');
        put_value(text, value);
        if let Some(milliseconds) = milliseconds {
            put_timestamp(text, milliseconds, self.sink.format);
        }
        text.push(b'\n');
    }

    fn bounded_line(
        &mut self,
        suffix: &str,
        labels: &[Label<'_>],
        bound_label: &str,
        bound: f64,
        value: f64,
    ) {
        let openmetrics = self.sink.format == Format::OpenMetrics;
        let text = &mut self.sink.text;
        text.put(self.name.as_bytes());
        text.put(suffix.as_bytes());
        text.push(b'{');
        put_labels(text, labels.iter().copied());
        if !labels.is_empty() {
            text.push(b',');
        }
        text.put(bound_label.as_bytes());
        text.put(b"=\"");
        put_bound(text, bound, openmetrics);
        text.put(b"\"} ");
        put_value(text, value);
        text.push(b'\n');
    }

    fn sum_and_count(&mut self, start: usize, labels: &[Label<'_>], sum: f64, count: u64) {
        let text = &mut self.sink.text;
        text.put(self.name.as_bytes());
        text.put(b"_sum");
        put_block(text, None, labels);
        text.push(b' ');
        put_value(text, sum);
        text.push(b'\n');
        text.put(self.name.as_bytes());
        text.put(b"_count");
        let block = put_block(text, None, labels);
        if self.accept(start, block) {
            let text = &mut self.sink.text;
            text.push(b' ');
            put_value(text, count as f64);
            text.push(b'\n');
        }
    }

    /// Counts a metric that starts at `start`, or takes it back if its labels were there before.
    #[inline]
    fn accept(&mut self, start: usize, block: Range<usize>) -> bool {
        self.count += 1;
        if self.count == 1 {
            self.first = block;
            return true;
        }
        if self.count == 2 {
            self.sink.is_new(self.first.clone());
        }
        if self.sink.is_new(block.clone()) {
            return true;
        }
        self.reject(start, block);
        false
    }

    #[cold]
    fn reject(&mut self, start: usize, block: Range<usize>) {
        let sink = &mut *self.sink;
        sink.duplicates += 1;
        if sink.first_duplicate.is_none() {
            let labels = String::from_utf8_lossy(&sink.text.as_slice()[block]);
            sink.first_duplicate = Some(format!("{}{labels}", self.name));
        }
        sink.text.truncate(start);
    }
}

impl Drop for Family<'_> {
    fn drop(&mut self) {
        if self.count == 0 {
            self.sink.text.truncate(self.span.header.start);
        } else {
            self.span.samples.end = self.sink.text.len();
            self.sink.families.push(self.span.clone());
        }
    }
}

/// Appends `{…}`, or nothing where there are no labels; returns where it stands.
#[inline]
fn put_block(out: &mut Buffer, base: Option<&LabelSet>, labels: &[Label<'_>]) -> Range<usize> {
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
fn put_labels<'a>(out: &mut Buffer, labels: impl IntoIterator<Item = Label<'a>>) {
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
fn put_help(out: &mut Buffer, help: &str, openmetrics: bool) {
    put_escaped(out, help, openmetrics);
}

fn type_word(kind: Kind, openmetrics: bool) -> &'static [u8] {
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
fn put_timestamp(out: &mut Buffer, milliseconds: i64, format: Format) {
    out.push(b' ');
    match format {
        Format::Text => put_integer(out, milliseconds),
        Format::OpenMetrics => {
            let (seconds, rest) = (milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000));
            out.put(format!("{seconds}.{rest:03}").as_bytes());
        }
    }
}
