//! Memory by zone: `/proc/zoneinfo`, proc_zoneinfo(5).

mod fields;

use std::collections::BTreeMap;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::keyed::Keyed;
use common::metric::Desc;

use crate::host::Host;
use crate::readers::memory_zone::split_heading;
use fields::FIELDS;

/// The fields of a zone by their words, those that the kernel lacks left out.
#[derive(Debug, PartialEq)]
struct Zone<'a> {
    node: &'a str,
    name: &'a str,
    values: BTreeMap<&'a str, f64>,
    /// Pages kept from allocations that could be served by each zone.
    protection: Vec<Option<f64>>,
}

#[derive(Debug, Default)]
pub(super) struct Zoneinfo;

#[async_trait]
impl Collector<Host> for Zoneinfo {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host.proc("zoneinfo")?;
        let zones = text.parse_rows(parse);
        for Keyed { key, desc, .. } in FIELDS {
            push(desc, &zones.good, |zone| zone.values.get(key).copied(), sink);
        }
        let longest = zones.good.iter().map(|zone| zone.protection.len()).max().unwrap_or_default();
        for index in 0..longest {
            let name = format!("node_zoneinfo_protection_{index}");
            let help = format!("Pages kept from allocations that zone {index} could serve.");
            let desc = Desc::gauge(&name, &help);
            push(&desc, &zones.good, |zone| zone.protection.get(index).copied().flatten(), sink);
        }
        zones.finish()
    }
}

fn push(
    desc: &Desc<'_>,
    zones: &[Zone<'_>],
    value: impl Fn(&Zone<'_>) -> Option<f64>,
    sink: &mut Sink,
) {
    let samples = zones.iter().filter_map(|zone| {
        let value = value(zone)?;
        Some(([("node", zone.node), ("zone", zone.name)], value))
    });
    sink.samples(desc, samples);
}

/// The zones in order, each without those of its fields that are malformed.
fn parse(text: &str) -> Partial<Vec<Zone<'_>>, ParseError> {
    let mut zones: Vec<Zone<'_>> = Vec::new();
    let mut errors = FirstError::default();
    for line in text.lines() {
        if let Some((node, name, _)) = split_heading(line) {
            let (values, protection) = (BTreeMap::new(), Vec::new());
            zones.push(Zone { node, name, values, protection });
        } else if let Some(zone) = zones.last_mut() {
            let added = zone.add(line, &mut errors);
            errors.note(added);
        }
    }
    errors.beside(zones).not_empty("no zone")
}

impl<'a> Zone<'a> {
    /// Takes in a line below the heading, if it is one of the known ones.
    fn add(
        &mut self,
        line: &'a str,
        errors: &mut FirstError<ParseError>,
    ) -> Result<(), ParseError> {
        let line = line.trim_ascii();
        if let Some(pages) = line.strip_prefix("protection:") {
            let pages = pages.trim_ascii().trim_matches(['(', ')']).split(',');
            let counts = pages.map(|pages| errors.note(count("protection", pages)));
            self.protection = counts.collect();
        } else if let Some((word, value)) = line.split_once(char::is_whitespace)
            && FIELDS.iter().any(|column| column.key == word)
        {
            self.values.insert(word, count("field of a zone", value)?);
        }
        Ok(())
    }
}

/// A number of pages; counters that the kernel sums up without a lock may be below zero.
fn count(field: &'static str, text: &str) -> Result<f64, ParseError> {
    parse_number::<i64>(field, Some(text.trim_ascii())).map(|count| count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Node 0, zone      DMA\n  per-node stats\n      nr_inactive_anon 2626\n\
        \x20 pages free     3840\n        min      10\n        boost    0\n        high     16\n\
        \x20       protection: (0, 3019, 24090)\n      nr_free_pages 3840\n  pagesets\n    cpu: 0\n\
        \x20             count:    7\n              high:     9\n  start_pfn:           1\n\
        Node 1, zone   Normal\n      nr_dirtied   -3\n";

    #[test]
    fn known_fields_of_each_zone_are_read() {
        let Partial { good: zones, error } = parse(TEXT);
        let first = [
            ("high", 16.0),
            ("min", 10.0),
            ("nr_free_pages", 3840.0),
            ("nr_inactive_anon", 2626.0),
        ];
        let expected = [
            Zone {
                node: "0",
                name: "DMA",
                values: first.into(),
                protection: [0.0, 3019.0, 24090.0].map(Some).into(),
            },
            Zone {
                node: "1",
                name: "Normal",
                values: [("nr_dirtied", -3.0)].into(),
                protection: vec![],
            },
        ];
        assert_eq!(zones, expected);
        assert_eq!(error, None);
    }

    #[test]
    fn a_malformed_field_costs_only_itself() {
        for line in ["min x", "nr_free_pages 1 2", "protection: (0, )", "protection:"] {
            let text = format!("Node 0, zone DMA\n{line}\nlow 7\n");
            let Partial { good: zones, error } = parse(&text);
            assert!(error.is_some(), "{line:?}");
            assert_eq!(zones[0].values, [("low", 7.0)].into(), "{line:?}");
        }
        let zones = parse("Node 0, zone DMA\nprotection: (0, x, 2)\n").good;
        assert_eq!(zones[0].protection, [Some(0.0), None, Some(2.0)]);
    }

    #[test]
    fn truncated_lines_are_passed_over_but_no_zone_is_an_error() {
        assert_eq!(parse("Node 0, zone DMA\n  nr_free_pages").error, None);
        for text in ["", "Node 0", "  min 7\n"] {
            assert!(parse(text).error.is_some(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(Node 0, zone DMA\n)?([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text);
        }
    }
}
