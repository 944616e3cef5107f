//! Whole outputs, compared line by line with `tests/golden/`: for a server that is down, and for
//! the answers to `INFO` of many servers in `fixtures/`.

#![expect(clippy::unwrap_used, reason = "part of the tests")]

mod support;

use std::path::{Path, PathBuf};

use support::start;
use support::stub::{Answers, bulk, list, serve};
use tests::free_port;
use tests::golden::{self, Unsteady};

const UNSTEADY: Unsteady<'_> = Unsteady {
    values: &[
        "redis_exporter_last_scrape_connect_time_seconds",
        "redis_exporter_last_scrape_duration_seconds",
        "redis_exporter_scrape_duration_seconds",
        // By the exporter's clock where the server does not tell its own.
        "redis_start_time_seconds",
    ],
    families: &["redis_exporter_build_info", "redis_exporter_collector_duration_seconds"],
};

/// What a second scrape counts.
const ONE_MORE: &[&str] = &[
    "redis_exporter_scrapes_total",
    "redis_exporter_collector_malformed_total",
    // Of the biggest keys it goes on where the first has stopped.
    "redis_exporter_collector_success",
];

#[tokio::test]
async fn golden_dead_server_is_down_and_nothing_else() {
    let address = format!("--redis.addr=127.0.0.1:{}", free_port().unwrap());
    let exporter = start(&[&address, "--web.disable-exporter-metrics"]);
    let text = exporter.scrape().await.unwrap();
    golden::compare(&crate_file("tests/golden/dead.prom"), &text, UNSTEADY).unwrap();
}

fn crate_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What every server answers beside `INFO`, if it is asked.
fn answers(info: &str) -> Answers {
    const BUCKETS: &str = "*4\r\n+calls\r\n:2\r\n+histogram_usec\r\n*4\r\n:1\r\n:1\r\n:4\r\n:2\r\n";
    vec![
        (
            "INFO MODULES",
            bulk(
                "# Modules\r\nmodule:name=search,ver=21005,api=1,filters=0,usedby=[],using=[]\r\n# search_indexes\r\nsearch_number_of_indexes:1\r\n",
            ),
        ),
        ("INFO", bulk(info)),
        ("CLIENT SETNAME", "+OK\r\n".into()),
        (
            "CLIENT LIST",
            bulk(
                "id=3 addr=10.0.0.9:53412 laddr=10.0.0.1:6379 fd=8 name=app=web age=12 idle=3 flags=N db=2 sub=0 psub=0 qbuf=0 qbuf-free=0 obl=0 oll=0 omem=0 tot-mem=22400 events=r cmd=get user=app resp=2\n",
            ),
        ),
        (
            "CONFIG GET",
            list(
                "databases 1 maxclients 10000 requirepass hunter2 primaryauth hunter3 commandlog-request-larger-than 1048576 dir /nonexistent dbfilename dump.rdb",
            ),
        ),
        ("ACL LOG", "*1\r\n*4\r\n+count\r\n:2\r\n+reason\r\n+key\r\n".into()),
        ("SLOWLOG LEN", ":1\r\n".into()),
        ("SLOWLOG GET", "*1\r\n*4\r\n:14\r\n:1309448221\r\n:15000\r\n*1\r\n$4\r\nping\r\n".into()),
        ("LATENCY LATEST", "*1\r\n*4\r\n+fork\r\n:1405067976\r\n:251\r\n:1001\r\n".into()),
        ("LATENCY HISTOGRAM", format!("*4\r\n+get\r\n{BUCKETS}+config|get\r\n{BUCKETS}")),
        ("COMMANDLOG LEN", ":2\r\n".into()),
        (
            "CLUSTER INFO",
            bulk(
                "cluster_state:ok\r\ncluster_size:3\r\ncluster_stats_messages_auth-req_sent:1\r\n",
            ),
        ),
        ("CLUSTER SLOT-STATS ORDERBY KEY-COUNT LIMIT 16 DESC", slots(&[12, 5])),
        ("CLUSTER SLOT-STATS ORDERBY CPU-USEC LIMIT 16 DESC", slots(&[12, 7])),
        ("FT._LIST", list("idx")),
        ("FT.INFO", list("index_name idx num_docs 10 number_of_uses 4 inverted_sz_mb 0.5")),
        ("SERVER EXT", list("tile38_num_points 12 num_hooks 3 read_only false")),
    ]
}

/// A reply about slots, of a server that counts keys and CPU time.
fn slots(numbers: &[u32]) -> String {
    let statistics = list("key-count 3 cpu-usec 250");
    let rows = numbers.iter().map(|number| format!("*2\r\n:{number}\r\n{statistics}"));
    format!("*{}\r\n{}", numbers.len(), rows.collect::<String>())
}

/// Compares the output for a fixture with a golden file.
async fn compare(fixture: &str, golden: &str, flags: &[&str]) {
    let info = std::fs::read_to_string(crate_file(&format!("fixtures/{fixture}.txt"))).unwrap();
    let server = serve(answers(&info)).await;
    let address = format!("-redis.addr={server}");
    let shared = [&address, "-web.disable-exporter-metrics", "-web.enable-openmetrics"];
    let flags = [&shared, flags].concat();
    let exporter = start(&flags);
    let text = exporter.scrape().await.unwrap();
    let unsteady = [UNSTEADY.values, UNSTEADY.families, ONE_MORE].concat();
    exporter.shows_in_openmetrics(&text, &unsteady).await.unwrap();
    assert!(!text.contains("hunter"), "{text}");
    let path = crate_file(&format!("tests/golden/{golden}.prom"));
    golden::compare(&path, &text, UNSTEADY).unwrap();
}

#[tokio::test]
async fn golden_every_kind_of_server_shows_what_it_tells() {
    for server in [
        "dragonfly-1.35",
        "keydb-6.3",
        "kvrocks-2.12",
        "redis-2.8",
        "redis-5.0",
        "redis-6.0",
        "redis-7.0.15",
        "redis-7.2",
        "redis-7.4",
        "redis-8.0",
        "redis-8.10",
        "valkey-7.2",
        "valkey-8.0",
        "valkey-8.1",
        "valkey-9.0",
        "valkey-9.1",
    ] {
        compare(server, server, &[]).await;
    }
}

#[tokio::test]
async fn golden_all_that_is_off_by_default() {
    let flags = [
        "-append-instance-role-label",
        "-collector.biggest_keys",
        "-collector.clients",
        "-collector.instantaneous",
        "-collector.slot_stats",
        "-collector.slowlog_by_command",
        "-collector.users",
        "-export-client-list",
        "-export-client-port",
        "-include-config-metrics",
        "-include-modules-metrics",
        "-include-rdb-file-size-metric",
        "-include-search-indexes-metrics",
        "-include-system-metrics",
        "-is-tile38",
    ];
    compare("valkey-8.1", "all-flags", &flags).await;
}

#[tokio::test]
async fn golden_slots_of_a_cluster_node() {
    let flags = ["-collector.disable-defaults", "-collector.slot_stats"];
    compare("valkey-9.0", "slot-stats", &flags).await;
}
