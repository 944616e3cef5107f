//! Families of one name that several sinks hold: which of them stands, and what of the others joins it.

use std::collections::HashSet;
use std::ops::Range;

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
    fn part(&self, range: &Range<usize>) -> &'a [u8] {
        &self.sink.text()[range.clone()]
    }

    fn name(&self) -> &'a [u8] {
        self.part(&self.span.name)
    }

    fn header(&self) -> &'a [u8] {
        self.part(&self.span.header)
    }

    /// The sample lines, each with its line feed.
    fn lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.part(&self.span.samples).split_inclusive(|byte| *byte == b'\n')
    }

    pub(super) fn is_called(&self, name: &str) -> bool {
        let name = if self.span.strips_total {
            name.strip_suffix("_total").unwrap_or_default()
        } else {
            name
        };
        name.as_bytes() == self.name()
    }
}

pub(super) fn placed(sink: &Sink) -> impl Iterator<Item = Placed<'_>> {
    sink.families.iter().map(move |span| Placed { sink, span })
}

pub(super) fn index(sinks: &[Sink]) -> Vec<Placed<'_>> {
    let mut families: Vec<Placed<'_>> = sinks.iter().flat_map(placed).collect();
    sort(&mut families);
    families
}

/// By name. Stable: those of one name stay in the order of their sinks, behind which stand
/// the sinks that give way.
pub(super) fn sort(families: &mut [Placed<'_>]) {
    families.sort_by(|a, b| {
        let give_way = |family: &Placed<'_>| family.sink.verdict.is_some();
        a.name().cmp(b.name()).then_with(|| give_way(a).cmp(&give_way(b)))
    });
}

/// Sorted families, those of one name together.
pub(super) fn groups<'f, 'a>(families: &'f [Placed<'a>]) -> impl Iterator<Item = &'f [Placed<'a>]> {
    families.chunk_by(|a, b| a.name() == b.name())
}

/// True if a family of `sink` is left out of `group` because of another sink's.
pub(super) fn is_overruled(sink: &Sink, group: &[Placed<'_>]) -> bool {
    let [first, others @ ..] = group else { return false };
    !std::ptr::eq(first.sink, sink)
        && others
            .iter()
            .any(|family| std::ptr::eq(family.sink, sink) && family.header() != first.header())
}

/// Writes families of one name under the first one's header, and no series twice.
pub(super) fn put_group(out: &mut Buffer, group: &[Placed<'_>], rejected: &mut Rejected) {
    let [first, others @ ..] = group else { return };
    out.put(first.header());
    out.put(first.part(&first.span.samples));
    if others.is_empty() {
        return;
    }
    let mut known: HashSet<&[u8]> = first.lines().map(series).collect();
    for other in others {
        if first.header() != other.header() {
            rejected.conflicts += 1;
            rejected.note(|| String::from_utf8_lossy(other.name()).into_owned());
            continue;
        }
        for line in other.lines() {
            if known.insert(series(line)) {
                out.put(line);
            } else {
                rejected.duplicates += 1;
                rejected.note(|| String::from_utf8_lossy(series(line)).into_owned());
            }
        }
    }
}

/// Name and labels of a sample line. Neither value nor timestamp holds a brace.
fn series(line: &[u8]) -> &[u8] {
    let end = line
        .iter()
        .rposition(|b| *b == b'}')
        .or_else(|| line.iter().position(|b| *b == b' '))
        .unwrap_or(line.len());
    &line[..end]
}
