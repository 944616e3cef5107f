//! Compares the output of two exporters, independently of the command that does so; what may differ
//! is in the list of known differences that this command reads too.

use std::collections::{BTreeMap, BTreeSet};

use common::compare::{Known, Word};

use crate::exposition::{Exposition, Labels};

/// Values of all series whose sets must be equal, without the labels that only ours has.
///
/// Families that `other` lacks are left out if `word` allows that.
fn series(exposition: &Exposition, word: Word, other: &Exposition, known: &Known) -> Series {
    let mut series = Series::new();
    for (family, content) in &exposition.0 {
        if !other.0.contains_key(family) && known.reason(word, family).is_some() {
            continue;
        }
        for (name, labels, value) in &content.samples {
            let label = |key: &str| labels.get(key).map(String::as_str);
            if known.series_reason(Word::Series, family, label).is_some() {
                continue;
            }
            let mut labels = labels.clone();
            labels.retain(|label, _| known.label_reason(Word::Label, family, label).is_none());
            series.insert((name.clone(), labels), *value);
        }
    }
    series
}

type Series = BTreeMap<(String, Labels), f64>;

/// All differences between ours and the peer's, which was scraped before and after ours:
/// what did not change for the peer in the meantime must be equal.
pub fn differences(ours: &Exposition, peer: [&Exposition; 2], known: &Known) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (name, family) in &peer[0].0 {
        match ours.0.get(name) {
            None if known.reason(Word::Peer, name).is_some() => {}
            None => drop(found.insert(format!("missing family {name}"))),
            Some(our) if our.kind != family.kind && known.reason(Word::Type, name).is_none() => {
                found.insert(format!("{name} is {}, not {}", our.kind, family.kind));
            }
            Some(_) => {}
        }
    }
    let is_added =
        |name: &&String| !peer[0].0.contains_key(*name) && known.reason(Word::Ours, name).is_none();
    found.extend(ours.0.keys().filter(is_added).map(|name| format!("added family {name}")));
    let [before, after] = peer.map(|peer| series(peer, Word::Peer, ours, known));
    let ours = series(ours, Word::Ours, peer[0], known);
    for (series, value) in &before {
        if after.get(series).is_none_or(|later| later.to_bits() != value.to_bits()) {
            continue;
        }
        let equal =
            |our: &f64| our.to_bits() == value.to_bits() || (our.is_nan() && value.is_nan());
        match ours.get(series) {
            None => drop(found.insert(format!("missing series {series:?}"))),
            Some(our) if !equal(our) && !has_reason(known, series) => {
                found.insert(format!("{series:?} is {our}, not {value}"));
            }
            Some(_) => {}
        }
    }
    let added = ours.keys().filter(|key| !before.contains_key(*key) && !after.contains_key(*key));
    found.extend(added.map(|series| format!("added series {series:?}")));
    found
}

fn has_reason(known: &Known, (name, labels): &(String, Labels)) -> bool {
    let label = |key: &str| labels.get(key).map(String::as_str);
    known.series_reason(Word::Value, name, label).is_some()
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
        differences(&ours, [&peer, &peer], &Known::parse(exceptions).unwrap())
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
}
