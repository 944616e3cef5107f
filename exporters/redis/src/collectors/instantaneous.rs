//! Rates that the server measures itself, over its last 1.6 seconds: fields `instantaneous_*` of
//! section Stats of `INFO`. Prometheus' own `rate()` of the counters covers the whole interval.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::keyed::Keyed;

use crate::fields;
use crate::replies::info::{Info, find, gauge};
use crate::rights::Needs;
use crate::scrape::Scrape;

/// The server counts in units of 1024 bytes.
const KILOBYTE: f64 = 1024.0;

/// Sorted by field.
const RATES: &[Keyed] = &[
    gauge(
        "instantaneous_input_kbps",
        "redis_instantaneous_input_bytes_per_sec",
        "Bytes received per second, as the server last measured it.",
    )
    .times(KILOBYTE),
    gauge(
        "instantaneous_input_repl_kbps",
        "redis_instantaneous_repl_input_bytes_per_sec",
        "Bytes received for replication per second, as the server last measured it.",
    )
    .times(KILOBYTE),
    gauge(
        "instantaneous_ops_per_sec",
        "redis_instantaneous_ops_per_sec",
        "Commands processed per second, as the server last measured it.",
    ),
    gauge(
        "instantaneous_output_kbps",
        "redis_instantaneous_output_bytes_per_sec",
        "Bytes sent per second, as the server last measured it.",
    )
    .times(KILOBYTE),
    gauge(
        "instantaneous_output_repl_kbps",
        "redis_instantaneous_repl_output_bytes_per_sec",
        "Bytes sent for replication per second, as the server last measured it.",
    )
    .times(KILOBYTE),
];

pub(super) struct Instantaneous;

#[async_trait]
impl Collector<Scrape> for Instantaneous {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        push(scrape.info(), sink).map_err(|error| CollectError::malformed("INFO Stats", error))
    }

    fn needs(&self, _: &Scrape) -> Needs {
        Needs::nothing_more()
    }
}

fn push(info: &Info, sink: &mut Sink) -> Result<(), ParseError> {
    let mut errors = FirstError::default();
    for (field, text) in info.section("Stats") {
        if let Some(known) = find(RATES, field) {
            fields::push_known(known, text, &mut errors, sink);
        }
    }
    errors.into_result()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::pushed;

    #[test]
    fn rates_are_in_bytes_and_commands() {
        assert!(RATES.is_sorted_by(|one, other| one.key < other.key));
        let text = pushed(
            "# Stats\r\ninstantaneous_ops_per_sec:7\r\ninstantaneous_input_kbps:0.50\r\n\
             instantaneous_output_repl_kbps:2\r\ninstantaneous_eventloop_duration_usec:3\r\n\
             # Other\r\ninstantaneous_output_kbps:1\r\n",
            |info, sink| push(info, sink).unwrap(),
        );
        for line in [
            "redis_instantaneous_ops_per_sec 7\n",
            "redis_instantaneous_input_bytes_per_sec 512\n",
            "redis_instantaneous_repl_output_bytes_per_sec 2048\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert_eq!(text.matches("# TYPE").count(), 3, "{text}");
    }

    #[test]
    fn a_rate_that_is_no_number_costs_no_other() {
        let info = "# Stats\r\ninstantaneous_input_kbps:1K\r\ninstantaneous_ops_per_sec:1e400\r\n";
        let text = pushed(info, |info, sink| {
            let error = push(info, sink).unwrap_err().to_string();
            assert_eq!(error, "instantaneous_input_kbps has an unexpected value: \"1K\"");
        });
        assert!(text.ends_with("\nredis_instantaneous_ops_per_sec +Inf\n"), "{text}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(info in "# Stats\n(instantaneous_[a-z_]{0,9}:[0-9a-zé.-]{0,5}\n)*") {
            pushed(&info, |info, sink| { let _ = push(info, sink); });
        }
    }
}
