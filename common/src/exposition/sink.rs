//! Where a collector pushes its samples: text is written at once, nothing is kept per sample.

use std::fmt;
use std::hash::BuildHasher;
use std::ops::Range;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::Format;
use super::buffer::Buffer;
use super::family::Family;
use super::syntax::{put_help, put_labels, type_word};
use crate::metric::{Desc, Kind, Label, Metric};

/// Labels rendered once and used for many samples, such as those of one container.
#[derive(Clone, Debug, Default)]
pub struct LabelSet(pub(super) Vec<u8>);

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
    pub(super) format: Format,
    pub(super) text: Buffer,
    pub(super) families: Vec<Span>,
    /// Label blocks of the family under construction, with their hashes.
    seen: HashTable<(u64, Range<usize>)>,
    hasher: DefaultHashBuilder,
    pub(super) duplicates: usize,
    pub(super) first_duplicate: Option<String>,
    /// Set if the families of this sink yield to those of others.
    pub(super) error_gauge: Option<ErrorGauge>,
}

/// The gauge that says whether a sink that yields to others lost a family to them.
#[derive(Clone, Copy, Debug)]
pub(super) struct ErrorGauge {
    pub(super) desc: Desc<'static>,
    /// Something was wrong before the sinks came together.
    pub(super) has_failed: bool,
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
        self.error_gauge = None;
    }

    /// The format written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Lets other sinks of the scrape go first, for families whose names come from outside.
    ///
    /// Where another sink has a family of the same name, its type and help
    /// count: a family of this sink that differs in them is left out, and so is
    /// a series that is there already. The gauge `desc`, written when all
    /// sinks have been merged, is 1 if a family was left out because of
    /// another sink or if `has_failed`, else 0.
    pub fn yield_to_others(&mut self, desc: Desc<'static>, has_failed: bool) {
        self.error_gauge = Some(ErrorGauge { desc, has_failed });
    }

    /// Everything written so far, family after family.
    pub fn text(&self) -> &[u8] {
        self.text.as_slice()
    }

    /// True if no sample was written.
    pub fn is_empty(&self) -> bool {
        self.families.is_empty()
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
        Family::new(self, desc.name, span)
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
            self.family(&metric.desc).column(metric.value, rows.clone());
        }
    }

    /// Writes a table of one row without labels.
    pub fn row<Row>(&mut self, metrics: &[Metric<Row>], row: &Row) {
        self.table(metrics, std::iter::once(([], row)));
    }

    /// True if the label block at `labels` is the first of its kind in this family.
    pub(super) fn is_new(&mut self, labels: Range<usize>) -> bool {
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
