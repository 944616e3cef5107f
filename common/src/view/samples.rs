//! Samples, as they stand in an answer in the text format, and how they have grown since.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use crate::exposition::unquote;
use crate::metric::Kind;

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Name and labels as they stand in the line, by which it is found in another answer.
    series: String,
    /// Length of the name at the beginning of the series.
    name: usize,
    /// Labels in their order.
    pub labels: Vec<(String, String)>,
    /// In the unit of its family.
    pub value: f64,
}

impl Sample {
    /// The name: that of its family, or with `_sum` or the like behind it.
    pub fn name(&self) -> &str {
        self.series.get(..self.name).unwrap_or_default()
    }

    /// The value of a label; empty if it is not there, as for Prometheus.
    pub fn label(&self, name: &str) -> &str {
        let found = self.labels.iter().find(|(label, _)| label == name);
        found.map_or("", |(_, value)| value)
    }

    /// True if it has all these labels.
    fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.label(name) == *value)
    }
}

/// A family of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Family {
    pub(super) kind: Kind,
    pub(super) samples: Vec<Sample>,
}

/// What one scrape found.
#[derive(Clone, Debug)]
pub struct Samples {
    pub(super) families: BTreeMap<String, Family>,
    values: HashMap<String, f64>,
    taken: Instant,
}

impl Samples {
    /// Reads an answer in text format 0.0.4 that began at `taken`. A line that is none of a
    /// sample is left out.
    pub fn parse(text: &str, taken: Instant) -> Self {
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let mut current = String::new();
        for line in text.lines() {
            if let Some(words) = line.strip_prefix("# TYPE ") {
                let (name, word) = words.split_once(' ').unwrap_or((words, ""));
                name.clone_into(&mut current);
                let family = Family { kind: kind(word), samples: Vec::new() };
                families.entry(current.clone()).or_insert(family);
            } else if let Some(sample) = parse_line(line)
                && let Some(family) = families.get_mut(&current)
            {
                family.samples.push(sample);
            }
        }
        let samples = families.values().flat_map(|family| &family.samples);
        let values = samples.map(|sample| (sample.series.clone(), sample.value)).collect();
        Self { families, values, taken }
    }
}

fn kind(word: &str) -> Kind {
    match word {
        "counter" => Kind::Counter,
        "gauge" => Kind::Gauge,
        "histogram" => Kind::Histogram,
        "summary" => Kind::Summary,
        _ => Kind::Untyped,
    }
}

/// `name{label="value",…} value`, perhaps with a timestamp behind it.
fn parse_line(line: &str) -> Option<Sample> {
    if line.starts_with('#') {
        return None;
    }
    let name = line.find(['{', ' '])?;
    let (labels, end) = match line.get(name..)?.strip_prefix('{') {
        None => (Vec::new(), name),
        Some(rest) => {
            let (labels, length) = parse_labels(rest)?;
            (labels, name + 1 + length)
        }
    };
    let value = line.get(end..)?.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Sample { series: line.get(..end)?.to_owned(), name, labels, value })
}

/// The labels up to the closing brace, and how long they are with it.
fn parse_labels(text: &str) -> Option<(Vec<(String, String)>, usize)> {
    let mut labels = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.strip_prefix(',').unwrap_or(rest);
        if let Some(behind) = rest.strip_prefix('}') {
            return Some((labels, text.len() - behind.len()));
        }
        let (name, behind) = rest.split_once("=\"")?;
        let (value, behind) = unquote(behind)?;
        labels.push((name.to_owned(), value));
        rest = behind;
    }
}

/// Two scrapes, one after the other: what there is now, and how it grows.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    now: &'a Samples,
    before: &'a Samples,
    seconds: f64,
}

impl<'a> Reading<'a> {
    /// What `now` says, with rates since `before`.
    pub fn new(before: &'a Samples, now: &'a Samples) -> Self {
        let seconds = now.taken.saturating_duration_since(before.taken).as_secs_f64();
        Self { now, before, seconds }
    }

