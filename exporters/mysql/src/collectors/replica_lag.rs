//! Lag and state of each connection to a primary, also while the server knows no lag. Not in
//! the reference, whose `seconds_behind_master` is absent while replication is stopped, so that
//! no alert on it fires.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, parse_number};
use common::exposition::{LabelSet, Sink};
use common::metric::Desc;

use crate::grant::Needs;
use crate::privilege::Privilege;
use crate::replica_status::labels;
use crate::scrape::Scrape;
use crate::server::{Cells, Table};

const LAG: Desc<'_> = Desc::gauge(
    "mysql_replica_lag_seconds",
    "Seconds that a replica is behind its primary; +Inf while replication does not run, of which the server knows no lag.",
);

const STATE: Desc<'_> =
    Desc::gauge("mysql_replica_state", "1 for the state that replication is in, 0 for all others.");

const LAG_COLUMNS: &[&str] = &["Seconds_Behind_Master", "Seconds_Behind_Source"];

/// One of the two threads of replication, by its columns.
struct Thread {
    runs: &'static [&'static str],
    error: &'static [&'static str],
}

const THREADS: [Thread; 2] = [
    Thread { runs: &["Slave_IO_Running", "Replica_IO_Running"], error: &["Last_IO_Errno"] },
    Thread { runs: &["Slave_SQL_Running", "Replica_SQL_Running"], error: &["Last_SQL_Errno"] },
];

/// How replication goes, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// Both threads run.
    Running,
    /// The one that receives is about to connect.
    Connecting,
    /// A thread was stopped, or never started.
    Stopped,
    /// A thread does not run because of an error.
    Failed,
}

const STATES: [(State, &str); 4] = [
    (State::Connecting, "connecting"),
    (State::Failed, "failed"),
    (State::Running, "running"),
    (State::Stopped, "stopped"),
];

impl State {
    fn of(row: Cells<'_>) -> Option<Self> {
        let mut worst = Self::Running;
        for thread in THREADS {
            let has_error = row.named(thread.error).is_some_and(|number| number != "0");
            let state = match row.named(thread.runs)? {
                "Yes" => Self::Running,
                _ if has_error => Self::Failed,
                "No" => Self::Stopped,
                // Connecting, or Preparing on MariaDB.
                _ => Self::Connecting,
            };
            worst = worst.max(state);
        }
        Some(worst)
    }
}

#[derive(Debug)]
pub(super) struct ReplicaLag;

#[async_trait]
impl Collector<Scrape> for ReplicaLag {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let table = scrape.replica_status().await?;
        push(table, sink).map_err(|error| table.malformed(error))
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        Privilege::REPLICA_STATUS.on(scrape.release())
    }
}

