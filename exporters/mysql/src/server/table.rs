//! The answer to a statement: rows of text, held in one buffer.

use std::borrow::Cow;

use common::error::{CollectError, ParseError};
use mysql_async::{Row, Value};

/// Bytes of one answer at most; status and variables of a large server have some 100 kB, the sizes
/// of ten thousand tables 1 MB.
pub(super) const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Cells of one answer at most: five rows for each of ten thousand tables, ten columns wide.
const MAX_CELLS: usize = 512 * 1024;

/// Rows of one answer at most: each may become a series, or several.
const MAX_ROWS: usize = 100_000;

/// In the place of a cell: it is NULL. No text is so long that its end has this bit.
const NULL: u32 = 1 << 31;

/// Columns and rows; every cell may be NULL. Bytes that are no UTF-8 are replaced.
#[derive(Debug, Default)]
pub struct Table {
    statement: String,
    columns: Vec<String>,
    text: String,
    /// Where each cell ends in the text, cell after cell, row after row.
    ends: Vec<u32>,
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
        if self.ends.len() >= MAX_ROWS * self.columns.len().max(1) {
            self.overflows = true;
            return;
        }
        for value in row.unwrap_raw() {
            match value {
                None | Some(Value::NULL) => self.push_cell(None),
                Some(Value::Bytes(bytes)) => self.push_cell(Some(&String::from_utf8_lossy(&bytes))),
                // Only prepared statements answer in other forms.
                Some(value) => self.push_cell(Some(&value.as_sql(true))),
            }
        }
    }

    fn push_cell(&mut self, text: Option<&str>) {
        let bytes = self.text.len() + text.map_or(0, str::len);
        let end = u32::try_from(bytes).ok().filter(|_| bytes <= MAX_BYTES);
        let Some(end) = end.filter(|_| self.ends.len() < MAX_CELLS) else {
            self.overflows = true;
            return;
        };
        self.text.push_str(text.unwrap_or_default());
        self.ends.push(if text.is_some() { end } else { end | NULL });
    }

    /// The text of the cell at `index`, counted over all rows; `None` for NULL.
    fn cell(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index).filter(|end| **end & NULL == 0)?;
        let before = index.checked_sub(1).and_then(|before| self.ends.get(before));
        let start = before.map_or(0, |end| end & !NULL);
        self.text.get(start as usize..end as usize)
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
        (0..self.ends.len() / width).map(move |row| Cells { table: self, first: row * width })
    }
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a> {
    table: &'a Table,
    /// Place of its first cell among all cells.
    first: usize,
}

impl<'a> Cells<'a> {
    /// Text of a column by its position; `None` for NULL and where there is no such column.
    pub fn at(self, column: usize) -> Option<&'a str> {
        let is_there = column < self.table.columns.len();
        if is_there { self.table.cell(self.first + column) } else { None }
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
            table.push_cell(*cell);
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
            table.push_cell(Some(&text));
        }
        assert!(table.overflows());
        assert_eq!(table.rows().count(), 2);
        assert_eq!(table.rows().nth(1).unwrap().at(0), Some(text.as_str()));
        let mut empty = Table::of(&["a"], &[]);
        for _ in 0..=MAX_CELLS {
            empty.push_cell(None);
        }
        assert!(empty.overflows());
        assert_eq!(empty.rows().count(), MAX_CELLS);
    }

    #[test]
    fn null_is_no_empty_text() {
        let row: &[Option<&str>] = &[None, Some(""), None, Some("é"), Some("x"), None];
        let table = Table::of(&["a", "b"], &[row]);
        let cells: Vec<_> = table.rows().flat_map(|row| [row.at(0), row.at(1)]).collect();
        assert_eq!(cells, row);
    }
}
