use common::testing;
use proptest::prelude::*;

use super::*;
use crate::server::parse_version;

fn version(text: &str) -> Release {
    parse_version(text).unwrap()
}

fn samples(table: &Table) -> Vec<String> {
    pushed(table).0
}

/// The samples, and what was malformed.
fn pushed(table: &Table) -> (Vec<String>, Result<(), CollectError>) {
    let mut sink = Sink::default();
    let result = push(table, &mut sink);
    (testing::samples(&sink), result)
}

#[test]
fn mariadb_has_a_row_per_connection() {
    let table = Table::of(
        &[
            "Connection_name",
            "Slave_IO_State",
            "Master_Host",
            "Slave_IO_Running",
            "Seconds_Behind_Master",
            "Master_Log_File",
            "Gtid_IO_Pos",
            "Gtid_Slave_Pos",
        ],
        &[
            &[
                Some(""),
                Some("Waiting"),
                Some("db1"),
                Some("Yes"),
                Some("3"),
                Some("bin.000012"),
                Some("0-1-100"),
                Some("0-1-99,1-2-7"),
            ],
            &[
                Some("Second"),
                Some("Connecting"),
                Some("db2"),
                Some("Connecting"),
                None,
                Some(""),
                Some(""),
                Some("0-1-99,x,1-2"),
            ],
        ],
    );
    let first = r#"channel_name="",connection_name="",master_host="db1",master_uuid="""#;
    let second = r#"channel_name="",connection_name="Second",master_host="db2",master_uuid="""#;
    assert_eq!(
        samples(&table),
        [
            // The value rule takes this state for a word: so does the reference exporter.
            format!("mysql_slave_status_slave_io_state{{{second}}} 0"),
            format!("mysql_slave_status_slave_io_running{{{first}}} 1"),
            format!("mysql_slave_status_slave_io_running{{{second}}} 0"),
            format!("mysql_slave_status_seconds_behind_master{{{first}}} 3"),
            format!(
                "mysql_slave_status_gtid_io_pos{{{first},domain_id=\"0\",server_id=\"1\"}} 100"
            ),
            format!(
                "mysql_slave_status_gtid_slave_pos{{{first},domain_id=\"0\",server_id=\"1\"}} 99"
            ),
            format!(
                "mysql_slave_status_gtid_slave_pos{{{first},domain_id=\"1\",server_id=\"2\"}} 7"
            ),
            format!(
                "mysql_slave_status_gtid_slave_pos{{{second},domain_id=\"0\",server_id=\"1\"}} 99"
            ),
        ]
    );
}

#[test]
fn mysql_has_a_row_per_channel() {
    let table = Table::of(
        &["Source_Host", "Source_UUID", "Channel_Name", "Replica_SQL_Running"],
        &[&[Some("db1"), Some("3e11fa47"), Some("group \"a\""), Some("Yes")]],
    );
    assert_eq!(
        samples(&table),
        ["mysql_slave_status_replica_sql_running{channel_name=\"group \\\"a\\\"\",\
          connection_name=\"\",master_host=\"db1\",master_uuid=\"3e11fa47\"} 1"]
    );
}

#[test]
fn a_server_that_is_no_replica_has_no_samples() {
    assert!(samples(&Table::of(&["Connection_name", "Master_Host"], &[])).is_empty());
    assert!(samples(&Table::of(&[], &[])).is_empty());
    assert!(samples(&Table::of(&["Master_Host"], &[&[None]])).is_empty());
}

#[test]
fn the_statement_is_chosen_by_version_and_remembered() {
    let collector = SlaveStatus::default();
    let first = |text| collector.candidates(version(text)).next();
    assert_eq!(first("10.11.6-MariaDB"), Some(ALL_SLAVES));
    assert_eq!(first("8.0.36"), Some(SLAVE));
    assert_eq!(first("8.4.0"), Some(REPLICA));
    assert_eq!(first("5.5.62"), Some(SLAVE));
    collector.remember(version("8.4.0"), SLAVE);
    assert_eq!(first("8.4.0"), Some(SLAVE));
    assert_eq!(first("8.4.1"), Some(REPLICA));
    let candidates: Vec<_> = collector.candidates(version("8.4.0")).collect();
    assert_eq!(candidates, [SLAVE, REPLICA, ALL_SLAVES]);
}

#[test]
fn malformed_positions_are_reported_and_cost_no_other() {
    assert_eq!(
        positions("0-1-5, 4294967295-2-18446744073709551615"),
        Partial::whole(vec![
            Position { domain: "0", server: "1", sequence: 5.0 },
            Position { domain: "4294967295", server: "2", sequence: 18_446_744_073_709_551_615.0 },
        ])
    );
    for list in ["0-1", "0-1-", "0-1-x", "0-1-2-3", "a-1-2", "3e11fa47-71ca:1-5"] {
        let list = format!("{list},7-8-9");
        let Partial { good, error } = positions(&list);
        assert_eq!(good, [Position { domain: "7", server: "8", sequence: 9.0 }], "{list}");
        assert!(error.is_some(), "{list}");
    }
    let row: &[Option<&str>] = &[Some("db1"), Some("x,0-1-99")];
    let (samples, result) = pushed(&Table::of(&["Master_Host", "Gtid_IO_Pos"], &[row]));
    assert_eq!(samples.len(), 1);
    let error = "SHOW TEST: a position is not domain-server-sequence: \"x\"";
    assert_eq!(result.unwrap_err().to_string(), error);
    for list in ["", ",", " , "] {
        assert_eq!(positions(list), Partial::whole(vec![]), "{list:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_positions_never_panic(list in "[-0-9, a]{0,40}|(?s).{0,40}") {
        for position in positions(&list).good {
            prop_assert!(position.sequence >= 0.0);
        }
    }

    #[test]
    fn arbitrary_rows_give_legal_lines(
        columns in prop::collection::vec("(?s).{0,12}", 1..5),
        cell in "[0-9]{1,3}|(?s).{0,12}",
    ) {
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let row = vec![Some(cell.as_str()); columns.len()];
        for sample in samples(&Table::of(&columns, &[&row])) {
            prop_assert!(sample.starts_with("mysql_slave_status_"), "{sample}");
        }
    }
}

#[test]
fn a_thread_runs_only_if_it_says_yes() {
    for (word, expected) in
        [("Yes", 1), ("No", 0), ("Preparing", 0), ("Connecting", 0), ("Waiting for x", 0)]
    {
        for column in ["Slave_IO_Running", "Slave_SQL_Running", "Replica_IO_Running"] {
            let table = Table::of(&[column, "Slave_IO_State"], &[&[Some(word), Some("Preparing")]]);
            let samples = samples(&table);
            let name = column.to_ascii_lowercase();
            assert!(samples[0].starts_with(&format!("mysql_slave_status_{name}{{")), "{samples:?}");
            assert!(samples[0].ends_with(&format!(" {expected}")), "{word}: {samples:?}");
            assert_eq!(samples.len(), 1, "the state is a text: {samples:?}");
        }
    }
    let unknown = Table::of(&["Slave_IO_Running"], &[&[None]]);
    assert!(samples(&unknown).is_empty());
}
