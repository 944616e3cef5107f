use super::*;
use crate::collectors::pushed;
use crate::fields::{COUNTERS, GAUGES};

/// Captured from redis-server 7.0.15 as Debian packages it.
const REDIS_7_0: &str = include_str!("../../../fixtures/redis-7.0.15.txt");
/// Written from the documentation of the servers.
const REDIS_6_0: &str = include_str!("../../../fixtures/redis-6.0.txt");
const VALKEY_8: &str = include_str!("../../../fixtures/valkey-8.1.txt");
const KEYDB_6: &str = include_str!("../../../fixtures/keydb-6.3.txt");
const DRAGONFLY_1: &str = include_str!("../../../fixtures/dragonfly-1.35.txt");

fn collector() -> InfoFields {
    InfoFields::new(Options { includes_system: false })
}

fn text(info: &str) -> String {
    pushed(info, |info, sink| collector().push(info, sink).unwrap())
}

#[test]
fn tables_are_sorted_for_the_search_and_name_each_family_once() {
    for table in [GAUGES, COUNTERS] {
        assert!(table.is_sorted_by(|one, other| one.key < other.key));
    }
    let mut names: Vec<&str> = GAUGES.iter().chain(COUNTERS).map(|known| known.desc.name).collect();
    names.sort_unstable();
    assert!(names.is_sorted_by(|one, other| one < other));
    assert_eq!((GAUGES.len(), COUNTERS.len()), (186, 86));
}

#[test]
fn the_documentation_lists_every_family() {
    let readme = include_str!("../../../README.md");
    for known in GAUGES.iter().chain(COUNTERS) {
        assert!(readme.contains(&format!("`{}`", known.desc.name)), "{}", known.desc.name);
    }
}

#[test]
fn redis_7_0_has_gauges_and_counters() {
    let text = text(REDIS_7_0);
    for line in [
        "\n# TYPE redis_memory_used_bytes gauge\nredis_memory_used_bytes 990776\n",
        "\nredis_mem_fragmentation_ratio 7.73\n",
        "\nredis_rdb_last_bgsave_status 1\n",
        "\nredis_rdb_last_bgsave_duration_sec -1\n",
        "\n# TYPE redis_rdb_saves_total gauge\n",
        "\n# TYPE redis_commands_processed_total counter\nredis_commands_processed_total 4\n",
        "\nredis_cpu_sys_seconds_total 0.008044\n",
        "\nredis_cluster_enabled 0\n",
        "\nredis_start_time_seconds 1795492414\n",
        "\nredis_latest_fork_seconds 0.000456\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    for absent in ["total_system_memory", "lru_clock", "cmdstat", "db0", "tcp_port", "_human"] {
        assert!(!text.contains(absent), "{absent}");
    }
}

#[test]
fn the_hosts_memory_is_shown_where_asked_for() {
    let collector = InfoFields::new(Options { includes_system: true });
    let text = pushed(REDIS_7_0, |info, sink| collector.push(info, sink).unwrap());
    assert!(text.contains("\nredis_total_system_memory_bytes 25276510208\n"), "{text}");
}

#[test]
fn older_and_other_servers_have_what_they_tell() {
    let redis_6_0 = text(REDIS_6_0);
    assert!(redis_6_0.contains("\nredis_connected_clients 1\n"), "{redis_6_0}");
    assert!(!redis_6_0.contains("number_of_functions"), "{redis_6_0}");
    let valkey = text(VALKEY_8);
    assert!(valkey.contains("\nredis_active_time_main_thread_seconds_total 0.5\n"), "{valkey}");
    let thread = "\nredis_active_time_io_thread_seconds_total{thread=\"1\"} 0.25\n";
    assert!(valkey.contains(thread), "{valkey}");
    let keydb = text(KEYDB_6);
    assert!(keydb.contains("\nredis_server_threads_total 2\n"), "{keydb}");
    assert!(keydb.contains("\n# TYPE redis_cached_keys_total counter\n"), "{keydb}");
    let dragonfly = text(DRAGONFLY_1);
    assert!(dragonfly.contains("\nredis_memory_used_bytes 4194304\n"), "{dragonfly}");
}

