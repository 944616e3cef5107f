//! Counters of MyRocks by table and partition: `ROCKSDB_PERF_CONTEXT`, with a row per statistic.
//!
//! <https://mariadb.com/kb/en/information-schema-rocksdb_perf_context-table/>

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::{LabelSet, Sink};
use common::keyed::float;
use common::metric::Kind;

use crate::columns::{Label, labelled};
use crate::grant::Needs;
use crate::naming::Namer;
use crate::privilege::Privilege;
use crate::scrape::Scrape;
use crate::server::{Cells, Table};

const TABLE: &str = "information_schema.rocksdb_perf_context";

const LABELS: &[Label] = &[
    Label::of("schema", "TABLE_SCHEMA"),
    Label::of("table", "TABLE_NAME"),
    Label::of("part", "PARTITION_NAME"),
];

/// The statistics that the reference exporter shows.
const STATISTICS: [&str; 23] = [
    "USER_KEY_COMPARISON_COUNT",
    "BLOCK_CACHE_HIT_COUNT",
    "BLOCK_READ_COUNT",
    "BLOCK_READ_BYTE",
    "GET_READ_BYTES",
    "MULTIGET_READ_BYTES",
    "ITER_READ_BYTES",
    "INTERNAL_KEY_SKIPPED_COUNT",
    "INTERNAL_DELETE_SKIPPED_COUNT",
    "INTERNAL_RECENT_SKIPPED_COUNT",
    "INTERNAL_MERGE_COUNT",
    "GET_FROM_MEMTABLE_COUNT",
    "SEEK_ON_MEMTABLE_COUNT",
    "NEXT_ON_MEMTABLE_COUNT",
    "PREV_ON_MEMTABLE_COUNT",
    "SEEK_CHILD_SEEK_COUNT",
    "BLOOM_MEMTABLE_HIT_COUNT",
    "BLOOM_MEMTABLE_MISS_COUNT",
    "BLOOM_SST_HIT_COUNT",
    "BLOOM_SST_MISS_COUNT",
    "KEY_LOCK_WAIT_COUNT",
    "IO_BYTES_WRITTEN",
    "IO_BYTES_READ",
];

#[derive(Debug)]
pub(crate) struct RocksdbPerfContext;

#[async_trait]
impl Collector<Scrape> for RocksdbPerfContext {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let statement = format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, PARTITION_NAME, STAT_TYPE, VALUE FROM {TABLE}"
        );
        push(&scrape.query_table(TABLE, &statement, &Privilege::PROCESS).await?, sink)
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        Privilege::PROCESS.on(scrape.release())
    }
}

fn push(table: &Table, sink: &mut Sink) -> Result<(), CollectError> {
    let malformed = |error| CollectError::malformed(TABLE, error);
    let rows = labelled(table, LABELS, None).map_err(malformed)?;
    let mut errors = FirstError::default();
    let mut namer = Namer::new("mysql_info_schema_rocksdb_perf_context_", "RocksDB statistic ");
    for statistic in STATISTICS {
        let is_it = |row: &Cells<'_>| {
            row.named(&["STAT_TYPE"]).is_some_and(|text| text.eq_ignore_ascii_case(statistic))
        };
        let samples = rows.iter().filter(|(_, row)| is_it(row)).filter_map(|(labels, row)| {
            let value = errors.catch(value(*row))?;
            Some((labels, value))
        });
        let samples: Vec<(&LabelSet, f64)> = samples.collect();
        sink.samples(&namer.describe(statistic, Kind::Counter), samples);
    }
    errors.into_result().map_err(malformed)
}

fn value(row: Cells<'_>) -> Result<Option<f64>, ParseError> {
    row.named(&["VALUE"]).map_or(Ok(None), float)
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;

    #[test]
    fn statistics_are_families() {
        let names = ["TABLE_SCHEMA", "TABLE_NAME", "PARTITION_NAME", "STAT_TYPE", "VALUE"];
        let row = |part, kind, value| [Some("shop"), Some("t"), part, Some(kind), value];
        let rows = [
            row(None, "USER_KEY_COMPARISON_COUNT", Some("12")),
            row(None, "IO_BYTES_READ", Some("7")),
            row(Some("p0"), "IO_BYTES_READ", Some("8")),
            row(Some("p1"), "IO_BYTES_READ", Some("x")),
            row(Some("p2"), "IO_BYTES_READ", None),
            row(None, "INTERNAL_RANGE_DEL_RESEEK_COUNT", Some("1")),
        ];
        let rows: Vec<&[Option<&str>]> = rows.iter().map(|row| &row[..]).collect();
        let mut sink = Sink::default();
        let error = push(&Table::of(&names, &rows), &mut sink).unwrap_err();
        assert_eq!(error.to_string(), format!("{TABLE}: value is no number: \"x\""));
        let text = testing::text(&sink);
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("# HELP")).collect();
        let prefix = "mysql_info_schema_rocksdb_perf_context";
        assert_eq!(
            lines,
            [
                format!("# TYPE {prefix}_user_key_comparison_count counter"),
                format!(
                    "{prefix}_user_key_comparison_count{{schema=\"shop\",table=\"t\",part=\"\"}} 12"
                ),
                format!("# TYPE {prefix}_io_bytes_read counter"),
                format!("{prefix}_io_bytes_read{{schema=\"shop\",table=\"t\",part=\"\"}} 7"),
                format!("{prefix}_io_bytes_read{{schema=\"shop\",table=\"t\",part=\"p0\"}} 8"),
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn no_row_costs_another(
            table in crate::collectors::any_rows_and(&["TABLE_SCHEMA", "TABLE_NAME", "PARTITION_NAME", "STAT_TYPE", "VALUE"], &["good", "t", "", "IO_BYTES_READ", "7"]),
        ) {
            let mut sink = Sink::default();
            let _ = push(&table, &mut sink);
            let text = testing::text(&sink);
            proptest::prop_assert!(text.contains("_io_bytes_read{schema=\"good\",table=\"t\",part=\"\"} 7\n"), "{text}");
        }
    }
}
