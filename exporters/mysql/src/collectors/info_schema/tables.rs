//! Rows and sizes of tables: `TABLES`.
//!
//! <https://mariadb.com/kb/en/information-schema-tables-table/>

use std::collections::HashSet;
use std::sync::Mutex;

use async_trait::async_trait;
use clap::{ArgMatches, Command, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::{LabelSet, Sink};
use common::keyed::float;
use common::metric::Desc;
use common::sync::lock;

use super::scan::{Name, Reader, Scan, ScanFlags, Scanned, TABLES, ask};
use crate::grant::Needs;
use crate::literal::literals;
use crate::privilege::Privilege;
use crate::scrape::Scrape;
use crate::server::{Cells, Table};
use crate::tabular::BoundFlag;

const VERSION: Desc<'_> = Desc::gauge(
    "mysql_info_schema_table_version",
    "Version of a table's definition, with its kind as labels.",
);
const ROWS: Desc<'_> = Desc::gauge(
    "mysql_info_schema_table_rows",
    "Rows of a table; an estimate of the storage engine.",
);
const SIZE: Desc<'_> = Desc::gauge(
    "mysql_info_schema_table_size",
    "Bytes of a table's data, of its indexes, and allocated but free.",
);
const COMPONENTS: [&str; 3] = ["data_length", "index_length", "data_free"];

/// Schemas of the server.
const SYSTEM_SCHEMAS: [&str; 4] = ["mysql", "performance_schema", "information_schema", "sys"];

pub(crate) const FLAGS: ScanFlags = ScanFlags {
    max_rows: BoundFlag {
        collector: "info_schema.tables",
        flag: "collect.info_schema.tables.max_rows",
        default: "20000",
    },
    opened: "collect.info_schema.tables.opened_per_scrape",
};

/// Flags of this collector beside those of the scan.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
struct Options {
    /// Schemas, between commas; * for all but those of the server
    #[arg(
        id = "collect.info_schema.tables.databases",
        long = "collect.info_schema.tables.databases",
        value_name = "NAMES",
        default_value = "*"
    )]
    databases: String,
}

pub(crate) fn flags(command: Command) -> Command {
    <Options as clap::Args>::augment_args(FLAGS.add(command))
}

/// Which schemas are shown.
#[derive(Debug, PartialEq)]
enum Schemas {
    /// All but those of the server.
    All,
    These(Vec<String>),
}

impl Schemas {
    /// Quotes and blanks around names come from shells and manifests, and count for nothing.
    fn parse(text: &str) -> Self {
        let is_around = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '`');
        let names = text.split(',').map(|name| name.trim_matches(is_around));
        let names: Vec<String> =
            names.filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect();
        if names.is_empty() || names.iter().any(|name| name == "*") {
            return Self::All;
        }
        Self::These(names)
    }

    fn condition(&self) -> String {
        match self {
            Self::All => format!("TABLE_SCHEMA NOT IN ({})", literals(SYSTEM_SCHEMAS)),
            Self::These(names) => format!("TABLE_SCHEMA IN ({})", literals(names)),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Tables {
    schemas: Schemas,
    scan: Scan<Facts>,
    /// Schemas that were said not to be there.
    unknown: Mutex<HashSet<String>>,
}

pub(crate) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    let options = Options::from_arg_matches(matches)?;
    Ok(Box::new(Tables {
        schemas: Schemas::parse(&options.databases),
        scan: Scan::new(FLAGS, matches),
        unknown: Mutex::default(),
    }))
}

#[async_trait]
impl Collector<Scrape> for Tables {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let Scanned { names, facts, error } =
            self.scan.run(scrape, &self.schemas.condition(), &TableReader, sink).await?;
        push(facts.iter().map(AsRef::as_ref), sink);
        let mut errors = FirstError::default();
        if let Some(error) = error {
            errors.keep(error);
        }
        if let Some(complaint) = facts.iter().find_map(|facts| facts.malformed.clone()) {
            errors.keep(CollectError::malformed(TABLES, complaint));
        }
        errors.note(self.name_unknown(scrape, &names).await);
        errors.into_result()
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        Privilege::TABLES.on(scrape.release())
    }
}

impl Tables {
    /// Logs the names of schemas that the server does not have, once each.
    async fn name_unknown(&self, scrape: &Scrape, names: &[Name]) -> Result<(), CollectError> {
        let Schemas::These(schemas) = &self.schemas else { return Ok(()) };
        let has_tables = |schema: &&String| names.iter().any(|name| name.schema == **schema);
        if schemas.iter().all(|schema| has_tables(&schema)) {
            return Ok(());
        }
        let statement = "SELECT SCHEMA_NAME FROM information_schema.schemata";
        let answer = scrape.query(statement).await?;
        for schema in schemas {
            let is_known = answer.rows().any(|row| row.at(0) == Some(schema));
            if !is_known && lock(&self.unknown).insert(schema.clone()) {
                let server = scrape.server().name();
                tracing::warn!(server, %schema, "--collect.info_schema.tables.databases: no such schema");
            }
        }
        Ok(())
    }
}

