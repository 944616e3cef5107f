//! Servers that answer what no server should: slowly, in part, without end, or with an error at
//! any step. None is a real one.

#![expect(clippy::unwrap_used, clippy::panic, reason = "part of the tests")]

mod support;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use support::stub::{Answers, Reply, bulk, find, list, serve, serve_by};
use support::{EVERY_COLLECTOR as FLAGS, Running, assert_line, start};
use tests::program::Program;
use tests::served::Served;

const PROGRAM: Program = Program {
    name: "redis-exporter",
    path: env!("CARGO_BIN_EXE_redis-exporter"),
    listen: "-web.listen-address=127.0.0.1:",
    usage_exit_code: 2,
};

/// Memory that a reply may take beyond that of a process which has answered scrapes.
const MAX_GROWTH_KIB: u64 = 32 * 1024;

/// Commands, the step or collectors that ask them, and what a server in good order says.
fn answers() -> Answers {
    let info = "# Server\r\nredis_version:7.0.15\r\nvalkey_version:8.1.0\r\n\
                server_time_usec:1700000000000000\r\n\
                # Clients\r\nconnected_clients:7\r\n# Replication\r\nrole:master\r\n\
                # Cluster\r\ncluster_enabled:1\r\n# Keyspace\r\ndb0:keys=3,expires=0,avg_ttl=0\r\n";
    let client = "id=3 addr=10.0.0.9:4000 laddr=10.0.0.1:6379 fd=8 name= age=1 idle=0 flags=N db=0";
    let stream = list("length 1 groups 1 last-generated-id 5-1");
    vec![
        ("AUTH", "+OK\r\n".into()),
        ("SELECT", "+OK\r\n".into()),
        ("PING", "+PONG\r\n".into()),
        ("INFO MODULES", bulk("# Modules\r\nmodule:name=search,ver=1\r\n")),
        ("INFO", bulk(info)),
        ("CLIENT SETNAME", "+OK\r\n".into()),
        ("CLIENT LIST", bulk(client)),
        ("CONFIG GET", list("maxclients 10000 maxmemory 5 databases 16")),
        ("SLOWLOG LEN", ":3\r\n".into()),
        ("SLOWLOG GET", "*1\r\n*4\r\n:14\r\n:1309448221\r\n:15000\r\n*1\r\n$4\r\nping\r\n".into()),
        ("LATENCY LATEST", "*1\r\n*4\r\n+fork\r\n:1405067976\r\n:251\r\n:1001\r\n".into()),
        ("LATENCY HISTOGRAM", "*0\r\n".into()),
        ("COMMANDLOG LEN", ":2\r\n".into()),
        ("CLUSTER INFO", bulk("cluster_state:ok\r\ncluster_size:3\r\n")),
        ("FT._LIST", list("idx")),
        ("FT.INFO", list("index_name idx num_docs 10")),
        ("SERVER EXT", list("tile38_num_points 12")),
        ("SCAN", format!("*2\r\n$1\r\n0\r\n{}", list("k1 k2 k3"))),
        ("TYPE K1", "+string\r\n".into()),
        ("TYPE K2", "+list\r\n".into()),
        ("TYPE K3", "+string\r\n".into()),
        ("MEMORY USAGE", ":56\r\n".into()),
        ("STRLEN", ":2\r\n".into()),
        ("LLEN", ":9\r\n".into()),
        ("GETRANGE K1", bulk("17")),
        ("GET K1", bulk("17")),
        ("GETRANGE K3", bulk("HYLL")),
        ("PFCOUNT K3", ":4\r\n".into()),
        ("XINFO STREAM", stream),
        ("XINFO GROUPS", format!("*1\r\n{}", list("name g consumers 1 pending 2"))),
        ("XINFO CONSUMERS", format!("*1\r\n{}", list("name c pending 2 idle 1000"))),
        ("EVAL", "*3\r\n$1\r\n0\r\n*1\r\n*3\r\n$1\r\nk\r\n:3\r\n:168\r\n$-1\r\n".into()),
    ]
}

/// What `step` gets is `reply`, everything else what a server in good order says.
async fn serve_but(step: &'static str, reply: Reply) -> SocketAddr {
    let answers = answers();
    serve_by(move |command| {
        if command.to_ascii_uppercase().starts_with(step) {
            reply.clone()
        } else {
            find(&answers, command)
        }
    })
    .await
}

