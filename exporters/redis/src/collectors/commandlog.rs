//! The command logs of Valkey 8.1, of commands that were slow, large, or answered at length:
//! `COMMANDLOG LEN`, and the settings `commandlog-*`.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::keyed::Keyed;
use common::metric::Desc;
use redis::cmd;

use crate::replies::info::Info;
use crate::replies::settings::Settings;
use crate::replies::values::{number, unexpected_from};
use crate::rights::{Needs, Right};
use crate::scrape::Scrape;

/// The kinds of log and the families of their lengths.
const LENGTHS: [(&str, Desc<'_>); 3] = [
    ("slow", Desc::gauge("redis_commandlog_slow_length", "Entries in the log of slow commands.")),
    (
        "large-request",
        Desc::gauge(
            "redis_commandlog_large_request_length",
            "Entries in the log of large requests.",
        ),
    ),
    (
        "large-reply",
        Desc::gauge("redis_commandlog_large_reply_length", "Entries in the log of large replies."),
    ),
];

const SETTINGS: &[Keyed] = &[
    Keyed::gauge(
        "commandlog-execution-slower-than",
        "redis_commandlog_execution_slower_than",
        "Microseconds from which on a command is logged as slow; negative for never.",
    ),
    Keyed::gauge(
        "commandlog-slow-execution-max-len",
        "redis_commandlog_slow_execution_max_len",
        "Entries that the log of slow commands may hold.",
    ),
    Keyed::gauge(
        "commandlog-request-larger-than",
        "redis_commandlog_request_larger_than",
        "Bytes from which on a request is logged as large; negative for never.",
    ),
    Keyed::gauge(
        "commandlog-large-request-max-len",
        "redis_commandlog_large_request_max_len",
        "Entries that the log of large requests may hold.",
    ),
    Keyed::gauge(
        "commandlog-reply-larger-than",
        "redis_commandlog_reply_larger_than",
        "Bytes from which on a reply is logged as large; negative for never.",
    ),
    Keyed::gauge(
        "commandlog-large-reply-max-len",
        "redis_commandlog_large_reply_max_len",
        "Entries that the log of large replies may hold.",
    ),
];

const SINCE: (u64, u64) = (8, 1);

pub(super) struct CommandLog;

#[async_trait]
impl Collector<Scrape> for CommandLog {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        if scrape.info().is_sentinel() || !has_command_log(scrape.info()) {
            return Ok(());
        }
        let [slow, requests, replies] = LENGTHS.map(|(kind, _)| length(scrape, kind));
        let (slow, requests, replies) = tokio::join!(slow, requests, replies);
        let mut errors = FirstError::default();
        for ((_, desc), length) in LENGTHS.iter().zip([slow, requests, replies]) {
            if let Some(length) = errors.catch(length) {
                sink.value(desc, length);
            }
        }
        // A refusal is reported by the collector of the settings.
        if let Ok(Some(settings)) = scrape.settings().await {
            let pushed = push_settings(settings, sink);
            errors.note(pushed.map_err(|error| CollectError::malformed("CONFIG GET", error)));
        }
        errors.into_result()
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        if scrape.info().is_sentinel() || !has_command_log(scrape.info()) {
            return Needs::not_applicable("COMMANDLOG is for servers of Valkey 8.1 and later");
        }
        let length = Right::to("COMMANDLOG LEN").with("slow").if_known();
        [Some(length), scrape.settings_right().ok()].into_iter().flatten().collect()
    }
}

/// True for Valkey from 8.1 on. Asking others in vain would count as an error there.
fn has_command_log(info: &Info) -> bool {
    let mut numbers = info.server_field("valkey_version").unwrap_or_default().split('.');
    let mut number = || numbers.next().and_then(|number| number.parse().ok()).unwrap_or(0);
    (number(), number()) >= SINCE
}

async fn length(scrape: &Scrape, kind: &str) -> Result<Option<f64>, CollectError> {
    let mut command = cmd("COMMANDLOG");
    command.arg("LEN").arg(kind);
    let Some(reply) = scrape.ask_if_known("COMMANDLOG LEN", &command).await? else {
        return Ok(None);
    };
    number(&reply).map(Some).ok_or_else(|| unexpected_from("COMMANDLOG LEN"))
}

fn push_settings(settings: &Settings, sink: &mut Sink) -> Result<(), ParseError> {
    let mut errors = FirstError::default();
    for known in SETTINGS {
        let Some(text) = settings.get(known.key) else { continue };
        let value = known.value(text).map_err(|_| ParseError::number(known.key, text));
        if let Some(value) = errors.catch(value) {
            sink.value(&known.desc, value);
        }
    }
    errors.into_result()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::pushed;

    #[test]
    fn only_valkey_from_8_1_on_is_asked() {
        for (info, expected) in [
            ("valkey_version:8.1.0", true),
            ("valkey_version:9.0.1", true),
            ("valkey_version:8.0.1", false),
            ("valkey_version:255.255.255", true),
            ("valkey_version:new", false),
            ("redis_version:8.2.0", false),
        ] {
            assert_eq!(has_command_log(&Info::new(info.into())), expected, "{info}");
        }
    }

    #[test]
    fn limits_of_the_logs_are_gauges() {
        let settings = Settings::of(&[
            "commandlog-execution-slower-than",
            "-1",
            "commandlog-large-reply-max-len",
            "x",
            "commandlog-request-larger-than",
            "1048576",
        ]);
        let text = pushed("", |_, sink| {
            let error = push_settings(&settings, sink).unwrap_err().to_string();
            assert_eq!(error, "commandlog-large-reply-max-len is no number: \"x\"");
        });
        assert!(text.contains("\nredis_commandlog_execution_slower_than -1\n"), "{text}");
        assert!(text.contains("\nredis_commandlog_request_larger_than 1048576\n"), "{text}");
        assert!(!text.contains("max_len"), "{text}");
    }
}
