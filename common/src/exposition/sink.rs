//! Where a collector pushes its samples: text is written at once, nothing is kept per sample.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::Format;
use super::blocks::Blocks;
use super::buffer::Buffer;
use super::family::Family;
use super::naming::Naming;
use super::syntax::{HELP_WORD, Labels, escape, type_word};
use crate::keyed::Keyed;
use crate::metric::{Desc, Kind, Metric};

/// Series of one collector in one scrape at most: many times what a collector of a real machine
/// has, so that what users or peers can make any number of does not take all memory.
pub const MAX_SERIES: usize = 1_000_000;

/// The samples of one collector in one scrape, as text of one format.
///
/// Families are written one after the other, in any order; the samples of one
/// family together. A second sample with the labels of an earlier one of its
/// family is dropped and counted.
///
/// An exporter has some sixty of them, and what a scrape costs is mostly to fetch memory: so what
/// few need is elsewhere.
#[derive(Default)]
pub struct Sink {
    pub(super) format: Format,
    pub(super) text: Buffer,
    pub(super) families: Vec<Span>,
    /// Those of the family under construction.
    blocks: Blocks,
    /// In the families that have ended.
    pub(super) series: usize,
    pub(super) left_out: Option<Box<LeftOut>>,
    /// The collector that uses this sink.
    pub(super) collector: Option<usize>,
    /// What all sinks of the scrape have in common, unless it is nothing.
    pub(super) naming: Option<Arc<Naming>>,
    /// Set if the families of this sink yield to those of others.
    pub(super) error_gauge: Option<Box<ErrorGauge>>,
}

/// What was pushed and is not in the text.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    pub(super) duplicates: usize,
    pub(super) first_duplicate: String,
    /// Samples and histograms that were left out because there were too many series.
    excess: usize,
}

/// The gauge that says whether a sink that yields to others lost a family to them.
#[derive(Clone, Copy, Debug)]
pub(super) struct ErrorGauge {
    pub(super) desc: Desc<'static>,
    /// Something was wrong before the sinks came together.
    pub(super) has_failed: bool,
}

/// Where one family stands in the text: its header and, behind it, its samples.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) start: usize,
    /// Length of the name in the HELP line (without `_total` for an OpenMetrics counter).
    name: usize,
    /// Length of the header.
    header: usize,
    pub(super) end: usize,
}

impl Span {
    pub(super) fn name(&self) -> Range<usize> {
        let start = self.start + HELP_WORD.len();
        start..start + self.name
    }

    pub(super) fn header(&self) -> Range<usize> {
        self.start..self.start + self.header
    }

    pub(super) fn samples(&self) -> Range<usize> {
        self.start + self.header..self.end
    }