fn exporter_of(server: SocketAddr) -> Running {
    let address = format!("-redis.addr=redis://me:hunter2@{server}/1");
    start(&[&[address.as_str()], FLAGS].concat())
}

/// The sample lines about the server.
fn about_server(body: &str) -> BTreeSet<&str> {
    let is_own = |line: &&str| {
        !line.starts_with("redis_exporter_") && !line.contains("scrape_duration_milliseconds")
    };
    body.lines().filter(|line| line.starts_with("redis_")).filter(is_own).collect()
}

/// Names and labels of all samples.
fn series(body: &str) -> BTreeSet<&str> {
    let lines = body.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.rsplit_once(' ')?.0)).collect()
}

/// Steps without which there are no metrics.
const VITAL: [&str; 3] = ["AUTH", "SELECT", "INFO"];

#[tokio::test]
async fn a_server_in_good_order_has_all_of_it() {
    let body = exporter_of(serve(answers()).await).scrape().await.unwrap();
    for line in [
        "redis_up 1",
        "redis_key_size{db=\"db0\",key=\"k3\"} 4",
        "redis_stream_group_consumer_messages_pending{db=\"db0\",stream=\"s\",group=\"g\",consumer=\"c\"} 2",
        "redis_key_group_count{db=\"db0\",key_group=\"k\"} 3",
        "redis_keys_count{db=\"db0\",key=\"k*\"} 3",
        "redis_tile38_num_points_total 12",
    ] {
        assert_line(&body, line);
    }
    assert!(!body.contains("collector_success{collector=\"keys\"} 0"), "{body}");
    let failed = body.lines().filter(|line| line.starts_with("redis_exporter_collector_success"));
    let failed: Vec<&str> = failed.filter(|line| line.ends_with(" 0")).collect();
    assert!(failed.is_empty(), "{failed:?}");
}

#[tokio::test]
async fn an_error_at_any_step_shifts_no_value_and_makes_no_series() {
    let good = exporter_of(serve(answers()).await).scrape().await.unwrap();
    let good = about_server(&good);
    for error in [
        "LOADING Redis is loading the dataset in memory",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
        "READONLY You can't write against a read only replica.",
        "NOPERM this user has no permissions to run the command",
        "NOAUTH Authentication required.",
        "MOVED 3999 10.0.0.9:6381",
        "ASK 3999 10.0.0.9:6381",
        "CLUSTERDOWN The cluster is down",
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "WRONGTYPE Operation against a key holding the wrong kind of value",
        "OOM command not allowed when used memory > 'maxmemory'.",
        "MISCONF Redis is configured to save RDB snapshots",
        "EXECABORT Transaction discarded",
        "ERR max number of clients reached",
        "nonsense",
    ] {
        for (step, _) in answers() {
            // Each of them where it is shown; two where it is only counted.
            let is_vital = VITAL.contains(&step);
            if !is_vital && !["LOADING", "nonsense"].iter().any(|word| error.starts_with(word)) {
                continue;
            }
            let server = serve_but(step, Reply::Bytes(format!("-{error}\r\n").into())).await;
            let exporter = exporter_of(server);
            let body = exporter.scrape().await.unwrap();
            assert_line(&body, if is_vital { "redis_up 0" } else { "redis_up 1" });
            if is_vital {
                let numbers = ["3999", "10.0.0.9:6381"];
                let shown = error.replace(numbers[0], "N").replace(numbers[1], "N.N.N.N:N");
                let label =
                    format!("redis_exporter_last_scrape_error{{err=\"{step}: {shown}\"}} 1");
                assert_line(&body, &label);
            } else {
                let shifted: Vec<_> = about_server(&body).difference(&good).copied().collect();
                let is_zero = |line: &&&str| line.ends_with(" 0") && step.starts_with("FT");
                let shifted: Vec<_> = shifted.iter().filter(|line| !is_zero(line)).collect();
                assert!(shifted.is_empty(), "{step} {error}: {shifted:?}\n{body}");
            }
            let again = exporter.scrape().await.unwrap();
            assert_eq!(series(&body), series(&again), "{step} {error}");
        }
    }
}

