//! The answer to `CLUSTER NODES`: a line for each node,
//! `ID IP:PORT@BUSPORT[,HOSTNAME] FLAGS …`, <https://redis.io/docs/latest/commands/cluster-nodes/>.

/// Addresses of the nodes in their order, `HOST:PORT`: by host name where there is one and
/// `prefers_hostnames`. A node whose address is not known yet is left out.
pub fn addresses(text: &str, prefers_hostnames: bool) -> Vec<String> {
    text.lines().filter_map(|line| address(line, prefers_hostnames)).collect()
}

fn address(line: &str, prefers_hostnames: bool) -> Option<String> {
    let field = line.split_ascii_whitespace().nth(1)?;
    // Behind the host name there may be more, such as the id of a shard.
    let mut parts = field.split(',');
    let (endpoint, name) = (parts.next()?, parts.next().filter(|name| !name.is_empty()));
    let endpoint = endpoint.split_once('@').map_or(endpoint, |(endpoint, _)| endpoint);
    // An IPv6 address has colons of its own.
    let (ip, port) = endpoint.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let host = name.filter(|_| prefers_hostnames).unwrap_or(ip);
    match host {
        "" => None,
        host if host.contains(':') => Some(format!("[{host}]:{port}")),
        host => Some(format!("{host}:{port}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "\
07c3 127.0.0.1:30004@31004,host4 slave e7d1 0 1426238317239 4 connected
67ed 127.0.0.1:30002@31002,,shard-id=9 master - 0 1426238316232 2 connected 5461-10922
e7d1 fd00::7:30001@31001 myself,master - 0 0 1 connected 0-5460
aaaa :0@0 master,noaddr - 0 0 0 disconnected
bbbb :7000@17000 myself,master - 0 0 0 connected
cccc 10.0.0.9:6379 master,fail - 0 0 3 connected
odd
";

    #[test]
    fn nodes_are_listed_by_address_or_name() {
        let expected = ["127.0.0.1:30004", "127.0.0.1:30002", "[fd00::7]:30001", "10.0.0.9:6379"];
        assert_eq!(addresses(NODES, false), expected);
        assert_eq!(addresses(NODES, true)[..2], ["host4:30004", "127.0.0.1:30002"]);
        assert!(addresses("", true).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "([a-f0-9]{1,4} [0-9.:@,a-z]{0,20} x\n|.{0,30}\n){0,5}") {
            for prefers_hostnames in [false, true] {
                for address in addresses(&text, prefers_hostnames) {
                    proptest::prop_assert!(address.contains(':'));
                }
            }
        }
    }
}
