use common::testing;
use proptest::prelude::*;

use super::*;

fn exposed(rows: &[(&str, Option<&str>)]) -> String {
    let rows: Vec<[Option<&str>; 2]> =
        rows.iter().map(|(name, value)| [Some(*name), *value]).collect();
    let rows: Vec<&[Option<&str>]> = rows.iter().map(<[_; 2]>::as_slice).collect();
    let table = Table::of(&["Variable_name", "Value"], &rows);
    testing::exposed(|sink| push(&table, sink).unwrap())
}

fn samples(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn groups_take_their_variables_whatever_the_order() {
    let text = exposed(&[
        ("Com_select", Some("7")),
        ("Innodb_buffer_pool_pages_data", Some("10")),
        ("Innodb_buffer_pool_pages_dirty", Some("1")),
        ("Innodb_buffer_pool_pages_flushed", Some("5")),
        ("Innodb_buffer_pool_pages_free", Some("20")),
        ("Innodb_buffer_pool_pages_total", Some("30")),
        ("Innodb_rows_read", Some("3")),
        ("Handler_read_key", Some("4")),
        ("Connection_errors_peer_address", Some("0")),
        ("Performance_schema_mutex_classes_lost", Some("0")),
        ("Com_insert", Some("2")),
    ]);
    assert_eq!(
        samples(&text),
        [
            "mysql_global_status_commands_total{command=\"select\"} 7",
            "mysql_global_status_commands_total{command=\"insert\"} 2",
            "mysql_global_status_handlers_total{handler=\"read_key\"} 4",
            "mysql_global_status_connection_errors_total{error=\"peer_address\"} 0",
            "mysql_global_status_buffer_pool_pages{state=\"data\"} 10",
            "mysql_global_status_buffer_pool_pages{state=\"free\"} 20",
            "mysql_global_status_buffer_pool_dirty_pages 1",
            "mysql_global_status_buffer_pool_page_changes_total{operation=\"flushed\"} 5",
            "mysql_global_status_innodb_row_ops_total{operation=\"read\"} 3",
            "mysql_global_status_performance_schema_lost_total{instrumentation=\
             \"mutex_classes_lost\"} 0",
        ],
        "{text}"
    );
}

#[test]
fn other_variables_are_untyped_families_of_their_own() {
    let text = exposed(&[
        ("Threads_connected", Some("2")),
        ("Compression", Some("OFF")),
        ("Max_memory_used", None),
        ("Ssl_server_not_after", Some("Jan  1 00:00:01 1970 GMT")),
        ("Innodb_buffer_pool_bytes_data", Some("16384")),
        ("Rpl_semi_sync_master_status", Some("ON")),
        ("Slave_open_temp_tables", Some("")),
    ]);
    assert!(
        text.starts_with(
            "# HELP mysql_global_status_threads_connected Server status variable \
             Threads_connected.\n# TYPE mysql_global_status_threads_connected untyped\n\
             mysql_global_status_threads_connected 2\n"
        ),
        "{text}"
    );
    assert_eq!(
        samples(&text)[1..],
        [
            "mysql_global_status_compression 0",
            "mysql_global_status_ssl_server_not_after 1",
            "mysql_global_status_innodb_buffer_pool_bytes_data 16384",
            "mysql_global_status_rpl_semi_sync_master_status 1",
        ]
    );
}

#[test]
fn a_galera_node_tells_who_it_is() {
    let text = exposed(&[
        ("wsrep_local_state_uuid", Some("6e225dc1-e0ac")),
        ("wsrep_cluster_state_uuid", Some("6e225dc1-e0ac")),
        ("wsrep_provider_version", Some("26.4.11(r1)")),
        ("wsrep_evs_repl_latency", Some("0.0002/0.0003/0.0005/0.0001/42")),
        ("wsrep_cluster_status", Some("non-Primary")),
        ("wsrep_ready", Some("ON")),
    ]);
    assert_eq!(
        samples(&text),
        [
            "mysql_global_status_wsrep_cluster_status 0",
            "mysql_global_status_wsrep_ready 1",
            "mysql_galera_status_info{wsrep_cluster_state_uuid=\"6e225dc1-e0ac\",\
             wsrep_local_state_uuid=\"6e225dc1-e0ac\",wsrep_provider_version=\"26.4.11(r1)\"} 1",
            "mysql_galera_evs_repl_latency_min_seconds 0.0002",
            "mysql_galera_evs_repl_latency_avg_seconds 0.0003",
            "mysql_galera_evs_repl_latency_max_seconds 0.0005",
            "mysql_galera_evs_repl_latency_stdev 0.0001",
            "mysql_galera_evs_repl_latency_sample_size 42",
        ],
        "{text}"
    );
}

#[test]
fn a_server_without_galera_has_no_galera_families() {
    let text = exposed(&[("wsrep_local_state_uuid", Some("")), ("wsrep_provider_version", None)]);
    assert_eq!(text, "");
    for latency in ["", "1/2/3/4", "1/2/3/4/5/6", "1/2/x/4/5", "////"] {
        assert_eq!(parse_latency(latency), None, "{latency}");
    }
}

#[test]
fn a_table_of_another_shape_is_an_error() {
    let mut sink = Sink::default();
    let error = push(&Table::of(&["a", "b", "c"], &[]), &mut sink).unwrap_err();
    assert_eq!(error.to_string(), "SHOW TEST: 3 columns instead of 2");
}

proptest! {
    #[test]
    fn any_status_gives_legal_lines(
        rows in prop::collection::vec(
            ("(Com_|Innodb_buffer_pool_pages_|wsrep_)?(?s).{0,12}", "[0-9]{1,3}|(?s).{0,12}"),
            0..20,
        )
    ) {
        let rows: Vec<(&str, Option<&str>)> =
            rows.iter().map(|(name, value)| (name.as_str(), Some(value.as_str()))).collect();
        for sample in samples(&exposed(&rows)) {
            prop_assert!(sample.starts_with("mysql_global_status_"), "{sample}");
        }
    }
}
