//! Compares the output of two exporters; what may differ is listed with reasons in a file.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail};

use crate::exposition::{Exposition, Labels};

/// What may differ, one line each: a word, the family (a trailing `*` stands for any rest), for
/// `label` the label, then `#` and the reason.
///
/// | word | meaning |
/// |---|---|
/// | `ours` | only ours has the family |
/// | `peer` | only the peer has it |
/// | `label` | ours has this label in addition |
/// | `type` | the types differ |
/// | `series` | the sets of series differ |
/// | `value` | the values differ |
#[derive(Debug)]
pub struct Exceptions(Vec<(String, String, String)>);

impl Exceptions {
    /// Reads the list.
    ///
    /// # Errors
    /// A line without its parts or without a reason.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut list = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (exception, reason) = line.split_once('#').context(line.to_owned())?;
            let mut words = exception.split_whitespace();
            let (Some(word), Some(family)) = (words.next(), words.next()) else { bail!("{line}") };
            if reason.trim().is_empty() || (word == "label") != words.clone().next().is_some() {
                bail!("no reason or no label: {line}");
            }
            let label = words.next().unwrap_or_default();
            list.push((word.to_owned(), family.to_owned(), label.to_owned()));
        }
        Ok(Self(list))
    }

    fn has(&self, word: &str, family: &str) -> bool {
        self.0.iter().any(|(w, pattern, _)| w == word && matches(pattern, family))
    }

    fn has_label(&self, family: &str, label: &str) -> bool {
        let is_it = |(w, pattern, l): &(String, String, String)| {
            w == "label" && matches(pattern, family) && l == label
        };
        self.0.iter().any(is_it)
    }

    /// Values of all series whose sets must be equal, without the labels that only ours has.
    ///
    /// Families that `other` lacks are left out if `word` allows that.
    fn series(&self, exposition: &Exposition, word: &str, other: &Exposition) -> Series {
        let mut series = Series::new();
        for (family, content) in &exposition.0 {
            let is_alone = !other.0.contains_key(family) && self.has(word, family);
            if is_alone || self.has("series", family) {
                continue;
            }
            for (name, labels, value) in &content.samples {
                let mut labels = labels.clone();
                labels.retain(|label, _| !self.has_label(family, label));
                series.insert((name.clone(), labels), *value);
            }
        }
        series
    }
}

type Series = BTreeMap<(String, Labels), f64>;

fn matches(pattern: &str, family: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => family.starts_with(start),
        None => pattern == family,
    }
}

/// All differences between ours and the peer's, which was scraped before and after ours:
/// what did not change for the peer in the meantime must be equal.
pub fn differences(
    ours: &Exposition,
    peer: [&Exposition; 2],
    exceptions: &Exceptions,
) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (name, family) in &peer[0].0 {
        match ours.0.get(name) {
            None if exceptions.has("peer", name) => {}
            None => drop(found.insert(format!("missing family {name}"))),
            Some(our) if our.kind != family.kind && !exceptions.has("type", name) => {
                found.insert(format!("{name} is {}, not {}", our.kind, family.kind));
            }
            Some(_) => {}
        }
    }
    let is_added = |name: &&String| !peer[0].0.contains_key(*name) && !exceptions.has("ours", name);
    found.extend(ours.0.keys().filter(is_added).map(|name| format!("added family {name}")));
    let [before, after] = peer.map(|peer| exceptions.series(peer, "peer", ours));
    let ours = exceptions.series(ours, "ours", peer[0]);
    for (series, value) in &before {
        if after.get(series).is_none_or(|later| later.to_bits() != value.to_bits()) {
            continue;
        }
        let equal =
            |our: &f64| our.to_bits() == value.to_bits() || (our.is_nan() && value.is_nan());
        match ours.get(series) {
            None => drop(found.insert(format!("missing series {series:?}"))),
            Some(our) if !equal(our) && !exceptions.has("value", &series.0) => {
                found.insert(format!("{series:?} is {our}, not {value}"));
            }
            Some(_) => {}
        }
    }
    let added = ours.keys().filter(|key| !before.contains_key(*key) && !after.contains_key(*key));
    found.extend(added.map(|series| format!("added series {series:?}")));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "# HELP a x\n# TYPE a gauge\na{d=\"1\"} 1\na{d=\"2\"} 2\n\
                        # HELP b x\n# TYPE b counter\nb 1\n";
    const OURS: &str = "# HELP a x\n# TYPE a gauge\na{d=\"1\",e=\"\"} 1\na{d=\"3\",e=\"\"} 3\n\
                        # HELP b x\n# TYPE b gauge\nb 2\n# HELP c x\n# TYPE c gauge\nc 1\n";

    fn compare(exceptions: &str) -> BTreeSet<String> {
        let (ours, peer) = (Exposition::parse(OURS).unwrap(), Exposition::parse(PEER).unwrap());
        differences(&ours, [&peer, &peer], &Exceptions::parse(exceptions).unwrap())
    }

    #[test]
    fn every_kind_of_difference_is_found_and_can_be_excepted() {
        let found = compare("label a e # later").into_iter().collect::<Vec<_>>().join("\n");
        for expected in
            ["added family c", "b is gauge, not counter", "d\": \"2", "d\": \"3", "is 2, not 1"]
        {
            assert!(found.contains(expected), "{expected}: {found}");
        }
        let all = "label a e # r\nseries a # r\ntype b # r\nvalue b # r\nours c* # r\n";
        assert!(compare(all).is_empty(), "{:?}", compare(all));
    }

    #[test]
    fn an_exception_without_a_reason_is_an_error() {
        for text in ["ours a", "ours a #", "label a # r", "ours # r"] {
            assert!(Exceptions::parse(text).is_err(), "{text}");
        }
    }
}
