//! Loaded modules, and what they say of themselves: `INFO MODULES`, whose sections are not part
//! of `INFO ALL`.

use async_trait::async_trait;
use clap::{ArgMatches, Command};
use common::cli::on_off_flag;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::metric::Desc;
use redis::cmd;

use crate::fields;
use crate::replies::info::{self, Line};
use crate::replies::values::{text, unexpected};
use crate::rights::Needs;
use crate::scrape::Scrape;

/// The reference's flag for this collector.
pub(super) const FLAG: &str = "include-modules-metrics";

const MODULE: Desc<'_> = Desc::gauge(
    "redis_module_info",
    "A module that is loaded, its version and its ties to others; always 1.",
);
const LABELS: [&str; 6] = ["name", "ver", "api", "filters", "usedby", "using"];

/// Modules that are shown at most; servers have a handful.
const MAX_MODULES: usize = 1000;

struct Modules;

pub(super) fn flags(command: Command) -> Command {
    command.next_help_heading("Metrics").arg(on_off_flag(
        FLAG,
        "REDIS_EXPORTER_INCL_MODULES_METRICS",
        "Expose the loaded modules and their fields, as collector.modules does",
    ))
}

#[expect(clippy::unnecessary_wraps, reason = "the form of all collectors")]
pub(super) fn build(_: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    Ok(Box::new(Modules))
}

#[async_trait]
impl Collector<Scrape> for Modules {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let reply = scrape.ask("INFO MODULES", cmd("INFO").arg("MODULES")).await?;
        let malformed = |error| CollectError::malformed("INFO MODULES", error);
        let text = text(&reply).ok_or_else(|| malformed(unexpected()))?;
        push(&text, sink).map_err(malformed)
    }

    fn needs(&self, _: &Scrape) -> Needs {
        Needs::nothing_more()
    }
}

/// Pushes what is well-formed; says what is not.
fn push(text: &str, sink: &mut Sink) -> Result<(), ParseError> {
    let mut errors = FirstError::default();
    let lines = info::fields(text).filter(|(field, _)| *field == "module");
    let modules = lines.enumerate().filter_map(|(index, (field, value))| {
        if index >= MAX_MODULES {
            errors.keep(ParseError::form("more modules than are shown", value));
            return None;
        }
        let line = Line::new(field, value);
        if line.text("name").is_none() {
            errors.keep(line.malformed());
            return None;
        }
        Some((LABELS.map(|label| (label, line.text(label).unwrap_or_default())), 1.0))
    });
    sink.samples(&MODULE, modules);
    fields::push(info::fields(text), &fields::Order::default(), &mut errors, sink);
    errors.into_result()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::pushed;

    #[test]
    fn modules_and_their_fields_are_shown() {
        let text = pushed("", |_, sink| {
            push(
                "# Modules\r\n\
                 module:name=ReJSON,ver=20609,api=1,filters=0,usedby=[search],using=[],\
                 options=[handle-io-errors]\r\n\
                 module:name=old,ver=1,api=1,filters=0,usedby=[],using=[]\r\n\
                 # search_version\r\nsearch_version:2.8.4\r\n\
                 # search_index\r\nsearch_number_of_indexes:2\r\nsearch_total_cycles:7\r\n\
                 # bf_bloom_core_metrics\r\nbf_bloom_num_objects:3\r\n\
                 # json_core_metrics\r\njson_num_documents:4\r\n",
                sink,
            )
            .unwrap();
        });
        for line in [
            "\nredis_module_info{name=\"ReJSON\",ver=\"20609\",api=\"1\",filters=\"0\",\
             usedby=\"[search]\",using=\"[]\"} 1\n",
            "\nredis_module_info{name=\"old\",",
            "\n# TYPE redis_search_number_of_indexes gauge\nredis_search_number_of_indexes 2\n",
            "\n# TYPE redis_search_cycles_total counter\nredis_search_cycles_total 7\n",
            "\nredis_bf_bloom_num_objects 3\n",
            "\nredis_json_num_documents 4\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert!(!text.contains("search_version"), "{text}");
    }

    #[test]
    fn a_malformed_line_costs_no_other() {
        for line in ["module:", "module:ver=1", "search_total_cycles:x"] {
            let text = pushed("", |_, sink| {
                let error = push(&format!("{line}\r\nmodule:name=a\r\njson_num_documents:1"), sink);
                assert!(error.is_err(), "{line}");
            });
            assert!(text.contains("\nredis_module_info{name=\"a\",ver=\"\","), "{text}");
            assert!(text.contains("\nredis_json_num_documents 1\n"), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "((module|search_dialect_1):[a-z=,\\[\\]0-9é]{0,30}\n)*") {
            pushed("", |_, sink| { let _ = push(&text, sink); });
        }
    }
}
