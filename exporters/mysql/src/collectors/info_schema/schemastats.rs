//! Rows read and changed, by schema: sums of `TABLE_STATISTICS`, which needs the variable `userstat`.
//!
//! <https://mariadb.com/kb/en/information-schema-table_statistics-table/>

use clap::ArgMatches;

use crate::columns::{Column, Label};
use crate::privilege::Privilege;
use crate::tabular::{BoundFlag, Tabular, View};

pub(crate) const MAX_ROWS: BoundFlag = BoundFlag {
    collector: "info_schema.schemastats",
    flag: "collect.info_schema.schemastats.max_rows",
    default: "10000",
};

const VIEW: View = View::of_information_schema(
    "information_schema.table_statistics",
    &[Label::of("schema", "TABLE_SCHEMA")],
    &[
        Column::counter(
            "ROWS_READ",
            "mysql_info_schema_schema_statistics_rows_read_total",
            "Rows read, by schema.",
        ),
        Column::counter(
            "ROWS_CHANGED",
            "mysql_info_schema_schema_statistics_rows_changed_total",
            "Rows changed, by schema.",
        ),
        Column::counter(
            "ROWS_CHANGED_X_INDEXES",
            "mysql_info_schema_schema_statistics_rows_changed_x_indexes_total",
            "Rows changed times indexes of their table, by schema.",
        ),
    ],
)
.with_tail("WHERE @@userstat GROUP BY TABLE_SCHEMA")
.switched_by("userstat")
// Unlike the statistics of users, it shows what the account may read.
.needing(Privilege::TABLES);

pub(crate) fn tabular(matches: &ArgMatches) -> Tabular {
    summing().bounded(MAX_ROWS.bound(matches))
}

fn summing() -> Tabular {
    VIEW.columns.iter().fold(Tabular::new(&VIEW), |tabular, column| {
        tabular.computing(column.key(), format!("SUM({})", column.key()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_makes_the_sums() {
        assert_eq!(
            summing().full_statement(),
            "SELECT TABLE_SCHEMA, SUM(ROWS_READ) AS ROWS_READ, SUM(ROWS_CHANGED) AS ROWS_CHANGED, \
             SUM(ROWS_CHANGED_X_INDEXES) AS ROWS_CHANGED_X_INDEXES \
             FROM information_schema.table_statistics WHERE @@userstat GROUP BY TABLE_SCHEMA"
        );
        let (text, error) = summing().exposed(
            &["TABLE_SCHEMA", "ROWS_READ"],
            &[&[Some("shop"), Some("83505516706205592384")], &[Some("crm"), None]],
        );
        let name = "mysql_info_schema_schema_statistics_rows_read_total";
        let expected =
            format!("# TYPE {name} counter\n{name}{{schema=\"shop\"}} 8.35055167062056e+19");
        assert_eq!((text, error), (expected, None));
    }
}
