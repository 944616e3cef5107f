//! Families of one name that several sinks hold: which of them is shown, and what of the others joins it.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::ops::Range;

use super::Format;
use super::body::Rejected;
use super::buffer::Buffer;
use super::sink::{Sink, Span};

/// A family and the sink that it stands in.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    sink: &'a Sink,
    span: &'a Span,
}

impl<'a> Placed<'a> {
    fn part(&self, range: Range<usize>) -> &'a [u8] {
        &self.sink.text()[range]
    }

    /// Bytes of the header and the samples.
    pub(super) fn len(&self) -> usize {
        self.span.whole().len()
    }

    fn name(&self) -> &'a [u8] {
        self.part(self.span.name())
    }

    /// What families are sorted by: their name, and whether they yield to others.
    fn key(&self) -> (&'a [u8], bool) {
        (self.name(), self.sink.error_gauge.is_some())
    }

    fn header(&self) -> &'a [u8] {
        self.part(self.span.header())
    }

    /// The header and the samples, which follow it.
    fn whole(&self) -> &'a [u8] {
        self.part(self.span.whole())
    }

    /// The samples, each with its line feed; all lines of one histogram or summary together.
    fn metrics(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (name, header) = (self.name(), self.header());
        let is_compound = header.ends_with(b" histogram\n") || header.ends_with(b" summary\n");
        let is_last = move |line: &[u8]| {
            let rest = line.strip_prefix(name).unwrap_or(line);
            !is_compound || rest.starts_with(b"_count{") || rest.starts_with(b"_count ")
        };
        let mut rest = self.part(self.span.samples());
        std::iter::from_fn(move || {
            let mut length = 0;
            for line in rest.split_inclusive(|byte| *byte == b'\n') {
                length += line.len();
                if is_last(line) {
                    break;
                }
            }
            let (metric, others) = rest.split_at(length);
            rest = others;
            (length > 0).then_some(metric)
        })
    }

    pub(super) fn is_called(&self, name: &str) -> bool {
        // Whose samples have the ending that the header lacks.
        let is_stripped =
            self.sink.format == Format::OpenMetrics && self.header().ends_with(b" counter\n");
        let name = if is_stripped { name.strip_suffix("_total").unwrap_or_default() } else { name };
        name.as_bytes() == self.name()
    }
}

/// Where a family stands: which sink, and which family of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    sink: u32,
    family: u32,
}

impl Place {
    /// None of the numbers is too large: a sink has fewer series than that.
    fn new(sink: usize, family: usize) -> Option<Self> {
        Some(Self { sink: u32::try_from(sink).ok()?, family: u32::try_from(family).ok()? })
    }

    /// Number of the sink.
    pub(super) fn sink(self) -> usize {
        self.sink as usize
    }

    fn family(self) -> usize {
        self.family as usize
    }

    /// True if there is such a family.
    pub(super) fn is_in(self, sinks: &[Box<Sink>]) -> bool {
        sinks.get(self.sink()).is_some_and(|sink| self.family() < sink.families.len())
    }
}

/// The sinks of one scrape.
pub(super) trait Sinks {
    fn placed(&self, place: Place) -> Placed<'_>;
}

impl Sinks for [Box<Sink>] {
    fn placed(&self, place: Place) -> Placed<'_> {
        let sink = &self[place.sink()];
        Placed { sink, span: &sink.families[place.family()] }
    }
}

/// The families of all sinks.
pub(super) fn places(sinks: &[Box<Sink>]) -> impl Iterator<Item = Place> {
    sinks.iter().enumerate().flat_map(|(sink, content)| {
        (0..content.families.len()).filter_map(move |family| Place::new(sink, family))
    })
}

/// Writes families that are sorted and whose names are all different, as nearly always; false where
/// that is not so, with part of them written.
pub(super) fn put_distinct(out: &mut Buffer, sinks: &[Box<Sink>], families: &[Place]) -> bool {
    let mut last: &[u8] = b"";
    for place in families {
        let family = sinks.placed(*place);
        if last >= family.name() {
            return false;
        }
        last = family.name();
        out.put(family.whole());
    }
    true
}

/// Sorts families by name and says where those of each name are: in the order of their sinks, those
/// that yield to others last. Sorted ones are gone through once only.
pub(super) fn group(sinks: &[Box<Sink>], families: &mut [Place]) -> Vec<Range<usize>> {
    if let Some(ranges) = ranges(sinks, families) {
        return ranges;
    }
    // Stable.
    families.sort_by(|a, b| sinks.placed(*a).key().cmp(&sinks.placed(*b).key()));
    ranges(sinks, families).unwrap_or_default()
}

/// Where the families of each name are, if they are sorted.
fn ranges(sinks: &[Box<Sink>], families: &[Place]) -> Option<Vec<Range<usize>>> {
    let mut ranges: Vec<Range<usize>> = Vec::with_capacity(families.len());
    let mut last: Option<(&[u8], bool)> = None;
    for (index, place) in families.iter().enumerate() {
        let key = sinks.placed(*place).key();
        let is_same_name = match last.map_or(Ordering::Less, |last| last.0.cmp(key.0)) {
            Ordering::Less => false,
            Ordering::Equal if last.is_none_or(|last| last.1 <= key.1) => true,
            _ => return None,
        };
        match ranges.last_mut() {
            Some(range) if is_same_name => range.end = index + 1,
            _ => ranges.push(index..index + 1),
        }
        last = Some(key);
    }
    Some(ranges)
}

/// True if a family of the sink numbered `sink` is left out of `group` because of another sink's.
pub(super) fn is_overruled(sinks: &[Box<Sink>], sink: usize, group: &[Place]) -> bool {
    let [first, others @ ..] = group else { return false };
    let header = sinks.placed(*first).header();
    first.sink() != sink
        && others
            .iter()
            .any(|place| place.sink() == sink && sinks.placed(*place).header() != header)
}

/// Writes families of one name under the first one's header, and no series twice.
pub(super) fn put_group(
    out: &mut Buffer,
    sinks: &[Box<Sink>],
    group: &[Place],
    rejected: &mut Rejected,
) {
    let [first, others @ ..] = group else { return };
    let first = sinks.placed(*first);
    out.put(first.whole());
    if others.is_empty() {
        return;
    }
    let mut known: HashSet<&[u8]> = first.metrics().map(series).collect();
    for other in others.iter().map(|place| sinks.placed(*place)) {
        if first.header() != other.header() {
            rejected.conflicts += 1;
            rejected.note(|| String::from_utf8_lossy(other.name()).into_owned());
            continue;
        }
        for metric in other.metrics() {
            if known.insert(series(metric)) {
                out.put(metric);
            } else {
                rejected.duplicates += 1;
                rejected.note(|| String::from_utf8_lossy(series(metric)).into_owned());
            }
        }
    }
}

/// Name and labels of a sample; of a histogram or summary those of its last line, `_count`.
/// Neither value nor timestamp holds a brace.
fn series(metric: &[u8]) -> &[u8] {
    let lines = metric.strip_suffix(b"\n").unwrap_or(metric);
    let line = lines.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let end = line
        .iter()
        .rposition(|byte| *byte == b'}')
        .or_else(|| line.iter().position(|byte| *byte == b' '))
        .unwrap_or(line.len());
    &line[..end]
}
