//! InnoDB's tablespaces and their files: `INNODB_SYS_TABLESPACES` (MariaDB, MySQL 5.7) or
//! `INNODB_TABLESPACES` (MySQL from 8.0).
//!
//! <https://mariadb.com/kb/en/information-schema-innodb_sys_tablespaces-table/>

use async_trait::async_trait;
use clap::ArgMatches;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;

use crate::columns::{Column, Label, labelled, push_rows};
use crate::grant::Needs;
use crate::scrape::Scrape;
use crate::server::{Table, mysql};
use crate::tabular::{BoundFlag, Tabular, View};

pub(crate) const MAX_ROWS: BoundFlag = BoundFlag {
    collector: "info_schema.innodb_tablespaces",
    flag: "collect.info_schema.innodb_tablespaces.max_rows",
    default: "10000",
};

const NAME: &[Label] = &[Label::of("tablespace_name", "NAME")];

/// MySQL 5.7 has all columns; MariaDB from 10.5 has no `SPACE_TYPE`.
const LABELS: &[Label] = &[
    Label::of("tablespace_name", "NAME"),
    Label::of("file_format", "FILE_FORMAT").or("NONE").or_absent("NONE"),
    Label::of("row_format", "ROW_FORMAT").or("NONE").or_absent("NONE"),
    Label::of("space_type", "SPACE_TYPE").or("NONE").or_absent(""),
];

const INFO: &[Column] = &[Column::gauge(
    "SPACE",
    "mysql_info_schema_innodb_tablespace_space_info",
    "Tablespace, with its format as labels; the value is its id.",
)];

const SIZES: &[Column] = &[
    Column::gauge(
        "FILE_SIZE",
        "mysql_info_schema_innodb_tablespace_file_size_bytes",
        "Apparent size of a tablespace's file.",
    ),
    Column::gauge(
        "ALLOCATED_SIZE",
        "mysql_info_schema_innodb_tablespace_allocated_size_bytes",
        "Space that a tablespace's file takes on disk.",
    ),
];

const SIZE_COLUMNS: &[&str] = &["FILE_SIZE", "ALLOCATED_SIZE"];

const OLD: View =
    View::of_information_schema("information_schema.innodb_sys_tablespaces", LABELS, INFO)
        .and_reading(SIZE_COLUMNS);
const NEW: View =
    View::of_information_schema("information_schema.innodb_tablespaces", LABELS, INFO)
        .and_reading(SIZE_COLUMNS);

#[derive(Debug)]
pub(crate) struct Tablespaces {
    old: Tabular,
    new: Tabular,
}

impl Tablespaces {
    pub(crate) fn new(matches: &ArgMatches) -> Self {
        let tabular = |view| Tabular::new(view).bounded(MAX_ROWS.bound(matches));
        Self { old: tabular(&OLD), new: tabular(&NEW) }
    }
}

#[async_trait]
impl Collector<Scrape> for Tablespaces {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let is_new = scrape.release().is_covered_by(&[mysql(8, 0, 0)]);
        let (likely, other) = if is_new { (&self.new, &self.old) } else { (&self.old, &self.new) };
        let (tabular, table) = match likely.read(scrape).await {
            Err(error) if error.is_no_data() => (other, other.read(scrape).await?),
            table => (likely, table?),
        };
        push(tabular, &table, sink)
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        self.new.needs(scrape)
    }
}

fn push(tabular: &Tabular, table: &Table, sink: &mut Sink) -> Result<(), CollectError> {
    let malformed = |error| CollectError::malformed("innodb_tablespaces", error);
    let mut errors = FirstError::default();
    let mut rows = tabular.rows(table)?;
    tabular.cut(&mut rows, sink);
    errors.note(push_rows(table, &rows, INFO, sink).map_err(malformed));
    let mut named = labelled(table, NAME, None).map_err(malformed)?;
    named.truncate(rows.len());
    errors.note(push_rows(table, &named, SIZES, sink).map_err(malformed));
    errors.into_result()
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;

    fn exposed(columns: &[&str], rows: &[&[Option<&str>]]) -> String {
        let table = Table::of(columns, rows);
        let text = testing::exposed(|sink| {
            if let Err(error) = push(&Tabular::new(&OLD), &table, sink) {
                assert!(error.to_string().ends_with("SPACE is no number: \"x\""), "{error}");
            }
        });
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.replace("mysql_info_schema_innodb_tablespace_", ""))
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn mariadb_has_no_types() {
        let text = exposed(
            &["SPACE", "NAME", "ROW_FORMAT", "FILE_SIZE", "ALLOCATED_SIZE"],
            &[
                &[Some("0"), Some("innodb_system"), None, Some("12582912"), Some("12587008")],
                &[Some("5"), Some("shop/t"), Some("Dynamic"), Some("98304"), None],
            ],
        );
        assert_eq!(
            text,
            "space_info{tablespace_name=\"innodb_system\",file_format=\"NONE\",\
             row_format=\"NONE\",space_type=\"\"} 0\n\
             space_info{tablespace_name=\"shop/t\",file_format=\"NONE\",\
             row_format=\"Dynamic\",space_type=\"\"} 5\n\
             file_size_bytes{tablespace_name=\"innodb_system\"} 12582912\n\
             file_size_bytes{tablespace_name=\"shop/t\"} 98304\n\
             allocated_size_bytes{tablespace_name=\"innodb_system\"} 12587008"
        );
    }

    #[test]
    fn mysql_has_types() {
        let text = exposed(
            &["SPACE", "NAME", "FILE_FORMAT", "ROW_FORMAT", "SPACE_TYPE", "FILE_SIZE"],
            &[
                &[
                    Some("4294967294"),
                    Some("mysql"),
                    Some("Any"),
                    Some("Any"),
                    Some("General"),
                    None,
                ],
                &[Some("x"), Some("mysql"), None, None, None, Some("7")],
            ],
        );
        assert_eq!(
            text,
            "space_info{tablespace_name=\"mysql\",file_format=\"Any\",row_format=\"Any\",\
             space_type=\"General\"} 4294967294\n\
             file_size_bytes{tablespace_name=\"mysql\"} 7"
        );
    }
}
