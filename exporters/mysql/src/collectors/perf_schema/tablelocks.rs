//! Waits for table locks: `table_lock_waits_summary_by_table`.
//!
//! <https://mariadb.com/kb/en/performance-schema-table_lock_waits_summary_by_table-table/>

use crate::columns::{Column, Label};
use crate::tabular::{BoundFlag, View};

const SQL: &str = "mysql_perf_schema_sql_lock_waits_total";
const SQL_HELP: &str = "Waits for locks of the SQL layer, by table and operation.";
const SQL_SECONDS: &str = "mysql_perf_schema_sql_lock_waits_seconds_total";
const SQL_SECONDS_HELP: &str = "Seconds of waits for locks of the SQL layer.";
const EXTERNAL: &str = "mysql_perf_schema_external_lock_waits_total";
const EXTERNAL_HELP: &str = "Waits for locks of the storage engine, by table and operation.";
const EXTERNAL_SECONDS: &str = "mysql_perf_schema_external_lock_waits_seconds_total";
const EXTERNAL_SECONDS_HELP: &str = "Seconds of waits for locks of the storage engine.";

pub(crate) const MAX_ROWS: BoundFlag = BoundFlag {
    collector: "perf_schema.tablelocks",
    flag: "collect.perf_schema.tablelocks.max_rows",
    default: "5000",
};

pub(crate) const VIEW: View = View::of_performance_schema(
    "performance_schema.table_lock_waits_summary_by_table",
    &[Label::of("schema", "OBJECT_SCHEMA"), Label::of("name", "OBJECT_NAME")],
    &[
        sql("COUNT_READ_NORMAL", "read_normal"),
        sql("COUNT_READ_WITH_SHARED_LOCKS", "read_with_shared_locks"),
        sql("COUNT_READ_HIGH_PRIORITY", "read_high_priority"),
        sql("COUNT_READ_NO_INSERT", "read_no_insert"),
        sql("COUNT_WRITE_NORMAL", "write_normal"),
        sql("COUNT_WRITE_ALLOW_WRITE", "write_allow_write"),
        sql("COUNT_WRITE_CONCURRENT_INSERT", "write_concurrent_insert"),
        sql("COUNT_WRITE_LOW_PRIORITY", "write_low_priority"),
        sql_seconds("SUM_TIMER_READ_NORMAL", "read_normal"),
        sql_seconds("SUM_TIMER_READ_WITH_SHARED_LOCKS", "read_with_shared_locks"),
        sql_seconds("SUM_TIMER_READ_HIGH_PRIORITY", "read_high_priority"),
        sql_seconds("SUM_TIMER_READ_NO_INSERT", "read_no_insert"),
        sql_seconds("SUM_TIMER_WRITE_NORMAL", "write_normal"),
        sql_seconds("SUM_TIMER_WRITE_ALLOW_WRITE", "write_allow_write"),
        sql_seconds("SUM_TIMER_WRITE_CONCURRENT_INSERT", "write_concurrent_insert"),
        sql_seconds("SUM_TIMER_WRITE_LOW_PRIORITY", "write_low_priority"),
        external("COUNT_READ_EXTERNAL", "read"),
        external("COUNT_WRITE_EXTERNAL", "write"),
        external_seconds("SUM_TIMER_READ_EXTERNAL", "read"),
        external_seconds("SUM_TIMER_WRITE_EXTERNAL", "write"),
    ],
)
.with_tail("WHERE OBJECT_SCHEMA NOT IN ('mysql', 'performance_schema', 'information_schema')");

const fn sql(column: &'static str, operation: &'static str) -> Column {
    Column::counter(column, SQL, SQL_HELP).with("operation", operation)
}

const fn sql_seconds(column: &'static str, operation: &'static str) -> Column {
    let seconds = Column::counter(column, SQL_SECONDS, SQL_SECONDS_HELP).in_picoseconds();
    seconds.with("operation", operation)
}

const fn external(column: &'static str, operation: &'static str) -> Column {
    Column::counter(column, EXTERNAL, EXTERNAL_HELP).with("operation", operation)
}

const fn external_seconds(column: &'static str, operation: &'static str) -> Column {
    let seconds = Column::counter(column, EXTERNAL_SECONDS, EXTERNAL_SECONDS_HELP).in_picoseconds();
    seconds.with("operation", operation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_of_the_server_and_of_the_engine_are_apart() {
        let (text, error) = VIEW.exposed(
            &[
                "OBJECT_SCHEMA",
                "OBJECT_NAME",
                "COUNT_READ_NORMAL",
                "COUNT_WRITE_LOW_PRIORITY",
                "SUM_TIMER_READ_NORMAL",
                "COUNT_WRITE_EXTERNAL",
                "SUM_TIMER_WRITE_EXTERNAL",
            ],
            &[&[
                Some("plain"),
                Some("f"),
                Some("7"),
                Some("0"),
                Some("2000000000000"),
                Some("1"),
                Some("1301300"),
            ]],
        );
        let labels = "schema=\"plain\",name=\"f\",operation";
        assert_eq!(
            text,
            format!(
                "# TYPE {SQL} counter\n\
                 {SQL}{{{labels}=\"read_normal\"}} 7\n\
                 {SQL}{{{labels}=\"write_low_priority\"}} 0\n\
                 # TYPE {SQL_SECONDS} counter\n\
                 {SQL_SECONDS}{{{labels}=\"read_normal\"}} 2\n\
                 # TYPE {EXTERNAL} counter\n\
                 {EXTERNAL}{{{labels}=\"write\"}} 1\n\
                 # TYPE {EXTERNAL_SECONDS} counter\n\
                 {EXTERNAL_SECONDS}{{{labels}=\"write\"}} 1.3013e-6"
            )
        );
        assert_eq!(error, None);
    }
}
