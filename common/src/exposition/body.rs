//! One scrape's answer: the families of all sinks in order of their names.

use std::collections::HashSet;
use std::ops::Range;

use super::Format;
use super::buffer::Buffer;
use super::pool::{Pool, Pooled};
use super::sink::{Sink, Span};

/// Collects the sinks of one scrape and assembles the body.
#[derive(Debug)]
pub struct Exposition {
    format: Format,
    pool: Pool,
    sinks: Vec<Sink>,
}

/// What was left out of a body, and an example of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// Series whose name and labels had been there before.
    pub duplicates: usize,
    /// Families that clashed with one of the same name but another type or help.
    pub conflicts: usize,
    /// The first series or family concerned.
    pub example: Option<String>,
}

impl Rejected {
    fn note(&mut self, example: impl FnOnce() -> String) {
        self.example.get_or_insert_with(example);
    }
}

impl Exposition {
    /// An empty exposition in `format` whose buffers come from `pool`.
    pub fn new(format: Format, pool: Pool) -> Self {
        Self { format, pool, sinks: Vec::new() }
    }

    /// The format of this scrape.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The pool that this scrape's buffers come from.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// An empty sink in this scrape's format, to be given back by [`Self::add`].
    pub fn sink(&self) -> Sink {
        self.pool.sink(self.format)
    }

    /// Adds what a collector has pushed. Where two sinks hold the same family, the earlier one wins.
    pub fn add(&mut self, sink: Sink) {
        self.sinks.push(sink);
    }

    /// Assembles the body: families sorted by name, each with one header;
    /// only those named in `names` unless that is empty.
    ///
    /// Each sink goes back to the pool as soon as its last family has been moved,
    /// so that a large answer is in memory little more than once.
    pub(crate) fn assemble(mut self, names: &[&str]) -> (Pooled, Rejected) {
        let mut body = self.pool.buffer();
        let mut rejected = Rejected::default();
        for sink in &self.sinks {
            if let Some(example) = &sink.first_duplicate {
                rejected.duplicates += sink.duplicates;
                rejected.note(|| example.clone());
            }
        }
        let families = self.index(names);
        body.buffer
            .reserve(families.iter().map(|(sink, span)| self.place(*sink, span).len()).sum());
        let mut left = vec![0_usize; self.sinks.len()];
        for (sink, _) in &families {
            left[*sink] += 1;
        }
        let mut rest = families.as_slice();
        while let Some((sink, span)) = rest.first() {
            let name = self.place(*sink, span).name();
            let same =
                rest.iter().take_while(|(sink, span)| self.place(*sink, span).name() == name);
            let (group, later) = rest.split_at(same.count());
            let placed: Vec<Placed<'_>> =
                group.iter().map(|(sink, span)| self.place(*sink, span)).collect();
            put_group(&mut body.buffer, &placed, &mut rejected);
            for (sink, _) in group {
                left[*sink] -= 1;
                if left[*sink] == 0 {
                    self.pool.return_sink(std::mem::take(&mut self.sinks[*sink]));
                }
            }
            rest = later;
        }
        if self.format == Format::OpenMetrics {
            body.buffer.put(b"# EOF\n");
        }
        (body, rejected)
    }

    /// The families in order of their names, each with the sink that it is in.
    fn index(&self, names: &[&str]) -> Vec<(usize, Span)> {
        let mut families: Vec<(usize, Span)> = Vec::new();
        for (index, sink) in self.sinks.iter().enumerate() {
            let spans = sink.families.iter().filter(|span| {
                let family = Placed { text: sink.text(), span };
                names.is_empty() || names.iter().any(|name| family.is_called(name))
            });
            families.extend(spans.map(|span| (index, span.clone())));
        }
        // Stable: families of one name stay in the order of their sinks.
        families.sort_by(|(a, a_span), (b, b_span)| {
            self.place(*a, a_span).name().cmp(self.place(*b, b_span).name())
        });
        families
    }

    fn place<'a>(&'a self, sink: usize, span: &'a Span) -> Placed<'a> {
        Placed { text: self.sinks[sink].text(), span }
    }
}

impl Drop for Exposition {
    fn drop(&mut self) {
        for sink in self.sinks.drain(..) {
            self.pool.return_sink(sink);
        }
    }
}

/// A family and the text that it stands in.
#[derive(Debug)]
struct Placed<'a> {
    text: &'a [u8],
    span: &'a Span,
}

impl<'a> Placed<'a> {
    fn part(&self, range: &Range<usize>) -> &'a [u8] {
        &self.text[range.clone()]
    }

    /// Bytes of the header and the samples.
    fn len(&self) -> usize {
        self.span.header.len() + self.span.samples.len()
    }

    fn name(&self) -> &'a [u8] {
        self.part(&self.span.name)
    }

    fn is_called(&self, name: &str) -> bool {
        let name = if self.span.strips_total {
            name.strip_suffix("_total").unwrap_or_default()
        } else {
            name
        };
        name.as_bytes() == self.name()
    }
}