#[tokio::test]
async fn a_server_that_takes_one_pattern_is_asked_for_all_settings() {
    let answers = answers();
    let server = serve_by(move |command| {
        let is_one = command.split(' ').count() == 3;
        if command.starts_with("CONFIG GET") && !is_one {
            let error = "-ERR wrong number of arguments for 'config|get' command\r\n";
            return Reply::Bytes(error.into());
        }
        find(&answers, command)
    });
    let body = exporter_of(server.await).scrape().await.unwrap();
    assert_line(&body, "redis_config_maxclients 10000");
    assert_line(&body, "redis_exporter_collector_success{collector=\"config\"} 1");
}

#[tokio::test]
async fn what_changes_in_an_error_makes_no_series() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    for step in VITAL {
        let (count, answers) = (AtomicUsize::new(0), answers());
        let server = serve_by(move |command| {
            if !command.to_ascii_uppercase().starts_with(step) {
                return find(&answers, command);
            }
            let count = 7 + count.fetch_add(1, Ordering::Relaxed);
            let words = format!(
                "ERR request {count:08x} from 10.0.0.{count}:{} at 2026-11-28T10:00:{count:02}Z \
                 after {count}.5ms refused",
                40_000 + count
            );
            Reply::Bytes(format!("-{words}\r\n").into())
        });
        let exporter = exporter_of(server.await);
        let first = exporter.scrape().await.unwrap();
        for _ in 0..12 {
            let body = exporter.scrape().await.unwrap();
            assert_line(&body, "redis_up 0");
            assert_eq!(series(&body), series(&first));
        }
    }
}

#[tokio::test]
async fn one_byte_a_second_ends_at_the_deadline() {
    let second = Duration::from_secs(1);
    for (step, reply) in answers() {
        let slow = reply.into_bytes();
        let bytes = if slow.len() < 6 { b"+slowly\r\n".to_vec() } else { slow };
        let server = serve_but(step, Reply::Slow(bytes, second)).await;
        let started = Instant::now();
        let body = exporter_of(server).scrape_within(0.5).await.unwrap();
        // The whole reply would take longer; a busy machine adds some to the half second.
        assert!(started.elapsed() < 3 * second, "{step}: {:?}", started.elapsed());
        let is_vital = VITAL.contains(&step);
        assert_line(&body, if is_vital { "redis_up 0" } else { "redis_up 1" });
    }
}

#[tokio::test]
async fn a_reply_that_is_cut_short_costs_itself_alone() {
    let good = exporter_of(serve(answers()).await).scrape().await.unwrap();
    let good = about_server(&good);
    for (step, reply) in answers() {
        for length in [0, 1, reply.len() / 2, reply.len() - 1] {
            let server = serve_but(step, Reply::Cut(reply.as_bytes()[..length].to_vec())).await;
            let started = Instant::now();
            let body = exporter_of(server).scrape_within(3.0).await.unwrap();
            assert!(started.elapsed() < Duration::from_secs(4), "{step} cut at {length}");
            if VITAL.contains(&step) {
                assert_line(&body, "redis_up 0");
                continue;
            }
            assert_line(&body, "redis_up 1");
            let found = about_server(&body);
            let shifted: Vec<_> = found.difference(&good).collect();
            assert!(shifted.is_empty(), "{step} cut at {length}: {shifted:?}");
        }
    }
}

#[tokio::test]
async fn a_scan_without_end_ends_in_time() {
    for cursor in ["17", "18446744073709551615"] {
        let keys = format!("*2\r\n{}{}", bulk(cursor), list("k1 k2 k3"));
        let server = serve_but("SCAN", Reply::Bytes(keys.into())).await;
        let started = Instant::now();
        let body = exporter_of(server).scrape_within(1.0).await.unwrap();
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        for line in [
            "redis_up 1",
            "redis_key_size{db=\"db0\",key=\"k2\"} 9",
            "redis_exporter_collector_success{collector=\"keys\"} 0",
            "redis_exporter_collector_success{collector=\"key_counts\"} 0",
            "redis_exporter_collector_success{collector=\"streams\"} 1",
        ] {
            assert_line(&body, line);
        }
        assert!(!body.contains("redis_keys_count{"), "{body}");
    }
}

