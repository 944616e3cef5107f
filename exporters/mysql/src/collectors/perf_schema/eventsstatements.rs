//! The statements that took the most time, by digest: `events_statements_summary_by_digest`.
//!
//! <https://mariadb.com/kb/en/performance-schema-events_statements_summary_by_digest-table/>

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::{Percentiles, Sink};
use common::metric::Desc;

use crate::columns::{Column, Label};
use crate::grant::Needs;
use crate::literal::literals;
use crate::scrape::Scrape;
use crate::server::{Cells, Table};
use crate::tabular::{Tabular, View, why_empty};

/// Schemas whose statements are never shown.
const SYSTEM_SCHEMAS: [&str; 3] = ["mysql", "performance_schema", "information_schema"];

const LATENCY: Desc<'_> = Desc::summary(
    "mysql_perf_schema_events_statements_latency",
    "Seconds that statements took, by digest; quantiles are 0 where the server has none.",
);

/// Column of a quantile, and the value of its label in the reference exporter.
const QUANTILES: [(&str, f64); 3] =
    [("QUANTILE_95", 95.0), ("QUANTILE_99", 99.0), ("QUANTILE_999", 999.0)];

const LABELS: &[Label] = &[
    Label::of("schema", "SCHEMA_NAME").or("NONE"),
    Label::of("digest", "DIGEST"),
    Label::of("digest_text", "DIGEST_TEXT"),
];

const VIEW: View = View::of_performance_schema(
    "performance_schema.events_statements_summary_by_digest",
    LABELS,
    &[
        Column::counter(
            "COUNT_STAR",
            "mysql_perf_schema_events_statements_total",
            "Statements executed, by digest.",
        ),
        Column::counter(
            "SUM_TIMER_WAIT",
            "mysql_perf_schema_events_statements_seconds_total",
            "Seconds that statements took, by digest.",
        )
        .in_picoseconds(),
        Column::counter(
            "SUM_LOCK_TIME",
            "mysql_perf_schema_events_statements_lock_time_seconds_total",
            "Seconds that statements waited for table locks, by digest.",
        )
        .in_picoseconds()
        .or(0.0),
        Column::counter(
            "SUM_CPU_TIME",
            "mysql_perf_schema_events_statements_cpu_time_seconds_total",
            "Seconds of processor time, by digest; 0 where the server does not count it.",
        )
        .in_picoseconds()
        .or(0.0),
        Column::counter(
            "SUM_ERRORS",
            "mysql_perf_schema_events_statements_errors_total",
            "Errors of statements, by digest.",
        ),
        Column::counter(
            "SUM_WARNINGS",
            "mysql_perf_schema_events_statements_warnings_total",
            "Warnings of statements, by digest.",
        ),
        Column::counter(
            "SUM_ROWS_AFFECTED",
            "mysql_perf_schema_events_statements_rows_affected_total",
            "Rows affected by statements, by digest.",
        ),
        Column::counter(
            "SUM_ROWS_SENT",
            "mysql_perf_schema_events_statements_rows_sent_total",
            "Rows sent by statements, by digest.",
        ),
        Column::counter(
            "SUM_ROWS_EXAMINED",
            "mysql_perf_schema_events_statements_rows_examined_total",
            "Rows examined by statements, by digest.",
        ),
        Column::counter(
            "SUM_CREATED_TMP_TABLES",
            "mysql_perf_schema_events_statements_tmp_tables_total",
            "Temporary tables created by statements, by digest.",
        ),
        Column::counter(
            "SUM_CREATED_TMP_DISK_TABLES",
            "mysql_perf_schema_events_statements_tmp_disk_tables_total",
            "Temporary tables on disk created by statements, by digest.",
        ),
        Column::counter(
            "SUM_SORT_MERGE_PASSES",
            "mysql_perf_schema_events_statements_sort_merge_passes_total",
            "Merge passes of sorts, by digest.",
        ),
        Column::counter(
            "SUM_SORT_ROWS",
            "mysql_perf_schema_events_statements_sort_rows_total",
            "Rows sorted by statements, by digest.",
        ),
        Column::counter(
            "SUM_NO_INDEX_USED",
            "mysql_perf_schema_events_statements_no_index_used_total",
            "Statements that read a table without an index, by digest.",
        ),
    ],
)
.and_reading(&[QUANTILES[0].0, QUANTILES[1].0, QUANTILES[2].0]);

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(crate) struct Options {
    /// Digests shown at most: those that took the most time
    #[arg(
        id = "collect.perf_schema.eventsstatements.limit",
        long = "collect.perf_schema.eventsstatements.limit",
        value_name = "N",
        default_value_t = 250
    )]
    limit: u32,
    /// Digests not seen for longer than this are not shown
    #[arg(
        id = "collect.perf_schema.eventsstatements.timelimit",
        long = "collect.perf_schema.eventsstatements.timelimit",
        value_name = "SECONDS",
        default_value_t = 86_400
    )]
    time_limit: u32,
    /// Characters of a digest's text
    #[arg(
        id = "collect.perf_schema.eventsstatements.digest_text_limit",
        long = "collect.perf_schema.eventsstatements.digest_text_limit",
        value_name = "N",
        default_value_t = 120
    )]
    digest_text_limit: u32,
    /// Schema whose statements are not shown, beside those of the server; may be repeated
    #[arg(
        id = "collect.perf_schema.eventsstatements.exclude_schemas",
        long = "collect.perf_schema.eventsstatements.exclude_schemas",
        value_name = "NAME"
    )]
    exclude_schemas: Vec<String>,
    /// Also show statements of sessions without a default schema, as schema NONE
    #[arg(
        id = "collect.perf_schema.eventsstatements.without_schema",
        long = "collect.perf_schema.eventsstatements.without_schema"
    )]
    without_schema: bool,
}

