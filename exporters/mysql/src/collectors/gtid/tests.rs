use common::testing;
use proptest::prelude::*;

use super::*;

const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const B: &str = "2f5c6d1a-0000-11ee-8c99-0242ac120002";
const CONNECTION: &str = r#"channel_name="",connection_name="eu",master_host="",master_uuid="""#;

fn pushed(push: impl FnOnce(&mut Sink) -> Result<(), ParseError>) -> (Vec<String>, Option<String>) {
    let mut sink = Sink::default();
    let error = push(&mut sink).err();
    (testing::samples(&sink), error.map(|error| error.to_string()))
}

fn executed(text: &str) -> Table {
    Table::of(&["gtid_executed"], &[&[Some(text)]])
}

fn status(column: &str, text: Option<&str>) -> Table {
    Table::of(&["Connection_name", column], &[&[Some("eu"), text]])
}

#[test]
fn mariadb_has_a_sequence_per_domain() {
    let own = Table::of(
        &["gtid_binlog_pos", "gtid_current_pos", "gtid_slave_pos"],
        &[&[Some("0-1-120,7-3-5"), Some("0-1-120,7-3-5"), Some("")]],
    );
    let (samples, error) = pushed(|sink| push_sequences(&own, sink));
    assert_eq!(
        samples,
        [
            "mysql_gtid_sequence{domain_id=\"0\",position=\"binlog\"} 120",
            "mysql_gtid_sequence{domain_id=\"7\",position=\"binlog\"} 5",
            "mysql_gtid_sequence{domain_id=\"0\",position=\"current\"} 120",
            "mysql_gtid_sequence{domain_id=\"7\",position=\"current\"} 5",
        ]
    );
    assert_eq!(error, None);
}

#[test]
fn mariadb_counts_what_is_received_and_not_applied() {
    let row = ["eu", "0-1-120,7-3-5", "0-1-100,7-4-9,8-1-1"].map(Some);
    let table = Table::of(&["Connection_name", "Gtid_IO_Pos", "Gtid_Slave_Pos"], &[&row]);
    let (samples, error) = pushed(|sink| push_lists(&table, sink));
    let family = format!("mysql_gtid_unapplied_transactions{{{CONNECTION}");
    assert_eq!(
        samples,
        [
            format!("{family},domain_id=\"0\",source_uuid=\"\"}} 20"),
            // The other connection is ahead in this domain.
            format!("{family},domain_id=\"7\",source_uuid=\"\"}} 0"),
        ]
    );
    assert_eq!(error, None);
    // Positions of files are used instead of GTIDs.
    let (samples, error) = pushed(|sink| push_lists(&status("Gtid_IO_Pos", Some("")), sink));
    assert_eq!((samples.len(), error), (0, None));
}

#[test]
fn mysql_counts_the_transactions_of_sets() {
    let own = executed(&format!("{A}:1-100:105,\n{B}:1-7"));
    let (samples, error) = pushed(|sink| push_executed(&own, sink));
    assert_eq!(
        samples,
        [
            format!("mysql_gtid_executed_transactions{{source_uuid=\"{B}\"}} 7"),
            format!("mysql_gtid_executed_transactions{{source_uuid=\"{A}\"}} 101"),
        ]
    );
    assert_eq!(error, None);
    let status = status("Retrieved_Gtid_Set", Some(&format!("{A}:90-110")));
    let (samples, error) = pushed(|sink| push_sets(&status, &own, sink));
    let sample = format!(
        "mysql_gtid_unapplied_transactions{{{CONNECTION},domain_id=\"\",source_uuid=\"{A}\"}} 9"
    );
    assert_eq!((samples, error), (vec![sample], None));
}

#[test]
fn servers_without_gtids_show_none() {
    for text in ["", "\n"] {
        let own = executed(text);
        assert_eq!(pushed(|sink| push_executed(&own, sink)), (vec![], None));
        for received in [None, Some("")] {
            let status = status("Retrieved_Gtid_Set", received);
            assert_eq!(pushed(|sink| push_sets(&status, &own, sink)), (vec![], None));
        }
    }
    let primary = Table::of(&["Connection_name"], &[]);
    assert_eq!(pushed(|sink| push_lists(&primary, sink)), (vec![], None));
}

#[test]
fn half_a_set_is_no_number() {
    let own = executed(&format!("{A}:1-100,{B}"));
    let (samples, error) = pushed(|sink| push_executed(&own, sink));
    assert_eq!((samples.len(), error.is_some()), (0, true));
    let list = Table::of(&["gtid_binlog_pos"], &[&[Some("x,0-1-2")]]);
    let (samples, error) = pushed(|sink| push_sequences(&list, sink));
    assert_eq!((samples.len(), error.is_some()), (1, true));
}

#[test]
fn there_is_a_bound_on_domains_and_servers() {
    let list: Vec<String> = (0..300).map(|domain| format!("{domain}-1-5")).collect();
    let own = Table::of(&["gtid_binlog_pos"], &[&[Some(&list.join(","))]]);
    let (samples, error) = pushed(|sink| push_sequences(&own, sink));
    assert_eq!(samples.len(), MAX_ORIGINS);
    assert_eq!(error.as_deref(), Some("more than 256 domains or servers in a list"));
    let set: Vec<String> = (0..300).map(|n| format!("00000000-0000-0000-0000-{n:012}:1")).collect();
    let (samples, error) = pushed(|sink| push_executed(&executed(&set.join(",")), sink));
    assert_eq!((samples.len(), error.is_some()), (MAX_ORIGINS, true));
}

proptest! {
    #[test]
    fn any_list_is_survived(list in "[-0-9, ]{0,40}|(?s).{0,40}") {
        let own = Table::of(&["gtid_binlog_pos"], &[&[Some(&list)]]);
        let _ = pushed(|sink| push_sequences(&own, sink));
        let _ = pushed(|sink| push_lists(&status("Gtid_IO_Pos", Some(&list)), sink));
        let _ = pushed(|sink| push_sets(&status("Retrieved_Gtid_Set", Some(&list)), &own, sink));
    }
}
