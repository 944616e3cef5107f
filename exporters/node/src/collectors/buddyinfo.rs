//! Free blocks of memory by size: `/proc/buddyinfo`, proc_buddyinfo(5).

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;
use crate::readers::memory_zone::split_heading;

const BLOCKS: Desc<'_> = Desc::gauge(
    "node_buddyinfo_blocks",
    "Free blocks of two to the power of size pages, by NUMA node and zone.",
);

/// One line: how many blocks of 1, 2, 4, … pages are free in a zone.
#[derive(Debug, PartialEq)]
struct Zone<'a> {
    node: &'a str,
    name: &'a str,
    /// `None` for a count that is malformed.
    blocks: Vec<Option<u64>>,
}

#[derive(Debug, Default)]
pub(super) struct Buddyinfo;

#[async_trait]
impl Collector<Host> for Buddyinfo {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host.proc("buddyinfo")?;
        let zones = parse(&text);
        let mut family = sink.family(&BLOCKS);
        for zone in &zones.good {
            for (size, count) in zone.blocks.iter().enumerate() {
                let Some(count) = count else { continue };
                let size = size.to_string();
                let labels = [("node", zone.node), ("size", &size), ("zone", zone.name)];
                family.sample(&labels, *count as f64);
            }
        }
        zones.map_error(|error| text.blame(error)).finish()
    }
}

fn parse(text: &str) -> Partial<Vec<Zone<'_>>, ParseError> {
    let (mut zones, mut errors) = (Vec::new(), FirstError::default());
    for line in text.lines() {
        let Some((node, name, counts)) = split_heading(line) else {
            errors.keep(ParseError::form("line without node and zone", line));
            continue;
        };
        let counts = counts.split_ascii_whitespace();
        let counts = counts.map(|count| errors.note(parse_number("blocks", Some(count))));
        zones.push(Zone { node, name, blocks: counts.collect() });
    }
    errors.beside(zones).not_empty("no zone")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_sizes() {
        let zones = parse(
            "Node 0, zone      DMA      1      0      3 \nNode 1, zone   Normal  24371   8319\n",
        );
        let expected = [
            Zone { node: "0", name: "DMA", blocks: [1, 0, 3].map(Some).into() },
            Zone { node: "1", name: "Normal", blocks: [24371, 8319].map(Some).into() },
        ];
        assert_eq!(zones.good, expected);
        assert_eq!(zones.error, None);
    }

    #[test]
    fn a_malformed_count_or_zone_does_not_cost_the_others() {
        let zones = parse("Node 0, zone DMA 1 x 3\nNode 0, zo\nNode 0, zone Normal 7\n");
        let expected = [
            Zone { node: "0", name: "DMA", blocks: vec![Some(1), None, Some(3)] },
            Zone { node: "0", name: "Normal", blocks: vec![Some(7)] },
        ];
        assert_eq!(zones.good, expected);
        let error = ParseError::Number { field: "blocks", text: "x".into() };
        assert_eq!(zones.error, Some(error));
        assert!(parse("").error.is_some());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(Node [0-9]?, zone )?([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text);
        }
    }
}
