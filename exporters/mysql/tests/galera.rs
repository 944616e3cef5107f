//! A Galera cluster of real nodes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Exporter, PASSWORD, Scraped, eventually};
use tests::free_port;
use tests::log::Log;
use tests::mariadb::MariaDb;

/// A node and the address that other nodes find it at.
struct Node {
    server: MariaDb,
    address: String,
}

/// The first node of a cluster, or one that joins the cluster at `others`.
fn node(others: &str) -> Node {
    let (base, increments) = (free_port().unwrap(), free_port().unwrap());
    let address = format!("127.0.0.1:{base}");
    let options = [
        "--wsrep-on=ON".to_owned(),
        "--wsrep-provider=/usr/lib/galera/libgalera_smm.so".to_owned(),
        format!("--wsrep-cluster-address=gcomm://{others}"),
        "--wsrep-cluster-name=shop".to_owned(),
        format!("--wsrep-node-address={address}"),
        // A node that joins is a member, but without data never a ready one.
        "--wsrep-sst-method=skip".to_owned(),
        format!(
            "--wsrep-provider-options=base_port={base};gmcast.listen_addr=tcp://{address};\
             ist.recv_addr=127.0.0.1:{increments};gcache.size=8M;evs.keepalive_period=PT0.3S;\
             evs.inactive_check_period=PT0.2S;evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S"
        ),
        "--binlog-format=ROW".to_owned(),
        "--innodb-autoinc-lock-mode=2".to_owned(),
    ];
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    Node { server: MariaDb::start(&options).unwrap(), address }
}

/// A cluster of one node, with the exporter's account.
fn first_node() -> Node {
    let node = node("");
    let account = format!(
        "CREATE USER exporter@localhost IDENTIFIED BY '{PASSWORD}'; \
         GRANT PROCESS, SLAVE MONITOR ON *.* TO exporter@localhost"
    );
    node.server.sql(&account).unwrap();
    node
}

fn status(scraped: &Scraped, name: &str) -> String {
    scraped.value(&format!("mysql_global_status_wsrep_{name}")).to_owned()
}

#[tokio::test]
#[ignore = "needs mariadbd and galera-4"]
async fn a_node_shows_cluster_provider_and_cache() {
    let node = first_node();
    let exporter = Exporter::of(&node.server, &[]);
    let scraped = exporter.scrape(10.0).await;
    for (name, expected) in [
        ("cluster_size", "1"),
        ("cluster_status", "1"),
        ("connected", "1"),
        ("local_state", "4"),
        ("ready", "1"),
    ] {
        assert_eq!(status(&scraped, name), expected, "{name}");
    }
    let text = |kind: &str, name: &str| node.server.variable(kind, name).unwrap();
    let state = text("STATUS", "wsrep_cluster_state_uuid");
    let info = format!(
        "mysql_galera_status_info{{wsrep_cluster_state_uuid=\"{state}\",\
         wsrep_local_state_uuid=\"{state}\",wsrep_provider_version=\"{}\"}}",
        text("STATUS", "wsrep_provider_version")
    );
    assert_eq!(scraped.value(&info), "1");
    assert_eq!(scraped.value("mysql_galera_variables_info{wsrep_cluster_name=\"shop\"}"), "1");
    assert_eq!(scraped.value("mysql_galera_gcache_size_bytes"), "8388608");
    let latency = |part: &str| {
        scraped.value(&format!("mysql_galera_evs_repl_latency_{part}")).parse::<f64>().unwrap()
    };
    let (least, mean, most) =
        (latency("min_seconds"), latency("avg_seconds"), latency("max_seconds"));
    assert!(least <= mean && mean <= most && most < 10.0, "{least} {mean} {most}");
    assert!(latency("sample_size") >= 0.0 && latency("stdev") >= 0.0);
    for collector in ["global_status", "global_variables", "slave_status"] {
        assert_eq!(scraped.success(collector), "1", "{collector}");
    }
}

#[tokio::test]
#[ignore = "needs mariadbd and galera-4"]
async fn a_node_that_has_lost_the_others_is_up_and_not_ready() {
    let log = Log::capture();
    let first = first_node();
    let exporter = Exporter::of(&first.server, &[]);
    let mut second = node(&first.address);
    let scraped = exporter.scrape(10.0).await;
    let shown = ["cluster_size", "cluster_status", "ready"].map(|name| status(&scraped, name));
    assert_eq!(shown, ["2", "1", "1"], "{}", log.text());
    second.server.kill().unwrap();
    // One of two is no majority: it answers questions about itself and nothing else.
    let scraped = eventually("a node without a majority", async || {
        let scraped = exporter.scrape(10.0).await;
        (status(&scraped, "cluster_status") == "0").then_some(scraped)
    })
    .await;
    assert_eq!(scraped.value("mysql_up"), "1", "{}", log.text());
    assert_eq!(
        (status(&scraped, "ready").as_str(), status(&scraped, "local_state")),
        ("0", "0".into())
    );
    for collector in ["global_status", "global_variables"] {
        assert_eq!(scraped.success(collector), "1", "{collector}: {}", log.text());
    }
    first.server.sql("SET GLOBAL wsrep_provider_options = 'pc.bootstrap=1'").unwrap();
    eventually("a cluster of one", async || {
        let scraped = exporter.scrape(10.0).await;
        (status(&scraped, "ready") == "1" && status(&scraped, "cluster_size") == "1").then_some(())
    })
    .await;
}
