//! How long statements took: `QUERY_RESPONSE_TIME`, of a plugin, with rows of time, count, total.
//!
//! <https://mariadb.com/kb/en/query-response-time-plugin/>

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::metric::Desc;

use crate::grant::Needs;
use crate::privilege::Privilege;
use crate::scrape::Scrape;
use crate::server::Table;
use crate::tabular::why_empty;

/// Percona Server takes capital letters only.
const ALL: &str = "information_schema.QUERY_RESPONSE_TIME";

/// Of Percona Server, and of MariaDB from 11.5.
const SPLIT: [(&str, Desc<'_>); 2] = [
    (
        "information_schema.QUERY_RESPONSE_TIME_READ",
        Desc::histogram(
            "mysql_info_schema_read_query_response_time_seconds",
            "Seconds that statements took that read.",
        ),
    ),
    (
        "information_schema.QUERY_RESPONSE_TIME_WRITE",
        Desc::histogram(
            "mysql_info_schema_write_query_response_time_seconds",
            "Seconds that statements took that write.",
        ),
    ),
];

const RESPONSE_TIME: Desc<'_> = Desc::histogram(
    "mysql_info_schema_query_response_time_seconds",
    "Seconds that statements took.",
);

#[derive(Debug)]
pub(crate) struct QueryResponseTime;

#[async_trait]
impl Collector<Scrape> for QueryResponseTime {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        why_empty(scrape, ALL, Some("query_response_time_stats")).await?;
        let mut errors = FirstError::default();
        errors.note(push(&query(scrape, ALL).await?, ALL, &RESPONSE_TIME, sink));
        for (name, desc) in &SPLIT {
            match query(scrape, name).await {
                Err(error) if error.is_no_data() => break,
                table => {
                    errors.note(table.and_then(|table| push(&table, name, desc, sink)));
                }
            }
        }
        errors.into_result()
    }

    fn needs(&self, _: &Scrape) -> Needs {
        Needs::nothing_more()
    }
}

async fn query(scrape: &Scrape, table: &str) -> Result<Table, CollectError> {
    let statement = format!("SELECT TIME, COUNT, TOTAL FROM {table}");
    scrape.query_table(table, &statement, &Privilege::PROCESS).await
}

/// What the rows add up to.
#[derive(Debug, Default, PartialEq)]
struct Histogram {
    buckets: Vec<(f64, u64)>,
    sum: f64,
    count: u64,
}

fn push(table: &Table, name: &str, desc: &Desc<'_>, sink: &mut Sink) -> Result<(), CollectError> {
    let parsed = parse(table).map_err(|error| CollectError::malformed(name, error))?;
    let Some(Histogram { buckets, sum, count }) = parsed else { return Ok(()) };
    sink.family(desc).histogram(&[], buckets, sum, count);
    Ok(())
}

/// A bucket for each row whose time is a number: the last one says `TOO LONG`.
fn parse(table: &Table) -> Result<Option<Histogram>, ParseError> {
    let mut histogram = Histogram::default();
    let mut is_empty = true;
    for row in table.rows() {
        let text = |column| row.named(&[column]).unwrap_or_default().trim();
        let count: u64 =
            text("COUNT").parse().map_err(|_| ParseError::number("COUNT", text("COUNT")))?;
        histogram.count = histogram.count.saturating_add(count);
        // As in the reference exporter, `TOO LONG` adds nothing.
        histogram.sum += text("TOTAL").parse::<f64>().unwrap_or_default();
        let last = histogram.buckets.last().map_or(f64::NEG_INFINITY, |(bound, _)| *bound);
        if let Some(bound) = text("TIME").parse().ok().filter(|bound| *bound > last) {
            histogram.buckets.push((bound, histogram.count));
        }
        is_empty = false;
    }
    Ok((!is_empty).then_some(histogram))
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;

    fn table(rows: &[[&str; 3]]) -> Table {
        let rows: Vec<[Option<&str>; 3]> = rows.iter().map(|row| row.map(Some)).collect();
        let rows: Vec<&[Option<&str>]> = rows.iter().map(|row| &row[..]).collect();
        Table::of(&["TIME", "COUNT", "TOTAL"], &rows)
    }

    #[test]
    fn rows_are_buckets() {
        let table = table(&[
            ["      0.000001", "0", "      0.000000"],
            ["      0.000010", "7", "      0.000009"],
            ["1000000.000000", "8", "      1.500000"],
            ["TOO LONG", "1", "TOO LONG"],
        ]);
        let text = testing::exposed(|sink| push(&table, ALL, &RESPONSE_TIME, sink).unwrap());
        let name = "mysql_info_schema_query_response_time_seconds";
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                format!("{name}_bucket{{le=\"1e-06\"}} 0"),
                format!("{name}_bucket{{le=\"1e-05\"}} 7"),
                format!("{name}_bucket{{le=\"1e+06\"}} 15"),
                format!("{name}_bucket{{le=\"+Inf\"}} 16"),
                format!("{name}_sum 1.500009"),
                format!("{name}_count 16"),
            ]
        );
    }

    #[test]
    fn odd_rows_are_no_histogram() {
        assert_eq!(parse(&table(&[])).unwrap(), None);
        let error = parse(&table(&[["1", "x", "1"]])).unwrap_err();
        assert_eq!(error.to_string(), "COUNT is no number: \"x\"");
        let again = parse(&table(&[["1", "1", "1"], ["1", "2", "-"], ["NaN", "3", "1"]]));
        let expected = Histogram { buckets: vec![(1.0, 1)], sum: 2.0, count: 6 };
        assert_eq!(again.unwrap(), Some(expected));
    }
}