/// What is shown of a table.
#[derive(Debug)]
struct Facts {
    labels: LabelSet,
    kind: LabelSet,
    version: Option<f64>,
    rows: Option<f64>,
    sizes: [Option<f64>; 3],
    /// The first of the texts that is no number.
    malformed: Option<ParseError>,
}

struct TableReader;

#[async_trait]
impl Reader for TableReader {
    type Facts = Facts;

    async fn read(
        &self,
        scrape: &Scrape,
        range: &str,
        _: &[Name],
    ) -> Result<Vec<(Name, Facts)>, CollectError> {
        let statement = format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, VERSION, ROW_FORMAT, TABLE_ROWS, \
             DATA_LENGTH, INDEX_LENGTH, DATA_FREE, CREATE_OPTIONS FROM {TABLES} WHERE {range}"
        );
        Ok(parse(&ask(scrape, TABLES, &statement).await?))
    }
}

/// Tables of which the server says something.
fn parse(table: &Table) -> Vec<(Name, Facts)> {
    table.rows().filter_map(parse_row).collect()
}

fn parse_row(row: Cells<'_>) -> Option<(Name, Facts)> {
    let name = Name::of(row)?;
    let kind = row.named(&["TABLE_TYPE"]).unwrap_or_default();
    let engine = row.named(&["ENGINE"]);
    if engine.is_none() && kind == "BASE TABLE" {
        // Locked, such as one that is being made, or broken: nothing is known of it.
        return None;
    }
    let mut errors = FirstError::default();
    // As in the reference exporter, a view has no rows and no size, not none at all.
    let mut number = |column: &str| {
        let Some(text) = row.named(&[column]) else { return Some(0.0) };
        let value = float(text).map_err(|_| {
            ParseError::form(
                &format!("{column} of {}.{} is no number", name.schema, name.table),
                text,
            )
        });
        errors.catch(value)
    };
    let (version, rows) = (number("VERSION"), number("TABLE_ROWS"));
    let sizes = ["DATA_LENGTH", "INDEX_LENGTH", "DATA_FREE"].map(&mut number);
    let labels = [("schema", name.schema.as_str()), ("table", name.table.as_str())];
    let or_none = |column| row.named(&[column]).unwrap_or("NONE");
    let kind = [
        ("type", kind),
        ("engine", engine.unwrap_or("NONE")),
        ("row_format", or_none("ROW_FORMAT")),
        ("create_options", or_none("CREATE_OPTIONS")),
    ];
    let facts = Facts {
        labels: LabelSet::new(labels),
        kind: LabelSet::new(kind),
        version,
        rows,
        sizes,
        malformed: errors.into_result().err(),
    };
    Some((name, facts))
}

