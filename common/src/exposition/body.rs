//! One scrape's answer: the families of all sinks in order of their names.

use std::sync::Arc;

use super::buffer::Buffer;
use super::merge::{Place, Sinks as _, group, is_overruled, places, put_distinct, put_group};
use super::naming::{Namespace, Naming};
use super::pool::{Pool, Pooled};
use super::sink::{ErrorGauge, Sink};
use super::{Format, LabelSet};
use crate::metric::Label;

/// Up to this size a sink is kept until the answer is whole.
const SMALL_BYTES: usize = 64 * 1024;

/// Collects the sinks of one scrape and assembles the body.
#[derive(Debug)]
pub struct Exposition {
    source: SinkSource,
    #[expect(
        clippy::vec_box,
        reason = "a sink of 144 bytes is handed on a dozen times per scrape"
    )]
    sinks: Vec<Box<Sink>>,
}

/// Makes the sinks of one scrape, on any thread.
#[derive(Clone, Debug)]
pub struct SinkSource {
    format: Format,
    pool: Pool,
    naming: Option<Arc<Naming>>,
}

impl SinkSource {
    /// An empty sink in this scrape's format for the collector numbered so.
    pub fn sink(&self, collector: usize) -> Box<Sink> {
        self.new_sink(Some(collector))
    }

    fn new_sink(&self, collector: Option<usize>) -> Box<Sink> {
        let mut sink = self.pool.sink(self.format, collector);
        sink.naming.clone_from(&self.naming);
        sink
    }
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
    pub(super) fn note(&mut self, example: impl FnOnce() -> String) {
        self.example.get_or_insert_with(example);
    }
}

impl Exposition {
    /// An empty exposition in `format` whose buffers come from `pool`.
    pub fn new(format: Format, pool: Pool) -> Self {
        let source = SinkSource { format, pool, naming: None };
        Self { source, sinks: Vec::new() }
    }

    /// Gives families whose names begin with `from` names that begin with `to` instead, in
    /// the sinks that are made from now on. Tables thus hold whole names, which can be searched
    /// for, although a flag may change their first word.
    pub fn rename_namespace(&mut self, from: &'static str, to: &str) {
        let namespace = (from != to).then(|| Namespace { from, to: to.into() });
        let common_labels = self.naming().common_labels;
        self.name(Naming { namespace, common_labels });
    }

