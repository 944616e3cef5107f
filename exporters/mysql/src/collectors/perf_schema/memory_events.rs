//! Memory by event: `memory_summary_global_by_event_name`; MariaDB from 10.5.2.
//!
//! <https://mariadb.com/kb/en/performance-schema-memory_summary_global_by_event_name-table/>

use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;

use crate::columns::{Column, Label};
use crate::scrape::Scrape;
use crate::tabular::{Tabular, View};

const VIEW: View = View::of_performance_schema(
    "performance_schema.memory_summary_global_by_event_name",
    &[Label::of("event_name", "EVENT_NAME")],
    &[
        Column::counter(
            "SUM_NUMBER_OF_BYTES_ALLOC",
            "mysql_perf_schema_memory_events_alloc_bytes_total",
            "Bytes of memory allocated, by event.",
        ),
        Column::counter(
            "SUM_NUMBER_OF_BYTES_FREE",
            "mysql_perf_schema_memory_events_free_bytes_total",
            "Bytes of memory freed, by event.",
        ),
        Column::gauge(
            "CURRENT_NUMBER_OF_BYTES_USED",
            "mysql_perf_schema_memory_events_used_bytes",
            "Bytes of memory in use, by event; the server's counting can fall below 0.",
        ),
    ],
)
.with_tail("WHERE COUNT_ALLOC > 0");

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(crate) struct Options {
    /// Taken off the beginning of event names
    #[arg(
        id = "collect.perf_schema.memory_events.remove_prefix",
        long = "collect.perf_schema.memory_events.remove_prefix",
        value_name = "TEXT",
        default_value = "memory/"
    )]
    remove_prefix: String,
}

pub(crate) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    Ok(Box::new(tabular(Options::from_arg_matches(matches)?)))
}

fn tabular(options: Options) -> Tabular {
    Tabular::new(&VIEW).stripping("event_name", options.remove_prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_shown_without_the_prefix() {
        let (text, error) = tabular(Options { remove_prefix: "memory/".into() }).exposed(
            &[
                "EVENT_NAME",
                "SUM_NUMBER_OF_BYTES_ALLOC",
                "SUM_NUMBER_OF_BYTES_FREE",
                "CURRENT_NUMBER_OF_BYTES_USED",
            ],
            &[
                &[Some("memory/sql/THD::main"), Some("131072"), Some("0"), Some("131072")],
                &[Some("other/x"), Some("8"), Some("24"), Some("-16")],
            ],
        );
        assert_eq!(
            text,
            "# TYPE mysql_perf_schema_memory_events_alloc_bytes_total counter\n\
             mysql_perf_schema_memory_events_alloc_bytes_total{event_name=\"sql/THD::main\"} \
             131072\n\
             mysql_perf_schema_memory_events_alloc_bytes_total{event_name=\"other/x\"} 8\n\
             # TYPE mysql_perf_schema_memory_events_free_bytes_total counter\n\
             mysql_perf_schema_memory_events_free_bytes_total{event_name=\"sql/THD::main\"} 0\n\
             mysql_perf_schema_memory_events_free_bytes_total{event_name=\"other/x\"} 24\n\
             # TYPE mysql_perf_schema_memory_events_used_bytes gauge\n\
             mysql_perf_schema_memory_events_used_bytes{event_name=\"sql/THD::main\"} 131072\n\
             mysql_perf_schema_memory_events_used_bytes{event_name=\"other/x\"} -16"
        );
        assert_eq!(error, None);
    }
}
