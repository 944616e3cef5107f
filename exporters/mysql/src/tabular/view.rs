//! What is read of a table of the server, and what it becomes.

use common::error::CollectError;
use common::exposition::{LabelSet, Sink};

use crate::columns::{Column, Label, push_rows};
use crate::privilege::Privilege;
use crate::server::{Cells, Table};

/// A table of the server, and what becomes of its columns.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The table with its schema.
    pub(crate) table: &'static str,
    pub(crate) labels: &'static [Label],
    pub(crate) columns: &'static [Column],
    pub(super) tail: &'static str,
    /// The system variable without which the table is empty.
    pub(super) switch: Option<&'static str>,
    pub(super) privilege: Privilege<'static>,
    /// Further columns that the collector reads itself.
    further: &'static [&'static str],
}

impl View {
    /// A table of the performance schema.
    pub const fn of_performance_schema(
        table: &'static str,
        labels: &'static [Label],
        columns: &'static [Column],
    ) -> Self {
        let privilege = Privilege::PERFORMANCE_SCHEMA;
        let switch = Some("performance_schema");
        Self { table, labels, columns, tail: "", switch, privilege, further: &[] }
    }

    /// A table of the information schema.
    pub const fn of_information_schema(
        table: &'static str,
        labels: &'static [Label],
        columns: &'static [Column],
    ) -> Self {
        let privilege = Privilege::PROCESS;
        Self { table, labels, columns, tail: "", switch: None, privilege, further: &[] }
    }

    /// What comes behind the table in the statement, such as `WHERE …`.
    #[must_use]
    pub const fn with_tail(self, tail: &'static str) -> Self {
        Self { tail, ..self }
    }

    /// The table is empty while this system variable is off.
    #[must_use]
    pub const fn switched_by(self, variable: &'static str) -> Self {
        Self { switch: Some(variable), ..self }
    }

    /// Reading it needs this.
    #[must_use]
    pub const fn needing(self, privilege: Privilege<'static>) -> Self {
        Self { privilege, ..self }
    }

    /// These columns are read too, for what is more than a table.
    #[must_use]
    pub const fn and_reading(self, further: &'static [&'static str]) -> Self {
        Self { further, ..self }
    }

    /// Names of the columns that are read, each once.
    pub(super) fn keys(&self) -> Vec<&'static str> {
        let labels = self.labels.iter().map(Label::key);
        let mut keys = Vec::new();
        let columns = self.columns.iter().map(Column::key);
        for key in labels.chain(columns).chain(self.further.iter().copied()) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    /// Pushes what the rows of an answer hold.
    ///
    /// # Errors
    /// [`CollectError::Parse`] with the first text that is no number, once all else is pushed.
    pub(crate) fn push(
        &self,
        table: &Table,
        rows: &[(LabelSet, Cells<'_>)],
        sink: &mut Sink,
    ) -> Result<(), CollectError> {
        push_rows(table, rows, self.columns, sink)
            .map_err(|error| CollectError::malformed(self.table, error))
    }
}

#[cfg(test)]
impl View {
    /// What becomes of these rows: the lines without help texts, and the error.
    pub(crate) fn exposed(
        &self,
        columns: &[&str],
        rows: &[&[Option<&str>]],
    ) -> (String, Option<String>) {
        super::Tabular::new(self).exposed(columns, rows)
    }
}
