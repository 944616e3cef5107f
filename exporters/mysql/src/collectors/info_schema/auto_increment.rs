//! Columns that count by themselves, and how far their type reaches: `TABLES` and `COLUMNS`.
//!
//! <https://mariadb.com/kb/en/auto_increment/>

use std::collections::HashMap;

use async_trait::async_trait;
use clap::ArgMatches;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::{LabelSet, Sink};
use common::keyed::float;
use common::metric::Desc;

use super::scan::{Name, Reader, Scan, ScanFlags, Scanned, TABLES, ask};
use crate::grant::Needs;
use crate::literal::literals;
use crate::privilege::Privilege;
use crate::scrape::Scrape;
use crate::server::{Cells, Table};
use crate::tabular::BoundFlag;

const COLUMNS: &str = "information_schema.columns";

/// Schemas without such columns.
const OTHERS: [&str; 3] = ["information_schema", "performance_schema", "sys"];

const VALUE: Desc<'_> = Desc::gauge(
    "mysql_info_schema_auto_increment_column",
    "Next value of a column that counts by itself.",
);
const MAX: Desc<'_> = Desc::gauge(
    "mysql_info_schema_auto_increment_column_max",
    "Largest value of the type of a column that counts by itself.",
);

pub(crate) const FLAGS: ScanFlags = ScanFlags {
    max_rows: BoundFlag {
        collector: "auto_increment.columns",
        flag: "collect.auto_increment.columns.max_rows",
        default: "20000",
    },
    opened: "collect.auto_increment.columns.opened_per_scrape",
};

#[derive(Debug)]
pub(crate) struct AutoIncrement(Scan<Facts>);

impl AutoIncrement {
    pub(crate) fn new(matches: &ArgMatches) -> Self {
        Self(Scan::new(FLAGS, matches))
    }
}

#[async_trait]
impl Collector<Scrape> for AutoIncrement {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let condition = format!("TABLE_SCHEMA NOT IN ({})", literals(OTHERS));
        let Scanned { facts, error, .. } =
            self.0.run(scrape, &condition, &ColumnReader, sink).await?;
        let mut errors = FirstError::default();
        push(facts.iter().map(AsRef::as_ref), sink);
        if let Some(error) = error {
            errors.keep(error);
        }
        if let Some(complaint) = facts.iter().find_map(|facts| facts.malformed.clone()) {
            errors.keep(CollectError::malformed(TABLES, complaint));
        }
        errors.into_result()
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        Privilege::TABLES.on(scrape.release())
    }
}

/// A column that counts by itself; a table has one at most.
#[derive(Debug)]
struct Facts {
    labels: LabelSet,
    value: Option<f64>,
    /// None for a floating point column.
    max: Option<f64>,
    malformed: Option<ParseError>,
}

struct ColumnReader;

#[async_trait]
impl Reader for ColumnReader {
    type Facts = Facts;

    /// Definitions first: only tables with such a column are opened.
    async fn read(
        &self,
        scrape: &Scrape,
        range: &str,
        names: &[Name],
    ) -> Result<Vec<(Name, Facts)>, CollectError> {
        let statement = format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE FROM {COLUMNS} \
             WHERE {range} AND EXTRA LIKE '%auto_increment%'"
        );
        let columns = ask(scrape, COLUMNS, &statement).await?;
        let counting: Vec<Name> = columns.rows().filter_map(Name::of).collect();
        if counting.is_empty() {
            return Ok(Vec::new());
        }
        let mut statement =
            format!("SELECT TABLE_SCHEMA, TABLE_NAME, AUTO_INCREMENT FROM {TABLES} WHERE {range}");
        if counting.len() < names.len() {
            let tables = literals(counting.iter().map(|name| name.table.as_str()));
            statement = format!("{statement} AND TABLE_NAME IN ({tables})");
        }
        Ok(parse(&columns, &ask(scrape, TABLES, &statement).await?))
    }
}

fn parse(columns: &Table, tables: &Table) -> Vec<(Name, Facts)> {
    let value = |row: Cells<'_>| Some((Name::of(row)?, row.named(&["AUTO_INCREMENT"])?.to_owned()));
    let values: HashMap<Name, String> = tables.rows().filter_map(value).collect();
    columns.rows().filter_map(|row| parse_row(row, &values)).collect()
}

fn parse_row(row: Cells<'_>, values: &HashMap<Name, String>) -> Option<(Name, Facts)> {
    let name = Name::of(row)?;
    // NULL while nothing was inserted yet, and while the table is locked.
    let text = values.get(&name)?;
    let column = row.named(&["COLUMN_NAME"])?;
    let mut errors = FirstError::default();
    let value = errors.catch(float(text).map_err(|_| {
        let Name { schema, table } = &name;
        ParseError::form(&format!("AUTO_INCREMENT of {schema}.{table} is no number"), text)
    }));
    let labels =
        [("schema", name.schema.as_str()), ("table", name.table.as_str()), ("column", column)];
    let data_type = row.named(&["DATA_TYPE"]).unwrap_or_default();
    let facts = Facts {
        labels: LabelSet::new(labels),
        value,
        max: max(data_type, row.named(&["COLUMN_TYPE"]).unwrap_or_default()),
        malformed: errors.into_result().err(),
    };
    Some((name, facts))
}

