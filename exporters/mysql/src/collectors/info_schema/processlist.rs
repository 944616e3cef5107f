//! Threads by what they do, for whom and from where: `PROCESSLIST`.
//!
//! <https://mariadb.com/kb/en/information-schema-processlist-table/>

use std::collections::BTreeMap;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::keyed::float;
use common::metric::Desc;

use crate::grant::Needs;
use crate::privilege::Privilege;
use crate::scrape::Scrape;
use crate::server::{Cells, Table};

const TABLE: &str = "information_schema.processlist";

const THREADS: Desc<'_> = Desc::gauge(
    "mysql_info_schema_processlist_threads",
    "Threads of the server, by command and state.",
);
const SECONDS: Desc<'_> = Desc::gauge(
    "mysql_info_schema_processlist_seconds",
    "Seconds for which threads have been in their state, by command and state.",
);
const BY_USER: Desc<'_> =
    Desc::gauge("mysql_info_schema_processlist_processes_by_user", "Threads, by user.");
const BY_HOST: Desc<'_> =
    Desc::gauge("mysql_info_schema_processlist_processes_by_host", "Threads, by client host.");

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(crate) struct Options {
    /// Only threads that have been in their state for as long as this
    #[arg(
        id = "collect.info_schema.processlist.min_time",
        long = "collect.info_schema.processlist.min_time",
        value_name = "SECONDS",
        default_value_t = 0
    )]
    min_time: u32,
    /// Threads by user (default: on)
    #[arg(
        id = "collect.info_schema.processlist.processes_by_user",
        long = "collect.info_schema.processlist.processes_by_user",
        action = clap::ArgAction::SetTrue,
        default_value = "true"
    )]
    by_user: bool,
    /// Threads by client host (default: on)
    #[arg(
        id = "collect.info_schema.processlist.processes_by_host",
        long = "collect.info_schema.processlist.processes_by_host",
        action = clap::ArgAction::SetTrue,
        default_value = "true"
    )]
    by_host: bool,
}

#[derive(Debug)]
pub(crate) struct Processlist {
    options: Options,
}

pub(crate) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    Ok(Box::new(Processlist { options: Options::from_arg_matches(matches)? }))
}

#[async_trait]
impl Collector<Scrape> for Processlist {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let statement = statement(self.options.min_time);
        let table = scrape.query_table(TABLE, &statement, &Privilege::PROCESS).await?;
        push(&table, &self.options, sink)
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        // Threads of others are left out otherwise.
        Privilege::PROCESS.silently().on(scrape.release())
    }
}

/// The port is what is behind the last colon: IPv6 addresses have more of them.
fn statement(min_time: u32) -> String {
    format!(
        "SELECT USER AS user, IF(HOST LIKE '%:%', \
         LEFT(HOST, CHAR_LENGTH(HOST) - LOCATE(':', REVERSE(HOST))), HOST) AS client, \
         COMMAND AS command, STATE AS state, COUNT(*) AS processes, SUM(TIME) AS seconds \
         FROM {TABLE} WHERE ID != CONNECTION_ID() AND TIME >= {min_time} \
         GROUP BY user, client, command, state"
    )
}

