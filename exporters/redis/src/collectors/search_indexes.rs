//! Indexes of the search module: `FT._LIST`, and `FT.INFO` of each.

use async_trait::async_trait;
use clap::{ArgMatches, Command, FromArgMatches as _};
use common::cli::on_off_flag;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial};
use common::exposition::Sink;
use common::filter::Pattern;
use common::keyed::{Keyed, float};
use redis::{Value, cmd};

use crate::replies::values::{find, items, pairs, text, unexpected};
use crate::rights::{Needs, Right};
use crate::scrape::Scrape;

/// The reference's flag for this collector.
pub(super) const FLAG: &str = "include-search-indexes-metrics";

const MEGABYTE: f64 = 1_048_576.0;

#[rustfmt::skip] // one row a line
const COLUMNS: &[Keyed] = &[
    index("num_docs", "redis_search_index_num_docs", "Documents in an index."),
    index("max_doc_id", "redis_search_index_max_doc_id", "Highest id of a document in an index."),
    index("num_terms", "redis_search_index_num_terms", "Distinct terms in an index."),
    index("num_records", "redis_search_index_num_records", "Records in an index."),
    index("total_inverted_index_blocks", "redis_search_index_total_inverted_index_blocks", "Blocks of the inverted index."),
    index("indexing", "redis_search_index_indexing", "1 while an index is being built in the background."),
    index("percent_indexed", "redis_search_index_percent_indexed", "Share of the documents that are indexed, from 0 to 1."),
    index("hash_indexing_failures", "redis_search_index_hash_indexing_failures", "Documents that could not be indexed."),
    index("cleaning", "redis_search_index_cleaning", "1 while an index is being cleaned."),
    Keyed::counter("number_of_uses", "redis_search_index_number_of_uses_total", "Uses of an index.").read_by(float),
    index("records_per_doc_avg", "redis_search_index_avg_per_doc_records", "Mean number of records of a document."),
    index("bytes_per_record_avg", "redis_search_index_avg_per_record_bytes", "Mean size of a record."),
    index("offsets_per_term_avg", "redis_search_index_avg_per_term_offsets", "Mean number of offsets of a term."),
    index("offset_bits_per_record_avg", "redis_search_index_avg_per_record_offset_bits", "Mean number of offset bits of a record."),
    index("inverted_sz_mb", "redis_search_index_inverted_size_bytes", "Size of the inverted index.").times(MEGABYTE),
    index("vector_index_sz_mb", "redis_search_index_vector_index_size_bytes", "Size of the vector index.").times(MEGABYTE),
    index("offset_vectors_sz_mb", "redis_search_index_offset_vectors_size_bytes", "Size of the offset vectors.").times(MEGABYTE),
    index("doc_table_size_mb", "redis_search_index_doc_table_size_bytes", "Size of the table of documents.").times(MEGABYTE),
    index("sortable_values_size_mb", "redis_search_index_sortable_values_size_bytes", "Size of the values to sort by.").times(MEGABYTE),
    index("key_table_size_mb", "redis_search_index_key_table_size_bytes", "Size of the table of keys.").times(MEGABYTE),
    index("tag_overhead_sz_mb", "redis_search_index_tag_overhead_size_bytes", "Size of the overhead of tags.").times(MEGABYTE),
    index("text_overhead_sz_mb", "redis_search_index_text_overhead_size_bytes", "Size of the overhead of texts.").times(MEGABYTE),
    index("total_index_memory_sz_mb", "redis_search_index_total_index_memory_size_bytes", "Memory of an index as a whole.").times(MEGABYTE),
    index("geoshapes_sz_mb", "redis_search_index_geoshapes_size_bytes", "Size of the geographical shapes.").times(MEGABYTE),
];

const fn index(field: &'static str, name: &'static str, help: &'static str) -> Keyed {
    Keyed::gauge(field, name, help).read_by(float)
}

/// Options of the `search_indexes` collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Metrics")]
#[group(skip)]
struct Options {
    /// Only indexes whose name this regular expression finds
    #[arg(
        id = "check-search-indexes",
        long = "check-search-indexes",
        env = "REDIS_EXPORTER_CHECK_SEARCH_INDEXES",
        value_name = "REGEX",
        default_value = ".*"
    )]
    wanted: Pattern,
}

/// Values in the order of `COLUMNS`.
type Row = Vec<Option<f64>>;

struct SearchIndexes(Options);

