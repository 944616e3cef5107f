//! When replicated transactions were committed and applied: `replication_applier_status_by_worker`.
//! MariaDB's table of that name has none of these columns.
//!
//! <https://dev.mysql.com/doc/refman/8.4/en/performance-schema-replication-applier-status-by-worker-table.html>

use common::error::ParseError;
use common::keyed::float;

use crate::columns::{Column, Label};
use crate::tabular::{Tabular, View};
use crate::value;

pub(crate) const VIEW: View = View::of_performance_schema(
    "performance_schema.replication_applier_status_by_worker",
    &[Label::of("channel_name", "CHANNEL_NAME"), Label::of("member_id", "WORKER_ID")],
    &[
        time(
            "LAST_APPLIED_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP",
            "mysql_perf_schema_last_applied_transaction_original_commit_timestamp_seconds",
            "When the last transaction applied was committed on its first server.",
        ),
        time(
            "LAST_APPLIED_TRANSACTION_IMMEDIATE_COMMIT_TIMESTAMP",
            "mysql_perf_schema_last_applied_transaction_immediate_commit_timestamp_seconds",
            "When the last transaction applied was committed on the source.",
        ),
        time(
            "LAST_APPLIED_TRANSACTION_START_APPLY_TIMESTAMP",
            "mysql_perf_schema_last_applied_transaction_start_apply_timestamp_seconds",
            "When the worker began to apply the last transaction that it applied.",
        ),
        time(
            "LAST_APPLIED_TRANSACTION_END_APPLY_TIMESTAMP",
            "mysql_perf_schema_last_applied_transaction_end_apply_timestamp_seconds",
            "When the worker had applied the last transaction that it applied.",
        ),
        time(
            "APPLYING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP",
            "mysql_perf_schema_applying_transaction_original_commit_timestamp_seconds",
            "When the transaction being applied was committed on its first server; 0 for none.",
        ),
        time(
            "APPLYING_TRANSACTION_IMMEDIATE_COMMIT_TIMESTAMP",
            "mysql_perf_schema_applying_transaction_immediate_commit_timestamp_seconds",
            "When the transaction being applied was committed on the source; 0 for none.",
        ),
        time(
            "APPLYING_TRANSACTION_START_APPLY_TIMESTAMP",
            "mysql_perf_schema_applying_transaction_start_apply_timestamp_seconds",
            "When the worker began to apply the present transaction; 0 for none.",
        ),
    ],
);

const fn time(column: &'static str, name: &'static str, help: &'static str) -> Column {
    Column::gauge(column, name, help).read_by(seconds).or(0.0)
}

/// Unix seconds as they are, or a date, read as UTC; 0 for no time.
fn seconds(text: &str) -> Result<Option<f64>, ParseError> {
    if text.starts_with("0000-00-00") {
        return Ok(Some(0.0));
    }
    match value::timestamp(text) {
        Some(seconds) => Ok(Some(seconds)),
        None => float(text),
    }
}

/// The columns are in the time zone of the session: the server makes Unix seconds of them.
pub(crate) fn tabular() -> Tabular {
    VIEW.columns.iter().fold(Tabular::new(&VIEW), |tabular, column| {
        tabular.computing(column.key(), format!("UNIX_TIMESTAMP({})", column.key()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_unix_seconds() {
        let (text, error) = tabular().exposed(
            &[
                "CHANNEL_NAME",
                "WORKER_ID",
                "LAST_APPLIED_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP",
                "LAST_APPLIED_TRANSACTION_IMMEDIATE_COMMIT_TIMESTAMP",
                "LAST_APPLIED_TRANSACTION_START_APPLY_TIMESTAMP",
                "LAST_APPLIED_TRANSACTION_END_APPLY_TIMESTAMP",
                "APPLYING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP",
                "APPLYING_TRANSACTION_IMMEDIATE_COMMIT_TIMESTAMP",
                "APPLYING_TRANSACTION_START_APPLY_TIMESTAMP",
            ],
            &[&[
                Some("eu"),
                Some("1"),
                Some("1709208000.250000"),
                Some("2024-02-29 12:00:00.250000"),
                Some("2024-02-29 12:00:00"),
                Some("soon"),
                Some("0000-00-00 00:00:00.000000"),
                Some("0"),
                None,
            ]],
        );
        let sample = |family: &str, value: &str| {
            let name = format!("mysql_perf_schema_{family}_timestamp_seconds");
            format!("# TYPE {name} gauge\n{name}{{channel_name=\"eu\",member_id=\"1\"}} {value}\n")
        };
        let expected = [
            sample("last_applied_transaction_original_commit", "1709208000.25"),
            sample("last_applied_transaction_immediate_commit", "1709208000.25"),
            sample("last_applied_transaction_start_apply", "1709208000"),
            sample("applying_transaction_original_commit", "0"),
            sample("applying_transaction_immediate_commit", "0"),
            sample("applying_transaction_start_apply", "0"),
        ];
        assert_eq!(format!("{text}\n"), expected.concat());
        let complaint = "LAST_APPLIED_TRANSACTION_END_APPLY_TIMESTAMP is no number: \"soon\"";
        assert_eq!(error, Some(format!("{}: {complaint}", VIEW.table)));
    }

    #[test]
    fn mariadbs_table_is_no_data() {
        let (text, error) = tabular().exposed(&["CHANNEL_NAME"], &[]);
        assert_eq!(text, "");
        let complaint = "column WORKER_ID is missing";
        assert_eq!(error, Some(format!("no data: {}: {complaint}", VIEW.table)));
    }
}
