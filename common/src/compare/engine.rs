//! Finds what differs between two sides.

use std::collections::{BTreeMap, BTreeSet};

use super::known::{Known, Word};
use super::side::{Family, Labels, Side};

/// Series that are named as examples of a difference.
const EXAMPLES: usize = 3;

/// Differences of values that are small.
const NEAR: f64 = 10.0;
const NEAR_SHARE: f64 = 0.25;

/// What kind of difference it is, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The old side alone has the family.
    MissingFamily,
    /// The new side alone has it.
    ExtraFamily,
    /// The types differ.
    Type,
    /// The old side alone has a label.
    MissingLabel,
    /// The new side alone has it.
    ExtraLabel,
    /// The old side alone has series.
    MissingSeries,
    /// The new side alone has them.
    ExtraSeries,
    /// A value differs that does not change meanwhile.
    Value,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What kind it is.
    pub kind: Kind,
    /// Name of the family.
    pub family: String,
    /// What differs in it, such as the label or a few of the series.
    pub detail: String,
    /// Why, where that is known.
    pub reason: Option<String>,
}

/// All differences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// By kind and name.
    pub differences: Vec<Difference>,
    /// Families that both have and that do not differ.
    pub same: usize,
}

impl Report {
    /// Those that have a reason, or those that have none.
    pub fn explained(&self, is_explained: bool) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(move |one| one.reason.is_some() == is_explained)
    }
}

/// Compares what two exporters answered. Series and values are compared where both sides were read
/// more than once; where not, only those of families that hold information alone (`…_info`), which
/// last.
pub fn compare(old: &Side, new: &Side, known: &Known) -> Report {
    let mut comparison = Comparison { old, new, known, found: Vec::new() };
    let mut same = 0;
    for (name, family) in &old.families {
        let before = comparison.found.len();
        match new.families.get(name) {
            Some(other) => comparison.compare_families(name, family, other),
            None => comparison.only_one(Kind::MissingFamily, name, family),
        }
        same += usize::from(comparison.found.len() == before);
    }
    for (name, family) in new.families.iter().filter(|(name, _)| !old.families.contains_key(*name))
    {
        comparison.only_one(Kind::ExtraFamily, name, family);
    }
    let mut differences = comparison.found;
    differences.sort_by(|one, other| (one.kind, &one.family).cmp(&(other.kind, &other.family)));
    Report { differences, same }
}

/// Series that look alike on both sides, by what is left of their labels.
type Series<'a> = BTreeMap<(&'a str, Vec<(&'a str, &'a str)>), &'a [f64]>;

struct Comparison<'a> {
    old: &'a Side,
    new: &'a Side,
    known: &'a Known,
    found: Vec<Difference>,
}

impl<'a> Comparison<'a> {
    fn push(&mut self, kind: Kind, family: &str, detail: String, reason: Option<&str>) {
        let (family, reason) = (family.to_owned(), reason.map(ToOwned::to_owned));
        self.found.push(Difference { kind, family, detail, reason });
    }

    /// A family that only one side has: known as a whole, or as each of its series is. That its
    /// series differ is no reason for it to be missing.
    fn only_one(&mut self, kind: Kind, name: &str, family: &Family) {
        let word = if kind == Kind::MissingFamily { Word::Peer } else { Word::Ours };
        let differs = self.known.reason(Word::Series, name).is_some();
        let of_all = || if differs { None } else { self.reason_of_all(name, family, None) };
        let reason = self.known.reason(word, name).or_else(of_all);
        let detail = format!("{}, {} series", family.kind, family.series.len());
        self.push(kind, name, detail, reason);
    }