/// Writes families of one name under the first one's header.
fn put_group(out: &mut Buffer, group: &[Placed<'_>], rejected: &mut Rejected) {
    let [first, others @ ..] = group else { return };
    out.put(first.part(&first.span.header));
    let samples_start = out.len();
    out.put(first.part(&first.span.samples));
    for other in others {
        if first.part(&first.span.header) == other.part(&other.span.header) {
            put_unseen(out, samples_start, other.part(&other.span.samples), rejected);
        } else {
            rejected.conflicts += 1;
            rejected.note(|| String::from_utf8_lossy(other.name()).into_owned());
        }
    }
}

/// Writes those lines of `samples` whose series does not stand in `out` from `start` on.
fn put_unseen(out: &mut Buffer, start: usize, samples: &[u8], rejected: &mut Rejected) {
    let present: Vec<u8> = out.as_slice()[start..].to_vec();
    let known: HashSet<&[u8]> = present.split_inclusive(|b| *b == b'\n').map(series).collect();
    for line in samples.split_inclusive(|b| *b == b'\n') {
        if known.contains(series(line)) {
            rejected.duplicates += 1;
            rejected.note(|| String::from_utf8_lossy(series(line)).into_owned());
        } else {
            out.put(line);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Desc;

    const A: Desc<'_> = Desc::gauge("a", "First.");
    const B: Desc<'_> = Desc::counter("b_total", "Second.");

    fn exposition(format: Format) -> Exposition {
        Exposition::new(format, Pool::default())
    }

    fn text(exposition: Exposition, names: &[&str]) -> (String, Rejected) {
        let (body, rejected) = exposition.assemble(names);
        (String::from_utf8(body.as_ref().to_vec()).unwrap(), rejected)
    }

    #[test]
    fn families_are_sorted_across_sinks() {
        let mut exposition = exposition(Format::Text);
        for desc in [&B, &A] {
            let mut sink = exposition.sink();
            sink.value(desc, 1.0);
            exposition.add(sink);
        }
        let (body, rejected) = text(exposition, &[]);
        assert_eq!(
            body,
            "# HELP a First.\n# TYPE a gauge\na 1\n\
             # HELP b_total Second.\n# TYPE b_total counter\nb_total 1\n"
        );
        assert_eq!(rejected, Rejected::default());
    }

    #[test]
    fn a_family_of_two_sinks_has_one_header_and_no_duplicate() {
        let mut exposition = exposition(Format::Text);
        for zones in [&["x", "y"], &["y", "z"]] {
            let mut sink = exposition.sink();
            let mut family = sink.family(&A);
            for zone in zones {
                family.sample(&[("zone", zone)], 1.0);
            }
            drop(family);
            exposition.add(sink);
        }
        let (body, rejected) = text(exposition, &[]);
        assert_eq!(
            body,
            "# HELP a First.\n# TYPE a gauge\na{zone=\"x\"} 1\na{zone=\"y\"} 1\na{zone=\"z\"} 1\n"
        );
        assert_eq!(rejected.duplicates, 1);
        assert_eq!(rejected.example.as_deref(), Some("a{zone=\"y\""));
    }

    #[test]
    fn a_family_with_another_help_is_left_out() {
        let mut exposition = exposition(Format::Text);
        for help in ["One.", "Two."] {
            let mut sink = exposition.sink();
            sink.value(&Desc::gauge("a", help), 1.0);
            exposition.add(sink);
        }
        let (body, rejected) = text(exposition, &[]);
        assert_eq!(body, "# HELP a One.\n# TYPE a gauge\na 1\n");
        assert_eq!((rejected.duplicates, rejected.conflicts), (0, 1));
    }

    #[test]
    fn families_can_be_chosen_by_their_full_names() {
        for format in [Format::Text, Format::OpenMetrics] {
            for (name, is_there) in [("b_total", true), ("b", false)] {
                let mut exposition = exposition(format);
                let mut sink = exposition.sink();
                sink.value(&A, 1.0);
                sink.value(&B, 2.0);
                exposition.add(sink);
                let (body, _) = text(exposition, &[name]);
                assert_eq!(body.contains("b_total 2\n"), is_there, "{body}");
                assert!(!body.contains("a 1"), "{body}");
            }
        }
    }

    #[test]
    fn openmetrics_ends_with_its_marker_even_when_empty() {
        assert_eq!(text(exposition(Format::OpenMetrics), &[]).0, "# EOF\n");
        assert_eq!(text(exposition(Format::Text), &[]).0, "");
    }
}
