//! A target as a whole: a line for each subject.

use super::samples::Reading;
use super::table::{Column, Table};

const COLUMNS: &[Column] = &[Column::text(""), Column::text("")];

/// A subject and its line; `None` if there is nothing to say.
pub type Subject = (&'static str, fn(&Reading<'_>) -> Option<String>);

/// A row for each subject of which there is something to say.
pub fn subjects(subjects: &[Subject], reading: &Reading<'_>) -> Table {
    let mut table = Table::new(COLUMNS);
    for (title, line) in subjects {
        if let Some(line) = line(reading) {
            table.row([(*title).to_owned(), line]);
        }
    }
    table
}