fn push(table: &Table, options: &Options, sink: &mut Sink) -> Result<(), CollectError> {
    let mut errors = FirstError::default();
    let (mut by_state, mut by_user, mut by_host) =
        (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for row in table.rows() {
        let text = |column: &str| row.named(&[column]).unwrap_or_default();
        let threads = errors.catch(number(row, "processes")).unwrap_or_default();
        let seconds = errors.catch(number(row, "seconds"));
        let state = (munged(text("command")), munged(text("state")));
        let (count, time) = by_state.entry(state).or_insert((0.0, None));
        *count += threads;
        *time = seconds.map(|seconds| time.unwrap_or_default() + seconds).or(*time);
        *by_user.entry(text("user")).or_insert(0.0) += threads;
        let host = Some(text("client")).filter(|host| !host.is_empty()).unwrap_or("unknown");
        *by_host.entry(host).or_insert(0.0) += threads;
    }
    let states = || {
        by_state.iter().map(|((command, state), sums)| {
            ([("command", command.as_str()), ("state", state.as_str())], sums)
        })
    };
    sink.samples(&THREADS, states().map(|(labels, (threads, _))| (labels, *threads)));
    let seconds = states().filter_map(|(labels, (_, seconds))| Some((labels, (*seconds)?)));
    sink.samples(&SECONDS, seconds);
    let of = |label, counts: BTreeMap<_, f64>| {
        counts.into_iter().map(move |(text, count)| ([(label, text)], count))
    };
    if options.by_user {
        sink.samples(&BY_USER, of("mysql_user", by_user));
    }
    if options.by_host {
        sink.samples(&BY_HOST, of("client_host", by_host));
    }
    errors.into_result().map_err(|error| CollectError::malformed(TABLE, error))
}

fn number(row: Cells<'_>, column: &str) -> Result<Option<f64>, ParseError> {
    let Some(text) = row.named(&[column]) else { return Ok(None) };
    float(text).map_err(|_| ParseError::form(&format!("{column} is no number"), text))
}

/// The reference exporter's form of a command or state.
fn munged(text: &str) -> String {
    if text.is_empty() {
        return "unknown".to_owned();
    }
    let kept = text.chars().filter(|c| !matches!(c, ';' | ',' | ':' | '.' | '(' | ')'));
    let kept = kept.map(|c| if matches!(c, ' ' | '-') { '_' } else { c });
    kept.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;

    const NAMES: [&str; 6] = ["user", "client", "command", "state", "processes", "seconds"];

    fn exposed(rows: &[&[Option<&str>]], by: bool) -> (String, Option<String>) {
        let mut sink = Sink::default();
        let options = Options { min_time: 0, by_user: by, by_host: by };
        let error = push(&Table::of(&NAMES, rows), &options, &mut sink).err();
        let text = testing::text(&sink).replace("mysql_info_schema_processlist_", "");
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        (lines.join("\n"), error.map(|error| error.to_string()))
    }

    #[test]
    fn threads_are_counted_by_state_user_and_host() {
        let (text, error) = exposed(
            &[
                &[
                    Some("app"),
                    Some("10.0.0.7"),
                    Some("Query"),
                    Some("Sending data"),
                    Some("2"),
                    Some("9"),
                ],
                &[
                    Some("web"),
                    Some("2001:db8::5"),
                    Some("Query"),
                    Some("sending-data"),
                    Some("1"),
                    Some("-3"),
                ],
                &[Some("app"), Some(""), Some("Sleep"), Some(""), Some("3"), None],
                &[
                    Some("event_scheduler"),
                    Some("localhost"),
                    Some("Daemon"),
                    None,
                    Some("1"),
                    Some("5"),
                ],
                &[
                    Some("app"),
                    Some("10.0.0.7"),
                    Some("Query"),
                    Some("Waiting; (a.b):"),
                    Some("1"),
                    Some("4294967296"),
                ],
            ],
            true,
        );
        assert_eq!(
            text,
            "threads{command=\"daemon\",state=\"unknown\"} 1\n\
             threads{command=\"query\",state=\"sending_data\"} 3\n\
             threads{command=\"query\",state=\"waiting_ab\"} 1\n\
             threads{command=\"sleep\",state=\"unknown\"} 3\n\
             seconds{command=\"daemon\",state=\"unknown\"} 5\n\
             seconds{command=\"query\",state=\"sending_data\"} 6\n\
             seconds{command=\"query\",state=\"waiting_ab\"} 4294967296\n\
             processes_by_user{mysql_user=\"app\"} 6\n\
             processes_by_user{mysql_user=\"event_scheduler\"} 1\n\
             processes_by_user{mysql_user=\"web\"} 1\n\
             processes_by_host{client_host=\"10.0.0.7\"} 3\n\
             processes_by_host{client_host=\"2001:db8::5\"} 1\n\
             processes_by_host{client_host=\"localhost\"} 1\n\
             processes_by_host{client_host=\"unknown\"} 3"
        );
        assert_eq!(error, None);
    }

    #[test]
    fn a_malformed_number_costs_its_own_sum() {
        let (text, error) = exposed(
            &[
                &[Some("a"), Some("h"), Some("Query"), None, Some("1"), Some("long")],
                &[Some("a"), Some("h"), Some("Query"), None, Some("2"), Some("1.5")],
            ],
            false,
        );
        assert_eq!(
            text,
            "threads{command=\"query\",state=\"unknown\"} 3\n\
             seconds{command=\"query\",state=\"unknown\"} 1.5"
        );
        assert_eq!(error, Some(format!("{TABLE}: seconds is no number: \"long\"")));
        assert_eq!(exposed(&[], true), (String::new(), None));
    }

    #[test]
    fn the_least_time_is_in_the_statement() {
        assert!(statement(7).contains(" AND TIME >= 7 GROUP BY "));
    }

    proptest::proptest! {
        #[test]
        fn no_row_costs_another(
            table in crate::collectors::any_rows_and(&NAMES, &["good", "h", "Good", "x", "7", "8"]),
        ) {
            let mut sink = Sink::default();
            let options = Options { min_time: 0, by_user: true, by_host: true };
            let _ = push(&table, &options, &mut sink);
            let text = testing::text(&sink);
            proptest::prop_assert!(text.contains("_threads{command=\"good\",state=\"x\"} 7\n"), "{text}");
        }
    }
}
