//! Replicated block devices of DRBD 8: `/proc/drbd`, section "/proc/drbd" of the DRBD 8.4 user's guide.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::keyed::Keyed;
use common::metric::Desc;

use crate::host::Host;
use crate::readers::attributes::Table;

const FILE: &str = "drbd";

const COUNTS: &[Keyed] = &[
    Keyed::counter("ns", "node_drbd_network_sent_bytes_total", "Bytes sent to the peer.")
        .times(1024.0),
    // The kernel counts KiB here too: wrong, but the reference exporter's value.
    Keyed::counter(
        "nr",
        "node_drbd_network_received_bytes_total",
        "Received from the peer; in KiB, as in node_exporter.",
    ),
    Keyed::counter("dw", "node_drbd_disk_written_bytes_total", "Bytes written to the local disk.")
        .times(1024.0),
    Keyed::counter("dr", "node_drbd_disk_read_bytes_total", "Bytes read from the local disk.")
        .times(1024.0),
    Keyed::counter("al", "node_drbd_activitylog_writes_total", "Updates of the activity log."),
    Keyed::counter("bm", "node_drbd_bitmap_writes_total", "Updates of the bitmap."),
    Keyed::gauge("lo", "node_drbd_local_pending", "Requests pending at the local disk."),
    Keyed::gauge("pe", "node_drbd_remote_pending", "Requests that the peer has not yet answered."),
    Keyed::gauge(
        "ua",
        "node_drbd_remote_unacknowledged",
        "Requests of the peer that are not yet answered.",
    ),
    Keyed::gauge(
        "ap",
        "node_drbd_application_pending",
        "Requests of applications that are not yet answered.",
    ),
    Keyed::gauge("ep", "node_drbd_epochs", "Epochs, sets of writes between barriers."),
    Keyed::gauge("oos", "node_drbd_out_of_sync_bytes", "Bytes known to differ from the peer's.")
        .times(1024.0),
];

const CONNECTED: Desc<'_> =
    Desc::gauge("node_drbd_connected", "1 if the peer is connected and no sync is going on.");

/// Key of a `local/remote` pair, family, state that counts as 1.
const STATES: &[(&str, Desc<'_>, &str)] = &[
    (
        "ro",
        Desc::gauge("node_drbd_node_role_is_primary", "1 if the node's role is primary."),
        "Primary",
    ),
    (
        "ds",
        Desc::gauge("node_drbd_disk_state_is_up_to_date", "1 if the node's disk is up to date."),
        "UpToDate",
    ),
];

/// A device and its `key:value` words.
#[derive(Debug, PartialEq)]
struct Device<'a> {
    name: String,
    words: Vec<(&'a str, &'a str)>,
}

impl<'a> Device<'a> {
    fn get(&self, key: &str) -> Option<&'a str> {
        self.words.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }
}

#[derive(Debug, Default)]
pub(super) struct Drbd;

#[async_trait]
impl Collector<Host> for Drbd {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let Some(text) = host.proc_if_present(FILE)? else {
            return Err(CollectError::NoData("DRBD is not loaded".into()));
        };
        let devices = text.parse(parse)?;
        let mut errors = FirstError::default();
        let mut counts = Table::new(COUNTS, ["device"]);
        for device in &devices {
            let added = counts.add_parsed([&device.name], |key| device.get(key));
            errors.note(added.map_err(|error| text.blame(error)));
        }
        counts.push(sink);
        push_states(&devices, sink);
        errors.into_result()
    }
}

fn push_states(devices: &[Device<'_>], sink: &mut Sink) {
    let is = |wanted: &str, state: &str| f64::from(state == wanted);
    let samples = devices.iter().filter_map(|device| {
        let state = device.get("cs")?;
        Some(([("device", &device.name)], is("Connected", state)))
    });
    sink.samples(&CONNECTED, samples);
    for (key, desc, wanted) in STATES {
        let mut family = sink.family(desc);
        for device in devices {
            let states = device.get(key).into_iter().flat_map(|pair| pair.split('/'));
            for (node, state) in ["local", "remote"].into_iter().zip(states) {
                family.sample(&[("device", &*device.name), ("node", node)], is(wanted, state));
            }
        }
    }
}

/// The devices: each starts with a word of its number and a colon. DRBD 9 has only a version here.
fn parse(text: &str) -> Result<Vec<Device<'_>>, ParseError> {
    if !text.starts_with("version:") {
        return Err(ParseError::Form("no version".into()));
    }
    let mut devices: Vec<Device<'_>> = Vec::new();
    for word in text.split_ascii_whitespace() {
        let Some((key, value)) = word.split_once(':').filter(|(_, rest)| !rest.contains(':'))
        else {
            continue;
        };
        if value.is_empty() && key.parse::<u32>().is_ok() {
            devices.push(Device { name: format!("drbd{key}"), words: Vec::new() });
        } else if let Some(device) = devices.last_mut() {
            device.words.push((key, value));
        }
    }
    Ok(devices)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "version: 8.4.3 (api:1/proto:86-101)\nsrcversion: 1A9F77B1CA5FF92235C2213\n \
        0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----\n    \
        ns:17324442 nr:10961 dw:2 dr:1 al:0 bm:9 lo:0 pe:0 ua:0 ap:0 ep:1 wo:f oos:4\n\t\
        finish: 0:00:06 speed: 600 (600) K/sec\n 11: cs:Unconfigured\n";

    #[test]
    fn words_belong_to_the_device_before_them() {
        let devices = parse(TEXT).unwrap();
        let names: Vec<_> = devices.iter().map(|device| &*device.name).collect();
        assert_eq!(names, ["drbd0", "drbd11"]);
        assert_eq!(devices[0].get("ns"), Some("17324442"));
        assert_eq!(devices[0].get("ro"), Some("Primary/Secondary"));
        assert_eq!(devices[1].get("cs"), Some("Unconfigured"));
        assert_eq!(devices[1].get("ns"), None);
    }

    #[test]
    fn drbd_9_has_no_devices_here() {
        assert_eq!(parse("version: 9.1.7 (api:2/proto:110-121)\n"), Ok(vec![]));
    }

    #[test]
    fn malformed_counts_are_errors() {
        assert!(parse("").is_err());
        let devices = parse("version: 8\n 0: ns:x nr:\n").unwrap();
        for key in ["ns", "nr"] {
            let count = |wanted: &str| devices[0].get(key).filter(|_| wanted == key);
            assert!(Table::new(COUNTS, ["device"]).add_parsed(["drbd0"], count).is_err(), "{key}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(version: |[0-9a-z:/ \n]|\\PC){0,80}") {
            let _ = parse(&text);
        }
    }
}
