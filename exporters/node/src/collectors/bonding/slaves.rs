//! Each bond and its devices in detail, Documentation/networking/bonding.rst of the kernel; the files
//! of devices are those of drivers/net/bonding/bond_sysfs_slave.c.

use common::error::{FirstError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::keyed::{Keyed, integer};
use common::metric::Desc;

use super::LINKS;
use crate::host::Host;
use crate::readers::attributes::{Table, parsed_in_part, present_texts, push_info};

const INFO: Desc<'_> = Desc::gauge("node_bonding_info", "Settings of each bond; always 1.");

/// Files of a bond whose first word is a label.
const SETTINGS: [(&str, &str); 4] = [
    ("lacp_rate", "lacp_rate"),
    ("mode", "mode"),
    ("partner_mac", "ad_partner_mac"),
    ("xmit_hash_policy", "xmit_hash_policy"),
];

const BOND: &[Keyed] = &[
    Keyed::gauge(
        "miimon",
        "node_bonding_miimon_seconds",
        "Time between two looks at the links of a bond; 0 if it does not look.",
    )
    .over(1000.0),
    Keyed::gauge(
        "ad_aggregator",
        "node_bonding_aggregator_id",
        "Number of the aggregator that an LACP bond uses.",
    ),
    Keyed::gauge(
        "ad_num_ports",
        "node_bonding_aggregator_ports",
        "Devices in the aggregator that an LACP bond uses.",
    ),
];

const SLAVE: &[Keyed] = &[
    Keyed::gauge("mii_status", "node_bonding_slave_up", "1 if the link of the device is up.")
        .read_by(is_up),
    Keyed::gauge("state", "node_bonding_slave_active", "1 if the bond uses the device.")
        .read_by(is_active),
    Keyed::counter(
        "link_failure_count",
        "node_bonding_slave_link_failures_total",
        "Times that the link of the device failed.",
    ),
    Keyed::gauge(
        "ad_aggregator_id",
        "node_bonding_slave_aggregator_id",
        "Number of the aggregator that the device is in.",
    )
    .read_by(lacp_number),
];

const LACP: Desc<'_> = Desc::gauge(
    "node_bonding_slave_lacp_state",
    "1 for each state of LACP that a side has of a device, 0 for the others.",
);

/// Bits of a port's state, IEEE 802.1AX, 6.4.2.3.
const BITS: [&str; 8] = [
    "activity",
    "timeout",
    "aggregation",
    "synchronization",
    "collecting",
    "distributing",
    "defaulted",
    "expired",
];

const SIDES: [(&str, &str); 2] =
    [("actor", "ad_actor_oper_port_state"), ("partner", "ad_partner_oper_port_state")];

/// State of LACP of one device as one side sees it.
struct Lacp {
    master: String,
    slave: String,
    side: &'static str,
    bits: u8,
}

/// Pushes what is known of the bonds, each with the names of its devices.
pub(super) fn push(
    bonds: &[(&str, Vec<String>)],
    host: &Host,
    sink: &mut Sink,
    errors: &mut FirstError,
) {
    let mut infos = Vec::new();
    let (mut table, mut lacp) = (Table::new(BOND, ["master"]), Vec::new());
    let mut slaves = Table::new(SLAVE, ["master", "slave"]);
    for (master, names) in bonds {
        let prefix = format!("class/net/{master}/bonding/");
        let mut texts = present_texts(host, &prefix, &SETTINGS, errors);
        for (_, text) in &mut texts {
            // `802.3ad 4`: the word and its number.
            let end = text.find(' ').unwrap_or(text.len());
            text.truncate(end);
        }
        if !texts.is_empty() {
            texts.push(("master", (*master).to_owned()));
            infos.push(texts);
        }
        table.read(host, &prefix, [master], errors);
        for slave in names {
            let folder = |link: &str| format!("class/net/{master}/{link}_{slave}/bonding_slave/");
            let Some(folder) = LINKS.map(folder).into_iter().find(|f| host.sys_path(f).is_dir())
            else {
                continue;
            };
            slaves.read(host, &folder, [master, slave], errors);
            for (side, file) in SIDES {
                let path = format!("{folder}{file}");
                if let Some(bits) = parsed_in_part(host, &path, lacp_bits, errors).flatten() {
                    let (master, slave) = ((*master).to_owned(), slave.clone());
                    lacp.push(Lacp { master, slave, side, bits });
                }
            }
        }
    }
    push_info(sink, &INFO, infos);
    table.push(sink);
    slaves.push(sink);
    push_lacp(&lacp, sink);
}

