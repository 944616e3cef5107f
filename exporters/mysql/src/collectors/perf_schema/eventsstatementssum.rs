//! Sums over all statement digests: `events_statements_summary_by_digest`.
//!
//! <https://mariadb.com/kb/en/performance-schema-events_statements_summary_by_digest-table/>

use crate::columns::Column;
use crate::tabular::{Tabular, View};

/// The column `SUM_X` of the answer is the sum of the table's column `X`.
pub(crate) const VIEW: View = View::of_performance_schema(
    "performance_schema.events_statements_summary_by_digest",
    &[],
    &[
        sum(
            "SUM_COUNT_STAR",
            "mysql_perf_schema_events_statements_sum_total",
            "Statements executed.",
        ),
        sum(
            "SUM_SUM_CREATED_TMP_DISK_TABLES",
            "mysql_perf_schema_events_statements_sum_created_tmp_disk_tables",
            "Temporary tables on disk created by statements.",
        ),
        sum(
            "SUM_SUM_CREATED_TMP_TABLES",
            "mysql_perf_schema_events_statements_sum_created_tmp_tables",
            "Temporary tables created by statements.",
        ),
        sum(
            "SUM_SUM_ERRORS",
            "mysql_perf_schema_events_statements_sum_errors",
            "Errors of statements.",
        ),
        sum(
            "SUM_SUM_LOCK_TIME",
            "mysql_perf_schema_events_statements_sum_lock_time",
            "Picoseconds that statements waited for table locks.",
        ),
        sum(
            "SUM_SUM_NO_GOOD_INDEX_USED",
            "mysql_perf_schema_events_statements_sum_no_good_index_used",
            "Statements for which the server found no good index.",
        ),
        sum(
            "SUM_SUM_NO_INDEX_USED",
            "mysql_perf_schema_events_statements_sum_no_index_used",
            "Statements that read a table without an index.",
        ),
        sum(
            "SUM_SUM_ROWS_AFFECTED",
            "mysql_perf_schema_events_statements_sum_rows_affected",
            "Rows affected by statements.",
        ),
        sum(
            "SUM_SUM_ROWS_EXAMINED",
            "mysql_perf_schema_events_statements_sum_rows_examined",
            "Rows examined by statements.",
        ),
        sum(
            "SUM_SUM_ROWS_SENT",
            "mysql_perf_schema_events_statements_sum_rows_sent",
            "Rows sent by statements.",
        ),
        sum(
            "SUM_SUM_SELECT_FULL_JOIN",
            "mysql_perf_schema_events_statements_sum_select_full_join",
            "Joins without an index.",
        ),
        sum(
            "SUM_SUM_SELECT_FULL_RANGE_JOIN",
            "mysql_perf_schema_events_statements_sum_select_full_range_join",
            "Joins that searched a range of the joined table.",
        ),
        sum(
            "SUM_SUM_SELECT_RANGE",
            "mysql_perf_schema_events_statements_sum_select_range",
            "Statements that searched a range of the first table.",
        ),
        sum(
            "SUM_SUM_SELECT_RANGE_CHECK",
            "mysql_perf_schema_events_statements_sum_select_range_check",
            "Joins that looked for an index anew for each row.",
        ),
        sum(
            "SUM_SUM_SELECT_SCAN",
            "mysql_perf_schema_events_statements_sum_select_scan",
            "Statements that read the whole first table.",
        ),
        sum(
            "SUM_SUM_SORT_MERGE_PASSES",
            "mysql_perf_schema_events_statements_sum_sort_merge_passes",
            "Merge passes of sorts.",
        ),
        sum(
            "SUM_SUM_SORT_RANGE",
            "mysql_perf_schema_events_statements_sum_sort_range",
            "Sorts of a range.",
        ),
        sum(
            "SUM_SUM_SORT_ROWS",
            "mysql_perf_schema_events_statements_sum_sort_rows",
            "Rows sorted by statements.",
        ),
        sum(
            "SUM_SUM_SORT_SCAN",
            "mysql_perf_schema_events_statements_sum_sort_scan",
            "Sorts of a whole table.",
        ),
        sum(
            "SUM_SUM_TIMER_WAIT",
            "mysql_perf_schema_events_statements_sum_timer_wait",
            "Seconds that statements took.",
        )
        .in_picoseconds(),
        sum(
            "SUM_SUM_WARNINGS",
            "mysql_perf_schema_events_statements_sum_warnings",
            "Warnings of statements.",
        ),
    ],
);

const fn sum(column: &'static str, name: &'static str, help: &'static str) -> Column {
    Column::counter(column, name, help)
}

pub(crate) fn tabular() -> Tabular {
    VIEW.columns.iter().fold(Tabular::new(&VIEW), |tabular, column| {
        let summed = column.key().strip_prefix("SUM_").unwrap_or(column.key());
        tabular.computing(column.key(), format!("SUM({summed})"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_may_be_larger_than_any_integer() {
        let (text, error) = tabular().exposed(
            &["SUM_COUNT_STAR", "SUM_SUM_LOCK_TIME", "SUM_SUM_ROWS_SENT", "SUM_SUM_TIMER_WAIT"],
            &[&[
                Some("1200"),
                Some("83505516706205592384"),
                Some("99999999999999999999.5"),
                Some("83505516706205592384"),
            ]],
        );
        let name = "mysql_perf_schema_events_statements_sum";
        assert_eq!(
            text,
            format!(
                "# TYPE {name}_total counter\n{name}_total 1200\n\
                 # TYPE {name}_lock_time counter\n{name}_lock_time 8.35055167062056e+19\n\
                 # TYPE {name}_rows_sent counter\n{name}_rows_sent 1e+20\n\
                 # TYPE {name}_timer_wait counter\n{name}_timer_wait 83505516.70620559"
            )
        );
        assert_eq!(error, None);
    }

    #[test]
    fn sums_of_no_rows_are_no_samples() {
        let (text, error) = tabular()
            .exposed(&["SUM_COUNT_STAR", "SUM_SUM_TIMER_WAIT", "SUM_SUM_ERRORS"], &[&[None; 3]]);
        assert_eq!((text.as_str(), error), ("", None));
    }

    #[test]
    fn the_server_makes_the_sums() {
        let statement = tabular().full_statement();
        for part in [
            "SELECT SUM(COUNT_STAR) AS SUM_COUNT_STAR, ",
            ", SUM(SUM_TIMER_WAIT) AS SUM_SUM_TIMER_WAIT, ",
            ", SUM(SUM_WARNINGS) AS SUM_SUM_WARNINGS FROM performance_schema.",
        ] {
            assert!(statement.contains(part), "{statement}");
        }
    }
}
