//! Clusters and masters of sentinels that are read as a whole, against real servers.

#![expect(clippy::unwrap_used, reason = "part of the tests")]

mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::stub::{bulk, list, serve};
use support::{Running, assert_line, of, start, value};
use tests::free_port;
use tests::log::Log;
use tests::redis::Redis;
use tests::redis_cluster::RedisCluster;
use tokio::net::TcpListener;

/// Sends commands, following redirections; words are separated by blanks.
fn send(node: &Redis, commands: &[&str]) {
    for command in commands {
        let words = ["-c"].into_iter().chain(command.split(' '));
        let said = node.ask(&words.collect::<Vec<_>>()).unwrap();
        assert!(!said.contains("ERR"), "{command}: {said}");
    }
}

/// What a server is labelled with: node, shard if there is one, role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Labels {
    port: u16,
    shard: String,
    role: String,
}

/// The series of `redis_up` with their values, in the order of `nodes`.
#[track_caller]
fn ups(body: &str, nodes: &[Redis]) -> Vec<(Labels, bool)> {
    let word = |line: &str, label: &str| {
        let rest = line.split_once(&format!("{label}=\"")).map(|(_, rest)| rest);
        rest.and_then(|rest| rest.split_once('"')).map_or("", |(word, _)| word).to_owned()
    };
    let mut found: Vec<(Labels, bool)> = body
        .lines()
        .filter(|line| line.starts_with("redis_up{node=\""))
        .map(|line| {
            let node = word(line, "node");
            let port = node.strip_prefix("127.0.0.1:").unwrap().parse().unwrap();
            let labels = Labels { port, shard: word(line, "shard"), role: word(line, "role") };
            (labels, line.ends_with(" 1"))
        })
        .collect();
    found.sort_by_key(|(labels, _)| nodes.iter().position(|node| node.port == labels.port));
    assert_eq!(found.len(), nodes.len(), "{body}");
    found
}

fn roles(ups: &[(Labels, bool)]) -> Vec<&str> {
    ups.iter().map(|(labels, _)| labels.role.as_str()).collect()
}

/// Sum of the samples of a family, and how many there are.
fn sum(body: &str, family: &str) -> (f64, usize) {
    let values: Vec<f64> = body
        .lines()
        .filter(|line| line.strip_prefix(family).is_some_and(|rest| rest.starts_with('{')))
        .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
        .collect();
    (values.iter().sum(), values.len())
}

fn assert_sum(body: &str, family: &str, expected: f64, count: usize) {
    let (sum, found) = sum(body, family);
    assert!((sum - expected).abs() < 1e-9 && found == count, "{family}: {sum}, {found}\n{body}");
}

fn assert_verdict(body: &str, collector: &str, verdict: u8) {
    let series = format!("redis_exporter_collector_success{{collector=\"{collector}\"}}");
    assert_line(body, &format!("{series} {verdict}"));
}

/// The address of nobody.
fn nobody() -> String {
    format!("127.0.0.1:{}", free_port().unwrap())
}

fn of_group(seeds: &[&Redis], flags: &[&str]) -> Running {
    let nodes = seeds.iter().map(|seed| format!("redis://127.0.0.1:{}", seed.port));
    let seeds: Vec<String> = [nobody()].into_iter().chain(nodes).collect();
    let address = format!("-redis.addr={}", seeds.join(","));
    start(&[&[address.as_str()], flags].concat())
}

