//! Side by side with the distribution's exporters: names, types, label keys and values, on the
//! machine as it is and on fixtures that both read.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use common::compare::Known;
use tests::collectors::{OF_THE_MACHINE, collectors, help};
use tests::exposition::Exposition;
use tests::mariadb::MariaDb;
use tests::parity::differences;
use tests::process::{Process, command, output, succeed};
use tests::redis::Redis;
use tests::{TemporaryFolder, eventually, free_port, http, program, repository};

const PEER: &str = "prometheus-node-exporter";
const REDIS_PEER: &str = "/usr/bin/prometheus-redis-exporter";
const MYSQL_PEER: &str = "/usr/bin/prometheus-mysqld-exporter";

/// Of the collectors that both have, these need a server or rights that no test has.
const NOT_COMPARED: [&str; 4] = ["ntp", "perf", "runit", "supervisord"];

/// Defaults that changed after 1.5.0 (zram disks) or that Debian changes (mounts below /mnt, the
/// loopback device).
const DEFAULTS: [&str; 4] = [
    "--collector.netclass.ignored-devices=^$",
    "--collector.netdev.device-exclude=^$",
    "--collector.diskstats.device-exclude=^(z?ram|loop|fd)[0-9]+$",
    "--collector.filesystem.mount-points-exclude=^/(dev|proc|sys|mnt|var/lib/docker/.+)($|/)",
];

/// Rounds in which a difference must show each time: a value may change between two scrapes.
const ROUNDS: usize = 4;

/// A running exporter.
struct Exporter {
    _process: Process,
    url: String,
}

impl Exporter {
    fn start(program: &Path, arguments: &[String], folder: &TemporaryFolder) -> Self {
        let port = free_port().unwrap();
        let mut exporter = command(program);
        exporter.arg(format!("--web.listen-address=127.0.0.1:{port}")).args(arguments);
        let log = folder.path().join(format!("log-{port}"));
        let process = Process::start(&mut exporter, &log).unwrap();
        let running = Self { _process: process, url: format!("http://127.0.0.1:{port}/metrics") };
        let answer = || http::get(&running.url);
        eventually("metrics", Duration::from_secs(20), answer).unwrap();
        running
    }

    fn scrape(&self) -> Exposition {
        let mut exposition = Exposition::parse(&http::get(&self.url).unwrap().body).unwrap();
        exposition.0.retain(|name, _| !name.starts_with("go_"));
        exposition
    }
}

/// Runs both with `arguments` and the collectors that both have, ours with `own` too, and
/// compares them.
fn compare(fixtures: Option<&str>, without: &[&str], arguments: &[String], own: &[&str]) {
    let folder = TemporaryFolder::new("parity").unwrap();
    let ours = program("node-exporter").unwrap();
    let peer = Path::new("/usr/bin").join(PEER);
    let theirs = collectors(&help(&peer).unwrap());
    let mut common: Vec<String> = collectors(&help(&ours).unwrap()).into_keys().collect();
    common.retain(|name| theirs.contains_key(name));
    common
        .retain(|name| !without.contains(&name.as_str()) && !NOT_COMPARED.contains(&name.as_str()));
    assert!(common.len() > 40, "{common:?}");
    let mut all = vec!["--collector.disable-defaults".to_owned()];
    all.extend(common.iter().map(|name| format!("--collector.{name}")));
    all.extend_from_slice(arguments);
    let peer = Exporter::start(&peer, &all, &folder);
    all.extend(own.iter().map(ToString::to_string));
    let ours = Exporter::start(&ours, &all, &folder);
    compare_running(&peer, &ours, "node", fixtures);
    if fixtures.is_none() {
        command_agrees(&peer, &ours, "node-exporter", &all);
    }
}

/// Scrapes both in turn; what differs each time and is not known to `exporter` fails the test. On
/// fixtures there is another list.
fn compare_running(peer: &Exporter, ours: &Exporter, exporter: &str, fixtures: Option<&str>) {
    let own = Some(format!("exporters/{exporter}/differences.txt"));
    let lists = own.into_iter().chain(fixtures.map(|name| format!("tests/parity/{name}")));
    let text: String =
        lists.map(|list| std::fs::read_to_string(repository().join(list)).unwrap()).collect();
    let known = Known::parse(&text).unwrap();
    let mut lasting: Option<BTreeSet<String>> = None;
    for _ in 0..ROUNDS {
        let before = peer.scrape();
        let our = ours.scrape();
        let after = peer.scrape();
        assert!(before.0.len() > 100, "the peer shows {} families", before.0.len());
        let found = differences(&our, [&before, &after], &known);
        lasting = Some(match lasting {
            Some(lasting) => lasting.intersection(&found).cloned().collect(),
            None => found,
        });
    }
    let lasting = lasting.unwrap_or_default();
    assert!(lasting.is_empty(), "{} differences: {lasting:#?}", lasting.len());
}

