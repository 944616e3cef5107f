//! What users and clients did: `USER_STATISTICS` and `CLIENT_STATISTICS`, which have the same
//! columns and need the variable `userstat`.
//!
//! <https://mariadb.com/kb/en/user-statistics/>

use async_trait::async_trait;
use clap::ArgMatches;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::{LabelSet, Sink};
use common::keyed::float;
use common::metric::{Desc, Kind};

use crate::grant::Needs;
use crate::naming::munge_into;
use crate::privilege::Privilege;
use crate::scrape::Scrape;
use crate::server::{Cells, Table};
use crate::tabular::{Bound, BoundFlag, why_empty};

const SWITCH: &str = "userstat";

/// Which of the two tables is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    table: &'static str,
    /// The label, whose column is the first one.
    label: &'static str,
    prefix: &'static str,
    /// Columns of the other table that are a counter only there.
    untyped: &'static [&'static str],
    pub(crate) max_rows: BoundFlag,
}

pub(crate) const USERS: Subject = Subject {
    table: "information_schema.user_statistics",
    label: "user",
    prefix: "mysql_info_schema_user_statistics_",
    untyped: &["MAX_STATEMENT_TIME_EXCEEDED"],
    max_rows: BoundFlag {
        collector: "info_schema.userstats",
        flag: "collect.info_schema.userstats.max_rows",
        default: "10000",
    },
};

pub(crate) const CLIENTS: Subject = Subject {
    table: "information_schema.client_statistics",
    label: "client",
    prefix: "mysql_info_schema_client_statistics_",
    untyped: &[],
    max_rows: BoundFlag {
        collector: "info_schema.clientstats",
        flag: "collect.info_schema.clientstats.max_rows",
        default: "10000",
    },
};

/// Columns whose name is not that of the metric.
const RENAMED: [(&str, &str, Kind); 5] = [
    ("TOTAL_CONNECTIONS", "total_connections", Kind::Counter),
    ("CONCURRENT_CONNECTIONS", "concurrent_connections", Kind::Gauge),
    ("CONNECTED_TIME", "connected_time_seconds_total", Kind::Counter),
    ("BUSY_TIME", "busy_seconds_total", Kind::Counter),
    ("CPU_TIME", "cpu_time_seconds_total", Kind::Counter),
];

/// Columns that are counters under their name and `_total`; all further ones are untyped.
const COUNTERS: [&str; 21] = [
    "BYTES_RECEIVED",
    "BYTES_SENT",
    "BINLOG_BYTES_WRITTEN",
    "ROWS_READ",
    "ROWS_SENT",
    "ROWS_DELETED",
    "ROWS_INSERTED",
    "ROWS_FETCHED",
    "ROWS_UPDATED",
    "TABLE_ROWS_READ",
    "SELECT_COMMANDS",
    "UPDATE_COMMANDS",
    "OTHER_COMMANDS",
    "COMMIT_TRANSACTIONS",
    "ROLLBACK_TRANSACTIONS",
    "DENIED_CONNECTIONS",
    "LOST_CONNECTIONS",
    "ACCESS_DENIED",
    "EMPTY_QUERIES",
    "TOTAL_SSL_CONNECTIONS",
    "MAX_STATEMENT_TIME_EXCEEDED",
];

#[derive(Debug)]
pub(crate) struct Statistics {
    subject: Subject,
    bound: Bound,
}

impl Statistics {
    pub(crate) fn new(subject: &Subject, matches: &ArgMatches) -> Self {
        Self { subject: *subject, bound: subject.max_rows.bound(matches) }
    }
}

#[async_trait]
impl Collector<Scrape> for Statistics {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let table = self.subject.table;
        let limit = self.bound.limit().unwrap_or_default();
        let statement = format!("SELECT * FROM {table} WHERE @@{SWITCH} {limit}");
        let answer = scrape.query_table(table, statement.trim_end(), &Privilege::PROCESS).await?;
        if answer.rows().next().is_none() {
            why_empty(scrape, table, Some(SWITCH)).await?;
            // This connection at least would be there.
            let message = "no rows; GRANT PROCESS ON *.* to the exporter's user";
            return Err(CollectError::query(table, &message));
        }
        push(&self.subject, &answer, &self.bound, sink)
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        Privilege::PROCESS.on(scrape.release())
    }
}