fn push<'a>(facts: impl Iterator<Item = &'a Facts> + Clone, sink: &mut Sink) {
    let versions = facts.clone().filter_map(|facts| {
        let version = facts.version?;
        Some(((&facts.labels, &facts.kind), version))
    });
    sink.samples(&VERSION, versions);
    sink.samples(&ROWS, facts.clone().filter_map(|facts| Some((&facts.labels, facts.rows?))));
    let sizes = facts.flat_map(|facts| {
        let sizes = COMPONENTS.iter().zip(&facts.sizes);
        sizes.filter_map(|(component, size)| {
            let size = (*size)?;
            Some(((&facts.labels, [("component", *component)]), size))
        })
    });
    sink.samples(&SIZE, sizes);
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;

    const NAMES: [&str; 11] = [
        "TABLE_SCHEMA",
        "TABLE_NAME",
        "TABLE_TYPE",
        "ENGINE",
        "VERSION",
        "ROW_FORMAT",
        "TABLE_ROWS",
        "DATA_LENGTH",
        "INDEX_LENGTH",
        "DATA_FREE",
        "CREATE_OPTIONS",
    ];

    fn row<'a>(name: &'a str, kind: &'a str, engine: Option<&'a str>) -> [Option<&'a str>; 11] {
        let mut row = [None; 11];
        row[..4].copy_from_slice(&[Some("plain"), Some(name), Some(kind), engine]);
        row
    }

    fn exposed(rows: &[[Option<&str>; 11]]) -> (String, Option<String>) {
        let rows: Vec<&[Option<&str>]> = rows.iter().map(|row| &row[..]).collect();
        let parsed = parse(&Table::of(&NAMES, &rows));
        let facts = parsed.iter().map(|(_, facts)| facts);
        let text = testing::exposed(|sink| push(facts.clone(), sink));
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let lines: Vec<String> =
            lines.map(|line| line.replace("mysql_info_schema_table_", "")).collect();
        let malformed = facts.clone().find_map(|facts| facts.malformed.clone());
        (lines.join("\n"), malformed.map(|error| error.to_string()))
    }

    #[test]
    fn tables_views_and_sequences_are_shown_and_locked_tables_are_not() {
        let mut table = row("f", "BASE TABLE", Some("InnoDB"));
        let numbers = ["10", "Dynamic", "1", "16384", "0", "0", "row_format=DYNAMIC"];
        table[4..].copy_from_slice(&numbers.map(Some));
        let mut sequence = row("sq", "SEQUENCE", Some("InnoDB"));
        sequence[4] = Some("10");
        sequence[6] = Some("1");
        // The comment of a locked one says that the wait for the lock was too long.
        let (text, error) = exposed(&[
            table,
            row("slow", "BASE TABLE", None),
            sequence,
            row("v", "VIEW", None),
            row("other", "BASE TABLE", None),
        ]);
        assert_eq!(
            text,
            "version{schema=\"plain\",table=\"f\",type=\"BASE TABLE\",engine=\"InnoDB\",\
             row_format=\"Dynamic\",create_options=\"row_format=DYNAMIC\"} 10\n\
             version{schema=\"plain\",table=\"sq\",type=\"SEQUENCE\",engine=\"InnoDB\",\
             row_format=\"NONE\",create_options=\"NONE\"} 10\n\
             version{schema=\"plain\",table=\"v\",type=\"VIEW\",engine=\"NONE\",\
             row_format=\"NONE\",create_options=\"NONE\"} 0\n\
             rows{schema=\"plain\",table=\"f\"} 1\n\
             rows{schema=\"plain\",table=\"sq\"} 1\n\
             rows{schema=\"plain\",table=\"v\"} 0\n\
             size{schema=\"plain\",table=\"f\",component=\"data_length\"} 16384\n\
             size{schema=\"plain\",table=\"f\",component=\"index_length\"} 0\n\
             size{schema=\"plain\",table=\"f\",component=\"data_free\"} 0\n\
             size{schema=\"plain\",table=\"sq\",component=\"data_length\"} 0\n\
             size{schema=\"plain\",table=\"sq\",component=\"index_length\"} 0\n\
             size{schema=\"plain\",table=\"sq\",component=\"data_free\"} 0\n\
             size{schema=\"plain\",table=\"v\",component=\"data_length\"} 0\n\
             size{schema=\"plain\",table=\"v\",component=\"index_length\"} 0\n\
             size{schema=\"plain\",table=\"v\",component=\"data_free\"} 0"
        );
        assert_eq!(error, None);
    }

    #[test]
    fn a_malformed_number_costs_its_own_sample() {
        let mut table = row("t", "BASE TABLE", Some("x"));
        table[6..9].copy_from_slice(&[Some("many"), Some("18446744073709551616"), Some("-1")]);
        let (text, error) = exposed(&[table, [None; 11]]);
        assert!(!text.contains("rows{"), "{text}");
        assert!(text.contains("component=\"data_length\"} 1.8446744073709552e+19"), "{text}");
        assert!(text.contains("component=\"index_length\"} -1"), "{text}");
        assert_eq!(error.as_deref(), Some("TABLE_ROWS of plain.t is no number: \"many\""));
    }

    #[test]
    fn quotes_and_blanks_around_schemas_are_taken_off() {
        for text in ["*", "'*'", "\"*\"", " * ", "", "a,*"] {
            assert_eq!(Schemas::parse(text), Schemas::All, "{text}");
        }
        let these = Schemas::These(vec!["plain".into(), "my sql".into()]);
        for text in ["plain,my sql", "plain, my sql", "'plain, my sql'", "'plain', \"my sql\","] {
            assert_eq!(Schemas::parse(text), these, "{text}");
        }
        assert_eq!(these.condition(), "TABLE_SCHEMA IN ('plain', 'my sql')");
    }

    proptest::proptest! {
        #[test]
        fn no_row_costs_another(
            table in crate::collectors::any_rows_and(&NAMES, &[
                "good", "t", "BASE TABLE", "x", "10", "", "7", "1", "2", "3", "",
            ]),
        ) {
            let mut sink = Sink::default();
            let parsed = parse(&table);
            push(parsed.iter().map(|(_, facts)| facts), &mut sink);
            let text = testing::text(&sink);
            proptest::prop_assert!(text.contains("_rows{schema=\"good\",table=\"t\"} 7\n"), "{text}");
        }
    }
}