#[tokio::test]
async fn a_name_that_a_scan_repeats_is_one_key() {
    let answers = answers();
    let server =
        serve_by(move |command| match command.split(' ').take(2).collect::<Vec<_>>()[..] {
            ["SCAN", "0"] => Reply::Bytes(format!("*2\r\n$1\r\n5\r\n{}", list("k1 k2 k1")).into()),
            ["SCAN", _] => Reply::Bytes(format!("*2\r\n$1\r\n0\r\n{}", list("k2 k3")).into()),
            _ => find(&answers, command),
        });
    let body = exporter_of(server.await).scrape().await.unwrap();
    assert_eq!(body.matches("\nredis_key_size{").count(), 3, "{body}");
    // A count knows no names: see the README.
    assert_line(&body, "redis_keys_count{db=\"db0\",key=\"k*\"} 5");
}

/// A reply of lists of words, in brackets; `~` is a byte that is no UTF-8.
fn odd(words: &str) -> Reply {
    let mut bytes = Vec::new();
    for word in words.split(' ') {
        if let Some(count) = word.strip_prefix('*') {
            bytes.extend(format!("*{count}\r\n").bytes());
            continue;
        }
        let word = word.replace("\\n", "\r\n").replace('_', " ");
        let word: Vec<u8> =
            word.bytes().map(|byte| if byte == b'~' { 0xff } else { byte }).collect();
        bytes.extend(format!("${}\r\n", word.len()).bytes());
        bytes.extend(word);
        bytes.extend(b"\r\n");
    }
    Reply::Bytes(bytes)
}

#[tokio::test]
async fn bytes_that_are_no_utf_8_cost_themselves_alone() {
    for (step, words, lines) in [
        (
            "INFO ALL",
            "#_Server\\nos:~~\\nmaxmemory:~\\nblocked~clients:1\\nuptime:7~\\nhz:7",
            &["redis_hz 7", "redis_exporter_collector_malformed_total{collector=\"info\"} 1"][..],
        ),
        (
            "CLIENT LIST",
            "id=3_addr=[::1]:4_fd=8_name=~~_age=1_flags=N_db=0\\n~~",
            &["redis_exporter_collector_success{collector=\"client_list\"} 1"],
        ),
        (
            "SCAN",
            "*2 0 *3 k1 k~~ k2",
            &[
                "redis_key_value{db=\"db0\",key=\"k1\"} 17",
                "redis_key_size{db=\"db0\",key=\"k2\"} 9",
            ],
        ),
        ("GETRANGE K1", "~~~", &["redis_key_size{db=\"db0\",key=\"k1\"} 2"]),
        ("CONFIG GET", "*4 ~~ ~ maxclients 12", &["redis_config_maxclients 12"]),
        (
            "XINFO GROUPS",
            "*2 *2 name ~ *4 name g pending 8",
            &["redis_stream_group_messages_pending{db=\"db0\",stream=\"s\",group=\"g\"} 8"],
        ),
        ("FT._LIST", "*2 ~~ idx", &["redis_search_index_num_docs{index_name=\"idx\"} 10"]),
        ("SLOWLOG GET", "*1 *4 ~ ~ ~ ~", &["redis_slowlog_length 3"]),
    ] {
        let body = exporter_of(serve_but(step, odd(words)).await).scrape().await.unwrap();
        assert_line(&body, "redis_up 1");
        for line in lines {
            assert_line(&body, line);
        }
    }
}

/// Kibibytes behind `key` in the status of a process.
fn memory(served: &Served, key: &str) -> u64 {
    let status = format!("/proc/{}/status", served.process.id());
    let status = std::fs::read_to_string(status).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
}

/// Replies that are larger than any should be.
fn large() -> Vec<(&'static str, Reply)> {
    let bytes = |text: &str| text.as_bytes().to_vec();
    let many = |text: &str, count: usize| text.repeat(count).into_bytes();
    let endless = |first: &str, again: Vec<u8>| Reply::Endless(bytes(first), again);
    vec![
        ("a text of 10 GB", endless("$10737418240\r\n", vec![b'a'; 65_536])),
        ("a text of 10 GB that does not come", Reply::Bytes(bytes("$10737418240\r\n"))),
        ("a list of 2^31 that does not come", Reply::Bytes(bytes("*2147483648\r\n"))),
        ("a list of 2^31 numbers", endless("*2147483648\r\n", many(":1\r\n", 16_384))),
        ("a list of 2^31 texts", endless("*2147483648\r\n", many("$1\r\na\r\n", 9_000))),
        ("a list of 2^31 empty lists", endless("*2147483648\r\n", many("*0\r\n", 16_384))),
        (
            "a list of 2^31 lists of four",
            endless("*2147483648\r\n", many("*4\r\n:1\r\n:2\r\n$-1\r\n+\r\n", 4_000)),
        ),
        ("a map of 2^31", endless("%2147483648\r\n", many("+a\r\n:1\r\n", 8_000))),
        ("lists in lists", endless("", many("*1\r\n", 16_384))),
        (
            "lists in lists, a million deep",
            Reply::Bytes([many("*1\r\n", 1_000_000), bytes(":1\r\n")].concat()),
        ),
        ("a line without end", endless("+", vec![b'a'; 65_536])),
        ("a line of newlines without end", endless("+", vec![b'\n'; 65_536])),
        ("an error without end", endless("-ERR ", vec![b'a'; 65_536])),
        ("a number without end", endless(":", vec![b'1'; 65_536])),
        ("replies without end", endless("+OK\r\n", many("+OK\r\n", 13_000))),
        ("a negative length", Reply::Bytes(bytes("*-2147483649\r\n"))),
        ("a length that no number holds", Reply::Bytes(bytes("$99999999999999999999\r\n"))),
    ]
}

