//! Waits for input and output by table: `table_io_waits_summary_by_table`.
//!
//! <https://mariadb.com/kb/en/performance-schema-table_io_waits_summary_by_table-table/>

use crate::columns::{Column, Label};
use crate::tabular::{BoundFlag, View};

const COUNT: &str = "mysql_perf_schema_table_io_waits_total";
const COUNT_HELP: &str = "Waits for input and output, by table and operation.";
const SECONDS: &str = "mysql_perf_schema_table_io_waits_seconds_total";
const SECONDS_HELP: &str = "Seconds of waits for input and output, by table and operation.";

pub(crate) const MAX_ROWS: BoundFlag = BoundFlag {
    collector: "perf_schema.tableiowaits",
    flag: "collect.perf_schema.tableiowaits.max_rows",
    default: "5000",
};

pub(crate) const VIEW: View = View::of_performance_schema(
    "performance_schema.table_io_waits_summary_by_table",
    &[Label::of("schema", "OBJECT_SCHEMA"), Label::of("name", "OBJECT_NAME")],
    &[
        Column::counter("COUNT_FETCH", COUNT, COUNT_HELP).with("operation", "fetch"),
        Column::counter("COUNT_INSERT", COUNT, COUNT_HELP).with("operation", "insert"),
        Column::counter("COUNT_UPDATE", COUNT, COUNT_HELP).with("operation", "update"),
        Column::counter("COUNT_DELETE", COUNT, COUNT_HELP).with("operation", "delete"),
        seconds("SUM_TIMER_FETCH").with("operation", "fetch"),
        seconds("SUM_TIMER_INSERT").with("operation", "insert"),
        seconds("SUM_TIMER_UPDATE").with("operation", "update"),
        seconds("SUM_TIMER_DELETE").with("operation", "delete"),
    ],
)
.with_tail("WHERE OBJECT_SCHEMA NOT IN ('mysql', 'performance_schema')");

const fn seconds(column: &'static str) -> Column {
    Column::counter(column, SECONDS, SECONDS_HELP).in_picoseconds()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_is_a_series() {
        let (text, error) = VIEW.exposed(
            &["OBJECT_SCHEMA", "OBJECT_NAME", "COUNT_FETCH", "COUNT_INSERT", "SUM_TIMER_INSERT"],
            &[
                &[Some("plain"), Some("f"), Some("0"), Some("1"), Some("2572019450")],
                &[Some("plain"), Some("\u{fffd}"), Some("x"), Some("2"), Some("1.5")],
            ],
        );
        assert_eq!(
            text,
            format!(
                "# TYPE {COUNT} counter\n\
                 {COUNT}{{schema=\"plain\",name=\"f\",operation=\"fetch\"}} 0\n\
                 {COUNT}{{schema=\"plain\",name=\"f\",operation=\"insert\"}} 1\n\
                 {COUNT}{{schema=\"plain\",name=\"\u{fffd}\",operation=\"insert\"}} 2\n\
                 # TYPE {SECONDS} counter\n\
                 {SECONDS}{{schema=\"plain\",name=\"f\",operation=\"insert\"}} 0.00257201945\n\
                 {SECONDS}{{schema=\"plain\",name=\"\u{fffd}\",operation=\"insert\"}} 1.5e-12"
            )
        );
        let table = "performance_schema.table_io_waits_summary_by_table";
        assert_eq!(error, Some(format!("{table}: COUNT_FETCH is no number: \"x\"")));
    }
}