    /// Why only one side has a label: known as such, or as each of the series with it is.
    fn label_reason(&self, word: Word, name: &str, family: &Family, key: &str) -> Option<&'a str> {
        let reason = self.known.label_reason(word, name, key);
        reason.or_else(|| self.reason_of_all(name, family, Some(key)))
    }

    /// Why the series of a family (those with the label `key`, if there is one) are on one side
    /// alone, if that is known of all of them.
    fn reason_of_all(&self, name: &str, family: &Family, key: Option<&str>) -> Option<&'a str> {
        let known = self.known;
        let with_key = family
            .series
            .keys()
            .filter(|(_, labels)| key.is_none_or(|key| labels.contains_key(key)));
        let mut reasons = with_key.map(|(_, labels)| {
            let value = |label: &str| labels.get(label).map(String::as_str);
            known.series_reason(Word::Series, name, value)
        });
        let first = reasons.next()??;
        reasons.all(|reason| reason.is_some()).then_some(first)
    }

    fn compare_families(&mut self, name: &str, old: &'a Family, new: &'a Family) {
        let known = self.known;
        // A counter whose name has no _total has no type in OpenMetrics.
        let formats_differ = self.old.is_openmetrics != self.new.is_openmetrics
            && (old.kind == "untyped" || new.kind == "untyped");
        if old.kind != new.kind && !formats_differ {
            let detail = format!("{} there, {} here", old.kind, new.kind);
            self.push(Kind::Type, name, detail, known.reason(Word::Type, name));
        }
        let (old_keys, new_keys) = (keys(old), keys(new));
        for key in old_keys.difference(&new_keys) {
            let reason = self.label_reason(Word::PeerLabel, name, old, key);
            self.push(Kind::MissingLabel, name, (*key).to_owned(), reason);
        }
        for key in new_keys.difference(&old_keys) {
            let reason = self.label_reason(Word::Label, name, new, key);
            self.push(Kind::ExtraLabel, name, (*key).to_owned(), reason);
        }
        let lasts = self.old.readings > 1 && self.new.readings > 1;
        if !lasts && !name.ends_with("_info") {
            return;
        }
        let common: BTreeSet<&str> = old_keys.intersection(&new_keys).copied().collect();
        // Where the other labels alone tell series apart, there is nothing to compare them by.
        if let (Some(old), Some(new)) = (project(old, &common), project(new, &common)) {
            self.compare_series(name, &old, &new);
            if lasts && known.reason(Word::Series, name).is_none() {
                self.compare_values(name, &old, &new);
            }
        }
    }

    fn compare_series(&mut self, name: &str, old: &Series<'a>, new: &Series<'a>) {
        let sides = [
            (Kind::MissingSeries, old, new, self.old.readings),
            (Kind::ExtraSeries, new, old, self.new.readings),
        ];
        for (kind, side, other, readings) in sides {
            let lasting = side.iter().filter(|(series, values)| {
                values.len() == readings && !other.contains_key(*series)
            });
            let details = lasting.map(|(series, _)| (series, shown(name, series), false));
            self.push_by_reason(kind, Word::Series, name, details);
        }
    }

    fn compare_values(&mut self, name: &str, old: &Series<'a>, new: &Series<'a>) {
        let differing = old.iter().filter_map(|(series, old_values)| {
            let new_values = new.get(series)?;
            let differs = old_values.len() == self.old.readings
                && new_values.len() == self.new.readings
                && (is_constant(old_values) || is_constant(new_values))
                && !old_values.iter().any(|old| new_values.iter().any(|new| equal(*old, *new)));
            let (old, new) = (old_values.last()?, new_values.last()?);
            let is_near = (old - new).abs() <= NEAR.max(old.abs() * NEAR_SHARE);
            let text = format!("{}: {old} there, {new} here", shown(name, series));
            differs.then(|| (series, text.trim_start_matches(": ").to_owned(), is_near))
        });
        self.push_by_reason(Kind::Value, Word::Value, name, differing);
    }

    /// One difference for each reason, and one for what has none. With each detail stands whether
    /// it is a small difference.
    fn push_by_reason<'b>(
        &mut self,
        kind: Kind,
        word: Word,
        family: &str,
        details: impl Iterator<Item = (&'b (&'a str, Vec<(&'a str, &'a str)>), String, bool)>,
    ) where
        'a: 'b,
    {
        let mut by_reason = BTreeMap::<Option<&str>, Vec<String>>::new();
        for ((_, labels), detail, is_near) in details {
            let value = |label: &str| labels.iter().find(|(key, _)| *key == label).map(|(_, v)| *v);
            let reason = self.known.series_reason(word, family, value).or_else(|| {
                is_near.then(|| self.known.series_reason(Word::About, family, value)).flatten()
            });
            by_reason.entry(reason).or_default().push(detail);
        }
        for (reason, details) in by_reason {
            self.push(kind, family, examples(&details), reason);
        }
    }
}

fn keys(family: &Family) -> BTreeSet<&str> {
    family.series.keys().flat_map(|(_, labels)| labels.keys().map(String::as_str)).collect()
}

/// The series with these labels alone; `None` if they then are not told apart any more.
fn project<'a>(family: &'a Family, common: &BTreeSet<&str>) -> Option<Series<'a>> {
    let kept = |labels: &'a Labels| {
        let labels = labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        labels.filter(|(key, _)| common.contains(key)).collect()
    };
    let series = family.series.iter();
    let projected: Series<'a> = series
        .map(|((name, labels), values)| ((name.as_str(), kept(labels)), values.as_slice()))
        .collect();
    (projected.len() == family.series.len()).then_some(projected)
}

/// A series of a family: without that name, where its own is the same.
fn shown(family: &str, (name, labels): &(&str, Vec<(&str, &str)>)) -> String {
    let labels: Vec<String> =
        labels.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
    let name = if *name == family { String::new() } else { name.escape_debug().to_string() };
    if labels.is_empty() { name } else { format!("{name}{{{}}}", labels.join(",")) }
}

fn examples(details: &[String]) -> String {
    let more = details.len().saturating_sub(EXAMPLES);
    let shown = details[..details.len() - more].join("; ");
    if more == 0 { shown } else { format!("{shown}; and {more} more") }
}

fn equal(one: f64, other: f64) -> bool {
    one.to_bits() == other.to_bits() || (one.is_nan() && other.is_nan())
}

fn is_constant(values: &[f64]) -> bool {
    values.windows(2).all(|pair| equal(pair[0], pair[1]))
}
