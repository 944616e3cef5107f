//! Network devices that come, go and change their names between scrapes, in a namespace made for
//! the purpose: what was kept open of one must never be shown as another's.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use tests::TemporaryFolder;
use tests::exposition::Exposition;
use tests::process::{command, succeed};

/// Devices of each kind, `a…` and their peers `b…`.
const PAIRS: usize = 100;

/// `$1` is the program, `$2` a folder for the answers, `$3` the limit of descriptors. The MTU of
/// a device is 1000 and its number, so that it shows which device a file belongs to.
const SCRIPT: &str = r#"
set -e
mkdir "$2/sys"
mount -t sysfs sysfs "$2/sys"
ip link set lo up
ulimit -n "$3"
make() { ip link add "a$1" mtu "$2" type veth peer name "b$1" mtu "$2"; }
for i in $(seq 0 99); do make "$i" "$((1000 + i))"; done
"$1" --web.listen-address=127.0.0.1:9100 --path.sysfs="$2/sys" --collector.disable-defaults \
    --collector.netclass --collector.meminfo >/dev/null 2>"$2/log" &
server=$!
trap 'kill $server' EXIT
until "$1" healthcheck --web.listen-address=127.0.0.1:9100 >/dev/null 2>&1; do sleep 0.1; done
ask() { curl -sf http://127.0.0.1:9100/metrics >"$2/$1"; }
# Not while the connection of the last scrape is being closed.
descriptors() { sleep 1; ls "/proc/$server/fd" | wc -l >"$2/descriptors-$1"; }
ask first "$2"; ask second "$2"; descriptors before "$2"
ip link set a0 name other; ip link set a1 name a0; ip link set other name a1
ask renamed "$2"
for i in $(seq 50 99); do ip link delete "a$i"; done
ask removed "$2"
make 50 2050; make 51 2051
ask replaced "$2"
for i in $(seq 0 51); do ip link delete "a$i"; done
for i in $(seq 12); do ask gone "$2"; done
descriptors after "$2"
"#;

/// The answers to all scrapes, one after the other, below a limit of `descriptors`.
fn run(folder: &Path, descriptors: usize) {
    let mut namespace = command("unshare");
    namespace.args(["--net", "--mount", "sh", "-c", SCRIPT, "sh"]);
    namespace.arg(env!("CARGO_BIN_EXE_node-exporter")).arg(folder).arg(descriptors.to_string());
    succeed(&mut namespace).unwrap();
}

/// MTU by device, `lo` left out.
fn mtus(folder: &Path, answer: &str) -> Vec<(String, usize)> {
    let text = std::fs::read_to_string(folder.join(answer)).unwrap();
    let metrics = Exposition::parse(&text).unwrap();
    let success = |collector| {
        metrics.value("node_scrape_collector_success", &[("collector", collector)]).unwrap()
    };
    assert!(success("netclass") > 0.5 && success("meminfo") > 0.5, "{answer}\n{text}");
    let devices = metrics.samples().filter(|(name, ..)| name == "node_network_mtu_bytes");
    let mut mtus: Vec<(String, usize)> = devices
        .map(|(_, labels, value)| (labels["device"].clone(), format!("{value}").parse().unwrap()))
        .filter(|(device, _)| device != "lo")
        .collect();
    mtus.sort();
    mtus
}

/// What each device must show, given which MTU the pair `i` has, if it is there.
fn expected(mtu: impl Fn(usize, char) -> Option<usize>) -> Vec<(String, usize)> {
    let devices = ['a', 'b'].into_iter().flat_map(|kind| (0..PAIRS).map(move |i| (kind, i)));
    let mut expected: Vec<(String, usize)> =
        devices.filter_map(|(kind, i)| Some((format!("{kind}{i}"), mtu(i, kind)?))).collect();
    expected.sort();
    expected
}

fn check(limit: usize) {
    let folder = TemporaryFolder::new("kept").unwrap();
    let folder = folder.path();
    run(folder, limit);
    let all = expected(|i, _| Some(1000 + i));
    assert_eq!(mtus(folder, "first"), all);
    assert_eq!(mtus(folder, "second"), all);
    let swapped = |i, kind| match (i, kind) {
        (0, 'a') => 1001,
        (1, 'a') => 1000,
        _ => 1000 + i,
    };
    assert_eq!(mtus(folder, "renamed"), expected(|i, kind| Some(swapped(i, kind))));
    let half = |i, kind| (i < 50).then(|| swapped(i, kind));
    assert_eq!(mtus(folder, "removed"), expected(half));
    let replaced = |i| [50, 51].contains(&i).then_some(2000 + i);
    assert_eq!(mtus(folder, "replaced"), expected(|i, kind| half(i, kind).or(replaced(i))));
    assert_eq!(mtus(folder, "gone"), []);
    let descriptors = |when: &str| -> usize {
        let text = std::fs::read_to_string(folder.join(format!("descriptors-{when}"))).unwrap();
        text.trim().parse().unwrap()
    };
    let (before, after) = (descriptors("before"), descriptors("after"));
    assert!(before < limit && after <= before, "{before} and {after} of {limit}");
    let log = std::fs::read_to_string(folder.join("log")).unwrap();
    assert!(!log.contains("level=WARN") && !log.contains("level=ERROR"), "{log}");
}

#[test]
#[ignore = "needs root"]
fn devices_that_are_renamed_and_replaced_show_their_own_values() {
    check(1024);
}

#[test]
#[ignore = "needs root"]
fn few_descriptors_are_enough() {
    check(64);
}