/// A key that is in the slot of `other` too.
fn beside(other: &str, name: &str) -> String {
    format!("{{{other}}}{name}")
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn keys_of_all_nodes_are_found_from_any_of_them() {
    let cluster = RedisCluster::start(3, 1, "", &[]).unwrap();
    let [first, second, ..] = cluster.nodes.as_slice() else { return };
    // Slots 3300, 7365, 11298, 15495 and 12182.
    send(first, &["SET b 1", "SET c two", "SET d 3", "RPUSH a x y", "SET foo 4"]);
    send(first, &["XADD events * f v", "XGROUP CREATE events group 0", "XADD other * f v"]);
    let flags = [
        "-is-cluster",
        "-check-keys=[a-c],foo,gone",
        "-check-single-keys=d",
        "-count-keys=?,*",
        "-check-streams=e*",
        "-check-single-streams=other",
        "-check-key-groups=^(.)$",
    ];
    let lines = [
        "redis_key_size{db=\"db0\",key=\"a\"} 2",
        "redis_key_value{db=\"db0\",key=\"b\"} 1",
        "redis_key_value_as_string{db=\"db0\",key=\"c\",val=\"two\"} 1",
        "redis_key_value{db=\"db0\",key=\"d\"} 3",
        "redis_key_value{db=\"db0\",key=\"foo\"} 4",
        "redis_key_size{db=\"db0\",key=\"gone\"} 0",
        "redis_keys_count{db=\"db0\",key=\"?\"} 4",
        "redis_keys_count{db=\"db0\",key=\"*\"} 7",
        "redis_stream_length{db=\"db0\",stream=\"events\"} 1",
        "redis_stream_group_consumers{db=\"db0\",stream=\"events\",group=\"group\"} 0",
        "redis_stream_length{db=\"db0\",stream=\"other\"} 1",
        "redis_key_group_count{db=\"db0\",key_group=\"a\"} 1",
        "redis_key_group_count{db=\"db0\",key_group=\"unclassified\"} 3",
        "redis_number_of_distinct_key_groups{db=\"db0\"} 5",
    ];
    for node in &cluster.nodes {
        let body = of(node, &flags).scrape().await.unwrap();
        for line in lines {
            assert_line(&body, line);
        }
        assert!(!body.contains("redis_exporter_collector_malformed"), "{body}");
        for collector in ["keys", "key_counts", "key_groups", "streams"] {
            assert_verdict(&body, collector, 1);
        }
    }
    // The slot of b, 3300, is on its way: of its keys one has moved, one has not.
    let (stays, moves) = (beside("b", "stays"), beside("b", "moves"));
    send(first, &[&format!("SET {stays} 5"), &format!("SET {moves} 6")]);
    let ids = [first, second].map(|node| node.ask(&["CLUSTER", "MYID"]).unwrap());
    second.ask(&["CLUSTER", "SETSLOT", "3300", "IMPORTING", &ids[0]]).unwrap();
    first.ask(&["CLUSTER", "SETSLOT", "3300", "MIGRATING", &ids[1]]).unwrap();
    let port = second.port.to_string();
    assert_eq!(first.ask(&["MIGRATE", "127.0.0.1", &port, &moves, "0", "1000"]).unwrap(), "OK");
    let patterns = "-check-keys=*s";
    let names = format!("-check-single-keys={stays},{moves}");
    for check in [patterns, &names] {
        let body = of(first, &["-is-cluster", check]).scrape().await.unwrap();
        assert_line(&body, &format!("redis_key_value{{db=\"db0\",key=\"{stays}\"}} 5"));
        assert_line(&body, &format!("redis_key_value{{db=\"db0\",key=\"{moves}\"}} 6"));
        assert_verdict(&body, "keys", 1);
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_node_that_hangs_costs_its_own_keys_and_sums() {
    let cluster = RedisCluster::start(2, 0, "", &[]).unwrap();
    let [first, second] = cluster.nodes.as_slice() else { return };
    send(first, &["RPUSH a x y", "SET b 1"]);
    let exporter = of(second, &["-is-cluster", "-check-single-keys=a,b", "-count-keys=*"]);
    first.signal(Signal::STOP);
    let body = exporter.scrape_within(0.9).await.unwrap();
    first.signal(Signal::CONT);
    assert_line(&body, "redis_up 1");
    assert_line(&body, "redis_key_size{db=\"db0\",key=\"a\"} 2");
    assert!(!body.contains("key=\"b\"") && !body.contains("redis_keys_count"), "{body}");
    for collector in ["keys", "key_counts"] {
        assert_verdict(&body, collector, 0);
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_cluster_is_one_target() {
    let cluster = RedisCluster::start(3, 1, "", &[]).unwrap();
    let nodes = &cluster.nodes;
    send(&nodes[0], &["SET b 1", "SET c 2", "SET d 3", "SET foo 4", "XADD events * f v"]);
    let checks = "-check-keys=?,foo,gone";
    let flags = ["-redis.cluster", checks, "-count-keys=*", "-check-streams=*"];
    let exporter = of_group(&[&nodes[4]], &flags);
    let mut body = exporter.scrape().await.unwrap();
    // Replicas follow within moments.
    for _ in 0..20 {
        if sum(&body, "redis_db_keys").0 > 4.5 {
            break;
        }
        body = exporter.scrape().await.unwrap();
    }
    let found = ups(&body, nodes);
    assert!(found.iter().all(|(_, is_up)| *is_up), "{body}");
    assert_eq!(roles(&found), ["master", "master", "master", "slave", "slave", "slave"]);
    for shard in 0..3 {
        let (primary, replica) = (&found[shard].0, &found[shard + 3].0);
        assert_eq!(primary.shard, replica.shard);
        assert!(shard == 0 || primary.shard != found[0].0.shard);
        let slots = format!("redis_cluster_shard_slots{{shard=\"{}\"}}", primary.shard);
        assert!(value(&body, &slots) > 5000.0);
    }
    assert_line(&body, "redis_exporter_discovery_success 1");
    assert_eq!(body.matches("# TYPE redis_up gauge").count(), 1);
    assert_eq!(body.matches("# TYPE redis_commands_latencies_usec histogram").count(), 1);
    assert!(!body.lines().any(|line| line.matches("role=").count() > 1), "{body}");
    // What is there once counts once.
    assert_sum(&body, "redis_db_keys", 5.0, 3);
    assert_sum(&body, "redis_keys_count", 5.0, 3);
    assert_sum(&body, "redis_key_value", 10.0, 4);
    assert_sum(&body, "redis_key_size", 4.0, 5);
    assert_sum(&body, "redis_stream_length", 1.0, 1);
    assert_sum(&body, "redis_cluster_known_nodes", 36.0, 6);
    let received = |body: &str| sum(body, "redis_connections_received_total").0;
    let plain = of_group(&[&nodes[4]], &["-redis.cluster"]);
    let first = received(&plain.scrape().await.unwrap());
    let second = received(&plain.scrape().await.unwrap());
    assert!((second - first).abs() < 0.5, "one connection is kept to each: {first} {second}");
}

/// A server that accepts connections and never answers.
async fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn info(role: &str) -> (&'static str, String) {
    ("INFO", bulk(&format!("# Server\r\nredis_version:7.0.0\r\nrole:{role}\r\n")))
}

#[tokio::test]
async fn seeds_and_nodes_that_hang_delay_nothing() {
    let ((_first, seed), (_second, node)) = (silent().await, silent().await);
    let nodes = format!(
        "a :7000@1 myself,master - 0 0 1 connected 0-16383\n\
         b 127.0.0.1:{node}@1 slave a 0 0 1 connected\nodd line\n"
    );
    let server = serve(vec![("CLUSTER NODES", bulk(&nodes)), info("master")]).await;
    let log = Log::capture();
    let address = format!("-redis.addr=127.0.0.1:{seed},{}:{}", server.ip(), server.port());
    let exporter = start(&[&address, "-redis.cluster"]);
    for _ in 0..2 {
        let started = Instant::now();
        let body = exporter.scrape_within(1.5).await.unwrap();
        assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
        assert_line(&body, "redis_up{node=\"127.0.0.1:7000\",shard=\"a\",role=\"master\"} 1");
        let labels = format!("node=\"127.0.0.1:{node}\",shard=\"a\",role=\"slave\"");
        assert_line(&body, &format!("redis_up{{{labels}}} 0"));
        let error = "err=\"INFO: timed out\"";
        assert_line(&body, &format!("redis_exporter_last_scrape_error{{{labels},{error}}} 1"));
        assert_line(&body, "redis_cluster_shard_slots{shard=\"a\"} 16384");
    }
    assert_eq!(log.count("part of the answer is malformed"), 1, "{}", log.text());
}

#[tokio::test]
async fn a_node_that_knows_itself_alone_is_asked_last() {
    let reset = bulk("z :7000@1 myself,master - 0 0 1 connected\n");
    let reset = serve(vec![("CLUSTER NODES", reset), info("master")]).await;
    let nodes = bulk("a :7001@1 myself,master - 0 0 1 connected 0-16383\n");
    let server = serve(vec![("CLUSTER NODES", nodes), info("master")]).await;
    for (seeds, port) in [(format!("{reset},{server}"), 7001), (reset.to_string(), 7000)] {
        let exporter = start(&[&format!("-redis.addr={seeds}"), "-redis.cluster"]);
        let body = exporter.scrape().await.unwrap();
        assert!(body.contains(&format!("\nredis_up{{node=\"127.0.0.1:{port}\"")), "{body}");
        assert_eq!(body.matches("\nredis_up{").count(), 1, "{body}");
    }
}

#[tokio::test]
async fn old_sentinels_are_asked_by_the_old_name() {
    let primary = serve(vec![info("master")]).await;
    let address = format!("127.0.0.1 {}", primary.port());
    let name = ("SENTINEL GET-MASTER-ADDR-BY-NAME ONE", list(&address));
    let slaves = list(&format!("ip 127.0.0.1 port {}", primary.port() ^ 1));
    let old = serve(vec![name.clone(), ("SENTINEL SLAVES ONE", format!("*1\r\n{slaves}"))]).await;
    let denied = "-NOPERM this user has no permissions to run the 'sentinel|replicas' command\r\n";
    let strict = serve(vec![name, ("SENTINEL REPLICAS", denied.into())]).await;
    let of = |sentinel: SocketAddr| {
        start(&[&format!("-redis.addr={sentinel}"), "-redis.sentinel-master=one"])
    };
    let body = of(old).scrape().await.unwrap();
    assert_line(&body, &format!("redis_up{{node=\"{primary}\",role=\"master\"}} 1"));
    let replica = format!("127.0.0.1:{}", primary.port() ^ 1);
    assert_line(&body, &format!("redis_up{{node=\"{replica}\",role=\"slave\"}} 0"));
    let body = of(strict).scrape().await.unwrap();
    assert!(body.contains("{err=\"SENTINEL REPLICAS: NOPERM"), "{body}");
}

#[test]
fn flags_that_exclude_each_other_end_the_start() {
    for (flags, expected) in [
        (["-redis.cluster", "-redis.sentinel-master=m"], "exclude each other"),
        (["-redis.cluster", "-redis.addr=a,x://b"], "--redis.addr: unknown scheme"),
        (["-redis.cluster=false", "-redis.addr=a,b"], "not a list"),
    ] {
        let error = Running::start(&flags).err().map(|error| format!("{error:#}"));
        assert!(error.as_ref().is_some_and(|error| error.contains(expected)), "{error:?}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn failovers_and_moved_slots_are_seen_at_the_next_scrape() {
    let mut cluster = RedisCluster::start(3, 1, "", &[]).unwrap();
    let nodes = &cluster.nodes;
    let exporter = of_group(&[&nodes[0], &nodes[1]], &["-redis.cluster"]);
    let before = ups(&exporter.scrape().await.unwrap(), nodes);
    // One that hangs is shown as such, and costs the others nothing.
    nodes[3].signal(Signal::STOP);
    let started = Instant::now();
    let body = exporter.scrape_within(0.8).await.unwrap();
    let elapsed = started.elapsed();
    nodes[3].signal(Signal::CONT);
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
    for ((labels, is_up), (before, _)) in ups(&body, nodes).iter().zip(&before) {
        assert_eq!((labels, *is_up), (before, labels.port != nodes[3].port), "{body}");
    }
    assert_sum(&body, "redis_db_keys", 0.0, 3);
    // A slot moves.
    let ids: Vec<String> =
        nodes.iter().map(|node| node.ask(&["CLUSTER", "MYID"]).unwrap()).collect();
    for node in &nodes[..3] {
        node.ask(&["CLUSTER", "SETSLOT", "0", "NODE", &ids[2]]).unwrap();
    }
    let slots = format!("redis_cluster_shard_slots{{shard=\"{}\"}}", before[2].0.shard);
    let count = value(&body, &slots);
    let body = exporter.scrape().await.unwrap();
    assert!((value(&body, &slots) - count - 1.0).abs() < 0.5, "{body}");
    // A replica takes over, as it is told to.
    let has_roles = |nodes: &[Redis], body: &str, wanted: &[&str]| {
        let found = ups(body, nodes);
        let shards_stay =
            found.iter().zip(&before).all(|((now, _), (then, _))| now.shard == then.shard);
        assert!(shards_stay, "{before:?}\n{found:?}");
        roles(&found) == wanted
    };
    let wanted = ["slave", "master", "master", "master", "slave", "slave"];
    tests::eventually("a failover", Duration::from_secs(10), || {
        nodes[3].ask(&["CLUSTER", "FAILOVER"]).unwrap();
        let role = nodes[3].ask(&["ROLE"]).unwrap();
        if role.starts_with("master") { Ok(()) } else { Err(role) }
    })
    .unwrap();
    exporter.eventually(|body| has_roles(nodes, body, &wanted)).await.unwrap();
    // Another takes over since its primary is gone.
    cluster.nodes[1].stop().unwrap();
    let nodes = &cluster.nodes;
    let wanted = ["slave", "master", "master", "master", "master", "slave"];
    let body = exporter.eventually(|body| has_roles(nodes, body, &wanted)).await.unwrap();
    for (labels, is_up) in ups(&body, nodes) {
        assert_eq!(is_up, labels.port != nodes[1].port, "{body}");
    }
    let slots = format!("redis_cluster_shard_slots{{shard=\"{}\"}}", before[1].0.shard);
    assert!(value(&body, &slots) > 5000.0, "{body}");
    // With all of them gone, they are still named.
    cluster.nodes.iter_mut().for_each(|node| node.stop().unwrap());
    let body = exporter.scrape().await.unwrap();
    assert!(ups(&body, &cluster.nodes).iter().all(|(_, is_up)| !is_up), "{body}");
    assert_line(&body, "redis_exporter_discovery_success 0");
    assert!(body.contains("redis_exporter_last_scrape_error{err=\"connect: "), "{body}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_request_may_ask_for_a_cluster() {
    let settings = "requirepass hunter2\nmasterauth hunter2";
    let cluster = RedisCluster::start(2, 0, settings, &["-a", "hunter2"]).unwrap();
    let nodes = &cluster.nodes;
    let exporter = start(&["-redis.addr=", "-redis.password=hunter2"]);
    let path = format!("/scrape?target=127.0.0.1:{},{}&cluster=true", nodes[0].port, nobody());
    for _ in 0..2 {
        let body = exporter.scrape_with(&path, &[]).await.unwrap();
        assert_eq!(roles(&ups(&body, nodes)), ["master", "master"]);
        assert!(ups(&body, nodes).iter().all(|(_, is_up)| *is_up), "{body}");
        assert!(!body.contains("hunter2"), "{body}");
    }
    let alone = format!("/scrape?target=127.0.0.1:{}", nodes[0].port);
    assert_line(&exporter.scrape_with(&alone, &[]).await.unwrap(), "redis_up 1");
    for (query, expected) in [
        ("target=h&cluster=yes", "parameter cluster: expected true or false"),
        ("target=h&cluster=true&sentinel-master=m", "exclude each other"),
        ("target=h,x://h&cluster=1", "parameter target: unknown scheme"),
    ] {
        let answer = exporter.get(&format!("/scrape?{query}"), &[]).await.unwrap();
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains(expected), "{}", answer.body);
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_server_without_a_cluster_is_told_as_such() {
    let server = Redis::start("").unwrap();
    let body = of(&server, &["-redis.cluster"]).scrape().await.unwrap();
    assert_line(&body, "redis_up 0");
    let error = "CLUSTER NODES: ERR This instance has cluster support disabled";
    assert_line(&body, &format!("redis_exporter_last_scrape_error{{err=\"{error}\"}} 1"));
    let body = of(&server, &["-redis.sentinel-master=one"]).scrape().await.unwrap();
    assert!(body.contains("NAME: the server is not a sentinel\"} 1"), "{body}");
    // A node that nobody has met yet knows no address of its own.
    let fresh = Redis::start("cluster-enabled yes").unwrap();
    let body = of(&fresh, &["-redis.cluster"]).scrape().await.unwrap();
    assert_eq!(roles(&ups(&body, std::slice::from_ref(&fresh))), ["master"]);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn sentinels_lead_to_the_present_primary_and_its_replicas() {
    let auth = "requirepass hunter2\nmasterauth hunter2\nrepl-diskless-sync-delay 0";
    let primary = Redis::start(auth).unwrap();
    let of_primary = format!("{auth}\nreplicaof 127.0.0.1 {}", primary.port);
    let servers = [primary, Redis::start(&of_primary).unwrap()];
    let monitor = format!(
        "sentinel monitor one 127.0.0.1 {} 1\nsentinel auth-pass one hunter2\n\
         sentinel down-after-milliseconds one 1000",
        servers[0].port
    );
    let mut sentinels = [Redis::start(&monitor).unwrap(), Redis::start(&monitor).unwrap()];
    tests::eventually("the replica", Duration::from_secs(20), || {
        let known = |sentinel: &Redis| sentinel.ask(&["SENTINEL", "REPLICAS", "one"]).unwrap();
        let all: Vec<String> = sentinels.iter().map(known).collect();
        let port = servers[1].port.to_string();
        if all.iter().all(|known| known.contains(&port)) { Ok(()) } else { Err(all.concat()) }
    })
    .unwrap();
    let flags = ["-redis.sentinel-master=one", "-redis.password=hunter2"];
    let exporter = of_group(&[&sentinels[0], &sentinels[1]], &flags);
    let up = |body: &str, wanted: [&str; 2]| {
        // While the primary changes the sentinel may list one server alone.
        if body.matches("\nredis_up{").count() != servers.len() {
            return false;
        }
        let found = ups(body, &servers);
        roles(&found) == wanted && found.iter().all(|(_, is_up)| *is_up)
    };
    let linked = |body: &str| sum(body, "redis_connected_slaves").0 > 0.5;
    let body = exporter.eventually(|body| up(body, ["master", "slave"]) && linked(body));
    let body = body.await.unwrap();
    assert!(!body.contains("shard=") && !body.contains("hunter2"), "{body}");
    assert_line(&body, "redis_exporter_discovery_success 1");
    assert_sum(&body, "redis_connected_slaves", 1.0, 2);
    let names = sum(&body, "redis_db_keys").1;
    assert_eq!(names, 16, "those of the primary alone");
    // A sentinel is down, and the primary changes.
    let [first, second] = &mut sentinels;
    first.stop().unwrap();
    tests::eventually("a failover", Duration::from_secs(10), || {
        let said = second.ask(&["SENTINEL", "FAILOVER", "one"]).unwrap();
        if said == "OK" { Ok(()) } else { Err(said) }
    })
    .unwrap();
    exporter.eventually(|body| up(body, ["slave", "master"])).await.unwrap();
    let other = of_group(&[second], &["-redis.sentinel-master=two", flags[1]]);
    let body = other.scrape().await.unwrap();
    assert!(body.contains("the sentinel has no master named two\"} 1"), "{body}");
    assert_line(&body, "redis_up 0");
}