/// Largest value of an integer type.
fn max(data_type: &str, column_type: &str) -> Option<f64> {
    let bits = match data_type.to_ascii_lowercase().as_str() {
        "tinyint" => 7,
        "smallint" => 15,
        "mediumint" => 23,
        "int" => 31,
        "bigint" => 63,
        _ => return None,
    };
    let is_unsigned = column_type.to_ascii_lowercase().contains(" unsigned");
    Some(f64::from(bits + i32::from(is_unsigned)).exp2() - 1.0)
}

fn push<'a>(facts: impl Iterator<Item = &'a Facts> + Clone, sink: &mut Sink) {
    let value = |facts: &'a Facts| Some((&facts.labels, facts.value?));
    sink.samples(&VALUE, facts.clone().filter_map(value));
    // Without the value the limit says nothing.
    let max = |facts: &'a Facts| Some((&facts.labels, facts.value.and(facts.max)?));
    sink.samples(&MAX, facts.filter_map(max));
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;

    fn exposed(
        columns: &[[Option<&str>; 5]],
        tables: &[[Option<&str>; 3]],
    ) -> (String, Option<String>) {
        let columns: Vec<&[Option<&str>]> = columns.iter().map(|row| &row[..]).collect();
        let tables: Vec<&[Option<&str>]> = tables.iter().map(|row| &row[..]).collect();
        let names = ["TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME", "DATA_TYPE", "COLUMN_TYPE"];
        let parsed = parse(
            &Table::of(&names, &columns),
            &Table::of(&["TABLE_SCHEMA", "TABLE_NAME", "AUTO_INCREMENT"], &tables),
        );
        let facts = parsed.iter().map(|(_, facts)| facts);
        let text = testing::exposed(|sink| push(facts.clone(), sink));
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let lines: Vec<String> =
            lines.map(|line| line.replace("mysql_info_schema_auto_increment_", "")).collect();
        let malformed = facts.clone().find_map(|facts| facts.malformed.clone());
        (lines.join("\n"), malformed.map(|error| error.to_string()))
    }

    fn column<'a>(
        table: &'a str,
        data_type: &'a str,
        column_type: &'a str,
    ) -> [Option<&'a str>; 5] {
        ["plain", table, "id", data_type, column_type].map(Some)
    }

    #[test]
    fn floating_point_columns_have_a_value_and_no_maximum() {
        let table = |table| ["plain", table, "2"].map(Some);
        let (text, error) = exposed(
            &[
                column("f", "float", "float"),
                column("d", "double", "double"),
                column("t", "tinyint", "tinyint(4)"),
                column("u", "int", "int(10) unsigned"),
                column("z", "bigint", "bigint(20) unsigned zerofill"),
                column("new", "int", "int(11)"),
                column("gone", "int", "int(11)"),
            ],
            &[
                table("f"),
                table("d"),
                table("t"),
                table("u"),
                ["plain", "z", "18446744073709551615"].map(Some),
                [Some("plain"), Some("new"), None],
                [Some("other"), Some("gone"), Some("1")],
            ],
        );
        let of = |table| format!("{{schema=\"plain\",table=\"{table}\",column=\"id\"}}");
        assert_eq!(
            text,
            format!(
                "column{} 2\ncolumn{} 2\ncolumn{} 2\ncolumn{} 2\ncolumn{} 1.8446744073709552e+19\n\
                 column_max{} 127\ncolumn_max{} 4294967295\ncolumn_max{} 1.8446744073709552e+19",
                of("f"),
                of("d"),
                of("t"),
                of("u"),
                of("z"),
                of("t"),
                of("u"),
                of("z")
            )
        );
        assert_eq!(error, None);
    }

    #[test]
    fn a_malformed_value_costs_its_own_column() {
        let (text, error) = exposed(
            &[column("a", "int", "int(11)"), column("b", "int", "int(11)"), [None; 5]],
            &[["plain", "a", "many"].map(Some), ["plain", "b", "-1"].map(Some), [None; 3]],
        );
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.starts_with("column{schema=\"plain\",table=\"b\",column=\"id\"} -1\n"));
        assert_eq!(error.as_deref(), Some("AUTO_INCREMENT of plain.a is no number: \"many\""));
    }

    proptest::proptest! {
        #[test]
        fn no_row_costs_another(
            table in crate::collectors::any_rows_and(&["TABLE_SCHEMA", "TABLE_NAME", "AUTO_INCREMENT"], &["plain", "good", "7"]),
        ) {
            let mut sink = Sink::default();
            let names = ["TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME", "DATA_TYPE", "COLUMN_TYPE"];
            let good = column("good", "int", "int(11)");
            let columns = Table::of(&names, &[&good]);
            let parsed = parse(&columns, &table);
            push(parsed.iter().map(|(_, facts)| facts), &mut sink);
            let text = testing::text(&sink);
            proptest::prop_assert!(text.contains("_column{schema=\"plain\",table=\"good\",column=\"id\"} 7\n"), "{text}");
        }
    }
}
