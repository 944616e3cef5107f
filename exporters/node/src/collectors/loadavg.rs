//! Load averages: `/proc/loadavg`, proc_loadavg(5).
//!
//! Parsed here because the procfs crate keeps them as `f32`, which prints 0.21 as 0.20999999.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError, parse_number};
use common::exposition::Sink;
use common::metric::{Metric, gauge};

use crate::host::Host;

const METRICS: &[Metric<Load>] = &[
    gauge("node_load1", "Load average over 1 minute.", |load| Some(load.one)),
    gauge("node_load5", "Load average over 5 minutes.", |load| Some(load.five)),
    gauge("node_load15", "Load average over 15 minutes.", |load| Some(load.fifteen)),
];

/// The three averages of runnable and uninterruptible tasks.
#[derive(Debug, PartialEq)]
struct Load {
    one: f64,
    five: f64,
    fifteen: f64,
}

#[derive(Debug, Default)]
pub(super) struct LoadAvg;

#[async_trait]
impl Collector<Host> for LoadAvg {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host.proc("loadavg")?;
        let load = text.parse(parse)?;
        sink.row(METRICS, &load);
        Ok(())
    }
}

fn parse(text: &str) -> Result<Load, ParseError> {
    let mut fields = text.split_ascii_whitespace();
    Ok(Load {
        one: parse_number("load over 1 minute", fields.next())?,
        five: parse_number("load over 5 minutes", fields.next())?,
        fifteen: parse_number("load over 15 minutes", fields.next())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_three_averages() {
        let load = parse("0.21 0.37 0.39 1/719 19737\n").unwrap();
        assert_eq!(load, Load { one: 0.21, five: 0.37, fifteen: 0.39 });
    }

    #[test]
    fn truncated_and_malformed_content_is_an_error() {
        for text in ["", "0.21", "0.21 0.37", "0.21 x 0.39", "\0\u{fffd}"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([0-9.]{0,9} |\\PC){0,8}") {
            let _ = parse(&text);
        }
    }
}
