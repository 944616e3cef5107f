//! A private cluster of Redis servers.

use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::redis::Redis;
use crate::{eventually, free_port};

/// Nodes that form a cluster.
#[derive(Debug)]
pub struct RedisCluster {
    /// The primaries, and behind them the replicas of each in the same order.
    pub nodes: Vec<Redis>,
}

impl RedisCluster {
    /// Starts primaries with `replicas` replicas each, with further lines in the configuration
    /// files, and waits until all agree on the cluster. A node that is gone for a second has
    /// failed. `cli` are arguments for redis-cli, such as a password.
    ///
    /// # Errors
    /// A node does not start, or they do not agree.
    pub fn start(
        primaries: usize,
        replicas: usize,
        settings: &str,
        cli: &[&str],
    ) -> anyhow::Result<Self> {
        let count = primaries * (1 + replicas);
        let buses = (0..count).map(|_| free_port()).collect::<anyhow::Result<Vec<_>>>()?;
        let start = |bus: &u16| {
            Redis::start(&format!(
                "cluster-enabled yes\ncluster-port {bus}\ncluster-node-timeout 1000\n\
                 repl-diskless-sync-delay 0\n{settings}"
            ))
        };
        let nodes = buses.iter().map(start).collect::<anyhow::Result<Vec<_>>>()?;
        let first = nodes.first().context("no nodes")?;
        for (node, bus) in nodes.iter().zip(&buses).skip(1) {
            let (port, bus) = (node.port.to_string(), bus.to_string());
            let meet = ["CLUSTER", "MEET", "127.0.0.1", &port, &bus];
            let said = first.ask(&[cli, &meet].concat())?;
            ensure!(said == "OK", "node {port}: {said}");
        }
        let cluster = Self { nodes };
        cluster.form(primaries, cli)?;
        Ok(cluster)
    }

    fn form(&self, primaries: usize, cli: &[&str]) -> anyhow::Result<()> {
        let all = &self.nodes;
        let ask = |node: &Redis, words: &[&str]| node.ask(&[cli, words].concat());
        let slots = 16_384_usize.div_ceil(primaries);
        for (number, node) in all.iter().take(primaries).enumerate() {
            let last = ((number + 1) * slots).min(16_384) - 1;
            let range = [(number * slots).to_string(), last.to_string()];
            let said = ask(node, &["CLUSTER", "ADDSLOTSRANGE", &range[0], &range[1]])?;
            ensure!(said == "OK", "node {number}: {said}");
        }
        let patience = Duration::from_secs(20);
        let is_so = |node: &Redis, words: &[&str], wanted: &str| {
            let said = ask(node, words)?;
            ensure!(said.contains(wanted), "{said}");
            anyhow::Ok(())
        };
        let known = format!("cluster_known_nodes:{}", all.len());
        for node in all {
            eventually("all nodes", patience, || is_so(node, &["CLUSTER", "INFO"], &known))?;
        }
        for (number, node) in all.iter().enumerate().skip(primaries) {
            let id = ask(&all[number % primaries], &["CLUSTER", "MYID"])?;
            let replicate = ["CLUSTER", "REPLICATE", id.as_str()];
            eventually("replica", patience, || is_so(node, &replicate, "OK"))?;
        }
        for (number, node) in all.iter().enumerate() {
            let state = "cluster_state:ok";
            eventually("a cluster", patience, || is_so(node, &["CLUSTER", "INFO"], state))?;
            if number >= primaries {
                let (info, link) = (["INFO", "replication"], "master_link_status:up");
                eventually("a replica", patience, || is_so(node, &info, link))?;
            }
        }
        Ok(())
    }
}
