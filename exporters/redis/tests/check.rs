//! The command `check`: what it says of servers, and that its entries for access lists suffice and
//! are the least.

#![expect(clippy::unwrap_used, clippy::panic, reason = "part of the tests")]

mod support;

use std::path::Path;

use common::check::{Report, Verdict};
use redis_exporter::collectors::COLLECTORS;
use support::stub::{bulk, serve};
use support::{check, of};
use tests::free_port;
use tests::redis::Redis;

/// What `check` says of `subject`.
#[track_caller]
fn verdict<'r>(report: &'r Report, subject: &str) -> &'r Verdict {
    let found = report.findings.iter().find(|finding| finding.subject == subject);
    &found.unwrap_or_else(|| panic!("no {subject}\n{report}")).verdict
}

/// The entry for the access list.
#[track_caller]
fn entry(report: &Report) -> &str {
    let line = report.advice.iter().find(|line| line.starts_with("ACL SETUSER "));
    line.unwrap_or_else(|| panic!("no entry\n{report}"))
}

/// What `check` finds at a server that answers INFO with `info`, and anything to all else.
async fn check_stub(info: &str, flags: &[&str]) -> Report {
    let unknown = "-ERR unknown command 'ARCOUNT'\r\n".into();
    let answers = vec![("INFO", bulk(info)), ("ARCOUNT", unknown), ("", "+OK\r\n".into())];
    let server = serve(answers).await;
    let address = format!("-redis.addr={server}");
    check(&[&[address.as_str()], flags].concat()).await
}

async fn check_of(server: &Redis, flags: &[&str]) -> Report {
    let address = format!("-redis.addr=redis://127.0.0.1:{}", server.port);
    check(&[&[address.as_str()], flags].concat()).await
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[tokio::test]
async fn every_collector_tells_what_it_needs() {
    let switches: Vec<String> =
        COLLECTORS.iter().map(|entry| format!("-collector.{}", entry.name)).collect();
    let switches: Vec<&str> = switches.iter().map(String::as_str).collect();
    for info in ["redis_version:7.2.0\r\n", "redis_version:7.2.0\r\nredis_mode:sentinel\r\n"] {
        let report = check_stub(info, &switches).await;
        for entry in COLLECTORS {
            let text = verdict(&report, entry.name).to_string();
            assert!(!text.contains("does not tell what it needs"), "{}: {text}", entry.name);
        }
    }
}

/// The README's examples: what a line is for, the server's INFO, and flags.
const EXAMPLES: &[(&str, &str, &[&str])] = &[
    ("Redis 7 and later", "redis_version:7.2.0", &[]),
    ("Redis 6", "redis_version:6.2.0", &[]),
    ("Valkey 8.1 and later", "redis_version:7.2.4\r\nvalkey_version:8.1.0", &[]),
    (
        "a node of a cluster, --is-cluster",
        "redis_version:7.2.0\r\ncluster_enabled:1",
        &["-is-cluster"],
    ),
    ("a sentinel", "redis_version:7.2.0\r\nredis_mode:sentinel", &[]),
    (
        "--check-keys=app:* --check-streams=jobs:*",
        "redis_version:7.2.0",
        &["-check-keys=app:*", "-check-streams=jobs:*"],
    ),
    ("the same on Redis 6", "redis_version:6.2.0", &["-check-keys=app:*", "-check-streams=jobs:*"]),
    ("--count-keys=app:*", "redis_version:7.2.0", &["-count-keys=app:*"]),
    ("--check-key-groups=^(.*):", "redis_version:7.2.0", &["-check-key-groups=^(.*):"]),
    (
        "--export-client-list --include-search-indexes-metrics",
        "redis_version:7.2.0",
        &["-export-client-list", "-include-search-indexes-metrics"],
    ),
];

#[tokio::test]
async fn the_readme_has_what_is_printed() {
    let readme = read("README.md");
    let mut expected = String::new();
    for (what, info, flags) in EXAMPLES {
        let report = check_stub(&format!("{info}\r\n"), flags).await;
        expected += &format!("# {what}\n{}\n", entry(&report));
    }
    assert!(readme.contains(&format!("```text\n{expected}```\n")), "it should have\n{expected}");
}

#[tokio::test]
async fn servers_without_access_lists_are_told() {
    let report = check_stub("redis_version:5.0.14\r\nrole:master\r\n", &[]).await;
    assert!(report.server.contains(": Redis 5.0.14, standalone, master, logged in as default"));
    assert!(report.advice[0].contains("no access lists: they came with Redis 6"), "{report}");
    let report = check_stub("redis_version:6.2.0\r\n", &["-redis.user=me", "-redis.password=x"]);
    let report = report.await;
    assert!(report.server.ends_with("logged in as me"), "{report}");
    assert!(entry(&report).starts_with("ACL SETUSER me resetkeys -@all +client|setname "));
}

#[tokio::test]
async fn what_cannot_be_read_is_told_as_in_a_scrape() {
    let dead = format!("-redis.addr=redis://:hunter2@127.0.0.1:{}", free_port().unwrap());
    let report = check(&[&dead]).await;
    let text = report.to_string();
    assert!(text.contains("connection  FAILED: connect: Connection refused"), "{text}");
    assert!(!report.all_works() && !text.contains("hunter"), "{text}");
}

#[tokio::test]
async fn what_is_no_redis_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("-redis.addr={}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
        }
    });
    let text = check(&[&address]).await.to_string();
    assert!(text.contains("the server does not speak the Redis protocol, but HTTP"), "{text}");
}

