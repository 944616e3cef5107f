//! Input and output of each open file: `file_summary_by_instance`.
//!
//! <https://mariadb.com/kb/en/performance-schema-file_summary_by_instance-table/>

use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;

use crate::columns::{Column, Label};
use crate::literal::literal;
use crate::scrape::Scrape;
use crate::tabular::{Bound, Tabular, View};

const NAME: &str = "perf_schema.file_instances";
const MAX_ROWS: &str = "collect.perf_schema.file_instances.max_rows";
/// The filter that lets all pass.
const ALL: &str = ".*";

const COUNT: &str = "mysql_perf_schema_file_instances_total";
const COUNT_HELP: &str = "Reads and writes, by file.";
const BYTES: &str = "mysql_perf_schema_file_instances_bytes";
const BYTES_HELP: &str = "Bytes read and written, by file.";

const VIEW: View = View::of_performance_schema(
    "performance_schema.file_summary_by_instance",
    &[Label::of("file_name", "FILE_NAME"), Label::of("event_name", "EVENT_NAME")],
    &[
        Column::counter("COUNT_READ", COUNT, COUNT_HELP).with("mode", "read"),
        Column::counter("COUNT_WRITE", COUNT, COUNT_HELP).with("mode", "write"),
        Column::counter("SUM_NUMBER_OF_BYTES_READ", BYTES, BYTES_HELP).with("mode", "read"),
        Column::counter("SUM_NUMBER_OF_BYTES_WRITE", BYTES, BYTES_HELP).with("mode", "write"),
    ],
);

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(crate) struct Options {
    /// Regular expression, as the server's REGEXP reads it, of the files shown
    #[arg(
        id = "collect.perf_schema.file_instances.filter",
        long = "collect.perf_schema.file_instances.filter",
        value_name = "REGEXP",
        default_value = ALL
    )]
    filter: String,
    /// Taken off the beginning of file names
    #[arg(
        id = "collect.perf_schema.file_instances.remove_prefix",
        long = "collect.perf_schema.file_instances.remove_prefix",
        value_name = "TEXT",
        default_value = "/var/lib/mysql/"
    )]
    remove_prefix: String,
    /// Files shown at most; 0 is no bound
    #[arg(id = MAX_ROWS, long = MAX_ROWS, value_name = "N", default_value_t = 5000)]
    max_rows: usize,
}

pub(crate) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    Ok(Box::new(tabular(Options::from_arg_matches(matches)?)))
}

fn tabular(options: Options) -> Tabular {
    let tail = if options.filter == ALL {
        String::new()
    } else {
        format!("WHERE FILE_NAME REGEXP {}", literal(&options.filter))
    };
    Tabular::new(&VIEW)
        .with_tail(tail)
        .stripping("file_name", options.remove_prefix)
        .bounded(Bound::new(options.max_rows, NAME, MAX_ROWS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(filter: &str, max_rows: usize) -> Options {
        Options { filter: filter.into(), remove_prefix: "/var/lib/mysql/".into(), max_rows }
    }

    #[test]
    fn files_are_shown_without_the_data_folder() {
        let (text, error) = tabular(options(ALL, 2)).exposed(
            &["FILE_NAME", "EVENT_NAME", "COUNT_READ", "COUNT_WRITE", "SUM_NUMBER_OF_BYTES_WRITE"],
            &[
                &[Some("/var/lib/mysql/ibdata1"), Some("e"), Some("1"), Some("2"), Some("4096")],
                &[Some("/etc/x"), Some("e"), Some("-3"), None, None],
                &[Some("/etc/y"), Some("e"), Some("4"), None, None],
            ],
        );
        assert_eq!(
            text,
            format!(
                "# TYPE mysql_exporter_collector_rows_left_out gauge\n\
                 mysql_exporter_collector_rows_left_out{{collector=\"collect.{NAME}\"}} 1\n\
                 # TYPE {COUNT} counter\n\
                 {COUNT}{{file_name=\"ibdata1\",event_name=\"e\",mode=\"read\"}} 1\n\
                 {COUNT}{{file_name=\"ibdata1\",event_name=\"e\",mode=\"write\"}} 2\n\
                 {COUNT}{{file_name=\"/etc/x\",event_name=\"e\",mode=\"read\"}} -3\n\
                 # TYPE {BYTES} counter\n\
                 {BYTES}{{file_name=\"ibdata1\",event_name=\"e\",mode=\"write\"}} 4096"
            )
        );
        assert_eq!(error, None);
    }

    #[test]
    fn the_filter_is_a_string_of_the_statement() {
        let statement = |filter| tabular(options(filter, 0)).full_statement();
        let all = statement(ALL);
        assert!(all.ends_with(" FROM performance_schema.file_summary_by_instance"), "{all}");
        assert!(statement("ibd$").ends_with(" WHERE FILE_NAME REGEXP 'ibd$'"));
        assert!(statement("\\.ibd' OR 1").ends_with(" REGEXP _utf8mb4 X'5c2e69626427204f522031'"));
    }
}
