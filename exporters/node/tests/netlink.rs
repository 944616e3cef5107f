//! What the kernel is asked by netlink, in a network namespace made for the purpose.

use tests::built;
use tests::exposition::Exposition;
use tests::process::{command, succeed};

/// Devices, neighbours, routes and queues; then one scrape of them. `$1` is the program.
const SCRIPT: &str = r#"
set -e
ip link set lo up
ip link add veth0 type veth peer name veth1
ip link set dev veth0 alias uplink
ip link property add dev veth0 altname other
ip address add 192.0.2.1/24 dev veth0
for device in veth0 veth1; do ip link set $device up; done
ip neighbour add 192.0.2.7 lladdr 52:54:00:00:00:07 dev veth0 nud permanent
ip neighbour add 192.0.2.8 lladdr 52:54:00:00:00:08 dev veth0 nud noarp
ip neighbour add 192.0.2.9 lladdr 52:54:00:00:00:09 dev veth1 nud permanent
ip route add 198.51.100.0/24 via 192.0.2.7 dev veth0 proto static metric 50
ip route add 203.0.113.0/24 nexthop via 192.0.2.7 weight 3 nexthop dev veth1
tc qdisc add dev veth0 root pfifo limit 10
"$1" --web.listen-address=127.0.0.1:9100 >/dev/null 2>&1 &
server=$!
trap 'kill $server' EXIT
until "$1" healthcheck --web.listen-address=127.0.0.1:9100 >/dev/null 2>&1; do sleep 0.1; done
"$1" scrape --collector.disable-defaults --collector.arp --collector.netdev \
    --collector.netclass --collector.network_route --collector.qdisc --collector.tcpstat \
    --collector.ethtool --collector.netdev.address-info --collector.netdev.label-ifalias \
    --collector.netclass.netlink --collector.tcpstat.port.source=9100 \
    --collector.qdisc.device-exclude=veth1
"#;

#[test]
#[ignore = "needs root"]
fn the_kernel_tells_what_was_set_up() {
    let mut namespace = command("unshare");
    namespace
        .args(["--net", "sh", "-c", SCRIPT, "sh"])
        .arg(built(env!("CARGO_BIN_EXE_node-exporter")));
    let text = succeed(&mut namespace).unwrap();
    let metrics = Exposition::parse(&text).unwrap();
    let assert = |family: &str, labels: &[(&str, &str)], expected: f64| {
        let value = metrics.value(family, labels);
        assert!(
            value.as_ref().is_ok_and(|value| (value - expected).abs() < 0.5),
            "{family} {labels:?}: {value:?}\n{text}"
        );
    };
    for collector in ["arp", "netdev", "netclass", "network_route", "qdisc", "tcpstat", "ethtool"] {
        assert("node_scrape_collector_success", &[("collector", collector)], 1.0);
    }
    assert("node_arp_entries", &[("device", "veth0")], 1.0);
    assert("node_arp_entries", &[("device", "veth1")], 1.0);
    let address =
        [("address", "192.0.2.1"), ("device", "veth0"), ("netmask", "24"), ("scope", "global")];
    assert("node_network_address_info", &address, 1.0);
    assert("node_network_up", &[("device", "veth0")], 1.0);
    assert("node_network_altnames_info", &[("altname", "other"), ("device", "veth0")], 1.0);
    let labels = [("device", "veth0"), ("ifalias", "uplink")];
    assert!(metrics.value("node_network_receive_bytes_total", &labels).is_ok(), "{text}");
    let mut route = [
        ("dest", "198.51.100.0/24"),
        ("device", "veth0"),
        ("gw", "192.0.2.7"),
        ("priority", "50"),
        ("proto", "static"),
        ("src", ""),
        ("weight", ""),
    ];
    assert("node_network_route_info", &route, 1.0);
    for (label, value) in [(0, "203.0.113.0/24"), (3, "0"), (4, "boot"), (6, "3")] {
        route[label].1 = value;
    }
    assert("node_network_route_info", &route, 1.0);
    let queue = [("device", "veth0"), ("kind", "pfifo")];
    assert("node_qdisc_drops_total", &queue, 0.0);
    assert("node_qdisc_current_queue_length", &queue, 0.0);
    assert!(!text.contains("node_qdisc_drops_total{device=\"veth1\""), "{text}");
    let listening = [("direction", "source"), ("port", "9100"), ("state", "listen")];
    assert("node_tcp_connection_states", &listening, 1.0);
}