fn push(table: &Table, sink: &mut Sink) -> Result<(), ParseError> {
    let rows: Vec<(LabelSet, Cells<'_>)> = table.rows().map(|row| (labels(row), row)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let mut errors = FirstError::default();
    if LAG_COLUMNS.iter().all(|column| table.position(column).is_none()) {
        errors.catch(Err::<Option<()>, _>(ParseError::Missing { field: "Seconds_Behind_Master" }));
    } else {
        let mut family = sink.family(&LAG);
        for (labels, row) in &rows {
            let lag = row.named(LAG_COLUMNS).map_or(Ok(f64::INFINITY), |text| {
                parse_number("Seconds_Behind_Master", Some(text))
            });
            if let Some(lag) = errors.catch(lag.map(Some)) {
                family.sample(labels, lag);
            }
        }
    }
    let mut family = sink.family(&STATE);
    for (labels, row) in &rows {
        let Some(state) = State::of(*row) else {
            errors.catch(Err::<Option<()>, _>(ParseError::Missing { field: "Slave_IO_Running" }));
            continue;
        };
        for (known, name) in STATES {
            let value = f64::from(u8::from(known == state));
            family.sample(&(labels, [("state", name)]), value);
        }
    }
    drop(family);
    errors.into_result()
}

#[cfg(test)]
mod tests {
    use common::testing;
    use proptest::prelude::*;

    use super::*;

    const COLUMNS: &[&str] = &[
        "Connection_name",
        "Slave_IO_Running",
        "Slave_SQL_Running",
        "Last_IO_Errno",
        "Last_SQL_Errno",
        "Seconds_Behind_Master",
    ];

    fn pushed(columns: &[&str], rows: &[&[Option<&str>]]) -> (Vec<String>, Option<String>) {
        let mut sink = Sink::default();
        let error = push(&Table::of(columns, rows), &mut sink).err();
        (testing::samples(&sink), error.map(|error| error.to_string()))
    }

    /// Lag and state of one row.
    fn shown(io: &str, sql: &str, errors: [&str; 2], lag: Option<&str>) -> (String, String) {
        let row = [Some("eu"), Some(io), Some(sql), Some(errors[0]), Some(errors[1]), lag];
        let (samples, error) = pushed(COLUMNS, &[&row]);
        assert_eq!((samples.len(), error), (5, None));
        let labels = r#"channel_name="",connection_name="eu",master_host="",master_uuid="""#;
        let lag = samples[0].strip_prefix(&format!("mysql_replica_lag_seconds{{{labels}}} "));
        let start = format!("mysql_replica_state{{{labels},state=\"");
        let set: Vec<&str> = samples[1..]
            .iter()
            .filter_map(|sample| sample.strip_prefix(&start)?.strip_suffix("\"} 1"))
            .collect();
        (lag.unwrap().to_owned(), set.join(" "))
    }

    #[test]
    fn the_lag_is_infinite_while_the_server_knows_none() {
        let shown = |io, sql, errors, lag| {
            let (lag, state) = shown(io, sql, errors, lag);
            format!("{lag} {state}")
        };
        let none = ["0", "0"];
        assert_eq!(shown("Yes", "Yes", none, Some("3")), "3 running");
        assert_eq!(shown("Yes", "Yes", none, None), "+Inf running");
        assert_eq!(shown("Connecting", "Yes", none, None), "+Inf connecting");
        assert_eq!(shown("Preparing", "Yes", none, None), "+Inf connecting");
        assert_eq!(shown("Connecting", "Yes", ["2003", "0"], None), "+Inf failed");
        assert_eq!(shown("Yes", "No", none, None), "+Inf stopped");
        assert_eq!(shown("No", "No", none, None), "+Inf stopped");
        assert_eq!(shown("Yes", "No", ["0", "1062"], None), "+Inf failed");
        assert_eq!(shown("Connecting", "No", none, None), "+Inf stopped");
        // An error that is over.
        assert_eq!(shown("Yes", "Yes", ["2003", "0"], Some("0")), "0 running");
    }

    #[test]
    fn mysql_has_other_words() {
        let columns = [
            "Source_Host",
            "Source_UUID",
            "Channel_Name",
            "Replica_IO_Running",
            "Replica_SQL_Running",
            "Seconds_Behind_Source",
        ];
        let row = ["db1", "3e11fa47", "a", "Yes", "Yes", "86400"].map(Some);
        let (samples, error) = pushed(&columns, &[&row]);
        assert_eq!(
            samples[0],
            "mysql_replica_lag_seconds{channel_name=\"a\",connection_name=\"\",\
             master_host=\"db1\",master_uuid=\"3e11fa47\"} 86400"
        );
        assert_eq!((samples.len(), error), (5, None));
    }

    #[test]
    fn a_primary_shows_nothing_and_an_unknown_form_is_an_error() {
        assert_eq!(pushed(COLUMNS, &[]), (vec![], None));
        let (samples, error) = pushed(&["Connection_name"], &[&[Some("eu")]]);
        assert_eq!(
            (samples.len(), error.as_deref()),
            (0, Some("Seconds_Behind_Master is missing"))
        );
        let (samples, error) =
            pushed(&["Seconds_Behind_Master", "Slave_IO_Running"], &[&[Some("x"), Some("Yes")]]);
        assert!(samples.is_empty() && error.is_some_and(|error| error.contains("\"x\"")));
    }

    proptest! {
        #[test]
        fn any_row_is_shown_or_reported(cell in "[0-9]{0,3}|Yes|No|(?s).{0,12}") {
            let row = vec![Some(cell.as_str()); COLUMNS.len()];
            let (samples, error) = pushed(COLUMNS, &[&row]);
            prop_assert_eq!(samples.len() == 5, error.is_none());
        }
    }
}
