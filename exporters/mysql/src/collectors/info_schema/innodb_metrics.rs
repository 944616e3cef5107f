//! InnoDB's own counters that are enabled: `INNODB_METRICS`.
//!
//! <https://mariadb.com/kb/en/information-schema-innodb_metrics-table/>

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::keyed::float;
use common::metric::{Desc, Kind, sanitize_name};

use crate::grant::Needs;
use crate::per_release::PerRelease;
use crate::privilege::Privilege;
use crate::scrape::Scrape;
use crate::server::{Cells, Table};

const TABLE: &str = "information_schema.innodb_metrics";

/// How MariaDB from 10.5, and how all others say that a counter is enabled.
const CONDITIONS: [&str; 2] = ["ENABLED = 1", "STATUS = 'enabled'"];

const PAGES_READ: Desc<'_> = Desc::counter(
    "mysql_info_schema_innodb_metrics_buffer_page_read_total",
    "Pages read into the buffer pool, by type.",
);
const PAGES_WRITTEN: Desc<'_> = Desc::counter(
    "mysql_info_schema_innodb_metrics_buffer_page_written_total",
    "Pages of the buffer pool written, by type.",
);
const POOL_PAGES: Desc<'_> = Desc::gauge(
    "mysql_info_schema_innodb_metrics_buffer_pool_pages",
    "Pages of the buffer pool, by state.",
);
const DIRTY_PAGES: Desc<'_> = Desc::gauge(
    "mysql_info_schema_innodb_metrics_buffer_pool_dirty_pages",
    "Pages of the buffer pool that are not written yet.",
);

/// Remembers how a release says that a counter is enabled.
#[derive(Debug, Default)]
pub(crate) struct InnodbMetrics {
    known: PerRelease<&'static str>,
}

#[async_trait]
impl Collector<Scrape> for InnodbMetrics {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let release = scrape.release();
        let known = self.known.get(release);
        let others = CONDITIONS.into_iter().filter(|condition| known != Some(*condition));
        let mut absent = CollectError::NoData(TABLE.to_owned());
        for condition in known.into_iter().chain(others) {
            let statement = format!(
                "SELECT NAME, SUBSYSTEM, TYPE, COUNT, COMMENT FROM {TABLE} WHERE {condition}"
            );
            match scrape.query_table(TABLE, &statement, &Privilege::PROCESS).await {
                Ok(table) => {
                    self.known.set(release, condition);
                    return push(&table, sink);
                }
                Err(error) if error.is_no_data() => absent = error,
                Err(error) => return Err(error),
            }
        }
        Err(absent)
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        Privilege::PROCESS.on(scrape.release())
    }
}

/// A counter of InnoDB.
struct Counter<'a> {
    name: &'a str,
    subsystem: &'a str,
    kind: &'a str,
    comment: &'a str,
    value: f64,
}

