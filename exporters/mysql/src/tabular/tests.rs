use common::testing;

use super::*;
use crate::columns::{Column, Label};

impl Tabular {
    /// What becomes of these rows: the lines without help texts, and the error.
    pub(crate) fn exposed(
        &self,
        columns: &[&str],
        rows: &[&[Option<&str>]],
    ) -> (String, Option<String>) {
        let table = Table::of(columns, rows);
        let mut sink = Sink::default();
        let pushed = self.rows(&table).and_then(|mut rows| {
            self.cut(&mut rows, &mut sink);
            self.view.push(&table, &rows, &mut sink)
        });
        let text = testing::text(&sink);
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("# HELP")).collect();
        (lines.join("\n"), pushed.err().map(|error| error.to_string()))
    }

    /// The statement for a server that has all columns.
    pub(crate) fn full_statement(&self) -> String {
        self.statement(&self.view.keys())
    }
}

const VIEW: View = View::of_performance_schema(
    "performance_schema.waits",
    &[Label::of("file", "FILE_NAME"), Label::of("index", "INDEX_NAME").or("NONE")],
    &[
        Column::counter("COUNT", "m_total", "Waits.").with("mode", "all"),
        Column::counter("INSERTS", "m_total", "Waits.").with("mode", "i").where_null("INDEX_NAME"),
        Column::counter("COUNT", "m_again", "Waits again."),
    ],
);

#[test]
fn a_statement_names_each_column_once() {
    assert_eq!(
        Tabular::new(&VIEW).full_statement(),
        "SELECT FILE_NAME, INDEX_NAME, COUNT, INSERTS FROM performance_schema.waits"
    );
    let tabular = Tabular::new(&VIEW)
        .with_tail("WHERE COUNT > 0".into())
        .computing("COUNT", "SUM(COUNT)".into())
        .bounded(Bound::new(5, "waits", "f"));
    assert_eq!(
        tabular.full_statement(),
        "SELECT FILE_NAME, INDEX_NAME, SUM(COUNT) AS COUNT, INSERTS FROM performance_schema.waits \
         WHERE COUNT > 0 LIMIT 6"
    );
}

#[test]
fn rows_are_cut_and_prefixes_stripped() {
    let tabular =
        Tabular::new(&VIEW).stripping("file", "/a/".into()).bounded(Bound::new(2, "waits", "f"));
    let row = |name| [Some(name), Some("/a/"), Some("1")];
    let (one, two, three) = (row("/a/b"), row("c/a/"), row("d"));
    let (text, error) =
        tabular.exposed(&["FILE_NAME", "INDEX_NAME", "COUNT"], &[&one, &two, &three]);
    assert_eq!(
        text,
        "# TYPE mysql_exporter_collector_rows_left_out gauge\n\
         mysql_exporter_collector_rows_left_out{collector=\"collect.waits\"} 1\n\
         # TYPE m_total counter\n\
         m_total{file=\"b\",index=\"/a/\",mode=\"all\"} 1\n\
         m_total{file=\"c/a/\",index=\"/a/\",mode=\"all\"} 1\n\
         # TYPE m_again counter\n\
         m_again{file=\"b\",index=\"/a/\"} 1\n\
         m_again{file=\"c/a/\",index=\"/a/\"} 1"
    );
    assert_eq!(error, None);
}

#[test]
fn a_server_without_a_label_has_no_data() {
    let (text, error) = VIEW.exposed(&["FILE_NAME", "COUNT"], &[&[Some("a"), Some("1")]]);
    assert_eq!(text, "");
    assert_eq!(
        error.as_deref(),
        Some("no data: performance_schema.waits: column INDEX_NAME is missing")
    );
}

#[test]
fn a_malformed_cell_costs_one_sample_and_names_the_table() {
    let (text, error) = VIEW.exposed(
        &["FILE_NAME", "INDEX_NAME", "COUNT"],
        &[&[None, None, Some("x")], &[Some("a"), None, Some("1")]],
    );
    assert!(text.contains("m_again{file=\"a\",index=\"NONE\"} 1"), "{text}");
    assert_eq!(error.as_deref(), Some("performance_schema.waits: COUNT is no number: \"x\""));
}