#[derive(Debug)]
pub(crate) struct EventsStatements(Tabular);

pub(crate) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    Ok(Box::new(EventsStatements(tabular(&Options::from_arg_matches(matches)?))))
}

fn tabular(options: &Options) -> Tabular {
    let given = options.exclude_schemas.iter().map(String::as_str).filter(|name| !name.is_empty());
    let excluded = literals(SYSTEM_SCHEMAS.into_iter().chain(given));
    let without_schema = if options.without_schema { "SCHEMA_NAME IS NULL OR " } else { "" };
    let (seconds, limit) = (options.time_limit, options.limit);
    Tabular::new(&VIEW)
        .computing("DIGEST_TEXT", format!("LEFT(DIGEST_TEXT, {})", options.digest_text_limit))
        .with_tail(format!(
            "WHERE ({without_schema}SCHEMA_NAME NOT IN ({excluded})) \
             AND LAST_SEEN > DATE_SUB(NOW(), INTERVAL {seconds} SECOND) \
             ORDER BY SUM_TIMER_WAIT DESC LIMIT {limit}"
        ))
}

#[async_trait]
impl Collector<Scrape> for EventsStatements {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let table = self.0.read(scrape).await?;
        let rows = self.0.rows(&table)?;
        if rows.is_empty() {
            return why_empty(scrape, VIEW.table, Some("performance_schema")).await;
        }
        push_latency(&table, sink);
        VIEW.push(&table, &rows, sink)
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        self.0.needs(scrape)
    }
}

