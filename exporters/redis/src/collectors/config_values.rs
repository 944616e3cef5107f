//! Every setting as text and, where it is one, as a number: `CONFIG GET *`, and
//! `SENTINEL CONFIG GET *` of a sentinel.

use async_trait::async_trait;
use clap::{ArgMatches, Command, FromArgMatches as _};
use common::cli::on_off_flag;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::Desc;
use redis::cmd;

use crate::replies::settings::Settings;
use crate::replies::values::unexpected_from;
use crate::rights::{Needs, Right};
use crate::scrape::Scrape;

/// The reference's flag for this collector.
pub(super) const FLAG: &str = "include-config-metrics";

/// The families of one kind of server: text and number.
struct Families {
    text: Desc<'static>,
    number: Desc<'static>,
}

const SERVER: Families = Families {
    text: Desc::gauge(
        "redis_config_key_value",
        "A setting and its value as text; always 1. Passwords are left out.",
    ),
    number: Desc::gauge("redis_config_value", "Value of a setting that is a number."),
};

const SENTINEL: Families = Families {
    text: Desc::gauge(
        "redis_sentinel_config_key_value",
        "A setting of a sentinel and its value as text; always 1. Passwords are left out.",
    ),
    number: Desc::gauge(
        "redis_sentinel_config_value",
        "Value of a setting of a sentinel that is a number.",
    ),
};

/// Options of the `config_values` collector.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Metrics")]
#[group(skip)]
struct Options {
    /// Leave passwords out of the settings
    #[arg(
        id = "redact-config-metrics",
        long = "redact-config-metrics",
        env = "REDIS_EXPORTER_REDACT_CONFIG_METRICS",
        default_value = "true"
    )]
    redacts: bool,
}

struct ConfigValues(Options);

pub(super) fn flags(command: Command) -> Command {
    <Options as clap::Args>::augment_args(command.next_help_heading("Metrics").arg(on_off_flag(
        FLAG,
        "REDIS_EXPORTER_INCL_CONFIG_METRICS",
        "Expose every setting of the server, as collector.config_values does",
    )))
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    let options = Options::from_arg_matches(matches)?;
    if !options.redacts {
        tracing::warn!(flag = "redact-config-metrics", "passwords will be exposed as metrics");
    }
    Ok(Box::new(ConfigValues(options)))
}

#[async_trait]
impl Collector<Scrape> for ConfigValues {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        if scrape.info().is_sentinel() {
            let mut command = cmd("SENTINEL");
            command.arg("CONFIG").arg("GET").arg("*");
            let reply = scrape.ask_if_known("SENTINEL CONFIG GET", &command).await?;
            let Some(reply) = reply else { return Ok(()) };
            let settings = Settings::from_reply(reply)
                .ok_or_else(|| unexpected_from("SENTINEL CONFIG GET"))?;
            push(&settings, self.0.redacts, &SENTINEL, sink);
        } else if let Some(settings) = scrape.all_settings().await? {
            push(&settings, self.0.redacts, &SERVER, sink);
        }
        Ok(())
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        if scrape.info().is_sentinel() {
            let get = Right::to("SENTINEL CONFIG").with("GET").with("none");
            return [get.if_known()].into_iter().collect();
        }
        scrape.settings_right().map_or_else(|reason| reason, |right| [right].into_iter().collect())
    }
}

fn push(settings: &Settings, redacts: bool, families: &Families, sink: &mut Sink) {
    let texts = settings.all(redacts).map(|(name, value)| ([("key", name), ("value", value)], 1.0));
    sink.samples(&families.text, texts);
    let numbers = settings.all(redacts).filter_map(|(name, value)| {
        let number = value.parse().ok()?;
        Some(([("key", name)], number))
    });
    sink.samples(&families.number, numbers);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::pushed;

    fn text(redacts: bool, pairs: &[&str]) -> String {
        let settings = Settings::of(pairs);
        pushed("", |_, sink| push(&settings, redacts, &SERVER, sink))
    }

    #[test]
    fn settings_are_text_and_numbers() {
        let text = text(true, &["save", "3600 1", "maxmemory", "100", "dir", "a\"b\n", "hz", ""]);
        for line in [
            "\nredis_config_key_value{key=\"save\",value=\"3600 1\"} 1\n",
            "\nredis_config_key_value{key=\"maxmemory\",value=\"100\"} 1\n",
            "\nredis_config_key_value{key=\"dir\",value=\"a\\\"b\\n\"} 1\n",
            "\nredis_config_key_value{key=\"hz\",value=\"\"} 1\n",
            "\n# TYPE redis_config_value gauge\nredis_config_value{key=\"maxmemory\"} 100\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert_eq!(text.matches("\nredis_config_value{").count(), 1, "{text}");
    }

    #[test]
    fn passwords_are_shown_to_those_alone_who_ask_for_them() {
        let pairs = ["primaryauth", "hunter2", "requirepass", "12345", "port", "1"];
        let redacted = text(true, &pairs);
        assert!(!redacted.contains("hunter2") && !redacted.contains("12345"), "{redacted}");
        assert!(redacted.contains("redis_config_value{key=\"port\"} 1"), "{redacted}");
        let whole = text(false, &pairs);
        assert!(whole.contains("{key=\"requirepass\"} 12345"), "{whole}");
    }
}