#[test]
fn certificates_and_engines_are_told_apart_by_labels() {
    let text = pushed(
        "# TLS\r\ntls_ca_cert_serial:none\r\ntls_server_cert_serial:01A2\r\n\
         tls_server_cert_expires_in_seconds:47\r\n# Scripting Engines\r\nengines_count:3\r\n\
         engine_0:name=LUA,module=built-in,abi_version=4,used_memory=20,memory_overhead=-\r\n\
         engine_1:memory_overhead=31,name=JS\r\nengine_2:x\r\nengine_x:1\r\n",
        |info, sink| {
            let error = collector().push(info, sink).unwrap_err();
            assert_eq!(error.to_string(), "memory_overhead of engine_0 is no number: \"-\"");
        },
    );
    let (lua, js) = (
        "{engine=\"LUA\",module=\"built-in\",abi_version=\"4\"}",
        "{engine=\"JS\",module=\"\",abi_version=\"\"}",
    );
    for line in [
        "\nredis_tls_certificate_info{certificate=\"ca\",serial=\"none\"} 1\n".to_owned(),
        "\nredis_tls_certificate_info{certificate=\"server\",serial=\"01A2\"} 1\n".to_owned(),
        "\nredis_tls_server_cert_expires_in_seconds 47\n".to_owned(),
        "\nredis_scripting_engines_count 3\n".to_owned(),
        format!("\nredis_scripting_engine_info{lua} 1\n"),
        format!("\nredis_scripting_engine_info{js} 1\n"),
        format!("\nredis_scripting_engine_memory_used_bytes{lua} 20\n"),
        format!("\nredis_scripting_engine_memory_overhead_bytes{js} 31\n"),
    ] {
        assert!(text.contains(&line), "{line}{text}");
    }
    assert_eq!(text.matches("redis_scripting_engine_info{").count(), 2, "{text}");
}

#[test]
fn numbers_out_of_the_ordinary_are_kept() {
    let text = text(
        "# Memory\r\nmem_fragmentation_ratio:-nan\r\nmem_fragmentation_bytes:-1065039834\r\n\
         used_memory_rss:18446744073709551612\r\nallocator_frag_ratio:inf\r\n",
    );
    for line in [
        "\nredis_mem_fragmentation_ratio NaN\n",
        "\nredis_mem_fragmentation_bytes -1065039834\n",
        "\nredis_memory_used_rss_bytes 1.8446744073709552e+19\n",
        "\nredis_allocator_frag_ratio +Inf\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
}

#[test]
fn the_start_is_taken_from_the_servers_clock_where_it_tells_it() {
    let now = UNIX_EPOCH + std::time::Duration::from_millis(1_000_900);
    let start = |text: &str| start_time(&Info::new(text.into()), now);
    assert_eq!(start("server_time_usec:500999999\nuptime_in_seconds:100"), Some(400.0));
    assert_eq!(start("uptime_in_seconds:100"), Some(900.0));
    assert_eq!(start("server_time_usec:500999999"), None);
    // Where our clock is before the epoch, only the server's counts.
    let early = UNIX_EPOCH - std::time::Duration::from_secs(5);
    let start = |text: &str| start_time(&Info::new(text.into()), early);
    assert_eq!(start("server_time_usec:500999999\nuptime_in_seconds:100"), Some(400.0));
    assert_eq!(start("uptime_in_seconds:100"), None);
}

#[test]
fn a_field_that_is_no_number_is_reported_and_costs_no_other() {
    let text = pushed("maxmemory:2gb\r\nused_memory:7\r\nnew_field:x", |info, sink| {
        let error = collector().push(info, sink).unwrap_err();
        assert_eq!(error.to_string(), "maxmemory has an unexpected value: \"2gb\"");
    });
    assert!(text.ends_with("redis_memory_used_bytes 7\n"), "{text}");
}

#[test]
fn a_truncated_answer_keeps_its_whole_lines() {
    let half = &REDIS_7_0[..REDIS_7_0.find("used_memory_rss:").unwrap() + 9];
    assert!(text(half).contains("\nredis_memory_used_bytes 990776\n"));
}

proptest::proptest! {
    #[test]
    fn any_text_is_survived(info in "((# [A-Z][a-z]{0,3}|used_memory|cluster_[a-z-]{0,3}|engine_[0-9]):?[0-9a-zé.,=-]{0,9}\n)*") {
        pushed(&info, |info, sink| { let _ = collector().push(info, sink); });
    }
}
