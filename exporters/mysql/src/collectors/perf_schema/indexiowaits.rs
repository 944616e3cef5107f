//! Waits for input and output by index: `table_io_waits_summary_by_index_usage`.
//!
//! <https://mariadb.com/kb/en/performance-schema-table_io_waits_summary_by_index_usage-table/>

use crate::columns::{Column, Label};
use crate::tabular::{BoundFlag, View};

const COUNT: &str = "mysql_perf_schema_index_io_waits_total";
const COUNT_HELP: &str = "Waits for input and output, by index and operation.";
const SECONDS: &str = "mysql_perf_schema_index_io_waits_seconds_total";
const SECONDS_HELP: &str = "Seconds of waits for input and output, by index and operation.";

pub(crate) const MAX_ROWS: BoundFlag = BoundFlag {
    collector: "perf_schema.indexiowaits",
    flag: "collect.perf_schema.indexiowaits.max_rows",
    default: "5000",
};

/// Rows are inserted into the table, which is the row without an index.
pub(crate) const VIEW: View = View::of_performance_schema(
    "performance_schema.table_io_waits_summary_by_index_usage",
    &[
        Label::of("schema", "OBJECT_SCHEMA"),
        Label::of("name", "OBJECT_NAME"),
        Label::of("index", "INDEX_NAME").or("NONE"),
    ],
    &[
        Column::counter("COUNT_FETCH", COUNT, COUNT_HELP).with("operation", "fetch"),
        Column::counter("COUNT_INSERT", COUNT, COUNT_HELP)
            .with("operation", "insert")
            .where_null("INDEX_NAME"),
        Column::counter("COUNT_UPDATE", COUNT, COUNT_HELP).with("operation", "update"),
        Column::counter("COUNT_DELETE", COUNT, COUNT_HELP).with("operation", "delete"),
        seconds("SUM_TIMER_FETCH").with("operation", "fetch"),
        seconds("SUM_TIMER_INSERT").with("operation", "insert").where_null("INDEX_NAME"),
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
    fn inserts_belong_to_the_row_without_an_index() {
        let names = [
            "OBJECT_SCHEMA",
            "OBJECT_NAME",
            "INDEX_NAME",
            "COUNT_FETCH",
            "COUNT_INSERT",
            "COUNT_UPDATE",
            "COUNT_DELETE",
            "SUM_TIMER_INSERT",
        ];
        let row = |index| {
            let numbers = ["1", "2", "3", "4", "5000000000000"].map(Some);
            [&[Some("shop"), Some("t"), index], &numbers[..]].concat()
        };
        let (primary, none) = (row(Some("PRIMARY")), row(None));
        let (text, error) = VIEW.exposed(&names, &[&primary, &none]);
        assert_eq!(
            text,
            format!(
                "# TYPE {COUNT} counter\n\
                 {COUNT}{{schema=\"shop\",name=\"t\",index=\"PRIMARY\",operation=\"fetch\"}} 1\n\
                 {COUNT}{{schema=\"shop\",name=\"t\",index=\"PRIMARY\",operation=\"update\"}} 3\n\
                 {COUNT}{{schema=\"shop\",name=\"t\",index=\"PRIMARY\",operation=\"delete\"}} 4\n\
                 {COUNT}{{schema=\"shop\",name=\"t\",index=\"NONE\",operation=\"fetch\"}} 1\n\
                 {COUNT}{{schema=\"shop\",name=\"t\",index=\"NONE\",operation=\"insert\"}} 2\n\
                 {COUNT}{{schema=\"shop\",name=\"t\",index=\"NONE\",operation=\"update\"}} 3\n\
                 {COUNT}{{schema=\"shop\",name=\"t\",index=\"NONE\",operation=\"delete\"}} 4\n\
                 # TYPE {SECONDS} counter\n\
                 {SECONDS}{{schema=\"shop\",name=\"t\",index=\"NONE\",operation=\"insert\"}} 5"
            )
        );
        assert_eq!(error, None);
    }
}