/// A summary for each row whose count and time can be read.
fn push_latency(table: &Table, sink: &mut Sink) {
    let seconds = |row: Cells<'_>, column| {
        let picoseconds: Option<f64> = row.named(&[column])?.parse().ok();
        picoseconds.map(|picoseconds| picoseconds / 1e12)
    };
    let summaries = table.rows().filter_map(|row| {
        let count = row.named(&["COUNT_STAR"])?.parse().ok()?;
        let sum = seconds(row, "SUM_TIMER_WAIT")?;
        let labels = vec![
            ("schema", row.named(&["SCHEMA_NAME"]).unwrap_or("NONE")),
            ("digest", row.named(&["DIGEST"]).unwrap_or_default()),
            ("digest_text", row.named(&["DIGEST_TEXT"]).unwrap_or_default()),
        ];
        let quantiles = QUANTILES
            .iter()
            .map(|(column, quantile)| (*quantile, seconds(row, column).unwrap_or_default()))
            .collect();
        Some(Percentiles { labels, quantiles, sum, count })
    });
    sink.percentiles(&LATENCY, &summaries.collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;

    const NAMES: &[&str] =
        &["SCHEMA_NAME", "DIGEST", "DIGEST_TEXT", "COUNT_STAR", "SUM_TIMER_WAIT", "SUM_LOCK_TIME"];

    fn options(without_schema: bool) -> Options {
        Options {
            limit: 250,
            time_limit: 86_400,
            digest_text_limit: 120,
            exclude_schemas: vec!["it's".into(), String::new()],
            without_schema,
        }
    }

    fn exposed(rows: &[&[Option<&str>]]) -> (String, Option<String>) {
        tabular(&options(true)).exposed(NAMES, rows)
    }

    #[test]
    fn one_text_in_two_schemas_is_two_series() {
        let row = |schema, digest, text| {
            [schema, digest, text, Some("2"), Some("3000000000000"), Some("500000000000")]
        };
        let (text, error) = exposed(&[
            &row(None, Some("d1"), Some("SELECT ?")),
            &row(Some("shop"), Some("d2"), Some("SELECT * FROM t")),
            &row(Some("crm"), Some("d2"), Some("SELECT * FROM t")),
            // All digests for which the server had no room.
            &row(None, None, None),
        ]);
        for labels in [
            "schema=\"NONE\",digest=\"d1\",digest_text=\"SELECT ?\"",
            "schema=\"shop\",digest=\"d2\",digest_text=\"SELECT * FROM t\"",
            "schema=\"crm\",digest=\"d2\",digest_text=\"SELECT * FROM t\"",
            "schema=\"NONE\",digest=\"\",digest_text=\"\"",
        ] {
            for (family, value) in
                [("total", "2"), ("seconds_total", "3"), ("lock_time_seconds_total", "0.5")]
            {
                let name = format!("mysql_perf_schema_events_statements_{family}");
                let sample = format!("\n{name}{{{labels}}} {value}\n");
                assert!(text.contains(&sample), "{sample} {text}");
            }
        }
        // Shown as the reference does where the server has no such column.
        assert_eq!(text.matches("cpu_time_seconds_total{").count(), 4);
        assert_eq!(error, None);
    }

    #[test]
    fn latency_is_a_summary_with_the_servers_quantiles() {
        let names = ["DIGEST", "COUNT_STAR", "SUM_TIMER_WAIT", "QUANTILE_95", "QUANTILE_999"];
        let rows: &[&[Option<&str>]] = &[
            &[Some("d"), Some("2"), Some("3000000000000"), Some("1500000000000"), None],
            &[Some("bad"), Some("x"), Some("1"), None, None],
            &[Some("huge"), Some("1"), Some("83505516706205592384"), None, None],
        ];
        let text = testing::exposed(|sink| push_latency(&Table::of(&names, rows), sink));
        let name = "mysql_perf_schema_events_statements_latency";
        let labels = "schema=\"NONE\",digest=\"d\",digest_text=\"\"";
        for line in [
            format!("# TYPE {name} summary"),
            format!("{name}{{{labels},quantile=\"95\"}} 1.5"),
            format!("{name}{{{labels},quantile=\"99\"}} 0"),
            format!("{name}{{{labels},quantile=\"999\"}} 0"),
            format!("{name}_sum{{{labels}}} 3"),
            format!("{name}_count{{{labels}}} 2"),
        ] {
            assert!(text.lines().any(|found| found == line), "{line} {text}");
        }
        assert!(!text.contains("bad") && text.contains(" 83505516.70620559\n"), "{text}");
    }

    #[test]
    fn the_statement_has_what_the_flags_say() {
        let statement = tabular(&options(false)).full_statement();
        assert!(statement.contains(", LEFT(DIGEST_TEXT, 120) AS DIGEST_TEXT, "), "{statement}");
        assert!(
            statement.ends_with(
                ", QUANTILE_999 FROM performance_schema.events_statements_summary_by_digest \
                 WHERE (SCHEMA_NAME NOT IN ('mysql', 'performance_schema', 'information_schema', \
                 _utf8mb4 X'69742773')) AND LAST_SEEN > DATE_SUB(NOW(), INTERVAL 86400 SECOND) \
                 ORDER BY SUM_TIMER_WAIT DESC LIMIT 250"
            ),
            "{statement}"
        );
        assert!(tabular(&options(true)).full_statement().contains("(SCHEMA_NAME IS NULL OR "));
    }

    proptest::proptest! {
        #[test]
        fn no_row_costs_another(
            table in crate::collectors::any_rows_and(&["DIGEST", "COUNT_STAR", "SUM_TIMER_WAIT", "QUANTILE_95"], &["good", "7", "0", "1000000000000"]),
        ) {
            let mut sink = Sink::default();
            push_latency(&table, &mut sink);
            let text = testing::text(&sink);
            proptest::prop_assert!(text.contains("_latency_count{schema=\"NONE\",digest=\"good\",digest_text=\"\"} 7\n"), "{text}");
        }
    }
}
