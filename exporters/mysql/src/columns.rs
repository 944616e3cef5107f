//! Rows of an answer as families: which columns are labels and which are values.
//!
//! The answer of most statements has one row per object. A collector of such a statement is two
//! tables, its labels and its columns:
//!
//! ```
//! use mysql_exporter::columns::{Column, Label};
//!
//! const LABELS: &[Label] = &[
//!     Label::of("schema", "OBJECT_SCHEMA"),
//!     Label::of("index", "INDEX_NAME").or("NONE"),
//! ];
//! const WAITS: &str = "mysql_perf_schema_index_io_waits_total";
//! const WAITS_HELP: &str = "Waits for input and output, by index and operation.";
//! const SECONDS: &str = "mysql_perf_schema_index_io_waits_seconds_total";
//! const SECONDS_HELP: &str = "Seconds of waits for input and output, by index and operation.";
//!
//! const COLUMNS: &[Column] = &[
//!     Column::counter("COUNT_FETCH", WAITS, WAITS_HELP).with("operation", "fetch"),
//!     Column::counter("COUNT_UPDATE", WAITS, WAITS_HELP).with("operation", "update"),
//!     Column::counter("SUM_TIMER_FETCH", SECONDS, SECONDS_HELP)
//!         .with("operation", "fetch")
//!         .in_picoseconds(),
//! ];
//! ```
//!
//! Its `collect` is then `push_columns(&scrape.query(STATEMENT).await?, LABELS, COLUMNS, sink)`.

use common::error::{CollectError, FirstError, ParseError};
use common::exposition::{LabelSet, Sink};
use common::keyed::{Keyed, Read, float};

use crate::server::{Cells, Table};
use crate::value;

/// A label of all samples of a row, and the column that has its value.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    name: &'static str,
    column: &'static str,
    null: &'static str,
    absent: Option<&'static str>,
}

impl Label {
    /// The label `name` with the text of `column`, which is empty for NULL.
    pub const fn of(name: &'static str, column: &'static str) -> Self {
        Self { name, column, null: "", absent: None }
    }

    /// What the label says for NULL.
    #[must_use]
    pub const fn or(self, text: &'static str) -> Self {
        Self { null: text, ..self }
    }

    /// What the label says on servers that do not have the column.
    #[must_use]
    pub const fn or_absent(self, text: &'static str) -> Self {
        Self { absent: Some(text), ..self }
    }

    /// Name of the column.
    pub(crate) const fn key(&self) -> &'static str {
        self.column
    }
}

/// A label whose text is shown without a prefix, where it has that.
#[derive(Clone, Debug)]
pub(crate) struct Strip {
    pub(crate) label: &'static str,
    pub(crate) prefix: String,
}

/// A column of numbers and the family that they belong to.
///
/// Columns of one family come one after the other, each with a label of its own.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    keyed: Keyed,
    label: Option<[(&'static str, &'static str); 1]>,
    where_null: Option<&'static str>,
}

impl Column {
    /// A column of counts that only grow.
    pub const fn counter(column: &'static str, name: &'static str, help: &'static str) -> Self {
        Self::new(Keyed::counter(column, name, help))
    }

    /// A column of levels.
    pub const fn gauge(column: &'static str, name: &'static str, help: &'static str) -> Self {
        Self::new(Keyed::gauge(column, name, help))
    }

    /// A column of numbers whose nature is unknown.
    pub const fn untyped(column: &'static str, name: &'static str, help: &'static str) -> Self {
        Self::new(Keyed::untyped(column, name, help))
    }

    /// Sums are DECIMAL, which may have more digits than any integer.
    const fn new(keyed: Keyed) -> Self {
        Self { keyed: keyed.read_by(float), label: None, where_null: None }
    }

    /// The column's samples have this label behind those of the row.
    #[must_use]
    pub const fn with(self, name: &'static str, value: &'static str) -> Self {
        Self { label: Some([(name, value)]), ..self }
    }

    /// The server counts in picoseconds, the family in seconds.
    #[must_use]
    pub const fn in_picoseconds(self) -> Self {
        self.over(1e12)
    }

    /// The server counts in fractions of `divisor`.
    #[must_use]
    pub const fn over(self, divisor: f64) -> Self {
        Self { keyed: self.keyed.over(divisor), ..self }
    }

