//! Binary logs: `SHOW BINARY LOGS`, a row per file.
//!
//! <https://mariadb.com/kb/en/show-binary-logs/>

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, parse_number};
use common::exposition::Sink;
use common::metric::{Desc, Metric, gauge};

use crate::grant::Needs;
use crate::privilege::Privilege;
use crate::scrape::Scrape;
use crate::server::Table;

const SIZES: &[Metric<Files>] = &[
    gauge("mysql_binlog_size_bytes", "Size of all binary logs.", |files| Some(files.bytes)),
    gauge("mysql_binlog_files", "Number of binary logs.", |files| Some(files.count)),
];

const NUMBER: Desc<'_> =
    Desc::gauge("mysql_binlog_file_number", "Number in the name of the newest binary log.");

/// The files in sum.
struct Files {
    bytes: f64,
    count: f64,
}

#[derive(Debug)]
pub(super) struct BinlogSize;

#[async_trait]
impl Collector<Scrape> for BinlogSize {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let switch = scrape.query("SELECT @@log_bin").await?;
        if switch.rows().next().and_then(|row| row.at(0)) != Some("1") {
            return Err(CollectError::NoData("the server writes no binary log".into()));
        }
        let files = scrape.query_if_present("SHOW BINARY LOGS", &Privilege::BINARY_LOGS).await?;
        push(&files, sink).map_err(|error| files.malformed(error))
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        Privilege::BINARY_LOGS.on(scrape.release())
    }
}

/// The sum of half the files would be wrong: one size that is no number costs both families.
fn push(table: &Table, sink: &mut Sink) -> Result<(), ParseError> {
    let mut errors = FirstError::default();
    let (Some(name), Some(size)) = (table.position("Log_name"), table.position("File_size")) else {
        return Err(ParseError::Form("Log_name or File_size is missing".into()));
    };
    let sizes = table.rows().map(|row| parse_number::<u64>("File_size", row.at(size)));
    if let Some(bytes) = errors.catch(sizes.sum::<Result<u64, _>>().map(Some)) {
        let files = Files { bytes: bytes as f64, count: table.rows().count() as f64 };
        sink.row(SIZES, &files);
    }
    if let Some(last) = table.rows().last() {
        let number = file_number(last.at(name).unwrap_or_default());
        if let Some(number) = errors.catch(number.map(Some)) {
            sink.value(&NUMBER, number as f64);
        }
    }
    errors.into_result()
}

/// 12 in `bin.000012`.
fn file_number(name: &str) -> Result<u64, ParseError> {
    let (_, number) = name.rsplit_once('.').unwrap_or_default();
    number.parse().map_err(|_| ParseError::form("a binary log has no number", name))
}

#[cfg(test)]
mod tests {
    use common::testing;
    use proptest::prelude::*;

    use super::*;

    fn pushed(columns: &[&str], rows: &[&[Option<&str>]]) -> (Vec<String>, Option<String>) {
        let mut sink = Sink::default();
        let error = push(&Table::of(columns, rows), &mut sink).err();
        (testing::samples(&sink), error.map(|error| error.to_string()))
    }

    const COLUMNS: &[&str] = &["Log_name", "File_size"];

    #[test]
    fn sizes_are_summed_and_the_last_file_counts() {
        let mariadb: &[&[Option<&str>]] =
            &[&[Some("bin.000011"), Some("1073742132")], &[Some("bin.000012"), Some("345")]];
        let expected = [
            "mysql_binlog_size_bytes 1073742477",
            "mysql_binlog_files 2",
            "mysql_binlog_file_number 12",
        ];
        assert_eq!(pushed(COLUMNS, mariadb), (expected.map(Into::into).to_vec(), None));
        // MySQL from 8.0.14 on; a base name may have dots of its own.
        let mysql: &[&[Option<&str>]] = &[
            &[Some("db1.example.000009"), Some("1073742132"), Some("No")],
            &[Some("db1.example.000012"), Some("345"), Some("Yes")],
        ];
        let columns = ["Log_name", "File_size", "Encrypted"];
        assert_eq!(pushed(&columns, mysql), (expected.map(Into::into).to_vec(), None));
    }

    #[test]
    fn a_list_without_files_has_a_size_but_no_number() {
        let expected = ["mysql_binlog_size_bytes 0", "mysql_binlog_files 0"];
        assert_eq!(pushed(COLUMNS, &[]), (expected.map(Into::into).to_vec(), None));
    }

    #[test]
    fn what_is_no_number_costs_its_own_families() {
        let (samples, error) = pushed(COLUMNS, &[&[Some("bin.000012"), Some("x")]]);
        assert_eq!(samples, ["mysql_binlog_file_number 12"]);
        assert_eq!(error.as_deref(), Some("File_size is no number: \"x\""));
        for name in ["bin", "bin.index", "", "bin."] {
            let (samples, error) = pushed(COLUMNS, &[&[Some(name), Some("5")]]);
            assert_eq!(samples, ["mysql_binlog_size_bytes 5", "mysql_binlog_files 1"]);
            assert_eq!(error, Some(format!("a binary log has no number: {name:?}")));
        }
        let (samples, error) = pushed(&["Log_name"], &[]);
        assert!(samples.is_empty() && error.is_some());
    }

    proptest! {
        #[test]
        fn any_row_is_read_or_reported(name in "(?s).{0,20}", size in "[0-9]{0,22}|(?s).{0,9}") {
            let (samples, error) = pushed(COLUMNS, &[&[Some(&name), Some(&size)]]);
            prop_assert_eq!(samples.len() == 3, error.is_none());
        }

        #[test]
        fn any_number_of_digits_is_read_or_refused(digits in "[0-9]{1,30}") {
            prop_assert_eq!(file_number(&format!("a.{digits}")).is_ok(), digits.parse::<u64>().is_ok());
        }
    }
}
