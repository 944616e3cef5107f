//! Input and output of files by event: `file_summary_by_event_name`.
//!
//! <https://mariadb.com/kb/en/performance-schema-file_summary_by_event_name-table/>

use crate::columns::{Column, Label};
use crate::tabular::View;

const COUNT: &str = "mysql_perf_schema_file_events_total";
const COUNT_HELP: &str = "Operations on files, by event and mode.";
const SECONDS: &str = "mysql_perf_schema_file_events_seconds_total";
const SECONDS_HELP: &str = "Seconds spent in operations on files, by event and mode.";
const BYTES: &str = "mysql_perf_schema_file_events_bytes_total";
const BYTES_HELP: &str = "Bytes read from and written to files, by event and mode.";

pub(crate) const VIEW: View = View::of_performance_schema(
    "performance_schema.file_summary_by_event_name",
    &[Label::of("event_name", "EVENT_NAME")],
    &[
        Column::counter("COUNT_READ", COUNT, COUNT_HELP).with("mode", "read"),
        Column::counter("COUNT_WRITE", COUNT, COUNT_HELP).with("mode", "write"),
        Column::counter("COUNT_MISC", COUNT, COUNT_HELP).with("mode", "misc"),
        seconds("SUM_TIMER_READ").with("mode", "read"),
        seconds("SUM_TIMER_WRITE").with("mode", "write"),
        seconds("SUM_TIMER_MISC").with("mode", "misc"),
        Column::counter("SUM_NUMBER_OF_BYTES_READ", BYTES, BYTES_HELP).with("mode", "read"),
        Column::counter("SUM_NUMBER_OF_BYTES_WRITE", BYTES, BYTES_HELP).with("mode", "write"),
    ],
);

const fn seconds(column: &'static str) -> Column {
    Column::counter(column, SECONDS, SECONDS_HELP).in_picoseconds()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_is_a_series() {
        let (text, error) = VIEW.exposed(
            &[
                "EVENT_NAME",
                "COUNT_READ",
                "COUNT_WRITE",
                "COUNT_MISC",
                "SUM_TIMER_READ",
                "SUM_TIMER_MISC",
                "SUM_NUMBER_OF_BYTES_READ",
            ],
            &[&[
                Some("wait/io/file/mysys/charset"),
                Some("1"),
                Some("0"),
                Some("2"),
                Some("15685670"),
                Some("1609597990"),
                Some("24291"),
            ]],
        );
        let labels = "event_name=\"wait/io/file/mysys/charset\"";
        assert_eq!(
            text,
            format!(
                "# TYPE {COUNT} counter\n\
                 {COUNT}{{{labels},mode=\"read\"}} 1\n\
                 {COUNT}{{{labels},mode=\"write\"}} 0\n\
                 {COUNT}{{{labels},mode=\"misc\"}} 2\n\
                 # TYPE {SECONDS} counter\n\
                 {SECONDS}{{{labels},mode=\"read\"}} 0.00001568567\n\
                 {SECONDS}{{{labels},mode=\"misc\"}} 0.00160959799\n\
                 # TYPE {BYTES} counter\n\
                 {BYTES}{{{labels},mode=\"read\"}} 24291"
            )
        );
        assert_eq!(error, None);
    }
}