    /// The texts are read as those of status variables are: see [`value::parse`].
    #[must_use]
    pub const fn of_texts(self) -> Self {
        self.read_by(|text| Ok(value::parse(text)))
    }

    /// The texts are something else than numbers.
    #[must_use]
    pub const fn read_by(self, read: Read) -> Self {
        Self { keyed: self.keyed.read_by(read), ..self }
    }

    /// What the reference exporter shows for NULL, and where there is no such column.
    #[must_use]
    pub const fn or(self, value: f64) -> Self {
        Self { keyed: self.keyed.or(value), ..self }
    }

    /// Only rows in which the column `other` is NULL have such a sample.
    #[must_use]
    pub const fn where_null(self, other: &'static str) -> Self {
        Self { where_null: Some(other), ..self }
    }

    /// Name of the column.
    pub(crate) const fn key(&self) -> &'static str {
        self.keyed.key
    }

    fn value(&self, text: Option<&str>) -> Result<Option<f64>, ParseError> {
        let Some(text) = text else { return Ok(self.keyed.fallback()) };
        let malformed = |_| ParseError::form(&format!("{} is no number", self.keyed.key), text);
        self.keyed.value(text).map_err(malformed)
    }
}

/// Pushes a sample for each row and column of `table`, with `labels` from the row.
///
/// NULL is no sample, and neither is a column that the server does not have: older servers have
/// fewer. A text that is no number costs its own sample.
///
/// # Errors
/// [`CollectError::Parse`] with the first text that is no number, once all others have been
/// pushed; or if the table lacks a label, or all of `columns`.
pub fn push_columns(
    table: &Table,
    labels: &[Label],
    columns: &[Column],
    sink: &mut Sink,
) -> Result<(), CollectError> {
    let rows = labelled(table, labels, None).map_err(|error| table.malformed(error))?;
    push_rows(table, &rows, columns, sink).map_err(|error| table.malformed(error))
}

/// As [`push_columns`], for rows whose labels are at hand.
///
/// # Errors
/// The first text that is no number; or the table lacks all of `columns`.
pub(crate) fn push_rows(
    table: &Table,
    rows: &[(LabelSet, Cells<'_>)],
    columns: &[Column],
    sink: &mut Sink,
) -> Result<(), ParseError> {
    let columns: Vec<Placed<'_>> =
        columns.iter().map(|column| Placed::new(column, table)).collect();
    if columns.iter().all(|placed| placed.position.is_none()) {
        return Err(ParseError::Form("none of the columns is there".into()));
    }
    let mut errors = FirstError::default();
    let name = |placed: &Placed<'_>| placed.column.keyed.desc.name;
    for members in columns.chunk_by(|one, other| name(one) == name(other)) {
        let Some(first) = members.first() else { continue };
        let mut family = sink.family(&first.column.keyed.desc);
        for (labels, row) in rows {
            for placed in members.iter().filter(|placed| placed.counts_in(*row)) {
                let text = placed.position.and_then(|position| row.at(position));
                if let Some(value) = errors.catch(placed.column.value(text)) {
                    family.sample(&(labels, placed.column.label), value);
                }
            }
        }
    }
    errors.into_result()
}

/// A column and where it is in an answer.
struct Placed<'a> {
    column: &'a Column,
    position: Option<usize>,
    where_null: Option<usize>,
}

impl<'a> Placed<'a> {
    fn new(column: &'a Column, table: &Table) -> Self {
        let where_null = column.where_null.and_then(|other| table.position(other));
        Self { column, position: table.position(column.keyed.key), where_null }
    }

    fn counts_in(&self, row: Cells<'_>) -> bool {
        self.where_null.is_none_or(|other| row.at(other).is_none())
    }
}

/// The rows, each with its labels.
///
/// # Errors
/// The table lacks a label.
pub(crate) fn labelled<'a>(
    table: &'a Table,
    labels: &[Label],
    strip: Option<&Strip>,
) -> Result<Vec<(LabelSet, Cells<'a>)>, ParseError> {
    let positions: Vec<(&Label, Option<usize>)> = labels
        .iter()
        .map(|label| match table.position(label.column) {
            None if label.absent.is_none() => {
                Err(ParseError::Form(format!("column {} is missing", label.column)))
            }
            position => Ok((label, position)),
        })
        .collect::<Result<_, _>>()?;
    let text = |row: Cells<'a>, label: &Label, position: Option<usize>| {
        let Some(position) = position else { return label.absent.unwrap_or_default() };
        let Some(text) = row.at(position) else { return label.null };
        let strip = strip.filter(|strip| strip.label == label.name);
        strip.and_then(|strip| text.strip_prefix(strip.prefix.as_str())).unwrap_or(text)
    };
    let label_set = |row: Cells<'a>| {
        let labels = positions.iter();
        LabelSet::new(labels.map(|&(label, position)| (label.name, text(row, label, position))))
    };
    Ok(table.rows().map(|row| (label_set(row), row)).collect())
}