    /// Gives all samples of the sinks that are made from now on these labels before their own,
    /// in place of those of the last call.
    pub fn label_all(&mut self, labels: &[Label<'_>]) {
        let common_labels = (!labels.is_empty()).then(|| LabelSet::new(labels.iter().copied()));
        let namespace = self.naming().namespace;
        self.name(Naming { namespace, common_labels });
    }

    fn naming(&self) -> Naming {
        self.source.naming.as_deref().cloned().unwrap_or_default()
    }

    fn name(&mut self, naming: Naming) {
        let is_plain = naming.namespace.is_none() && naming.common_labels.is_none();
        self.source.naming = (!is_plain).then(|| Arc::new(naming));
    }

    /// An empty exposition of the same scrape, for one of several targets that are read at once:
    /// it has labels of its own, and comes back by [`Self::absorb`].
    #[must_use]
    pub fn branch(&self) -> Self {
        Self { source: self.source.clone(), sinks: Vec::new() }
    }

    /// Adds all that a branch holds.
    pub fn absorb(&mut self, mut branch: Self) {
        self.sinks.append(&mut branch.sinks);
    }

    /// What makes sinks, for collectors that run on other threads.
    pub fn source(&self) -> SinkSource {
        self.source.clone()
    }

    /// An empty sink in this scrape's format, to be given back by [`Self::add`].
    pub fn sink(&self) -> Box<Sink> {
        self.source.new_sink(None)
    }

    /// Adds what a collector has pushed. Where two sinks hold the same family, the earlier
    /// one wins, unless it yields to others.
    pub fn add(&mut self, sink: Box<Sink>) {
        self.sinks.push(sink);
    }

    /// Assembles the body: families sorted by name, each with one header;
    /// only those named in `names` unless that is empty.
    ///
    /// A large sink goes back to the pool as soon as its last family has been moved,
    /// so that a large answer is in memory little more than once.
    pub(crate) fn assemble(mut self, names: &[&str]) -> (Pooled, Rejected) {
        let mut body = self.source.pool.buffer();
        let mut rejected = Rejected::default();
        for sink in &self.sinks {
            if let Some(left_out) = &sink.left_out
                && left_out.duplicates > 0
            {
                rejected.duplicates += left_out.duplicates;
                rejected.note(|| left_out.first_duplicate.clone());
            }
        }
        let error_gauges = self.error_gauges();
        self.sinks.extend(error_gauges);
        let mut families = if names.is_empty() { self.places() } else { self.chosen(names) };
        body.buffer.reserve(families.iter().map(|place| self.sinks.placed(*place).len()).sum());
        let has_large = self.sinks.iter().any(|sink| sink.capacity() > SMALL_BYTES);
        if has_large || !put_distinct(&mut body.buffer, &self.sinks, &families) {
            body.buffer.clear();
            self.put_groups(&mut body.buffer, &mut families, &mut rejected);
        }
        if names.is_empty() {
            self.source.pool.return_order(families);
        }
        if self.source.format == Format::OpenMetrics {
            body.buffer.put(b"# EOF\n");
        }
        (body, rejected)
    }

    /// Writes the families in order, those of one name together.
    fn put_groups(&mut self, out: &mut Buffer, families: &mut [Place], rejected: &mut Rejected) {
        let groups = group(&self.sinks, families);
        let mut left = vec![0_usize; self.sinks.len()];
        for place in &*families {
            left[place.sink()] += 1;
        }
        for group in groups {
            let group = &families[group];
            put_group(out, &self.sinks, group, rejected);
            for place in group {
                left[place.sink()] -= 1;
                if left[place.sink()] == 0 && self.sinks[place.sink()].capacity() > SMALL_BYTES {
                    self.source.pool.return_sink(std::mem::take(&mut self.sinks[place.sink()]));
                }
            }
        }
    }

    /// The families of all sinks, in the order of the last scrape if that had as many in each
    /// sink: then they are nearly always sorted already.
    fn places(&self) -> Vec<Place> {
        let mut last = self.source.pool.take_order();
        let count: usize = self.sinks.iter().map(|sink| sink.families.len()).sum();
        // Its places are distinct, so that as many of them are all that there are.
        if last.len() != count || !last.iter().all(|place| place.is_in(&self.sinks)) {
            last.clear();
            last.extend(places(&self.sinks));
        }
        last
    }

    /// The families that are called one of `names`.
    fn chosen(&self, names: &[&str]) -> Vec<Place> {
        let is_chosen = |place: &Place| {
            let family = self.sinks.placed(*place);
            names.iter().any(|name| family.is_called(name))
        };
        places(&self.sinks).filter(is_chosen).collect()
    }

    /// The gauges that yielding sinks have asked for, if there is such a sink.
    fn error_gauges(&self) -> Option<Box<Sink>> {
        let mut error_gauges = None;
        for (number, sink) in self.sinks.iter().enumerate() {
            if let Some(ErrorGauge { desc, has_failed }) = sink.error_gauge.as_deref() {
                let is_one = *has_failed || (!sink.is_empty() && self.is_overruled(number));
                error_gauges.get_or_insert_with(|| self.sink()).value(desc, f64::from(is_one));
            }
        }
        error_gauges
    }

    /// True if a family of the sink numbered `sink` is left out because of another sink's.
    fn is_overruled(&self, sink: usize) -> bool {
        let mut families: Vec<Place> = places(&self.sinks).collect();
        let groups = group(&self.sinks, &mut families);
        groups.into_iter().any(|group| is_overruled(&self.sinks, sink, &families[group]))
    }
}

impl Drop for Exposition {
    fn drop(&mut self) {
        for sink in self.sinks.drain(..) {
            self.source.pool.return_sink(sink);
        }
    }
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
    fn a_histogram_of_two_sinks_is_that_of_the_first() {
        let mut exposition = exposition(Format::Text);
        for (bound, x) in [(1.0, "1"), (2.0, "1"), (2.0, "2")] {
            let mut sink = exposition.sink();
            let mut family = sink.family(&Desc::histogram("h", "H."));
            family.histogram(&[("x", x)], [(bound, 1)], 1.0, 1);
            drop(family);
            exposition.add(sink);
        }
        let (body, rejected) = text(exposition, &[]);
        let histogram = |x, bound| {
            format!(
                "h_bucket{{x=\"{x}\",le=\"{bound}\"}} 1\nh_bucket{{x=\"{x}\",le=\"+Inf\"}} 1\n\
                 h_sum{{x=\"{x}\"}} 1\nh_count{{x=\"{x}\"}} 1\n"
            )
        };
        let samples = histogram(1, 1) + &histogram(2, 2);
        assert_eq!(body, format!("# HELP h H.\n# TYPE h histogram\n{samples}"));
        assert_eq!(rejected.duplicates, 1);
        assert_eq!(rejected.example.as_deref(), Some("h_count{x=\"1\""));
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
    fn a_sink_that_gives_way_loses_to_one_that_comes_later() {
        const VERDICT: Desc<'_> = Desc::gauge("late", "Third.");
        for (help, zone, is_late) in [("First.", "x", 0), ("Else.", "y", 1)] {
            let mut exposition = exposition(Format::Text);
            let mut sink = exposition.sink();
            sink.yield_to_others(VERDICT, false);
            let mut family = sink.family(&Desc::gauge("a", help));
            family.sample(&[("zone", "x")], 1.0);
            family.sample(&[("zone", zone)], 2.0);
            drop(family);
            exposition.add(sink);
            let mut sink = exposition.sink();
            sink.family(&A).sample(&[("zone", "w")], 3.0);
            exposition.add(sink);
            let (body, rejected) = text(exposition, &["a", "late"]);
            let kept = if is_late == 0 { "a{zone=\"x\"} 1\n" } else { "" };
            assert_eq!(
                body,
                format!(
                    "# HELP a First.\n# TYPE a gauge\na{{zone=\"w\"}} 3\n{kept}\
                     # HELP late Third.\n# TYPE late gauge\nlate {is_late}\n"
                )
            );
            assert_eq!(rejected.conflicts, is_late);
        }
    }

    #[test]
    fn families_of_the_sink_itself_do_not_overrule_it() {
        for has_failed in [false, true] {
            let mut exposition = exposition(Format::Text);
            let mut sink = exposition.sink();
            sink.yield_to_others(Desc::gauge("late", "Third."), has_failed);
            sink.value(&A, 1.0);
            sink.value(&Desc::counter("a", "First."), 2.0);
            exposition.add(sink);
            let (body, rejected) = text(exposition, &[]);
            assert!(body.contains("a 1\n") && !body.contains("a 2\n"), "{body}");
            assert!(body.ends_with(&format!("late {}\n", u8::from(has_failed))), "{body}");
            assert_eq!(rejected.conflicts, 1);
        }
    }

    #[test]
    fn the_order_of_the_last_scrape_changes_nothing() {
        const C: Desc<'_> = Desc::gauge("c", "Third.");
        let pool = Pool::default();
        for sinks in [
            [vec![&B, &A], vec![&C]],
            [vec![&B, &A], vec![&C]],
            [vec![&A, &C], vec![&B]],
            [vec![&C], vec![&B, &A]],
            [vec![], vec![&C, &B, &A]],
            [vec![&C, &B], vec![&B, &A]],
        ] {
            let mut exposition = Exposition::new(Format::Text, pool.clone());
            for families in &sinks {
                let mut sink = exposition.sink();
                for desc in families {
                    sink.value(desc, 1.0);
                }
                exposition.add(sink);
            }
            let (body, _) = text(exposition, &[]);
            let samples: Vec<&str> = body.lines().filter(|line| !line.starts_with('#')).collect();
            assert_eq!(samples, ["a 1", "b_total 1", "c 1"], "{sinks:?}");
        }
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
    fn the_namespace_of_families_can_be_renamed() {
        for (to, expected) in
            [("cache_", "cache_up 1\n"), ("", "up 1\n"), ("redis_", "redis_up 1\n")]
        {
            let mut exposition = exposition(Format::Text);
            exposition.rename_namespace("redis_", to);
            let mut sink = exposition.sink();
            sink.value(&Desc::gauge("redis_up", "Whether."), 1.0);
            sink.value(&A, 1.0);
            exposition.add(sink);
            let (body, _) = text(exposition, &[]);
            assert!(body.contains(&format!("\n{expected}")) && body.contains("\na 1\n"), "{body}");
        }
    }

    #[test]
    fn a_label_can_be_common_to_all_samples() {
        let mut exposition = exposition(Format::Text);
        exposition.label_all(&[("role", "ma\"ster")]);
        let mut sink = exposition.sink();
        sink.value(&A, 1.0);
        sink.samples(&B, [([("zone", "x")], 2.0), ([("zone", "x")], 3.0)]);
        let histogram = Desc::histogram("h", "Third.");
        sink.family(&histogram).histogram(&[("zone", "x")], [(1.0, 1)], 0.5, 1);
        exposition.add(sink);
        exposition.label_all(&[]);
        let mut sink = exposition.sink();
        sink.value(&Desc::gauge("z", "Last."), 1.0);
        exposition.add(sink);
        let (body, rejected) = text(exposition, &[]);
        let role = "role=\"ma\\\"ster\"";
        for line in [
            format!("a{{{role}}} 1\n"),
            format!("b_total{{{role},zone=\"x\"}} 2\n"),
            format!("h_bucket{{{role},zone=\"x\",le=\"1\"}} 1\n"),
            format!("h_sum{{{role},zone=\"x\"}} 0.5\n"),
            format!("h_count{{{role},zone=\"x\"}} 1\n"),
            "z 1\n".to_owned(),
        ] {
            assert!(body.contains(&format!("\n{line}")), "{line}{body}");
        }
        assert_eq!(rejected.duplicates, 1);
    }

    #[test]
    fn branches_have_labels_of_their_own_and_one_header_for_a_family() {
        let mut whole = exposition(Format::Text);
        whole.rename_namespace("b_", "c_");
        let branches = ["x", "y"].map(|node| {
            let mut branch = whole.branch();
            branch.label_all(&[("node", node), ("role", "master")]);
            let mut sink = branch.sink();
            sink.value(&A, 1.0);
            sink.samples(&B, [([("zone", "w")], 2.0)]);
            branch.add(sink);
            branch
        });
        for branch in branches {
            whole.absorb(branch);
        }
        let mut sink = whole.sink();
        sink.value(&A, 3.0);
        whole.add(sink);
        let (body, rejected) = text(whole, &[]);
        assert_eq!(
            body,
            "# HELP a First.\n# TYPE a gauge\na{node=\"x\",role=\"master\"} 1\n\
             a{node=\"y\",role=\"master\"} 1\na 3\n\
             # HELP c_total Second.\n# TYPE c_total counter\n\
             c_total{node=\"x\",role=\"master\",zone=\"w\"} 2\n\
             c_total{node=\"y\",role=\"master\",zone=\"w\"} 2\n"
        );
        assert_eq!(rejected, Rejected::default());
    }

    #[test]
    fn openmetrics_ends_with_its_marker_even_when_empty() {
        assert_eq!(text(exposition(Format::OpenMetrics), &[]).0, "# EOF\n");
        assert_eq!(text(exposition(Format::Text), &[]).0, "");
    }
}
