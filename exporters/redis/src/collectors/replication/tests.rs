use super::*;
use crate::collectors::pushed;

fn info(lines: &str) -> Info {
    Info::new(format!("# Replication\r\n{lines}"))
}

fn text(lines: &str) -> String {
    pushed(&format!("# Replication\r\n{lines}"), |info, sink| {
        let Partial { good, error } = parse(info);
        assert_eq!(error, None);
        push(&good, sink);
    })
}

#[test]
fn a_replica_shows_its_link() {
    let text = text(
        "role:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\nmaster_link_status:down\r\n\
         master_last_io_seconds_ago:-1\r\nmaster_sync_in_progress:0\r\n\
         slave_read_repl_offset:14\r\nslave_repl_offset:14\r\nslave_priority:100\r\n\
         slave_read_only:1\r\nconnected_slaves:0\r\nmaster_replid:abc\r\n",
    );
    let labels = "{master_host=\"10.0.0.1\",master_port=\"6379\"";
    for line in [
        format!("\nredis_master_link_up{labels}}} 0\n"),
        format!("\nredis_master_last_io_seconds_ago{labels}}} -1\n"),
        format!("\nredis_master_sync_in_progress{labels}}} 0\n"),
        format!("\nredis_slave_repl_offset{labels}}} 14\n"),
        format!("\nredis_slave_info{labels},read_only=\"1\"}} 1\n"),
    ] {
        assert!(text.contains(&line), "{line}{text}");
    }
}

#[test]
fn a_master_shows_its_replicas() {
    let text = text(
        "role:master\r\nconnected_slaves:2\r\n\
         slave0:ip=10.0.0.2,port=6379,state=online,offset=42,lag=1\r\n\
         slave1:ip=::1,port=6380,state=wait_bgsave,offset=0\r\nmaster_repl_offset:42\r\n",
    );
    let first = "{slave_ip=\"10.0.0.2\",slave_port=\"6379\",slave_state=\"online\"}";
    let second = "{slave_ip=\"::1\",slave_port=\"6380\",slave_state=\"wait_bgsave\"}";
    for line in [
        format!("\nredis_connected_slave_offset_bytes{first} 42\n"),
        format!("\nredis_connected_slave_lag_seconds{first} 1\n"),
        format!("\nredis_connected_slave_offset_bytes{second} 0\n"),
    ] {
        assert!(text.contains(&line), "{line}{text}");
    }
    assert!(!text.contains(&format!("lag_seconds{second}")), "{text}");
    assert!(!text.contains("redis_slave_info"), "{text}");
}

#[test]
fn keydb_has_several_masters() {
    let info = info(
        "role:active-replica\r\nmaster_host:a\r\nmaster_port:1\r\nmaster_link_status:up\r\n\
         slave_repl_offset:5\r\nmaster_1_host:b\r\nmaster_1_port:2\r\n\
         master_1_link_status:down\r\nmaster_1_sync_in_progress:1\r\n",
    );
    let Partial { good: roles, error } = parse(&info);
    assert_eq!(error, None);
    let first = Link { is_up: Some(1.0), offset: Some(5.0), ..Link::default() };
    let second = Link { is_up: Some(0.0), is_syncing: Some(1.0), ..Link::default() };
    assert_eq!(
        roles.masters,
        [
            Master { host: "a", port: "1", link: first },
            Master { host: "b", port: "2", link: second }
        ]
    );
}

#[test]
fn kvrocks_does_not_say_the_state_of_its_replicas() {
    let text = text("role:master\r\nslave0:ip=10.0.0.13,port=6666,offset=11935,lag=10\r\n");
    let labels = "{slave_ip=\"10.0.0.13\",slave_port=\"6666\",slave_state=\"\"}";
    for line in [
        format!("\nredis_connected_slave_offset_bytes{labels} 11935\n"),
        format!("\nredis_connected_slave_lag_seconds{labels} 10\n"),
    ] {
        assert!(text.contains(&line), "{line}{text}");
    }
}