fn push_lacp(states: &[Lacp], sink: &mut Sink) {
    let samples = states.iter().flat_map(|of| {
        BITS.iter().enumerate().map(move |(bit, state)| {
            let labels = [
                ("master", of.master.as_str()),
                ("side", of.side),
                ("slave", &of.slave),
                ("state", state),
            ];
            (labels, f64::from(of.bits >> bit & 1))
        })
    });
    sink.samples(&LACP, samples);
}

/// `up`, `going down` while a delay runs, `down`, `going back`.
fn is_up(text: &str) -> Result<Option<f64>, ParseError> {
    match text {
        "up" => Ok(Some(1.0)),
        "down" | "going down" | "going back" | "fail" | "back" => Ok(Some(0.0)),
        _ => Err(ParseError::form("no state of a link", text)),
    }
}

fn is_active(text: &str) -> Result<Option<f64>, ParseError> {
    match text {
        "active" => Ok(Some(1.0)),
        "backup" => Ok(Some(0.0)),
        _ => Err(ParseError::form("no state of a device", text)),
    }
}

/// In other modes than LACP the kernel writes `N/A`.
fn lacp_number(text: &str) -> Result<Option<f64>, ParseError> {
    if text == "N/A" { Ok(None) } else { integer(text) }
}

fn lacp_bits(text: &str) -> Partial<Option<u8>, ParseError> {
    if text == "N/A" {
        return Partial::whole(None);
    }
    match parse_number::<u8>("state of LACP", Some(text)) {
        Ok(bits) => Partial::whole(Some(bits)),
        Err(error) => Partial { good: None, error: Some(error) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::testing;

    fn samples() -> Vec<String> {
        let (mut sink, mut errors) = (Sink::default(), FirstError::default());
        let bonds = [("bond0", vec!["eth1".to_owned(), "eth2".to_owned(), "gone".to_owned()])];
        push(&bonds, &Host::fixture("linux-6.1"), &mut sink, &mut errors);
        errors.into_result().unwrap();
        testing::samples(&sink)
    }

    #[test]
    fn bonds_and_their_devices_are_read_from_the_kernels_files() {
        let samples = samples();
        for expected in [
            "node_bonding_info{lacp_rate=\"fast\",master=\"bond0\",mode=\"802.3ad\",\
             partner_mac=\"00:1c:73:aa:bb:cc\",xmit_hash_policy=\"layer3+4\"} 1",
            "node_bonding_miimon_seconds{master=\"bond0\"} 0.1",
            "node_bonding_aggregator_ports{master=\"bond0\"} 1",
            "node_bonding_slave_up{master=\"bond0\",slave=\"eth1\"} 1",
            "node_bonding_slave_active{master=\"bond0\",slave=\"eth2\"} 0",
            "node_bonding_slave_link_failures_total{master=\"bond0\",slave=\"eth2\"} 3",
            "node_bonding_slave_aggregator_id{master=\"bond0\",slave=\"eth1\"} 1",
            // 63: in use; 69: active, aggregatable, its partner's figures are defaults.
            "node_bonding_slave_lacp_state{master=\"bond0\",side=\"actor\",slave=\"eth1\",state=\"distributing\"} 1",
            "node_bonding_slave_lacp_state{master=\"bond0\",side=\"actor\",slave=\"eth2\",state=\"distributing\"} 0",
            "node_bonding_slave_lacp_state{master=\"bond0\",side=\"actor\",slave=\"eth2\",state=\"defaulted\"} 1",
        ] {
            assert!(samples.iter().any(|sample| sample == expected), "{expected}\n{samples:#?}");
        }
        assert!(!samples.iter().any(|sample| sample.contains("gone")));
    }

    #[test]
    fn words_of_other_modes_are_no_numbers_and_odd_ones_errors() {
        assert_eq!(lacp_number("N/A"), Ok(None));
        assert_eq!(lacp_bits("N/A"), Partial::whole(None));
        assert_eq!((is_up("going back"), is_active("backup")), (Ok(Some(0.0)), Ok(Some(0.0))));
        assert!(lacp_bits("256").error.is_some() && lacp_number("x").is_err());
        assert!(is_up("").is_err() && is_active("up").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC{0,20}") {
            let _ = (is_up(&text), is_active(&text), lacp_number(&text), lacp_bits(&text));
        }
    }
}