/// The command finds a reason for all that differs from the peer, in the exporter that runs and in
/// one that only collects, with these arguments.
fn command_agrees(peer: &Exporter, ours: &Exporter, name: &str, arguments: &[String]) {
    let compare = || {
        let mut compare = command(program(name).unwrap());
        compare.args(["compare", &peer.url]);
        compare
    };
    let mut runs = vec![compare()];
    runs[0].arg(&ours.url);
    if !arguments.is_empty() {
        runs.push(compare());
        runs[1].args(arguments);
    }
    for mut run in runs {
        let output = output(&mut run).unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{run:?}\n{text}{stderr}");
        assert!(text.contains(" 0 differences without a known reason, "), "{text}");
    }
}

#[test]
#[ignore = "needs prometheus-node-exporter"]
fn node_equals_the_peer_on_this_machine() {
    compare(None, &[], &DEFAULTS.map(ToOwned::to_owned), &[]);
}

#[test]
#[ignore = "needs prometheus-node-exporter"]
fn node_equals_the_peer_on_the_fixture_of_a_current_kernel() {
    compare_on("linux-6.1");
}

#[test]
#[ignore = "needs prometheus-node-exporter"]
fn node_equals_the_peer_on_the_fixture_of_an_old_kernel() {
    compare_on("linux-2.6.32");
}

fn compare_on(fixture: &str) {
    let root = repository().join("exporters/node/fixtures").join(fixture).canonicalize().unwrap();
    let paths = [("procfs", "proc"), ("sysfs", "sys"), ("rootfs", "root"), ("udev.data", "udev")];
    let mut arguments: Vec<String> = paths
        .iter()
        .map(|(flag, part)| format!("--path.{flag}={}", root.join(part).display()))
        .collect();
    arguments.push("--no-collector.netdev.netlink".into());
    arguments.extend(DEFAULTS.map(ToOwned::to_owned));
    // Releases as old as the peer read the file and know no such flag.
    compare(
        Some("node-fixtures.txt"),
        &OF_THE_MACHINE,
        &arguments,
        &["--no-collector.arp.netlink"],
    );
}

/// Keys of every type, odd names, a stream with a group, and calls for the slow log.
const KEYS: &str = "\
SET text hello\nSET number 42.5\nSET empty ''\nAPPEND big \"some text\"\nPFADD hll a b c\n\
LPUSH list a b c\nSADD set a b\nZADD zset 1 a 2 b\nHSET hash f v g w\n\
SET 'quote\"d' 1\nSET 'back\\slash' 2\nSET \"blank s\" 3\n\
XADD stream 1-1 a b\nXADD stream 2-1 a b\nXGROUP CREATE stream group 0\n\
XREADGROUP GROUP group alice COUNT 1 STREAMS stream >\n\
SELECT 3\nSET other 1\nEXPIRE other 10000\nNOSUCHCOMMAND\n";

#[test]
#[ignore = "needs prometheus-redis-exporter and redis-server"]
fn redis_equals_the_peer() {
    let server = filled_redis();
    compare_redis(&server, &[]);
}

#[test]
#[ignore = "needs prometheus-redis-exporter and redis-server"]
fn redis_equals_the_peer_with_the_flags_of_both() {
    let server = filled_redis();
    let flags = [
        "--check-keys=*",
        "--check-single-keys=text,db3=other",
        "--check-streams=stream",
        "--count-keys=*,db3=o*",
        "--export-client-list",
        "--include-system-metrics",
        "--include-config-metrics",
        "--ping-on-connect",
    ];
    compare_redis(&server, &flags);
}

fn filled_redis() -> Redis {
    let server = Redis::start("slowlog-log-slower-than 0\nlatency-monitor-threshold 1\n").unwrap();
    let port = server.port.to_string();
    let script = format!("printf '%s' \"$0\" | redis-cli -p {port}");
    succeed(command("sh").args(["-c", &script, KEYS])).unwrap();
    server
}