fn push(
    subject: &Subject,
    table: &Table,
    bound: &Bound,
    sink: &mut Sink,
) -> Result<(), CollectError> {
    let label = |row: Cells<'_>| LabelSet::new([(subject.label, row.at(0).unwrap_or_default())]);
    let mut rows: Vec<(LabelSet, Cells<'_>)> = table.rows().map(|row| (label(row), row)).collect();
    bound.cut(&mut rows, sink);
    let mut errors = FirstError::default();
    for (index, column) in table.columns().iter().enumerate().skip(1) {
        let (name, kind) = describe(subject, column);
        let help = format!("Column {column} of {}.", subject.table);
        let mut family = sink.family(&Desc::new(&name, &help, kind));
        for (labels, row) in &rows {
            if let Some(value) = errors.catch(value(*row, index, column)) {
                family.sample(labels, value);
            }
        }
    }
    errors.into_result().map_err(|error| CollectError::malformed(subject.table, error))
}

fn value(row: Cells<'_>, index: usize, column: &str) -> Result<Option<f64>, ParseError> {
    let Some(text) = row.at(index) else { return Ok(None) };
    float(text).map_err(|_| ParseError::form(&format!("{column} is no number"), text))
}

fn describe(subject: &Subject, column: &str) -> (String, Kind) {
    let mut name = subject.prefix.to_owned();
    let is_column = |known: &str| column.eq_ignore_ascii_case(known);
    if let Some((_, suffix, kind)) = RENAMED.iter().find(|(known, ..)| is_column(known)) {
        name.push_str(suffix);
        return (name, *kind);
    }
    munge_into(&mut name, column);
    let is_untyped = subject.untyped.iter().any(|known| is_column(known));
    if is_untyped || !COUNTERS.iter().any(|known| is_column(known)) {
        return (name, Kind::Untyped);
    }
    name.push_str("_total");
    (name, Kind::Counter)
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;

    const NAMES: [&str; 8] = [
        "USER",
        "TOTAL_CONNECTIONS",
        "CONCURRENT_CONNECTIONS",
        "BUSY_TIME",
        "BYTES_SENT",
        "ACCESS_DENIED",
        "MAX_STATEMENT_TIME_EXCEEDED",
        "KEY_READ_HITS",
    ];

    fn exposed(subject: &Subject, rows: &[&[Option<&str>]]) -> (String, Option<String>) {
        let mut sink = Sink::default();
        let bound = Bound::new(2, "info_schema.userstats", "f");
        let error = push(subject, &Table::of(&NAMES, rows), &bound, &mut sink).err();
        let text = testing::text(&sink);
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("# HELP")).collect();
        (lines.join("\n"), error.map(|error| error.to_string()))
    }

    #[test]
    fn known_columns_have_a_type_and_others_none() {
        let row: &[Option<&str>] = &["root", "5", "1", "0.241865", "3658", "0", "2", "9"].map(Some);
        let (text, error) = exposed(&USERS, &[row]);
        let sample = |suffix: &str, kind: &str, value: &str| {
            let name = format!("mysql_info_schema_user_statistics_{suffix}");
            format!("# TYPE {name} {kind}\n{name}{{user=\"root\"}} {value}\n")
        };
        let expected = [
            sample("total_connections", "counter", "5"),
            sample("concurrent_connections", "gauge", "1"),
            sample("busy_seconds_total", "counter", "0.241865"),
            sample("bytes_sent_total", "counter", "3658"),
            sample("access_denied_total", "counter", "0"),
            sample("max_statement_time_exceeded", "untyped", "2"),
            sample("key_read_hits", "untyped", "9"),
        ];
        assert_eq!((format!("{text}\n"), error), (expected.concat(), None));
        let (text, _) = exposed(&CLIENTS, &[row]);
        let name = "mysql_info_schema_client_statistics_max_statement_time_exceeded_total";
        assert!(text.contains(&format!("# TYPE {name} counter\n{name}{{client=\"root\"}} 2\n")));
    }

    #[test]
    fn odd_rows_cost_only_themselves() {
        let good = |user| {
            ["x", "1", "1", "1", "1", "1", "1", "-1"].map(|text| match text {
                "x" => user,
                text => Some(text),
            })
        };
        let mut bad = good(Some("bad"));
        bad[1] = Some("many");
        let (text, error) = exposed(&USERS, &[&bad, &good(None), &good(Some("third"))]);
        assert!(text.contains("rows_left_out{collector=\"collect.info_schema.userstats\"} 1"));
        assert!(text.contains("_total_connections{user=\"\"} 1\n"), "{text}");
        assert!(!text.contains("_total_connections{user=\"bad\"}") && !text.contains("third"));
        assert!(text.contains("_key_read_hits{user=\"bad\"} -1"), "{text}");
        let complaint = "TOTAL_CONNECTIONS is no number: \"many\"";
        assert_eq!(error, Some(format!("{}: {complaint}", USERS.table)));
    }

    proptest::proptest! {
        #[test]
        fn no_row_costs_another(
            table in crate::collectors::any_rows_and(&NAMES, &["good", "7", "1", "1", "1", "1", "1", "1"]),
        ) {
            let mut sink = Sink::default();
            let bound = Bound::new(0, "x", "f");
            let _ = push(&USERS, &table, &bound, &mut sink);
            let text = testing::text(&sink);
            proptest::prop_assert!(text.contains("_total_connections{user=\"good\"} 7\n"), "{text}");
        }
    }
}