#[tokio::test]
async fn a_server_that_hangs_costs_no_more_than_the_deadline() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("-redis.addr={}", listener.local_addr().unwrap());
    let text = check(&[&address, "-connection-timeout=200ms"]).await.to_string();
    assert!(text.contains("connection  FAILED: INFO: timed out"), "{text}");
    drop(listener);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_plain_server_is_told_with_all_its_collectors() {
    let server = Redis::start("").unwrap();
    let report = check_of(&server, &[]).await;
    assert!(report.all_works(), "{report}");
    let start = format!("redis://127.0.0.1:{}: Redis ", server.port);
    assert!(report.server.starts_with(&start), "{report}");
    assert!(report.server.ends_with(", standalone, master, logged in as default"), "{report}");
    assert_eq!(*verdict(&report, "slowlog"), Verdict::Works);
    for (subject, reason) in [
        ("cluster", "the server is no node of a cluster"),
        ("commandlog", "COMMANDLOG is for servers of Valkey 8.1 and later"),
        ("keys", "there is no --check-keys and no --check-single-keys"),
        ("sentinel_masters", "the server is no sentinel"),
    ] {
        assert_eq!(*verdict(&report, subject), Verdict::NotApplicable(reason.into()));
    }
    let report = check_of(&server, &["-include-search-indexes-metrics", "-is-tile38"]).await;
    let unknown = "the server does not know FT.INFO, FT._LIST";
    assert_eq!(*verdict(&report, "search_indexes"), Verdict::NotApplicable(unknown.into()));
    let tile38 = verdict(&report, "tile38").to_string();
    assert!(tile38.starts_with("FAILED: SERVER EXT: ERR unknown command"), "{tile38}");
    assert!(!entry(&report).contains("ft."), "{report}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_is_denied_is_told_for_each_collector() {
    let user = "user me on >hunter2 ~app:* +@all -config -latency|histogram -type -client";
    let server = Redis::start(user).unwrap();
    server.ask(&["SET", "secret:1", "x"]).unwrap();
    let login = ["-redis.user=me", "-redis.password=hunter2"];
    let flags = ["-check-single-keys=app:1,secret:1", "-check-streams=jobs:*"];
    let report = check_of(&server, &[&login[..], &flags].concat()).await;
    assert!(!report.all_works());
    for (subject, expected) in [
        ("connection", "DENIED: may not run client|setname"),
        ("config", "DENIED: may not run config|get"),
        ("latency", "DENIED: may not run latency|histogram"),
        ("slowlog", "ok"),
        ("streams", "DENIED: may not run type; may not read keys like jobs:*"),
        (
            "keys",
            "DENIED: may not run type; may not both read and write, as PFCOUNT asks for, keys like \
             secret:1",
        ),
    ] {
        assert_eq!(verdict(&report, subject).to_string(), expected, "{report}");
    }
    assert!(entry(&report).starts_with("ACL SETUSER me resetkeys -@all "), "{report}");
    assert!(!report.to_string().contains("hunter"), "{report}");
    // The entry mends it, and leaves the password.
    let words: Vec<&str> = entry(&report).split(' ').collect();
    assert_eq!(server.ask(&words).unwrap(), "OK");
    let report = check_of(&server, &[&login[..], &flags].concat()).await;
    assert!(report.all_works(), "{report}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn refused_logins_and_a_denied_info_are_told() {
    let server = Redis::start("requirepass hunter2\nuser me on >hunter3 ~* +@all -info").unwrap();
    let report = check_of(&server, &["-redis.password=hunter4"]).await;
    let text = verdict(&report, "connection").to_string();
    assert!(text.starts_with("FAILED: AUTH: WRONGPASS"), "{text}");
    let report = check_of(&server, &["-redis.user=me", "-redis.password=hunter3"]).await;
    assert_eq!(verdict(&report, "connection").to_string(), "DENIED: INFO: may not run info");
    assert!(entry_hint(&report).ends_with("ACL SETUSER me +info"), "{report}");
    assert!(!report.to_string().contains("hunter"), "{report}");
}

fn entry_hint(report: &Report) -> &str {
    report.advice.first().unwrap()
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_scripts_may_not_call_is_told() {
    let server = Redis::start("user me on >hunter2 +@all -dbsize").unwrap();
    let script = server.folder().join("size.lua");
    std::fs::write(&script, "return {'keys', redis.call('DBSIZE')}").unwrap();
    let script = format!("-script={}", script.display());
    let flags = ["-redis.user=me", "-redis.password=hunter2", &script];
    let report = check_of(&server, &flags).await;
    let text = verdict(&report, "scripts").to_string();
    // Redis 7.2 and later name the command.
    assert!(text.starts_with("DENIED: ") && text.contains("size.lua: may not run "), "{text}");
    assert!(report.advice.last().unwrap().starts_with("Add the commands that the scripts call"));
}

/// Names of the collectors that a scrape as the user `exporter` shows to have failed, and what
/// the server has noted as denied meanwhile.
async fn trouble(server: &Redis, flags: &[&str]) -> (Vec<String>, String) {
    server.ask(&["ACL", "LOG", "RESET"]).unwrap();
    let body = of(server, flags).scrape().await.unwrap();
    let prefix = "redis_exporter_collector_success{collector=\"";
    let failed = body.lines().filter_map(|line| line.strip_prefix(prefix)?.strip_suffix("\"} 0"));
    let mut failed: Vec<String> = failed.map(str::to_owned).collect();
    if !body.lines().any(|line| line == "redis_up 1") {
        failed.push("up".into());
    }
    (failed, server.ask(&["ACL", "LOG"]).unwrap())
}

/// Asserts that the entry that `check` prints suffices, and that nothing of it can be spared.
async fn assert_least(server: &Redis, flags: &[&str], expected: &str) {
    let report = check_of(server, flags).await;
    assert!(report.all_works(), "{report}");
    let line = entry(&report);
    let grants = line.strip_prefix("ACL SETUSER exporter on >PASSWORD ").unwrap();
    assert_eq!(grants, expected);
    let grants: Vec<&str> = grants.split(' ').collect();
    let set_user = |grants: &[&str]| {
        let user = ["ACL", "SETUSER", "exporter", "reset", "on", ">hunter2"];
        let said = server.ask(&[&user[..], grants].concat()).unwrap();
        assert_eq!(said, "OK", "{grants:?}");
    };
    let login = ["-redis.user=exporter", "-redis.password=hunter2"];
    let flags = [&login[..], flags].concat();
    set_user(&grants);
    let (failed, denied) = trouble(server, &flags).await;
    assert!(failed.is_empty() && denied.is_empty(), "{failed:?} {denied}\n{line}");
    let report = check_of(server, &flags).await;
    assert!(report.all_works(), "{report}");
    for spared in &grants {
        let rest: Vec<&str> = grants.iter().filter(|grant| *grant != spared).copied().collect();
        set_user(&rest);
        let (failed, denied) = trouble(server, &flags).await;
        assert!(!failed.is_empty() || !denied.is_empty(), "{spared} can be spared of {line}");
        let report = check_of(server, &flags).await;
        let is_denied = report.findings.iter().any(|it| matches!(it.verdict, Verdict::Denied(_)));
        assert!(is_denied, "without {spared}:\n{report}");
    }
}

const DEFAULT: &str = "+client|setname +config|get +info +latency|histogram +latency|latest \
                       +slowlog|get +slowlog|len";

/// The default entry with further grants, in order.
fn with(patterns: &str, commands: &str) -> String {
    let mut grants: Vec<&str> = DEFAULT.split(' ').chain(commands.split_whitespace()).collect();
    grants.sort_unstable();
    let patterns = patterns.split_whitespace();
    patterns.chain(grants).collect::<Vec<_>>().join(" ")
}

const DATA: &[&[&str]] = &[
    &["SET", "app:text", "hello"],
    &["PFADD", "app:visitors", "a", "b", "c"],
    &["RPUSH", "app:list", "a"],
    &["SADD", "app:set", "a"],
    &["ZADD", "app:zset", "1", "a"],
    &["HSET", "app:hash", "a", "1"],
    &["XADD", "app:stream", "1-1", "a", "b"],
    &["XADD", "jobs:1", "1-1", "a", "b"],
    &["XGROUP", "CREATE", "jobs:1", "group", "0"],
    &["XREADGROUP", "GROUP", "group", "me", "STREAMS", "jobs:1", ">"],
];

fn filled() -> Redis {
    let server = Redis::start("").unwrap();
    for words in DATA {
        server.ask(words).unwrap();
    }
    server
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn the_entry_for_the_defaults_is_the_least() {
    let server = filled();
    assert_least(&server, &[], DEFAULT).await;
    assert_least(&server, &["-ping-on-connect"], &with("", "+ping")).await;
    let few = DEFAULT.replace("+client|setname +config|get ", "");
    assert_least(&server, &["-set-client-name=false", "-config-command=-"], &few).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn the_entry_for_keys_is_the_least() {
    let server = filled();
    let keys = "+getrange +hlen +llen +memory|usage +pfcount +scan +scard +select +strlen +type \
                +xlen +zcard";
    assert_least(&server, &["-check-keys=app:*"], &with("~app:*", keys)).await;
    let counted = with("", "+scan +select");
    assert_least(&server, &["-count-keys=app:*"], &counted).await;
    let groups = with("%R~*", "+eval +memory|usage +scan +select");
    assert_least(&server, &["-check-key-groups=^(.*):"], &groups).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn the_entry_for_streams_is_the_least() {
    let server = filled();
    let xinfo = "+xinfo|consumers +xinfo|groups +xinfo|stream +select";
    let found = with("%R~jobs:*", &format!("{xinfo} +scan +type"));
    assert_least(&server, &["-check-streams=jobs:*"], &found).await;
    assert_least(&server, &["-check-single-streams=jobs:1"], &with("%R~jobs:1", xinfo)).await;
    let fewer = with("%R~jobs:1", &xinfo.replace("+xinfo|consumers", ""));
    let flags = ["-check-single-streams=jobs:1", "-streams-exclude-consumer-metrics"];
    assert_least(&server, &flags, &fewer).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn the_entry_for_what_is_off_by_default_is_the_least() {
    let server = filled();
    assert_least(&server, &["-export-client-list"], &with("", "+client|list")).await;
    let flags =
        ["-include-config-metrics", "-include-rdb-file-size-metric", "-include-modules-metrics"];
    assert_least(&server, &flags, DEFAULT).await;
    let flags = [
        "-collector.clients",
        "-collector.instantaneous",
        "-collector.slowlog_by_command",
        "-collector.users",
    ];
    assert_least(&server, &flags, &with("", "+acl|log +client|list")).await;
    let script = server.folder().join("one.lua");
    std::fs::write(&script, "return {'one', 1}").unwrap();
    let script = format!("-script={}", script.display());
    assert_least(&server, &[&script], &with("", "+eval")).await;
    let flags = [&script, "-lua-script-read-only"];
    assert_least(&server, &flags, &with("", "+eval_ro")).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn the_entry_for_a_renamed_config_has_its_first_name() {
    let server = Redis::start("rename-command CONFIG SETUP").unwrap();
    assert_least(&server, &["-config-command=SETUP"], DEFAULT).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn the_entry_for_a_cluster_node_is_the_least() {
    let bus = free_port().unwrap();
    let server = Redis::start(&format!("cluster-enabled yes\ncluster-port {bus}")).unwrap();
    let said = server.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).unwrap();
    assert_eq!(said, "OK");
    assert_least(&server, &[], &with("", "+cluster|info")).await;
    let counted = with("", "+cluster|info +cluster|nodes +scan +select");
    assert_least(&server, &["-is-cluster", "-count-keys=app:*"], &counted).await;
    let nodes = with("", "+cluster|info +cluster|nodes");
    let report = check_of(&server, &["-redis.cluster"]).await;
    assert_eq!(*verdict(&report, "discovery"), Verdict::Works);
    assert!(entry(&report).ends_with(&nodes), "{report}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn the_entry_for_a_sentinel_is_the_least() {
    let master = Redis::start("").unwrap();
    let sentinel =
        Redis::start(&format!("sentinel monitor one 127.0.0.1 {} 1", master.port)).unwrap();
    let least = "+client|setname +info +sentinel|ckquorum +sentinel|masters +sentinel|sentinels \
                 +sentinel|slaves";
    assert_least(&sentinel, &[], least).await;
    let least = least.replace("+sentinel|masters", "+sentinel|config +sentinel|masters");
    assert_least(&sentinel, &["-include-config-metrics"], &least).await;
}