#[test]
fn every_word_for_a_replica_names_its_masters() {
    let dragonfly = text(
        "role:replica\r\nmaster_host:dfly-master\r\nmaster_port:6379\r\n\
         master_link_status:down\r\nmaster_last_io_seconds_ago:11407\r\n\
         master_sync_in_progress:0\r\nslave_read_only:1\r\n",
    );
    let labels = "{master_host=\"dfly-master\",master_port=\"6379\"";
    for line in [
        format!("\nredis_slave_info{labels},read_only=\"1\"}} 1\n"),
        format!("\nredis_master_link_up{labels}}} 0\n"),
        format!("\nredis_master_last_io_seconds_ago{labels}}} 11407\n"),
    ] {
        assert!(dragonfly.contains(&line), "{line}{dragonfly}");
    }
    let keydb = text(
        "role:active-replica\r\nmaster_host:a\r\nmaster_port:1\r\nmaster_1_host:b\r\n\
         master_1_port:2\r\nslave_read_only:0\r\n",
    );
    for (host, port) in [("a", 1), ("b", 2)] {
        let labels = format!("master_host=\"{host}\",master_port=\"{port}\",read_only=\"0\"");
        assert!(keydb.contains(&format!("\nredis_slave_info{{{labels}}} 1\n")), "{keydb}");
    }
    // A former replica may still name its master.
    let promoted = text("role:master\r\nmaster_host:a\r\nmaster_port:1\r\n");
    assert!(!promoted.contains("slave_info"), "{promoted}");
}

#[test]
fn keydb_names_its_masters_in_lines_of_their_own() {
    let text = text(
        "role:active-replica\r\nMaster 0:\r\nmaster_host:fe80::1%eth0\r\nmaster_port:1\r\n\
         master_link_status:up\r\nmaster_sync_left_bytes:-1065039834\r\nMaster 1:\r\n\
         master_1_host:b\r\nmaster_1_port:2\r\nmaster_1_link_status:up\r\nMaster 2:\r\n\
         master_2_host:c\r\nmaster_2_port:3\r\nmaster_2_link_status:down\r\n",
    );
    for (host, port, is_up) in [("fe80::1%eth0", 1, 1), ("b", 2, 1), ("c", 3, 0)] {
        let labels = format!("{{master_host=\"{host}\",master_port=\"{port}\"}}");
        assert!(text.contains(&format!("\nredis_master_link_up{labels} {is_up}\n")), "{text}");
    }
}

#[test]
fn each_connection_of_a_replica_has_its_line() {
    let text = text(
        "role:master\r\n\
         slave0:ip=10.0.0.2,port=6379,state=online,offset=42,lag=1,type=main-channel\r\n\
         slave1:ip=10.0.0.2,port=6379,state=wait_bgsave,offset=0,lag=0,type=rdb-channel\r\n",
    );
    for (state, offset) in [("online", 42), ("wait_bgsave", 0)] {
        let labels = format!("slave_ip=\"10.0.0.2\",slave_port=\"6379\",slave_state=\"{state}\"");
        let line = format!("\nredis_connected_slave_offset_bytes{{{labels}}} {offset}\n");
        assert!(text.contains(&line), "{line}{text}");
    }
}

#[test]
fn replicas_that_announce_one_address_make_one_series() {
    let line = "ip=127.0.0.1,port=6379,state=online,offset=5,lag=0\r\n";
    let text = text(&format!("role:master\r\nslave0:{line}slave1:{line}slave2:{line}"));
    assert_eq!(text.matches("\nredis_connected_slave_offset_bytes{").count(), 1, "{text}");
    assert_eq!(text.matches("\nredis_connected_slave_lag_seconds{").count(), 1, "{text}");
}

#[test]
fn malformed_lines_are_reported_and_cost_no_other() {
    for line in [
        "slave1:ip=a,port=1,state=online",
        "slave1:ip=a,port=1,state=online,offset=x",
        "slave1:",
        "master_last_io_seconds_ago:never",
        "slave_repl_offset:",
    ] {
        let lines = format!("{line}\r\nslave0:ip=b,port=1,state=online,offset=1,lag=0\r\n");
        let info = info(&lines);
        let Partial { good, error } = parse(&info);
        assert_eq!(good.replicas.len(), 1, "{line}");
        assert!(error.is_some(), "{line}");
    }
}

#[test]
fn a_malformed_part_costs_no_other() {
    let info = info("slave0:ip=a,port=1,state=online,offset=x,lag=2,more\r\n");
    let Partial { good, error } = parse(&info);
    let progress = Progress { offset: None, lag: Some(2.0) };
    assert_eq!(good.replicas, [Replica { ip: "a", port: "1", state: "online", progress }]);
    assert_eq!(error.unwrap().to_string(), "offset of slave0 is no number: \"x\"");
}

proptest::proptest! {
    #[test]
    fn any_text_is_survived(
        lines in "((master_|slave)([0-9]_?)?(host|port|link_status)?:[a-z=,0-9é]{0,20}\n)*"
    ) {
        let info = info(&lines);
        let roles = parse(&info).good;
        pushed("", |_, sink| push(&roles, sink));
    }
}