fn compare_redis(server: &Redis, flags: &[&str]) {
    let folder = TemporaryFolder::new("parity-redis").unwrap();
    let mut arguments = vec![format!("--redis.addr=redis://127.0.0.1:{}", server.port)];
    arguments.extend(flags.iter().map(ToString::to_string));
    let peer = Exporter::start(Path::new(REDIS_PEER), &arguments, &folder);
    let ours = Exporter::start(&program("redis-exporter").unwrap(), &arguments, &folder);
    compare_running(&peer, &ours, "redis", None);
    command_agrees(&peer, &ours, "redis-exporter", &arguments);
}

/// The collectors of both that a MariaDB has data for; the peer fails with the others.
const MYSQL_COLLECTORS: [&str; 26] = [
    "auto_increment.columns",
    "binlog_size",
    "engine_innodb_status",
    "global_status",
    "global_variables",
    "heartbeat",
    "info_schema.clientstats",
    "info_schema.innodb_cmp",
    "info_schema.innodb_cmpmem",
    "info_schema.innodb_metrics",
    "info_schema.innodb_tablespaces",
    "info_schema.processlist",
    "info_schema.schemastats",
    "info_schema.tables",
    "info_schema.tablestats",
    "info_schema.userstats",
    "mysql.user",
    "perf_schema.eventsstatements",
    "perf_schema.eventsstatementssum",
    "perf_schema.eventswaits",
    "perf_schema.file_events",
    "perf_schema.file_instances",
    "perf_schema.indexiowaits",
    "perf_schema.memory_events",
    "perf_schema.tableiowaits",
    "perf_schema.tablelocks",
];

/// What gives each of them rows.
const ROWS: &str = "\
CREATE USER exporter@'127.0.0.1' IDENTIFIED BY 'secret';\
GRANT ALL ON *.* TO exporter@'127.0.0.1';\
CREATE DATABASE shop; USE shop;\
CREATE TABLE items (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20), KEY by_name (name));\
INSERT INTO items (name) VALUES ('a'), ('b'), ('c');\
SELECT * FROM items WHERE name = 'b'; UPDATE items SET name = 'd' WHERE id = 1;\
CREATE TABLE `quote\"d` (id TINYINT UNSIGNED AUTO_INCREMENT PRIMARY KEY);\
INSERT INTO `quote\"d` VALUES (200);\
CREATE DATABASE heartbeat; USE heartbeat;\
CREATE TABLE heartbeat (ts VARCHAR(26) NOT NULL, server_id INT UNSIGNED PRIMARY KEY);\
INSERT INTO heartbeat VALUES ('2026-01-02T03:04:05.000600', 1);";

#[test]
#[ignore = "needs prometheus-mysqld-exporter and mariadbd"]
fn mysql_equals_the_peer() {
    compare_mysql(&[]);
}

#[test]
#[ignore = "needs prometheus-mysqld-exporter and mariadbd"]
fn mysql_equals_the_peer_with_the_collectors_of_both() {
    let flags = MYSQL_COLLECTORS.map(|name| format!("--collect.{name}"));
    compare_mysql(&[&flags[..], &["--collect.mysql.user.privileges".to_owned()]].concat());
}

fn compare_mysql(flags: &[String]) {
    let options = ["--performance-schema=ON", "--userstat=ON", "--log-bin=binlog"];
    let server = MariaDb::start(&options).unwrap();
    server.sql(ROWS).unwrap();
    let folder = TemporaryFolder::new("parity-mysql").unwrap();
    let file = folder.path().join("my.cnf");
    let port = server.port;
    let account =
        format!("[client]\nuser=exporter\npassword=secret\nhost=127.0.0.1\nport={port}\n");
    std::fs::write(&file, account).unwrap();
    let mut arguments = vec![format!("--config.my-cnf={}", file.display())];
    arguments.extend_from_slice(flags);
    let peer = Exporter::start(Path::new(MYSQL_PEER), &arguments, &folder);
    let ours = Exporter::start(&program("mysql-exporter").unwrap(), &arguments, &folder);
    compare_running(&peer, &ours, "mysql", None);
    command_agrees(&peer, &ours, "mysql-exporter", &arguments);
}