pub(super) fn flags(command: Command) -> Command {
    <Options as clap::Args>::augment_args(command.next_help_heading("Metrics").arg(on_off_flag(
        FLAG,
        "REDIS_EXPORTER_INCL_SEARCH_INDEXES_METRICS",
        "Expose the indexes of the search module, as collector.search_indexes does",
    )))
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    Ok(Box::new(SearchIndexes(Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Scrape> for SearchIndexes {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let Some(list) = scrape.ask_if_known("FT._LIST", &cmd("FT._LIST")).await? else {
            return Ok(());
        };
        let malformed = |error| CollectError::malformed("FT._LIST", error);
        let names = items(&list).ok_or_else(unexpected).map_err(malformed)?;
        let mut errors = FirstError::default();
        let mut rows = Vec::new();
        // One after the other: each costs the server some work.
        for name in names.iter().filter_map(text).filter(|name| self.0.wanted.matches(name)) {
            let answer = scrape.ask_now("FT.INFO", cmd("FT.INFO").arg(name.as_bytes())).await;
            if let Some(reply) = errors.note(answer) {
                let row = parse(&name, &reply);
                rows.push(errors.take(row.map_error(|e| CollectError::malformed("FT.INFO", e))));
            }
        }
        push(&rows, sink);
        errors.into_result()
    }

    fn needs(&self, _: &Scrape) -> Needs {
        let commands = [Right::to("FT._LIST"), Right::to("FT.INFO").with("none")];
        commands.map(Right::if_known).into_iter().collect()
    }
}

fn push(rows: &[(String, Row)], sink: &mut Sink) {
    let rows = rows.iter().map(|(name, row)| ([("index_name", name.as_str())], row.as_slice()));
    sink.columns(COLUMNS, rows);
}

/// Name and values of an index, called `name` unless the reply names it; what is no number
/// costs its own sample.
fn parse(name: &str, reply: &Value) -> Partial<(String, Row), ParseError> {
    let Some(fields) = pairs(reply) else {
        return Partial { good: (name.to_owned(), Vec::new()), error: Some(unexpected()) };
    };
    let mut errors = FirstError::default();
    let named = find(&fields, "index_name").and_then(text);
    let name = named.unwrap_or_else(|| name.into()).into_owned();
    let values = COLUMNS.iter().map(|column| {
        let value = find(&fields, column.key)?;
        let complaint = || ParseError::form(&format!("{} is no number", column.key), &name);
        let value = text(value).ok_or_else(complaint);
        errors.catch(value.and_then(|text| column.value(&text).map_err(|_| complaint())))
    });
    let values = values.collect();
    errors.beside((name, values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::{pushed, reply_of};

    #[test]
    fn an_index_has_counts_and_sizes_in_bytes() {
        let reply = reply_of(
            "index_name idx:a num_docs 10 number_of_uses 4 inverted_sz_mb 0.5 percent_indexed 1 \
             records_per_doc_avg -nan index_options x",
        );
        let Partial { good, error } = parse("asked", &reply);
        assert_eq!(error, None);
        let text = pushed("", |_, sink| push(&[good], sink));
        for line in [
            "redis_search_index_num_docs{index_name=\"idx:a\"} 10\n",
            "# TYPE redis_search_index_number_of_uses_total counter\n\
             redis_search_index_number_of_uses_total{index_name=\"idx:a\"} 4\n",
            "redis_search_index_inverted_size_bytes{index_name=\"idx:a\"} 524288\n",
            "redis_search_index_avg_per_doc_records{index_name=\"idx:a\"} NaN\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert!(!text.contains("geoshapes"), "absent is no zero: {text}");
    }

    #[test]
    fn a_malformed_field_costs_no_other() {
        let Partial { good, error } = parse("a", &reply_of("num_docs many num_terms 3"));
        assert_eq!((good.1[0], good.1[2]), (None, Some(3.0)));
        assert_eq!(error.unwrap().to_string(), "num_docs is no number: \"a\"");
        let Partial { good, error } = parse("a", &Value::Nil);
        assert!(error.is_some());
        assert_eq!(pushed("", |_, sink| push(&[good], sink)), "");
    }

    #[test]
    fn a_bad_pattern_is_refused_at_the_start() {
        let matches = |pattern: &str| {
            let flag = format!("--check-search-indexes={pattern}");
            flags(Command::new("test")).try_get_matches_from(["test", &flag])
        };
        assert!(matches("^idx").is_ok());
        assert!(matches("a(b").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_reply_is_survived(text in "(\\*[0-4] |:[0-9]{1,3} |\\+(num_docs|index_name|x) |\\$-1 ){1,9}") {
            if let Ok(reply) = redis::parse_redis_value(text.replace(' ', "\r\n").as_bytes()) {
                let _ = parse("a", &reply);
            }
        }
    }
}
