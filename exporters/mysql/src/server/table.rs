//! The answer to a statement: rows of text, held in one buffer.

use std::borrow::Cow;
use std::ops::Range;

use common::error::{CollectError, ParseError};
use mysql_async::{Row, Value};

/// Bytes of one answer at most; status and variables of a large server have some 100 kB.
pub(super) const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Columns and rows; every cell may be NULL. Bytes that are no UTF-8 are replaced.
#[derive(Debug, Default)]
pub struct Table {
    statement: String,
    columns: Vec<String>,
    text: String,
    /// Cell after cell, row after row.
    cells: Vec<Option<Range<usize>>>,
    overflows: bool,
}

impl Table {
    /// An answer to `statement` without rows.
    pub(super) fn new<'a>(statement: &str, columns: impl Iterator<Item = Cow<'a, str>>) -> Self {
        let columns = columns.map(Cow::into_owned).collect();
        Self { statement: statement.to_owned(), columns, ..Self::default() }
    }

    /// Adds a row; drops it, and remembers that, if the table is full.
    pub(super) fn push(&mut self, row: Row) {
        for value in row.unwrap_raw() {
            match value {
                None | Some(Value::NULL) => self.cells.push(None),
                Some(Value::Bytes(bytes)) => self.push_text(&String::from_utf8_lossy(&bytes)),
                // Only prepared statements answer in other forms.
                Some(value) => self.push_text(&value.as_sql(true)),
            }
        }
    }

    fn push_text(&mut self, text: &str) {
        if self.text.len() + text.len() > MAX_BYTES || self.cells.len() > MAX_BYTES / 8 {
            self.overflows = true;
            return;
        }
        let start = self.text.len();
        self.text.push_str(text);
        self.cells.push(Some(start..self.text.len()));
    }

    /// Rows had to be dropped.
    pub(super) fn overflows(&self) -> bool {
        self.overflows
    }

    /// Names of the columns, in order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Where a column is; the case of its name does not matter, as in SQL.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name.eq_ignore_ascii_case(column))
    }

    /// The rows of a table of names and values, in order; values may be NULL.
    ///
    /// # Errors
    /// The table has another number of columns.
    pub fn pairs(
        &self,
    ) -> Result<impl Iterator<Item = (&str, Option<&str>)> + Clone, CollectError> {
        match self.columns.len() {
            2 => Ok(self.rows().filter_map(|row| Some((row.at(0)?, row.at(1))))),
            width => Err(self.malformed(ParseError::Form(format!("{width} columns instead of 2")))),
        }
    }

    /// An error about the answer, which names the statement.
    pub fn malformed(&self, source: ParseError) -> CollectError {
        CollectError::malformed(self.statement.as_str(), source)
    }

    /// The rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = Cells<'_>> + Clone {
        let width = self.columns.len().max(1);
        self.cells.chunks_exact(width).map(|cells| Cells { table: self, cells })
    }
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a> {
    table: &'a Table,
    cells: &'a [Option<Range<usize>>],
}

impl<'a> Cells<'a> {
    /// Text of a column by its position; `None` for NULL and where there is no such column.
    pub fn at(self, column: usize) -> Option<&'a str> {
        self.table.text.get(self.cells.get(column)?.clone()?)
    }

    /// Text of the first of these columns that the table has; `None` for NULL and where it has none.
    pub fn named(self, names: &[&str]) -> Option<&'a str> {
        self.at(names.iter().find_map(|name| self.table.position(name))?)
    }
}

#[cfg(test)]
impl Table {
    /// A table from literals.
    pub(crate) fn of(columns: &[&str], rows: &[&[Option<&str>]]) -> Self {
        let mut table = Self::new("SHOW TEST", columns.iter().map(|&column| column.into()));
        for cell in rows.iter().flat_map(|row| row.iter()) {
            match cell {
                Some(text) => table.push_text(text),
                None => table.cells.push(None),
            }
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_found_by_position_and_name() {
        let table = Table::of(&["a", "b"], &[&[Some("1"), None], &[Some(""), Some("é")]]);
        let rows: Vec<Cells<'_>> = table.rows().collect();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].at(0), rows[0].at(1), rows[0].at(2)), (Some("1"), None, None));
        assert_eq!(rows[1].named(&["x", "B"]), Some("é"));
        assert_eq!((rows[1].named(&["a"]), rows[1].named(&["x"])), (Some(""), None));
    }

    #[test]
    fn pairs_are_names_and_values() {
        let table =
            Table::of(&["n", "v"], &[&[Some("a"), Some("1")], &[None, None], &[Some("b"), None]]);
        assert!(table.pairs().unwrap().eq([("a", Some("1")), ("b", None)]));
        let error = Table::of(&["a"], &[]).pairs().err().unwrap();
        assert_eq!(error.to_string(), "SHOW TEST: 1 columns instead of 2");
    }

    #[test]
    fn an_empty_answer_has_no_rows() {
        assert_eq!(Table::default().rows().count(), 0);
        assert_eq!(Table::of(&["a"], &[]).rows().count(), 0);
    }

    #[test]
    fn an_answer_without_end_is_cut() {
        let mut table = Table::of(&["a"], &[]);
        let text = "x".repeat(MAX_BYTES / 2);
        for _ in 0..3 {
            table.push_text(&text);
        }
        assert!(table.overflows());
        assert_eq!(table.rows().count(), 2);
    }
}