#[tokio::test]
async fn no_reply_takes_much_memory() {
    let good = serve(answers()).await;
    for (what, reply) in large() {
        for step in ["INFO", "SCAN"] {
            let bad = serve_but(step, reply.clone()).await;
            let asked = move || ask_for_much(&format!("{step}: {what}"), step == "INFO", good, bad);
            tokio::task::spawn_blocking(asked).await.unwrap();
        }
    }
}

#[tokio::test]
async fn no_text_takes_much_memory() {
    let good = serve(answers()).await;
    let numbered = |line: &str, bytes: usize| {
        let lines = (0..).map(|number: usize| line.replace('N', &number.to_string()));
        let mut text = String::from("# Server\r\nredis_version:7.0.0\r\n");
        text.extend(lines.take(bytes / line.len()));
        text
    };
    for (step, line) in [
        ("INFO ALL", "a:b\n"),
        ("INFO ALL", "# N\n"),
        ("INFO ALL", "cluster_N:1\n"),
        ("INFO ALL", "# Keyspace\ndbN:keys=1\n"),
        ("INFO ALL", "# Commandstats\ncmdstat_N:calls=1,usec=1\n"),
        ("INFO ALL", "# Errorstats\nerrorstat_N:count=1\n"),
        ("INFO ALL", "~~~~"),
        ("INFO MODULES", "module:name=N\n"),
        ("INFO MODULES", "cluster_N:1\n"),
        ("CLUSTER INFO", "cluster_N:1\n"),
        ("CLIENT LIST", "id=N addr=1 fd=1 name= age=1\n"),
        ("CLIENT LIST", "~~~~"),
        ("CONFIG GET", "~~~~"),
    ] {
        let bytes = if step == "INFO ALL" { 600_000 } else { 4_000_000 };
        let text: Vec<u8> = numbered(line, bytes)
            .bytes()
            .map(|byte| if byte == b'~' { 0xff } else { byte })
            .collect();
        let reply = [format!("${}\r\n", text.len()).as_bytes(), &text, b"\r\n"].concat();
        let bad = serve_but(step, Reply::Bytes(reply)).await;
        let asked = move || ask_for_much(&format!("{step}: {line}"), false, good, bad);
        tokio::task::spawn_blocking(asked).await.unwrap();
    }
}

/// Scrapes a good server, a bad one and the good one again.
fn ask_for_much(what: &str, is_vital: bool, good: SocketAddr, bad: SocketAddr) {
    let flags = [&["--redis.addr=", "--web.scrape-timeout=2s"], FLAGS].concat();
    let served = PROGRAM.serve(&flags).unwrap();
    let scrape = |server: SocketAddr| {
        let answer = served.get(&format!("/scrape?target={server}"));
        let answer = answer.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(answer.status, 200, "{what}: {}", answer.body);
        answer.body
    };
    scrape(good);
    let rest = memory(&served, "VmRSS");
    let started = Instant::now();
    let body = scrape(bad);
    let time = started.elapsed();
    let grown = memory(&served, "VmHWM").saturating_sub(rest);
    assert!(time < Duration::from_secs(15), "{what}: {time:?}");
    assert!(grown <= MAX_GROWTH_KIB, "{what}: {grown} KiB more");
    assert!(!is_vital || body.contains("\nredis_up 0\n"), "{what}: {body}");
    assert_line(&scrape(good), "redis_up 1");
}
