//! What the answers of a cluster's node, or of a sentinel, say of the servers to read.

use std::collections::HashSet;
use std::sync::Arc;

use common::error::{ParseError, Partial};
use redis::Value;

use super::shards::Shards;
use crate::holders::{dialer_of, routes};
use crate::member::Member;
use crate::replies::nodes::{self, MASTER, Node, REPLICA, host_port};
use crate::replies::values;
use crate::server::{Dialer, Target};

/// Servers of one group that are read at most; clusters have up to a thousand nodes.
const MAX_MEMBERS: usize = 1000;

/// A server of a group.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) target: Target,
    pub(crate) member: Arc<Member>,
}

/// The servers by name, each name once: the first with it.
fn distinct(servers: impl IntoIterator<Item = (Target, Member)>) -> Vec<Found> {
    let mut names = HashSet::new();
    let is_new = |(_, member): &(Target, Member)| names.insert(member.name.clone());
    let found = servers.into_iter().filter(is_new).take(MAX_MEMBERS);
    let found = found.map(|(target, member)| Found { target, member: Arc::new(member) });
    let mut found: Vec<Found> = found.collect();
    // Nodes list each other in any order, and answers are put together fastest in the same one.
    found.sort_by(|a, b| a.member.name.cmp(&b.member.name));
    found
}

/// The nodes that the server of `dialer` lists. Those that have failed come last: a new node may
/// have the address of one.
pub(super) fn of_cluster(
    text: &str,
    dialer: &Dialer,
    prefers_host_names: bool,
    shards: &mut Shards,
) -> Partial<Vec<Found>, ParseError> {
    let Partial { good: mut nodes, error } = nodes::parse(text);
    nodes.retain(|node| !node.is_joining);
    nodes.sort_by_key(|node| node.has_failed);
    let routes = Arc::new(routes(&nodes, dialer, prefers_host_names));
    let shards = shards.assign(&nodes);
    let found = nodes.iter().zip(shards).filter_map(|(node, shard)| {
        let target = dialer_of(node, dialer, prefers_host_names)?.target().clone();
        let host = node.host(prefers_host_names).or_else(|| target.host());
        let of_primary = |primary| nodes.iter().find(|node| Some(node.id) == primary);
        let slots = of_primary(node.primary).unwrap_or(node).slots.clone();
        let name = host_port(host.unwrap_or("localhost"), node.port);
        let (shard, slots, routes) = (Some(shard), Some(slots), Some(Arc::clone(&routes)));
        Some((target, Member { name, shard, role: node.role, slots, routes }))
    });
    Partial { good: distinct(found), error }
}

/// True if a cluster's node belongs to one that serves something: one that was taken out of its
/// cluster knows itself alone.
pub(super) fn serves_slots(text: &str) -> bool {
    nodes::parse(text).good.iter().any(|node: &Node<'_>| node.slots.count() > 0)
}

/// The primary, `[HOST, PORT]`, and the replicas, each with fields `ip` and `port`, that the
/// sentinel of `dialer` names; `None` if the primary is not of this form.
pub(super) fn of_sentinel(
    primary: &Value,
    replicas: &Value,
    dialer: &Dialer,
) -> Option<Vec<Found>> {
    let member = |host: &Value, port: &Value, role| {
        let (host, port) = (values::text(host)?, values::text(port)?.parse().ok()?);
        let target = dialer.peer(&host, port).target().clone();
        let name = host_port(&host, port);
        Some((target, Member { name, shard: None, role, slots: None, routes: None }))
    };
    let [host, port] = values::items(primary)? else { return None };
    let primary = member(host, port, MASTER)?;
    let replica = |fields: &Value| {
        let fields = values::pairs(fields)?;
        member(values::find(&fields, "ip")?, values::find(&fields, "port")?, REPLICA)
    };
    let replicas = values::items(replicas).unwrap_or_default().iter().filter_map(replica);
    Some(distinct([primary].into_iter().chain(replicas)))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::FromArgMatches as _;

    use super::*;
    use crate::args::Args;
    use crate::replies::slots::Slots;
    use crate::server::Servers;

    fn dialer(address: &str) -> Dialer {
        let arguments = ["redis-exporter"].map(OsString::from);
        let matches = common::commands::parse::<crate::RedisExporter>(arguments).unwrap();
        let servers = Servers::new(&Args::from_arg_matches(&matches).unwrap()).unwrap();
        servers.get(&servers.target(address).unwrap()).dialer()
    }

    /// Name, role, address and slots of each server.
    fn shown(found: &[Found]) -> Vec<String> {
        let show = |Found { target, member }: &Found| {
            let slots = member.slots.as_ref().map_or(0, Slots::count);
            format!("{} {} {target} {slots}", member.name, member.role)
        };
        found.iter().map(show).collect()
    }

    const NODES: &str = "\
a :7000@2,one myself,master - 0 0 1 connected 0-99
b 10.0.0.2:7000@2,two slave a 0 0 1 connected
c 10.0.0.3:7000@2 master,fail - 0 0 1 disconnected
d 10.0.0.3:7000@2 slave c 0 0 1 connected
e 10.0.0.5:7000@2 handshake - 0 0 0 connected
f :0@0 master,noaddr - 0 0 1 disconnected
odd
";

    #[tokio::test]
    async fn nodes_of_a_cluster_are_found_by_their_addresses() {
        let find = |prefers_host_names| {
            let dialer = dialer("rediss://seed:1");
            of_cluster(NODES, &dialer, prefers_host_names, &mut Shards::default())
        };
        let Partial { good, error } = find(false);
        let expected = [
            "10.0.0.2:7000 slave rediss://10.0.0.2:7000 100",
            "10.0.0.3:7000 slave rediss://10.0.0.3:7000 0",
            "seed:7000 master rediss://seed:1 100",
        ];
        assert_eq!(shown(&good), expected);
        assert!(error.unwrap().to_string().contains("odd"));
        let expected = [
            "10.0.0.3:7000 slave rediss://10.0.0.3:7000 0",
            "one:7000 master rediss://one:7000 100",
            "two:7000 slave rediss://two:7000 100",
        ];
        assert_eq!(shown(&find(true).good), expected);
        let labels = good[0].member.labels(Some("master"));
        assert_eq!(labels, [("node", "10.0.0.2:7000"), ("shard", "a"), ("role", "master")]);
        assert_eq!(good[0].member.labels(None)[2], ("role", "slave"));
        assert!(serves_slots(NODES) && !serves_slots("a :1@2 myself,master - 0 0 1 connected"));
    }

    fn reply(text: &str) -> Value {
        redis::parse_redis_value(text.as_bytes()).unwrap()
    }

    #[tokio::test]
    async fn servers_of_a_master_are_found_by_what_the_sentinel_says() {
        let primary = reply("*2\r\n$2\r\nh1\r\n$4\r\n6379\r\n");
        let replica =
            |host: &str| format!("*4\r\n+ip\r\n+{host}\r\n+port\r\n+6379\r\n*2\r\n+ip\r\n+odd\r\n");
        let replicas = reply(&format!("*4\r\n{}{}", replica("h1"), replica("::1")));
        let found = of_sentinel(&primary, &replicas, &dialer("sentinel:26379")).unwrap();
        let expected =
            ["[::1]:6379 slave redis://[::1]:6379 0", "h1:6379 master redis://h1:6379 0"];
        assert_eq!(shown(&found), expected);
        for odd in ["$-1\r\n", "*0\r\n", "*2\r\n+h\r\n+x\r\n"] {
            assert!(of_sentinel(&reply(odd), &replicas, &dialer("s")).is_none(), "{odd}");
        }
    }
}
