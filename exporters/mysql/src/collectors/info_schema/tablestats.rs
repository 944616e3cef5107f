//! Rows read and changed, by table: `TABLE_STATISTICS`, which needs the variable `userstat`.
//!
//! <https://mariadb.com/kb/en/information-schema-table_statistics-table/>

use crate::columns::{Column, Label};
use crate::privilege::Privilege;
use crate::tabular::{BoundFlag, View};

pub(crate) const MAX_ROWS: BoundFlag = BoundFlag {
    collector: "info_schema.tablestats",
    flag: "collect.info_schema.tablestats.max_rows",
    default: "10000",
};

pub(crate) const VIEW: View = View::of_information_schema(
    "information_schema.table_statistics",
    &[Label::of("schema", "TABLE_SCHEMA"), Label::of("table", "TABLE_NAME")],
    &[
        Column::counter(
            "ROWS_READ",
            "mysql_info_schema_table_statistics_rows_read_total",
            "Rows read, by table.",
        ),
        Column::counter(
            "ROWS_CHANGED",
            "mysql_info_schema_table_statistics_rows_changed_total",
            "Rows changed, by table.",
        ),
        Column::counter(
            "ROWS_CHANGED_X_INDEXES",
            "mysql_info_schema_table_statistics_rows_changed_x_indexes_total",
            "Rows changed times indexes of the table, by table.",
        ),
    ],
)
.with_tail("WHERE @@userstat")
.switched_by("userstat")
// Unlike the statistics of users, it shows what the account may read.
.needing(Privilege::TABLES);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_later_releases_do_no_harm() {
        let (text, error) = VIEW.exposed(
            &["TABLE_SCHEMA", "TABLE_NAME", "ROWS_READ", "ROWS_CHANGED", "KEY_READ_HITS"],
            &[&[Some("shop"), Some("t"), Some("8"), Some("4"), Some("x")]],
        );
        assert_eq!(
            text,
            "# TYPE mysql_info_schema_table_statistics_rows_read_total counter\n\
             mysql_info_schema_table_statistics_rows_read_total{schema=\"shop\",table=\"t\"} 8\n\
             # TYPE mysql_info_schema_table_statistics_rows_changed_total counter\n\
             mysql_info_schema_table_statistics_rows_changed_total{schema=\"shop\",table=\"t\"} 4"
        );
        assert_eq!(error, None);
    }
}
