//! Group replication as this member sees it: `replication_group_member_stats`; MySQL only.
//!
//! <https://dev.mysql.com/doc/refman/8.4/en/performance-schema-replication-group-member-stats-table.html>

use crate::columns::Column;
use crate::tabular::View;

pub(crate) const VIEW: View = View::of_performance_schema(
    "performance_schema.replication_group_member_stats",
    &[],
    &[
        Column::gauge(
            "COUNT_TRANSACTIONS_IN_QUEUE",
            "mysql_perf_schema_transactions_in_queue",
            "Transactions of this member that wait for conflict detection.",
        ),
        Column::counter(
            "COUNT_TRANSACTIONS_CHECKED",
            "mysql_perf_schema_transactions_checked_total",
            "Transactions that this member checked for conflicts.",
        ),
        Column::counter(
            "COUNT_CONFLICTS_DETECTED",
            "mysql_perf_schema_conflicts_detected_total",
            "Transactions of this member that failed the check for conflicts.",
        ),
        Column::counter(
            "COUNT_TRANSACTIONS_ROWS_VALIDATING",
            "mysql_perf_schema_transactions_rows_validating_total",
            "Rows in the database for conflict detection that are not garbage yet.",
        ),
        Column::gauge(
            "COUNT_TRANSACTIONS_REMOTE_IN_APPLIER_QUEUE",
            "mysql_perf_schema_transactions_remote_in_applier_queue",
            "Transactions of the group that wait to be applied by this member.",
        ),
        Column::counter(
            "COUNT_TRANSACTIONS_REMOTE_APPLIED",
            "mysql_perf_schema_transactions_remote_applied_total",
            "Transactions of the group that this member applied.",
        ),
        Column::counter(
            "COUNT_TRANSACTIONS_LOCAL_PROPOSED",
            "mysql_perf_schema_transactions_local_proposed_total",
            "Transactions that this member sent to the group.",
        ),
        Column::counter(
            "COUNT_TRANSACTIONS_LOCAL_ROLLBACK",
            "mysql_perf_schema_transactions_local_rollback_total",
            "Transactions of this member that were rolled back after they were sent.",
        ),
    ],
)
.with_tail("WHERE MEMBER_ID = @@server_uuid");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_mysql_5_7_are_enough() {
        let (text, error) = VIEW.exposed(
            &[
                "COUNT_TRANSACTIONS_IN_QUEUE",
                "COUNT_TRANSACTIONS_CHECKED",
                "COUNT_CONFLICTS_DETECTED",
                "COUNT_TRANSACTIONS_ROWS_VALIDATING",
            ],
            &[&[Some("3"), Some("16635"), Some("0"), None]],
        );
        assert_eq!(
            text,
            "# TYPE mysql_perf_schema_transactions_in_queue gauge\n\
             mysql_perf_schema_transactions_in_queue 3\n\
             # TYPE mysql_perf_schema_transactions_checked_total counter\n\
             mysql_perf_schema_transactions_checked_total 16635\n\
             # TYPE mysql_perf_schema_conflicts_detected_total counter\n\
             mysql_perf_schema_conflicts_detected_total 0"
        );
        assert_eq!(error, None);
    }
}
