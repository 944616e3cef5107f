use common::testing;
use proptest::prelude::*;

use super::*;

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
fn a_malformed_position_is_reported_and_costs_no_other() {
    let row: &[Option<&str>] = &[Some("db1"), Some("x,0-1-99")];
    let (samples, result) = pushed(&Table::of(&["Master_Host", "Gtid_IO_Pos"], &[row]));
    assert_eq!(samples.len(), 1);
    let error = "SHOW TEST: a position is not domain-server-sequence: \"x\"";
    assert_eq!(result.unwrap_err().to_string(), error);
}

proptest! {
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

#[test]
fn the_columns_of_newer_servers_are_families_too() {
    // MariaDB 11.6 and later; MySQL 8.4 and 9.
    let mariadb: &[(&str, Option<&str>, &str)] = &[
        ("Connection_name", Some("eu"), ""),
        ("Master_last_event_time", Some("2024-02-29 12:00:00"), "1709208000"),
        ("Slave_last_event_time", None, ""),
        ("Master_Slave_time_diff", Some("2"), "2"),
    ];
    let mysql: &[(&str, Option<&str>, &str)] = &[
        ("Source_Host", Some("db1"), ""),
        ("Seconds_Behind_Source", Some("0"), "0"),
        ("Replica_IO_Running", Some("Connecting"), "0"),
        ("Source_SSL_Allowed", Some("No"), "0"),
        ("Auto_Position", Some("1"), "1"),
        ("Get_Source_public_key", Some("0"), "0"),
        ("Executed_Gtid_Set", Some("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5"), ""),
        ("SQL_Remaining_Delay", None, ""),
    ];
    for row in [mariadb, mysql] {
        let columns: Vec<&str> = row.iter().map(|(name, ..)| *name).collect();
        let cells: Vec<Option<&str>> = row.iter().map(|(_, cell, _)| *cell).collect();
        let samples = samples(&Table::of(&columns, &[&cells]));
        let expected = row.iter().filter(|(_, _, value)| !value.is_empty());
        assert_eq!(samples.len(), expected.clone().count(), "{samples:?}");
        for (sample, (column, _, value)) in samples.iter().zip(expected) {
            let name = format!("mysql_slave_status_{}{{", column.to_lowercase());
            assert!(
                sample.starts_with(&name) && sample.ends_with(&format!(" {value}")),
                "{sample}"
            );
        }
    }
}