fn parse(row: Cells<'_>) -> Result<Option<Counter<'_>>, ParseError> {
    let text = |column| row.named(&[column]);
    let (Some(name), Some(count)) = (text("NAME"), text("COUNT")) else { return Ok(None) };
    let value =
        float(count).map_err(|_| ParseError::form(&format!("{name} is no number"), count))?;
    let text = |column| text(column).unwrap_or_default();
    let (subsystem, kind, comment) = (text("SUBSYSTEM"), text("TYPE"), text("COMMENT"));
    Ok(value.map(|value| Counter { name, subsystem, kind, comment, value }))
}

fn push(table: &Table, sink: &mut Sink) -> Result<(), CollectError> {
    let mut errors = FirstError::default();
    let mut labelled = Labelled::default();
    for row in table.rows() {
        let Some(counter) = errors.catch(parse(row)) else { continue };
        match (counter.subsystem, counter.name.strip_prefix("buffer_pool_pages_")) {
            ("buffer_page_io", _) => errors.catch(labelled.note_page(&counter).map(Some)),
            ("buffer", Some(state)) => {
                labelled.pool.push((state, counter.value));
                None
            }
            _ => {
                push_other(&counter, sink);
                None
            }
        };
    }
    labelled.push(sink);
    errors.into_result().map_err(|error| CollectError::malformed(TABLE, error))
}

/// Counters that are series of one family.
#[derive(Default)]
struct Labelled<'a> {
    read: Vec<(&'a str, f64)>,
    written: Vec<(&'a str, f64)>,
    pool: Vec<(&'a str, f64)>,
}

impl<'a> Labelled<'a> {
    fn note_page(&mut self, counter: &Counter<'a>) -> Result<(), ParseError> {
        let (name, value) = (counter.name, counter.value);
        if let Some(kind) = name.strip_prefix("buffer_page_read_") {
            self.read.push((kind, value));
        } else if let Some(kind) = name.strip_prefix("buffer_page_written_") {
            self.written.push((kind, value));
        } else {
            return Err(ParseError::form("neither read nor written pages", name));
        }
        Ok(())
    }

    fn push(self, sink: &mut Sink) {
        for (desc, label, counters) in
            [(&PAGES_READ, "type", &self.read), (&PAGES_WRITTEN, "type", &self.written)]
        {
            sink.samples(desc, counters.iter().map(|(text, value)| ([(label, *text)], *value)));
        }
        let dirty = self.pool.iter().filter(|(state, _)| *state == "dirty");
        sink.samples(&DIRTY_PAGES, dirty.map(|(_, value)| ((), *value)));
        let states = self.pool.iter().filter(|(state, _)| !matches!(*state, "dirty" | "total"));
        sink.samples(&POOL_PAGES, states.map(|(state, value)| ([("state", *state)], *value)));
    }
}

/// The server's words are the name, whose case is kept, and the help text.
fn push_other(counter: &Counter<'_>, sink: &mut Sink) {
    let Counter { name, subsystem, kind, comment, value } = *counter;
    let is_counter = matches!(kind, "counter" | "status_counter") && value >= 0.0;
    let (kind, suffix) = if is_counter { (Kind::Counter, "_total") } else { (Kind::Gauge, "") };
    let name =
        sanitize_name(&format!("mysql_info_schema_innodb_metrics_{subsystem}_{name}{suffix}"));
    let help = if comment.is_empty() { name.as_str() } else { comment };
    sink.value(&Desc::new(&name, help, kind), value);
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;

    const NAMES: [&str; 5] = ["NAME", "SUBSYSTEM", "TYPE", "COUNT", "COMMENT"];

    fn exposed(rows: &[[Option<&str>; 5]]) -> (String, Option<String>) {
        let rows: Vec<&[Option<&str>]> = rows.iter().map(|row| &row[..]).collect();
        let mut sink = Sink::default();
        let error = push(&Table::of(&NAMES, &rows), &mut sink).err();
        let text = testing::text(&sink).replace("mysql_info_schema_innodb_metrics_", "");
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("# HELP")).collect();
        (lines.join("\n"), error.map(|error| error.to_string()))
    }

    fn row<'a>(
        name: &'a str,
        subsystem: &'a str,
        kind: &'a str,
        count: &'a str,
    ) -> [Option<&'a str>; 5] {
        [Some(name), Some(subsystem), Some(kind), Some(count), None]
    }

    #[test]
    fn counters_are_named_by_subsystem_and_name() {
        let (text, error) = exposed(&[
            row("lock_deadlocks", "lock", "value", "3"),
            row("dml_reads", "dml", "status_counter", "18446744073709551616"),
            row("buffer_LRU_batch_flush_total_pages", "buffer", "counter", "2"),
            row("lock_row_lock_current_waits", "lock", "counter", "-1"),
            row("trx-é", "x", "set_owner", "1"),
        ]);
        assert_eq!(
            text,
            "# TYPE lock_lock_deadlocks gauge\nlock_lock_deadlocks 3\n\
             # TYPE dml_dml_reads_total counter\ndml_dml_reads_total 1.8446744073709552e+19\n\
             # TYPE buffer_buffer_LRU_batch_flush_total_pages_total counter\n\
             buffer_buffer_LRU_batch_flush_total_pages_total 2\n\
             # TYPE lock_lock_row_lock_current_waits gauge\nlock_lock_row_lock_current_waits -1\n\
             # TYPE x_trx__ gauge\nx_trx__ 1"
        );
        assert_eq!(error, None);
    }

    #[test]
    fn pages_are_series_of_one_family() {
        let (text, error) = exposed(&[
            row("buffer_page_read_index_leaf", "buffer_page_io", "counter", "1"),
            row("buffer_pool_pages_total", "buffer", "value", "511"),
            row("buffer_page_written_blob", "buffer_page_io", "counter", "2"),
            row("buffer_pool_pages_dirty", "buffer", "value", "4"),
            row("buffer_page_read_undo_log", "buffer_page_io", "counter", "3"),
            row("buffer_pool_pages_data", "buffer", "value", "5"),
            row("page_x", "buffer_page_io", "counter", "6"),
        ]);
        assert_eq!(
            text,
            "# TYPE buffer_page_read_total counter\n\
             buffer_page_read_total{type=\"index_leaf\"} 1\n\
             buffer_page_read_total{type=\"undo_log\"} 3\n\
             # TYPE buffer_page_written_total counter\n\
             buffer_page_written_total{type=\"blob\"} 2\n\
             # TYPE buffer_pool_dirty_pages gauge\nbuffer_pool_dirty_pages 4\n\
             # TYPE buffer_pool_pages gauge\nbuffer_pool_pages{state=\"data\"} 5"
        );
        let complaint = "neither read nor written pages: \"page_x\"";
        assert_eq!(error, Some(format!("{TABLE}: {complaint}")));
    }

    #[test]
    fn a_malformed_row_costs_no_other() {
        let (text, error) = exposed(&[
            [None; 5],
            row("a", "x", "value", "many"),
            [Some("b"), Some("x"), Some("value"), None, None],
            row("c", "x", "value", "1.5"),
        ]);
        assert_eq!(text, "# TYPE x_c gauge\nx_c 1.5");
        assert_eq!(error, Some(format!("{TABLE}: a is no number: \"many\"")));
    }

    proptest::proptest! {
        #[test]
        fn no_row_costs_another(
            table in crate::collectors::any_rows_and(&NAMES, &["good", "x", "value", "7", ""]),
        ) {
            let mut sink = Sink::default();
            let _ = push(&table, &mut sink);
            let text = testing::text(&sink);
            proptest::prop_assert!(text.contains("_metrics_x_good 7\n"), "{text}");
        }
    }
}