    pub(super) fn whole(&self) -> Range<usize> {
        self.start..self.end
    }
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
        self.blocks.forget();
        self.series = 0;
        self.left_out = None;
        self.error_gauge = None;
        self.naming = None;
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
        self.error_gauge = Some(Box::new(ErrorGauge { desc, has_failed }));
    }

    /// Everything written so far, family after family.
    pub fn text(&self) -> &[u8] {
        self.text.as_slice()
    }

    /// Series written so far.
    pub fn series(&self) -> usize {
        self.series
    }

    /// Samples and histograms that were left out, because a sink takes [`MAX_SERIES`].
    pub fn excess(&self) -> usize {
        self.left_out.as_ref().map_or(0, |left_out| left_out.excess)
    }

    /// Counts a metric for which there is no room.
    #[cold]
    pub(super) fn count_excess(&mut self) {
        self.left_out.get_or_insert_default().excess += 1;
    }

    /// Counts a metric that was there before; `series` says which.
    #[cold]
    pub(super) fn count_duplicate(&mut self, series: impl FnOnce(&[u8]) -> String) {
        let left_out = self.left_out.get_or_insert_default();
        if left_out.duplicates == 0 {
            left_out.first_duplicate = series(self.text.as_slice());
        }
        left_out.duplicates += 1;
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
        self.blocks.forget();
        let openmetrics = self.format == Format::OpenMetrics;
        let namespace = self.naming.as_ref().and_then(|naming| naming.namespace.as_ref());
        let renamed = namespace.and_then(|namespace| namespace.rename(desc.name));
        let sample_name = renamed.map_or(Cow::Borrowed(desc.name), Cow::Owned);
        let (name, kind) = match (openmetrics, desc.kind) {
            (true, Kind::Counter) => match sample_name.strip_suffix("_total") {
                Some(name) => (name, Kind::Counter),
                // A counter under another name is no counter to OpenMetrics.
                None => (&*sample_name, Kind::Untyped),
            },
            (_, kind) => (&*sample_name, kind),
        };
        let start = self.text.len();
        let help =
            if desc.is_plain { Cow::Borrowed(desc.help) } else { escape(desc.help, openmetrics) };
        self.text.put_all([
            HELP_WORD,
            name.as_bytes(),
            b" ",
            help.as_bytes(),
            b"\n# TYPE ",
            name.as_bytes(),
            type_word(kind, openmetrics),
        ]);
        let end = self.text.len();
        let span = Span { start, name: name.len(), header: end - start, end };
        Family::new(self, sample_name, span)
    }

    /// Writes a family of one sample without labels.
    pub fn value(&mut self, desc: &Desc<'_>, value: f64) {
        self.family(desc).only(value);
    }

    /// Writes a family of samples that are all of one moment; nothing where there are none.
    pub fn samples<L: Labels>(
        &mut self,
        desc: &Desc<'_>,
        samples: impl IntoIterator<Item = (L, f64)>,
    ) {
        // Most tables are of devices that a host lacks. To write the headers of their families, and
        // take them back, was 5 % of the instructions of a scrape.
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        let mut family = self.family(desc);
        for (labels, value) in samples {
            family.sample(&labels, value);
        }
    }

    /// Writes a table: for each metric, one sample of each row that has a value for it.
    ///
    /// `rows` gives the labels and the values of each row and is walked once per metric.
    #[expect(clippy::needless_pass_by_value, reason = "an iterator is handed over by value")]
    pub fn table<'a, L: Labels, Row: 'a>(
        &mut self,
        metrics: &[Metric<Row>],
        rows: impl Iterator<Item = (L, &'a Row)> + Clone,
    ) {
        for metric in metrics {
            let samples =
                rows.clone().filter_map(|(labels, row)| Some((labels, (metric.value)(row)?)));
            self.samples(&metric.desc, samples);
        }
    }

    /// Writes a table of one row without labels.
    pub fn row<Row>(&mut self, metrics: &[Metric<Row>], row: &Row) {
        self.table(metrics, std::iter::once(((), row)));
    }

    /// Writes a table of keyed columns: `rows` gives the labels of each row and its values in
    /// the order of `columns`, and is walked once per column.
    #[expect(clippy::needless_pass_by_value, reason = "an iterator is handed over by value")]
    pub fn columns<'a, L: Labels>(
        &mut self,
        columns: &[Keyed],
        rows: impl Iterator<Item = (L, &'a [Option<f64>])> + Clone,
    ) {
        for (index, column) in columns.iter().enumerate() {
            let samples = rows.clone().filter_map(|(labels, row)| {
                let value = row.get(index).copied().flatten()?;
                Some((labels, value))
            });
            self.samples(&column.desc, samples);
        }
    }

    /// True if the label block at `labels` is the first of its kind in this family.
    pub(super) fn is_new(&mut self, labels: Range<usize>) -> bool {
        self.blocks.is_new(self.text.as_slice(), labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_over_the_bound_are_left_out_and_counted() {
        let mut sink = Sink { series: MAX_SERIES - 3, ..Sink::default() };
        let samples = ["a", "b", "a", "c", "d", "e"].map(|zone| ([("zone", zone)], 1.0));
        sink.samples(&Desc::gauge("many", "Too many."), samples);
        sink.value(&Desc::gauge("more", "One more."), 1.0);
        let histogram = Desc::histogram("last", "A histogram.");
        sink.family(&histogram).histogram(&[], [(1.0, 1)], 2.5, 4);
        let text = String::from_utf8(sink.text().to_vec()).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines, [r#"many{zone="a"} 1"#, r#"many{zone="b"} 1"#, r#"many{zone="c"} 1"#]);
        assert!(!text.contains("more") && !text.contains("last"), "{text}");
        let duplicates = sink.left_out.as_ref().map(|left_out| left_out.duplicates);
        assert_eq!((sink.series(), sink.excess(), duplicates), (MAX_SERIES, 4, Some(1)));
        sink.reset(Format::Text);
        assert_eq!(sink.excess(), 0);
    }

    #[test]
    fn series_are_the_lines_that_are_no_header() {
        for format in [Format::Text, Format::OpenMetrics] {
            let mut sink = Sink::new(format);
            sink.value(&Desc::gauge("a", "First."), 1.0);
            let zones = ["x", "y", "x"].map(|zone| ([("zone", zone)], 2.0));
            sink.samples(&Desc::counter("b_total", "Second."), zones);
            let histogram = Desc::histogram("c", "Third.");
            let mut family = sink.family(&histogram);
            for zone in ["x", "y", "x"] {
                family.histogram(&[("zone", zone)], [(1.0, 1), (2.0, 3)], 2.5, 4);
            }
            drop(family);
            let summary = Desc::summary("d", "Fourth.");
            sink.family(&summary).summary(&[], [(0.5, 1.0)], 2.0, 3);
            drop(sink.family(&Desc::gauge("e", "Nothing.")));
            let text = String::from_utf8(sink.text().to_vec()).unwrap();
            let lines = text.lines().filter(|line| !line.starts_with('#')).count();
            assert_eq!((sink.series(), lines), (1 + 2 + 2 * 5 + 3, 1 + 2 + 2 * 5 + 3), "{text}");
            sink.reset(format);
            assert_eq!(sink.series(), 0);
        }
    }
}