    /// The families, by their names.
    pub(super) fn families(&self) -> &'a BTreeMap<String, Family> {
        &self.now.families
    }

    /// The samples of a family with these labels, which may have others as well.
    pub fn samples<'l>(
        &self,
        family: &str,
        labels: &'l [(&str, &str)],
    ) -> impl Iterator<Item = &'a Sample> + use<'a, 'l> {
        let family = self.now.families.get(family);
        let samples = family.into_iter().flat_map(|family| &family.samples);
        samples.filter(|sample| sample.has(labels))
    }

    /// The value of the first sample of a family with these labels.
    pub fn value(&self, family: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.samples(family, labels).next().map(|sample| sample.value)
    }

    /// The values of all samples of a family with these labels together; `None` if there is none.
    pub fn sum(&self, family: &str, labels: &[(&str, &str)]) -> Option<f64> {
        total(self.samples(family, labels).map(|sample| sample.value))
    }

    /// What a counter has grown by in a second; `None` if it was not there before, or began anew.
    pub fn rate(&self, sample: &Sample) -> Option<f64> {
        let grown = sample.value - self.before.values.get(&sample.series)?;
        (grown >= 0.0 && self.seconds > 0.0).then(|| grown / self.seconds)
    }

    /// The rates of all samples of a family with these labels together, of those that have one.
    pub fn sum_rate(&self, family: &str, labels: &[(&str, &str)]) -> Option<f64> {
        total(self.samples(family, labels).filter_map(|sample| self.rate(sample)))
    }
}

fn total(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::proptest;

    use super::*;
    use crate::exposition::{Exposition, Format, Pool};
    use crate::metric::Desc;

    fn samples(text: &str, after: u64) -> Samples {
        let start = Instant::now();
        Samples::parse(text, start + Duration::from_secs(after))
    }

    #[test]
    fn what_is_written_is_read_back() {
        let odd = "a\\b\"c\nd}e, f=\"g ü";
        let mut exposition = Exposition::new(Format::Text, Pool::default());
        let mut sink = exposition.sink();
        sink.value(&Desc::gauge("alone", "Help # TYPE x."), -1.5e-9);
        let mut family = sink.family(&Desc::counter("odd_total", "Odd."));
        family.sample(&[("x", odd), ("y", "")], f64::INFINITY);
        family.sample(&[("x", "plain")], 3.0);
        drop(family);
        sink.family(&Desc::histogram("h", "H.")).histogram(&[("x", "1")], [(1.0, 1)], 2.5, 4);
        exposition.add(sink);
        let (body, _) = exposition.assemble(&[]);
        let read = samples(std::str::from_utf8(body.as_ref()).unwrap(), 0);
        let names: Vec<&str> = read.families.keys().map(String::as_str).collect();
        assert_eq!(names, ["alone", "h", "odd_total"]);
        let reading = Reading::new(&read, &read);
        assert_eq!(reading.value("alone", &[]), Some(-1.5e-9));
        let first = reading.samples("odd_total", &[]).next().unwrap();
        assert_eq!((first.label("x"), first.label("y"), first.label("z")), (odd, "", ""));
        assert_eq!((first.name(), first.value), ("odd_total", f64::INFINITY));
        assert_eq!(reading.value("odd_total", &[("x", "plain")]), Some(3.0));
        let parts: Vec<&str> = reading.samples("h", &[]).map(Sample::name).collect();
        assert_eq!(parts, ["h_bucket", "h_bucket", "h_sum", "h_count"]);
        assert_eq!(read.families["h"].kind, Kind::Histogram);
        assert_eq!(reading.value("none", &[]), None);
    }

    #[test]
    fn rates_are_of_those_that_were_there_before_and_have_grown() {
        let before = samples("# TYPE c counter\nc{x=\"1\"} 10\nc{x=\"2\"} 5\n", 0);
        let text = "# TYPE c counter\nc{x=\"1\"} 14\nc{x=\"2\"} 1\nc{x=\"3\"} 7 1700000000000\n";
        let now = samples(text, 2);
        let reading = Reading::new(&before, &now);
        let rates: Vec<_> = reading.samples("c", &[]).map(|c| reading.rate(c)).collect();
        assert!((rates[0].unwrap() - 2.0).abs() < 0.01, "{rates:?}");
        assert_eq!(rates[1..], [None, None]);
        assert!((reading.sum_rate("c", &[]).unwrap() - 2.0).abs() < 0.01);
        assert_eq!(reading.sum_rate("c", &[("x", "3")]), None);
        assert_eq!(reading.sum("c", &[]), Some(22.0));
        assert_eq!(Reading::new(&now, &now).sum_rate("c", &[]), None);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(# TYPE a counter\n)?(a\\{?[b=\"\\\\,} \n]*.*\n?){0,4}") {
            let _ = samples(&text, 0);
        }

        #[test]
        fn any_value_of_a_label_is_read_back(value in ".*") {
            let mut exposition = Exposition::new(Format::Text, Pool::default());
            let mut sink = exposition.sink();
            sink.family(&Desc::gauge("a", "A.")).sample(&[("x", value.as_str())], 1.0);
            exposition.add(sink);
            let (body, _) = exposition.assemble(&[]);
            let read = samples(std::str::from_utf8(body.as_ref()).unwrap(), 0);
            proptest::prop_assert_eq!(read.families["a"].samples[0].label("x"), value);
        }
    }
}
