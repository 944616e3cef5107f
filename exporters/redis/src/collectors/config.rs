//! Limits that the server is set to: `CONFIG GET`.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, parse_number};
use common::exposition::Sink;
use common::keyed::Keyed;
use common::metric::{Desc, Metric, gauge};

use crate::replies::settings::Settings;
use crate::rights::Needs;
use crate::scrape::Scrape;

/// Settings that are one number.
const NUMBERS: &[Keyed] = &[
    Keyed::gauge("io-threads", "redis_config_io_threads", "Threads that read and write sockets."),
    Keyed::gauge("maxclients", "redis_config_maxclients", "Maximum number of connected clients."),
    Keyed::gauge(
        "maxmemory",
        "redis_config_maxmemory",
        "Limit of the memory for data in bytes; 0 means none.",
    ),
    Keyed::gauge(
        "repl-backlog-size",
        "redis_config_repl_backlog_size",
        "Size of the replication backlog in bytes.",
    ),
];

const BUFFER_LIMITS: Desc<'_> = Desc::gauge(
    "redis_config_client_output_buffer_limit_bytes",
    "Output buffer size at which a client is disconnected: at once (hard) or after a time (soft).",
);

const BUFFER_OVERCOME: &[Metric<BufferLimit>] = &[gauge(
    "redis_config_client_output_buffer_limit_overcome_seconds",
    "Time above the soft limit after which a client is disconnected.",
    |limit| limit.seconds,
)];

/// Limits of the output buffers of one class of clients.
#[derive(Clone, Copy, Debug, PartialEq)]
struct BufferLimit {
    hard_bytes: Option<f64>,
    soft_bytes: Option<f64>,
    seconds: Option<f64>,
}

pub(super) struct Config;

#[async_trait]
impl Collector<Scrape> for Config {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        match scrape.settings().await? {
            Some(settings) => {
                push(settings, sink).map_err(|error| CollectError::malformed("CONFIG GET", error))
            }
            None => Ok(()),
        }
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        scrape.settings_right().map_or_else(|reason| reason, |right| [right].into_iter().collect())
    }
}

/// Pushes what is well-formed; says what is not.
fn push(settings: &Settings, sink: &mut Sink) -> Result<(), ParseError> {
    let mut errors = FirstError::default();
    for known in NUMBERS {
        let Some(text) = settings.get(known.key) else { continue };
        let value = known.value(text).map_err(|_| ParseError::number(known.key, text));
        if let Some(value) = errors.catch(value) {
            sink.value(&known.desc, value);
        }
    }
    let limits = settings.get("client-output-buffer-limit").unwrap_or_default();
    push_limits(&parse_limits(limits, &mut errors), sink);
    errors.into_result()
}

fn push_limits(limits: &[(&str, BufferLimit)], sink: &mut Sink) {
    let samples = limits.iter().flat_map(|(class, limit)| {
        [("hard", limit.hard_bytes), ("soft", limit.soft_bytes)]
            .into_iter()
            .filter_map(|(kind, value)| Some(([("class", *class), ("limit", kind)], value?)))
    });
    sink.samples(&BUFFER_LIMITS, samples);
    let rows = limits.iter().map(|(class, limit)| ([("class", *class), ("limit", "soft")], limit));
    sink.table(BUFFER_OVERCOME, rows);
}

/// Groups of four words: class, hard limit, soft limit, seconds.
fn parse_limits<'a>(
    text: &'a str,
    errors: &mut FirstError<ParseError>,
) -> Vec<(&'a str, BufferLimit)> {
    let mut words = text.split_ascii_whitespace();
    let mut limits = Vec::new();
    while let Some(class) = words.next() {
        let mut number = |field| errors.note(parse_number(field, words.next()));
        let limit = BufferLimit {
            hard_bytes: number("hard client-output-buffer-limit"),
            soft_bytes: number("soft client-output-buffer-limit"),
            seconds: number("client-output-buffer-limit seconds"),
        };
        limits.push((class, limit));
    }
    limits
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;
    use crate::collectors::pushed;

    #[test]
    fn numbers_and_limits_are_gauges() {
        let settings = Settings::of(&[
            "maxclients",
            "10000",
            "maxmemory",
            "0",
            "client-output-buffer-limit",
            "normal 0 0 0 slave 268435456 67108864 60",
        ]);
        let text = pushed("", |_, sink| push(&settings, sink).unwrap());
        let name = "redis_config_client_output_buffer_limit";
        for line in [
            "\nredis_config_maxclients 10000\n".to_owned(),
            "\nredis_config_maxmemory 0\n".to_owned(),
            format!("\n{name}_bytes{{class=\"slave\",limit=\"hard\"}} 268435456\n"),
            format!("\n{name}_bytes{{class=\"slave\",limit=\"soft\"}} 67108864\n"),
            format!("\n{name}_overcome_seconds{{class=\"slave\",limit=\"soft\"}} 60\n"),
        ] {
            assert!(text.contains(&line), "{line}{text}");
        }
        assert!(!text.contains("io_threads"), "{text}");
    }

    #[test]
    fn a_malformed_limit_costs_no_other() {
        let settings = Settings::of(&["client-output-buffer-limit", "normal 1 x 3 slave 4 5 6"]);
        let mut sink = Sink::default();
        assert!(push(&settings, &mut sink).is_err());
        let samples = testing::samples(&sink);
        assert_eq!(samples.len(), 5, "{samples:?}");
        let is_malformed = |line: &String| line.contains("bytes{class=\"normal\",limit=\"soft\"}");
        assert!(!samples.iter().any(is_malformed), "{samples:?}");
    }

    #[test]
    fn malformed_settings_are_reported_and_cost_no_other() {
        for (name, value) in [
            ("maxmemory", "1gb"),
            ("client-output-buffer-limit", "normal 0 0"),
            ("client-output-buffer-limit", "normal 0 x 0"),
        ] {
            let settings = Settings::of(&[name, value, "maxclients", "1"]);
            let text = pushed("", |_, sink| {
                assert!(push(&settings, sink).is_err(), "{name}");
            });
            assert!(text.contains("redis_config_maxclients 1\n"), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_limits_are_survived(text in "([a-z]{1,2} |[0-9]{1,3} ?)*") {
            let _ = parse_limits(&text, &mut FirstError::default());
        }
    }
}
