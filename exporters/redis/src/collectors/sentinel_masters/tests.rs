use super::*;
use crate::collectors::pushed;

fn list(rows: &[&str]) -> Value {
    let row = |row: &&str| {
        let words = row.split(' ').map(|word| Value::BulkString(word.into()));
        Value::Array(words.collect())
    };
    Value::Array(rows.iter().map(row).collect())
}

#[test]
fn masters_have_settings_and_peers() {
    let mut masters = parse_masters(&list(&[
        "name one ip 10.0.0.1 port 6379 quorum 2 failover-timeout 180000 parallel-syncs 1 \
         down-after-milliseconds 30000 config-epoch 3 last-ok-ping-reply 250",
        "name two ip ::1 port 1 quorum x",
    ]));
    assert_eq!(masters.error, None);
    let sentinels = "ip 10.0.0.9 port 26379 runid abc flags sentinel";
    masters.good[0].peers = parse_peers(&list(&[&format!("name s1 {sentinels}")])).good;
    masters.good[0].has_quorum = Some((false, "NOQUORUM 1 usable".into()));
    let text = pushed("", |_, sink| push(&masters.good, true, sink));
    let one = "master_name=\"one\",master_address=\"10.0.0.1:6379\"";
    for line in [
        format!("\nredis_sentinel_master_setting_ckquorum{{{one}}} 2\n"),
        format!("\nredis_sentinel_master_setting_failover_timeout{{{one}}} 180000\n"),
        format!("\nredis_sentinel_master_last_ok_ping_reply_seconds{{{one}}} 0.25\n"),
        "\nredis_sentinel_master_ckquorum_status{master_name=\"one\",\
         message=\"NOQUORUM 1 usable\"} 0\n"
            .to_owned(),
        format!(
            "\nredis_sentinel_peer_info{{{one},name=\"s1\",ip=\"10.0.0.9\",port=\"26379\",\
             runid=\"abc\",flags=\"sentinel\"}} 1\n"
        ),
    ] {
        assert!(text.contains(&line), "{line}{text}");
    }
    assert!(!text.contains("ok_slaves") && !text.contains("ok_sentinels"), "{text}");
    assert!(!text.contains("ckquorum{master_name=\"two\""), "{text}");
    let without = pushed("", |_, sink| push(&masters.good, false, sink));
    assert!(!without.contains("peer_info"), "{without}");
}

#[test]
fn a_malformed_row_costs_no_other() {
    let masters = parse_masters(&list(&["name one", "name two ip a port 1"]));
    assert_eq!((masters.good.len(), masters.error.is_some()), (1, true));
    assert!(parse_peers(&list(&["name a"])).error.is_some());
    assert!(parse_peers(&Value::Nil).error.is_some());
}

#[test]
fn peers_that_are_down_do_not_count() {
    let flags = ["slave", "s_down,slave", "o_down,slave,disconnected", "slave,disconnected"];
    let rows = flags.map(|flags| format!("name a flags {flags}"));
    let peers = parse_peers(&list(&rows.each_ref().map(String::as_str))).good;
    assert_eq!(peers.iter().filter(|peer| peer.is_ok()).count(), 2);
}

#[test]
fn only_the_sentinels_own_verdict_counts_for_the_quorum() {
    let refused = |words: &str| Err(CollectError::query("SENTINEL CKQUORUM", &words));
    assert_eq!(
        read_quorum(Ok(Value::SimpleString("OK 3 usable".into()))).unwrap(),
        (true, "OK 3 usable".into())
    );
    assert_eq!(read_quorum(refused("NOQUORUM 1")).unwrap(), (false, "NOQUORUM 1".into()));
    for other in ["NOPERM no permissions", "timed out", "ERR No such master with that name"] {
        assert!(read_quorum(refused(other)).is_err(), "{other}");
    }
    assert!(read_quorum(Ok(Value::Nil)).is_err());
}

proptest::proptest! {
    #[test]
    fn any_reply_is_survived(text in "(\\*[0-4] |:[0-9]{1,3} |\\+(name|ip|port|flags) |\\$-1 ){1,9}") {
        if let Ok(reply) = redis::parse_redis_value(text.replace(' ', "\r\n").as_bytes()) {
            let _ = (parse_masters(&reply), parse_peers(&reply));
        }
    }
}
