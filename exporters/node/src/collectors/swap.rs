//! Swap areas: `/proc/swaps`, proc_swaps(5).

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::kernel::mountinfo::unescape_text;
use common::metric::{Metric, gauge};

use crate::host::Host;

const FILE: &str = "swaps";

const METRICS: &[Metric<Area>] = &[
    gauge("node_swap_size_bytes", "Size of the swap area.", |area| Some(area.size_bytes)),
    gauge("node_swap_used_bytes", "Bytes of the swap area in use.", |area| Some(area.used_bytes)),
    gauge("node_swap_priority", "Priority of the swap area; the highest is used first.", |area| {
        Some(area.priority)
    }),
];

/// One line.
#[derive(Debug, PartialEq)]
struct Area {
    device: String,
    swap_type: String,
    size_bytes: f64,
    used_bytes: f64,
    priority: f64,
}

#[derive(Debug, Default)]
pub(super) struct Swap;

#[async_trait]
impl Collector<Host> for Swap {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host
            .proc_if_present(FILE)?
            .ok_or_else(|| CollectError::NoData("no swap in the kernel".into()))?;
        let areas = text.parse_rows(parse);
        let rows = areas
            .good
            .iter()
            .map(|area| ([("device", &*area.device), ("swap_type", &*area.swap_type)], area));
        sink.table(METRICS, rows);
        areas.finish()
    }
}

/// The areas below a line of headings.
fn parse(text: &str) -> Partial<Vec<Area>, ParseError> {
    match text.split_once('\n') {
        Some((headings, areas)) if headings.starts_with("Filename") => {
            areas.lines().map(parse_area).collect()
        }
        _ => Partial::failed(ParseError::Missing { field: "line of headings" }),
    }
}

fn parse_area(line: &str) -> Result<Area, ParseError> {
    let mut words = line.split_ascii_whitespace();
    let mut word = |field| words.next().ok_or(ParseError::Missing { field });
    let (device, swap_type) =
        (unescape_text(word("file name")?).into_owned(), word("type")?.to_owned());
    let size_kib: u64 = parse_number("size", Some(word("size")?))?;
    let used_kib: u64 = parse_number("used", Some(word("used")?))?;
    let priority: i64 = parse_number("priority", Some(word("priority")?))?;
    Ok(Area {
        device,
        swap_type,
        size_bytes: size_kib as f64 * 1024.0,
        used_bytes: used_kib as f64 * 1024.0,
        priority: priority as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADINGS: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

    #[test]
    fn sizes_are_bytes_and_priorities_signed() {
        let text = format!("{HEADINGS}/swap\\040file\\134x   file\t\t2097148\t\t8\t\t-2\n");
        let expected = Area {
            device: "/swap file\\x".into(),
            swap_type: "file".into(),
            size_bytes: 2_147_479_552.0,
            used_bytes: 8192.0,
            priority: -2.0,
        };
        assert_eq!(parse(&text).good, [expected]);
        assert_eq!(parse(HEADINGS).good, []);
        assert!(parse("").error.is_some());
    }

    #[test]
    fn a_bad_line_costs_only_its_area() {
        let text = format!("{HEADINGS}/dev/sda2 partition 10 x -1\n\n/dev/sdb partition 1 0 5\n");
        let areas = parse(&text);
        assert_eq!(areas.good.iter().map(|area| &*area.device).collect::<Vec<_>>(), ["/dev/sdb"]);
        assert_eq!(areas.error.unwrap().to_string(), "used is no number: \"x\"");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text);
            let _ = parse_area(&text);
        }
    }
}
