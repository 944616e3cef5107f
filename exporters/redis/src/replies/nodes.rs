//! The answer to `CLUSTER NODES`: a line for each node,
//! `ID IP:PORT@BUSPORT[,HOSTNAME[,NAME=VALUE]...] FLAGS PRIMARY PING PONG EPOCH LINK [SLOTS]...`,
//! <https://redis.io/docs/latest/commands/cluster-nodes/>. Every release has it, and unlike the
//! newer `CLUSTER SHARDS` also nodes that have failed.

use common::error::{ParseError, Partial};

use super::slots::Slots;

/// What `INFO` calls a primary.
pub const MASTER: &str = "master";

/// What `INFO` calls a replica.
pub const REPLICA: &str = "slave";

/// A node, as one of the cluster's nodes sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node<'a> {
    /// Its id, the same for life.
    pub id: &'a str,
    /// Its IP address; empty if the node that answers does not know it.
    pub ip: &'a str,
    /// Its host name, if it has one.
    pub host_name: Option<&'a str>,
    /// Its port, that of TLS if it was asked for by TLS; 0 if it is not known.
    pub port: u16,
    /// The id of its shard, which servers have from 7.2 on.
    pub shard: Option<&'a str>,
    /// It is the node that answers.
    pub is_self: bool,
    /// Its role in the words of `INFO`: [`MASTER`] or [`REPLICA`].
    pub role: &'static str,
    /// It is about to join, under an id that is not its own yet.
    pub is_joining: bool,
    /// The cluster agrees that it does not answer.
    pub has_failed: bool,
    /// The id of the primary that it copies.
    pub primary: Option<&'a str>,
    /// What it serves.
    pub slots: Slots,
}

impl<'a> Node<'a> {
    /// Host name if there is one and `prefers_host_names`, else IP address; `None` for a node
    /// whose address is not known.
    pub fn host(&self, prefers_host_names: bool) -> Option<&'a str> {
        let host = self.host_name.filter(|_| prefers_host_names).unwrap_or(self.ip);
        Some(host).filter(|host| !host.is_empty() && self.port > 0)
    }
}

/// The nodes in their order; a line of another form costs itself.
pub fn parse(text: &str) -> Partial<Vec<Node<'_>>, ParseError> {
    text.lines().filter(|line| !line.trim().is_empty()).map(parse_line).collect()
}

fn parse_line(line: &str) -> Result<Node<'_>, ParseError> {
    let malformed = || ParseError::form("no node of a cluster", line);
    let mut words = line.split_ascii_whitespace();
    let (Some(id), Some(place), Some(flags), Some(primary)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(malformed());
    };
    let mut parts = place.split(',');
    let endpoint = parts.next().unwrap_or_default();
    let endpoint = endpoint.split_once('@').map_or(endpoint, |(endpoint, _)| endpoint);
    // An IPv6 address has colons of its own.
    let (ip, port) = endpoint.rsplit_once(':').ok_or_else(malformed)?;
    let host_name = parts.next().filter(|name| !name.is_empty());
    let has_flag = |name| flags.split(',').any(|flag| flag == name);
    let mut slots = Slots::default();
    // Behind times, epoch and link. In brackets are slots that are about to move.
    for range in words.skip(4).filter(|range| !range.starts_with('[')) {
        if !slots.add(range) {
            return Err(malformed());
        }
    }
    Ok(Node {
        id,
        ip,
        host_name,
        port: port.parse().map_err(|_| malformed())?,
        shard: parts.find_map(|part| part.strip_prefix("shard-id=")),
        is_self: has_flag("myself"),
        role: if has_flag("slave") || has_flag("replica") { REPLICA } else { MASTER },
        is_joining: has_flag("handshake"),
        has_failed: has_flag("fail"),
        primary: Some(primary).filter(|primary| *primary != "-"),
        slots,
    })
}

/// `HOST:PORT`, with brackets around an IPv6 address.
pub fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "\
07c3 127.0.0.1:30004@31004,host4 slave e7d1 0 1426238317239 4 connected
67ed 127.0.0.1:30002@31002,,tls-port=0,shard-id=9 master - 0 1426238316232 2 connected 5461-10922 16383
e7d1 fd00::7:30001@31001 myself,master - 0 0 1 connected 0-5460 [93-<-67ed]
aaaa :0@0 master,noaddr - 0 0 0 disconnected
bbbb :7000@17000 myself,master - 0 0 0 connected
cccc 10.0.0.9:6379 master,fail - 0 0 3 connected
";

    fn addresses(prefers_host_names: bool) -> Vec<String> {
        let nodes = parse(NODES).good;
        let address = |node: &Node<'_>| Some(host_port(node.host(prefers_host_names)?, node.port));
        nodes.iter().filter_map(address).collect()
    }

    #[test]
    fn nodes_are_listed_by_address_or_name() {
        let expected = ["127.0.0.1:30004", "127.0.0.1:30002", "[fd00::7]:30001", "10.0.0.9:6379"];
        assert_eq!(addresses(false), expected);
        assert_eq!(addresses(true)[..2], ["host4:30004", "127.0.0.1:30002"]);
    }

    #[test]
    fn roles_shards_and_slots_are_told() {
        let Partial { good: nodes, error } = parse(NODES);
        assert_eq!((nodes.len(), error), (6, None));
        assert!(nodes[0].role == REPLICA && nodes[0].primary == Some("e7d1"));
        assert_eq!((nodes[1].shard, nodes[1].slots.count()), (Some("9"), 5463));
        assert!(nodes[1].slots.contains(16_383) && nodes[1].primary.is_none());
        assert!(nodes[2].is_self && nodes[2].slots.count() == 5461);
        assert!(nodes[5].has_failed && !nodes[1].has_failed);
    }

    #[test]
    fn odd_lines_cost_only_themselves() {
        for odd in ["odd", "a b c d", "a h:x master -", "a h:1 master - 0 0 0 connected 9-1"] {
            let text = format!("{odd}\n{NODES}");
            let nodes = parse(&text);
            assert!(nodes.good.len() == 6 && nodes.error.is_some(), "{odd}");
        }
        assert_eq!(parse(""), Partial::whole(Vec::new()));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(
            text in "([a-f0-9]{1,4} [0-9.:@,a-z=]{0,20} x - 0 0 0 c [-0-9]{0,9}\n|.{0,30}\n){0,5}"
        ) {
            for node in parse(&text).good {
                for prefers_host_names in [false, true] {
                    let host = node.host(prefers_host_names);
                    proptest::prop_assert!(host.is_none_or(|host| !host.is_empty()));
                }
            }
        }
    }
}
