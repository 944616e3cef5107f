//! One family of a sink: its samples, and the removal of duplicates among them.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use super::Format;
use super::naming::common_labels;
use super::number::{Digits, put_bound};
use super::sink::{MAX_SERIES, Sink, Span};
use super::syntax::{Labels, put_block, put_labels, put_timestamp};
use crate::metric::Label;

/// The family under construction.
#[derive(Debug)]
pub struct Family<'s> {
    sink: &'s mut Sink,
    name: Cow<'s, str>,
    span: Span,
    /// Lines of samples.
    series: usize,
}

impl<'s> Family<'s> {
    /// A family whose header stands at the end of `sink`.
    pub(super) fn new(sink: &'s mut Sink, name: Cow<'s, str>, span: Span) -> Self {
        Self { sink, name, span, series: 0 }
    }

    /// Adds a sample.
    #[inline]
    pub fn sample(&mut self, labels: &(impl Labels + ?Sized), value: f64) {
        self.series(labels, value, None);
    }

    /// Adds the only sample of a family, without labels, which has no other to be compared with.
    /// Half of the families of a machine are such.
    #[inline]
    pub(super) fn only(&mut self, value: f64) {
        if common_labels(self.sink.naming.as_ref()).is_some() || self.sink.series >= MAX_SERIES {
            self.sample(&(), value);
            return;
        }
        let mut digits = Digits::new();
        self.sink.text.put_all([self.name.as_bytes(), b" ", digits.of(value), b"\n"]);
        self.series = 1;
    }

    /// Adds a sample with an explicit time in milliseconds since the epoch.
    pub fn sample_at(&mut self, labels: &(impl Labels + ?Sized), value: f64, milliseconds: i64) {
        self.series(labels, value, Some(milliseconds));
    }

    /// Adds a histogram: `buckets` are (upper bound, cumulative count) in
    /// ascending order; the bucket `+Inf` is `count` if they lack it.
    pub fn histogram(
        &mut self,
        labels: &[Label<'_>],
        buckets: impl IntoIterator<Item = (f64, u64)>,
        sum: f64,
        count: u64,
    ) {
        let start = self.sink.text.len();
        let last = Cell::new(f64::NEG_INFINITY);
        let buckets = buckets.into_iter().map(|(bound, cumulative)| (bound, cumulative as f64));
        let buckets = buckets.inspect(|(bound, _)| last.set(*bound));
        let end = std::iter::once((f64::INFINITY, count as f64));
        let end = end.filter(|(bound, _)| last.get() < *bound);
        self.bounded_lines("_bucket", labels, "le", buckets.chain(end));
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
        self.bounded_lines("", labels, "quantile", quantiles);
        self.sum_and_count(start, labels, sum, count);
    }

    #[inline]
    fn series(&mut self, labels: &(impl Labels + ?Sized), value: f64, milliseconds: Option<i64>) {
        let text = &mut self.sink.text;
        let start = text.len();
        text.put(self.name.as_bytes());
        let block = self.put_block(labels);
        if !self.accept(start, block) {
            return;
        }
        let text = &mut self.sink.text;
        let mut digits = Digits::new();
        let Some(milliseconds) = milliseconds else {
            text.put_all([b" ", digits.of(value), b"\n"]);
            return;
        };
        text.put_all([b" ", digits.of(value)]);
        put_timestamp(text, milliseconds, self.sink.format);
        text.push(b'\n');
    }

    /// Appends the labels that all samples have and those of this one.
    #[inline]
    fn put_block(&mut self, labels: &(impl Labels + ?Sized)) -> Range<usize> {
        let Sink { text, naming, .. } = &mut *self.sink;
        match common_labels(naming.as_ref()) {
            None => put_block(text, labels),
            Some(common) => put_block(text, &(common, labels)),
        }
    }

    /// Adds lines that differ in one label, `bound_label`, and in their values.
    fn bounded_lines(
        &mut self,
        suffix: &str,
        labels: &[Label<'_>],
        bound_label: &str,
        lines: impl IntoIterator<Item = (f64, f64)>,
    ) {
        let openmetrics = self.sink.format == Format::OpenMetrics;
        let Sink { text, naming, .. } = &mut *self.sink;
        // What all lines begin with, once the first of them has been written.
        let mut beginning: Option<Range<usize>> = None;
        for (bound, value) in lines {
            if let Some(beginning) = &beginning {
                text.put_again(beginning.clone());
            } else {
                let start = text.len();
                text.put_all([self.name.as_bytes(), suffix.as_bytes(), b"{"]);
                if let Some(common) = common_labels(naming.as_ref()) {
                    common.put(text);
                    text.push(b',');
                }
                put_labels(text, labels.iter().copied());
                if !labels.is_empty() {
                    text.push(b',');
                }
                text.put_all([bound_label.as_bytes(), b"=\""]);
                beginning = Some(start..text.len());
            }
            put_bound(text, bound, openmetrics);
            text.put_all([b"\"} ", Digits::new().of(value), b"\n"]);
            self.series += 1;
        }
    }

    fn sum_and_count(&mut self, start: usize, labels: &[Label<'_>], sum: f64, count: u64) {
        let text = &mut self.sink.text;
        text.put_all([self.name.as_bytes(), b"_sum"]);
        let block = self.put_block(labels);
        let text = &mut self.sink.text;
        text.put_all([b" ", Digits::new().of(sum), b"\n", self.name.as_bytes(), b"_count"]);
        text.put_again(block.clone());
        self.series += 1;
        if self.accept(start, block) {
            let text = &mut self.sink.text;
            text.put_all([b" ", Digits::new().of(count as f64), b"\n"]);
        }
    }

    /// Counts a metric that starts at `start`, or takes it back if its labels were there before.
    #[inline]
    fn accept(&mut self, start: usize, block: Range<usize>) -> bool {
        if self.sink.series + self.series >= MAX_SERIES {
            self.sink.count_excess();
            self.take_back(start);
            return false;
        }
        if self.sink.is_new(block.clone()) {
            self.series += 1;
            return true;
        }
        self.reject(start, block);
        false
    }

    #[cold]
    fn reject(&mut self, start: usize, block: Range<usize>) {
        let name = &self.name;
        self.sink
            .count_duplicate(|text| format!("{name}{}", String::from_utf8_lossy(&text[block])));
        self.take_back(start);
    }

    /// Removes a metric that starts at `start`.
    #[cold]
    fn take_back(&mut self, start: usize) {
        // Those of a histogram come before the line by which it is known.
        let written = memchr::memchr_iter(b'\n', &self.sink.text.as_slice()[start..]).count();
        self.series -= written;
        self.sink.text.truncate(start);
    }
}

impl Drop for Family<'_> {
    fn drop(&mut self) {
        if self.series == 0 {
            self.sink.text.truncate(self.span.start);
        } else {
            self.span.end = self.sink.text.len();
            self.sink.families.push(self.span);
            self.sink.series += self.series;
        }
    }
}
