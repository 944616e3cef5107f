//! Controllers of control groups: `/proc/cgroups`, cgroups(7).
//!
//! Parsed here because one odd line makes the procfs crate fail for all controllers.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::metric::{Metric, gauge};

use crate::host::Host;

const METRICS: &[Metric<Controller>] = &[
    gauge("node_cgroups_cgroups", "Control groups that use each controller.", |c| {
        Some(c.groups as f64)
    }),
    gauge("node_cgroups_enabled", "1 for each controller that is enabled, else 0.", |c| {
        Some(c.enabled as f64)
    }),
];

/// What a line says of a controller, its hierarchy left out.
#[derive(Debug, PartialEq)]
struct Controller {
    groups: u64,
    enabled: u64,
}

#[derive(Debug, Default)]
pub(super) struct Cgroups;

#[async_trait]
impl Collector<Host> for Cgroups {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host.proc("cgroups")?;
        let controllers = parse(&text);
        let rows = controllers.good.iter();
        sink.table(METRICS, rows.map(|(name, row)| ([("subsys_name", *name)], row)));
        controllers.map_error(|error| text.blame(error)).finish()
    }
}

/// Names and figures. A kernel may have a heading and no controller to show below it.
fn parse(text: &str) -> Partial<Vec<(&str, Controller)>, ParseError> {
    let rows = text.lines().filter(|line| !line.starts_with('#')).map(parse_line).collect();
    if text.starts_with('#') { rows } else { Partial::not_empty(rows, "no heading") }
}

fn parse_line(line: &str) -> Result<(&str, Controller), ParseError> {
    let mut words = line.split_ascii_whitespace();
    let name = words.next().ok_or(ParseError::Missing { field: "name" })?;
    let groups = parse_number("number of cgroups", words.nth(1))?;
    let enabled = parse_number("enabled", words.next())?;
    Ok((name, Controller { groups, enabled }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n";

    #[test]
    fn controllers_have_groups_and_a_switch() {
        let text = format!("{HEADING}cpuset\t5\t47\t1\nmemory\t0\t1\t0\n");
        let controllers = parse(&text);
        let expected = [
            ("cpuset", Controller { groups: 47, enabled: 1 }),
            ("memory", Controller { groups: 1, enabled: 0 }),
        ];
        assert_eq!(controllers.good, expected);
        assert_eq!(controllers.error, None);
    }

    #[test]
    fn a_heading_alone_is_no_error_and_an_empty_file_is() {
        assert_eq!(parse(HEADING).error, None);
        assert!(parse("").error.is_some());
    }

    #[test]
    fn a_malformed_controller_does_not_cost_the_others() {
        for line in ["cpu", "cpu\t1\t2", "cpu\t1\tx\t1", "cpu\t1\t2\t-", ""] {
            let text = format!("{HEADING}{line}\npids\t8\t3\t1\n");
            let controllers = parse(&text);
            assert!(controllers.error.is_some(), "{line:?}");
            assert_eq!(controllers.good.len(), 1, "{line:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\t\n]|\\PC){0,200}") {
            let _ = parse(&text);
        }
    }
}