#[cfg(test)]
mod tests {
    use common::testing;
    use proptest::prelude::*;

    use super::*;

    const LABELS: &[Label] =
        &[Label::of("schema", "OBJECT_SCHEMA"), Label::of("name", "OBJECT_NAME")];
    const COLUMNS: &[Column] = &[
        Column::counter("COUNT_READ", "m_waits_total", "Waits.").with("operation", "read"),
        Column::counter("COUNT_WRITE", "m_waits_total", "Waits.").with("operation", "write"),
        Column::counter("SUM_TIMER", "m_waits_seconds_total", "Time.").in_picoseconds(),
        Column::gauge("BYTES", "m_bytes", "Size."),
    ];

    fn exposed(table: &Table, labels: &[Label], columns: &[Column]) -> (String, Option<String>) {
        let mut sink = Sink::default();
        let error = push_columns(table, labels, columns, &mut sink).err();
        let text = testing::text(&sink);
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("# HELP")).collect();
        (lines.join("\n"), error.map(|error| error.to_string()))
    }

    #[test]
    fn columns_of_one_family_are_one_family() {
        let table = Table::of(
            &["object_schema", "OBJECT_NAME", "COUNT_READ", "COUNT_WRITE", "SUM_TIMER", "BYTES"],
            &[
                &[Some("shop"), Some("a"), Some("1"), Some("2"), Some("1500000000000"), Some("-8")],
                &[Some("shop"), Some("b\""), Some("3"), None, Some("83505516706205592384"), None],
            ],
        );
        let (text, error) = exposed(&table, LABELS, COLUMNS);
        assert_eq!(
            text,
            "# TYPE m_waits_total counter\n\
             m_waits_total{schema=\"shop\",name=\"a\",operation=\"read\"} 1\n\
             m_waits_total{schema=\"shop\",name=\"a\",operation=\"write\"} 2\n\
             m_waits_total{schema=\"shop\",name=\"b\\\"\",operation=\"read\"} 3\n\
             # TYPE m_waits_seconds_total counter\n\
             m_waits_seconds_total{schema=\"shop\",name=\"a\"} 1.5\n\
             m_waits_seconds_total{schema=\"shop\",name=\"b\\\"\"} 83505516.70620559\n\
             # TYPE m_bytes gauge\n\
             m_bytes{schema=\"shop\",name=\"a\"} -8"
        );
        assert_eq!(error, None);
    }

    #[test]
    fn a_cell_that_is_no_number_costs_no_other() {
        let table = Table::of(
            &["OBJECT_SCHEMA", "OBJECT_NAME", "COUNT_READ", "BYTES"],
            &[&[Some("s"), Some("a"), Some("x"), Some("1")], &[None, None, Some("2"), Some("")]],
        );
        let (text, error) = exposed(&table, LABELS, COLUMNS);
        assert_eq!(
            text,
            "# TYPE m_waits_total counter\n\
             m_waits_total{schema=\"\",name=\"\",operation=\"read\"} 2\n\
             # TYPE m_bytes gauge\nm_bytes{schema=\"s\",name=\"a\"} 1"
        );
        assert_eq!(error.as_deref(), Some("SHOW TEST: COUNT_READ is no number: \"x\""));
    }

    #[test]
    fn a_row_of_sums_needs_no_label() {
        let table = Table::of(&["COUNT_READ", "BYTES"], &[&[Some("12.0"), None]]);
        let (text, error) = exposed(&table, &[], COLUMNS);
        assert_eq!(text, "# TYPE m_waits_total counter\nm_waits_total{operation=\"read\"} 12");
        assert_eq!(error, None);
    }

    #[test]
    fn null_has_the_text_and_the_value_that_the_reference_shows() {
        const INDEX: &[Label] = &[Label::of("index", "INDEX_NAME").or("NONE")];
        const COLUMNS: &[Column] = &[
            Column::gauge("LOCK_TIME", "m_lock", "Locks.").or(0.0),
            Column::gauge("ABSENT", "m_absent", "Absent.").or(0.0),
        ];
        let table = Table::of(&["INDEX_NAME", "LOCK_TIME"], &[&[None, None]]);
        let (text, _) = exposed(&table, INDEX, COLUMNS);
        assert_eq!(
            text,
            "# TYPE m_lock gauge\nm_lock{index=\"NONE\"} 0\n\
             # TYPE m_absent gauge\nm_absent{index=\"NONE\"} 0"
        );
    }

    #[test]
    fn a_label_may_be_absent() {
        const KIND: &[Label] = &[Label::of("kind", "KIND").or("NONE").or_absent("?")];
        const COLUMNS: &[Column] = &[Column::gauge("BYTES", "m_bytes", "Size.")];
        let of = |columns: &[&str], row: &[Option<&str>]| {
            exposed(&Table::of(columns, &[row]), KIND, COLUMNS).0
        };
        let without = of(&["BYTES"], &[Some("1")]);
        assert_eq!(without, "# TYPE m_bytes gauge\nm_bytes{kind=\"?\"} 1");
        let null = of(&["KIND", "BYTES"], &[None, Some("1")]);
        assert_eq!(null, "# TYPE m_bytes gauge\nm_bytes{kind=\"NONE\"} 1");
    }

    #[test]
    fn a_column_may_count_only_where_another_is_null() {
        const INDEX: &[Label] = &[Label::of("index", "INDEX_NAME").or("NONE")];
        const COLUMNS: &[Column] =
            &[Column::counter("COUNT_INSERT", "m_total", "Inserts.").where_null("INDEX_NAME")];
        let table = Table::of(
            &["INDEX_NAME", "COUNT_INSERT"],
            &[&[Some("a"), Some("1")], &[None, Some("2")]],
        );
        let (text, _) = exposed(&table, INDEX, COLUMNS);
        assert_eq!(text, "# TYPE m_total counter\nm_total{index=\"NONE\"} 2");
    }

    #[test]
    fn texts_follow_the_rule_of_status_variables_where_asked_for() {
        const STATE: &[Column] = &[Column::untyped("State", "m_state", "State.").of_texts()];
        let table = Table::of(&["State"], &[&[Some("ON")]]);
        let (text, _) = exposed(&table, &[], STATE);
        assert_eq!(text, "# TYPE m_state untyped\nm_state 1");
        let words = Table::of(&["State"], &[&[Some("words")]]);
        assert_eq!(exposed(&words, &[], STATE), (String::new(), None));
    }

    #[test]
    fn a_table_of_another_shape_is_an_error() {
        let (text, error) = exposed(&Table::of(&["OBJECT_NAME"], &[&[Some("a")]]), LABELS, COLUMNS);
        assert_eq!(
            (text.as_str(), error),
            ("", Some("SHOW TEST: column OBJECT_SCHEMA is missing".into()))
        );
        let (text, error) = exposed(&Table::of(&["a"], &[&[Some("1")]]), &[], COLUMNS);
        assert_eq!(
            (text.as_str(), error),
            ("", Some("SHOW TEST: none of the columns is there".into()))
        );
        let empty = Table::of(&["OBJECT_SCHEMA", "OBJECT_NAME", "BYTES"], &[]);
        assert_eq!(exposed(&empty, LABELS, COLUMNS), (String::new(), None));
    }

    proptest! {
        #[test]
        fn any_cell_is_read_or_reported(cell in "[-+0-9.einfaN]{0,20}|(?s).{0,20}") {
            let table = Table::of(
                &["OBJECT_SCHEMA", "OBJECT_NAME", "BYTES"],
                &[&[Some(&cell), None, Some(&cell)]],
            );
            let (text, error) = exposed(&table, LABELS, COLUMNS);
            prop_assert_eq!(text.is_empty(), error.is_some());
        }
    }
}
