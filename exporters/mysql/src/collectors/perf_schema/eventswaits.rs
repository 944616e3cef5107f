//! Waits by event: `events_waits_summary_global_by_event_name`.
//!
//! <https://mariadb.com/kb/en/performance-schema-events_waits_summary_global_by_event_name-table/>

use crate::columns::{Column, Label};
use crate::tabular::View;

pub(crate) const VIEW: View = View::of_performance_schema(
    "performance_schema.events_waits_summary_global_by_event_name",
    &[Label::of("event_name", "EVENT_NAME")],
    &[
        Column::counter("COUNT_STAR", "mysql_perf_schema_events_waits_total", "Waits, by event."),
        Column::counter(
            "SUM_TIMER_WAIT",
            "mysql_perf_schema_events_waits_seconds_total",
            "Seconds spent in waits, by event.",
        )
        .in_picoseconds(),
    ],
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_a_count_and_seconds() {
        let (text, error) = VIEW.exposed(
            &["EVENT_NAME", "COUNT_STAR", "SUM_TIMER_WAIT"],
            &[
                &[Some("wait/io/file/sql/binlog"), Some("3"), Some("2500000000000")],
                &[Some("idle"), Some("18446744073709551616"), None],
            ],
        );
        assert_eq!(
            text,
            "# TYPE mysql_perf_schema_events_waits_total counter\n\
             mysql_perf_schema_events_waits_total{event_name=\"wait/io/file/sql/binlog\"} 3\n\
             mysql_perf_schema_events_waits_total{event_name=\"idle\"} 1.8446744073709552e+19\n\
             # TYPE mysql_perf_schema_events_waits_seconds_total counter\n\
             mysql_perf_schema_events_waits_seconds_total\
             {event_name=\"wait/io/file/sql/binlog\"} 2.5"
        );
        assert_eq!(error, None);
    }
}
