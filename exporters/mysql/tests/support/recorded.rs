//! Answers of servers in a file, for a fake server.

use tests::fake_mysql::Reply;

/// The answers in `text`: behind each line `> STATEMENT`, where the beginning of a statement is
/// enough, its rows in one of three forms.
///
/// - As `mariadb --vertical` prints them: a line `*` before each row, then `column: value`.
/// - As a table: the names of the columns, then the rows, with tabs between cells and `\N` for
///   NULL.
/// - An error: `! NUMBER MESSAGE`.
///
/// What stands before the first statement says where the answers are from.
pub(crate) fn replies(text: &'static str) -> Vec<(&'static str, Reply)> {
    let (_, blocks) = text.split_at(text.find("> ").unwrap());
    let blocks = blocks.strip_prefix("> ").unwrap_or_default().split("\n> ");
    blocks.map(|block| block.split_once('\n').unwrap()).map(reply).collect()
}

fn reply((statement, answer): (&'static str, &'static str)) -> (&'static str, Reply) {
    if let Some(rows) = answer.strip_prefix("*\n") {
        return (statement, vertical(rows));
    }
    if let Some(error) = answer.strip_prefix("! ") {
        let (code, message) = error.trim_end().split_once(' ').unwrap();
        return (statement, Reply::Error(code.parse().unwrap(), message));
    }
    let mut lines = answer.lines();
    let columns = lines.next().unwrap().split('\t').collect();
    let cell = |text| Some(text).filter(|text| *text != "\\N");
    let rows = lines.map(|line| line.split('\t').map(cell).collect());
    (statement, Reply::Rows(columns, rows.collect()))
}

fn vertical(rows: &'static str) -> Reply {
    let mut columns = Vec::new();
    let cells = rows.split("*\n").map(|row| {
        let pairs = row.lines().filter_map(|line| line.split_once(':'));
        columns = pairs.clone().map(|(column, _)| column).collect();
        let cell = |text: &'static str| Some(text.trim()).filter(|text| *text != "NULL");
        pairs.map(|(_, text)| cell(text)).collect()
    });
    let cells = cells.collect();
    Reply::Rows(columns, cells)
}
