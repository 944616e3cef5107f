//! Masters that a sentinel watches: section Sentinel of `INFO`, with lines
//! `masterN:name=,status=,address=,slaves=,sentinels=`.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError};
use common::exposition::Sink;
use common::keyed::Keyed;
use common::metric::{Desc, Metric, gauge};

use crate::replies::info::{Info, index, malformed_line, parts, verdict};
use crate::scrape::Scrape;

/// Fields that are one number, each exposed under its own name.
const NUMBERS: &[Keyed] = &[
    Keyed::gauge(
        "sentinel_masters",
        "redis_sentinel_masters",
        "Masters that this sentinel watches.",
    ),
    Keyed::gauge(
        "sentinel_running_scripts",
        "redis_sentinel_running_scripts",
        "Scripts of this sentinel that are running.",
    ),
    Keyed::gauge(
        "sentinel_scripts_queue_length",
        "redis_sentinel_scripts_queue_length",
        "Scripts of this sentinel that are waiting.",
    ),
    Keyed::gauge(
        "sentinel_simulate_failure_flags",
        "redis_sentinel_simulate_failure_flags",
        "Failures that this sentinel is to simulate.",
    ),
    Keyed::gauge(
        "sentinel_tilt",
        "redis_sentinel_tilt",
        "1 while this sentinel distrusts its clock and only watches.",
    ),
];

const STATUS: Desc<'_> =
    Desc::gauge("redis_sentinel_master_status", "1 if a master is well, with its state as label.");

const METRICS: &[Metric<Peers>] = &[
    gauge("redis_sentinel_master_slaves", "Replicas of a master.", |peers| Some(peers.replicas)),
    gauge("redis_sentinel_master_sentinels", "Sentinels that watch a master.", |peers| {
        Some(peers.sentinels)
    }),
];

#[derive(Debug, PartialEq)]
struct Master<'a> {
    name: &'a str,
    address: &'a str,
    status: &'a str,
    peers: Peers,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Peers {
    replicas: f64,
    sentinels: f64,
}

pub(super) struct Sentinel;

#[async_trait]
impl Collector<Scrape> for Sentinel {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        push(scrape.info(), sink)
    }
}

/// Writes what is well-formed; reports the first line that is not.
fn push(info: &Info, sink: &mut Sink) -> Result<(), CollectError> {
    let mut malformed: Option<ParseError> = None;
    let mut masters = Vec::new();
    for (field, value) in info.section("Sentinel") {
        let read = if let Some(known) = NUMBERS.iter().find(|known| known.key == field) {
            known.value(value).ok().flatten().map(|number| sink.value(&known.desc, number))
        } else if index(field, "master").is_some() {
            parse_master(value).map(|master| masters.push(master))
        } else {
            continue;
        };
        if read.is_none() {
            malformed.get_or_insert_with(|| malformed_line(field, value));
        }
    }
    let states = masters.iter().map(|Master { name, address, status, .. }| {
        let labels =
            [("master_name", *name), ("master_address", address), ("master_status", status)];
        (labels, f64::from(u8::from(*status == "ok")))
    });
    sink.samples(&STATUS, states);
    let rows = masters.iter().map(|master| {
        ([("master_name", master.name), ("master_address", master.address)], &master.peers)
    });
    sink.table(METRICS, rows);
    verdict("INFO Sentinel", malformed)
}

fn parse_master(value: &str) -> Option<Master<'_>> {
    let (mut name, mut address, mut status) = (None, None, None);
    let (mut replicas, mut sentinels) = (None, None);
    for (part, text) in parts(value) {
        match part {
            "name" => name = Some(text),
            "address" => address = Some(text),
            "status" => status = Some(text),
            "slaves" => replicas = Some(text.parse().ok()?),
            "sentinels" => sentinels = Some(text.parse().ok()?),
            _ => {}
        }
    }
    let peers = Peers { replicas: replicas?, sentinels: sentinels? };
    Some(Master { name: name?, address: address?, status: status?, peers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::pushed;

    #[test]
    fn masters_and_numbers_are_shown() {
        let text = pushed(
            "# Sentinel\r\nsentinel_masters:2\r\nsentinel_tilt:0\r\n\
             sentinel_tilt_since_seconds:-1\r\n\
             master0:name=one,status=ok,address=10.0.0.1:6379,slaves=2,sentinels=3\r\n\
             master1:name=two,status=odown,address=10.0.0.2:6379,slaves=0,sentinels=3\r\n",
            |info, sink| push(info, sink).unwrap(),
        );
        let one = "{master_name=\"one\",master_address=\"10.0.0.1:6379\"";
        let two = "{master_name=\"two\",master_address=\"10.0.0.2:6379\"";
        for line in [
            "\nredis_sentinel_masters 2\n".to_owned(),
            "\nredis_sentinel_tilt 0\n".to_owned(),
            format!("\nredis_sentinel_master_status{one},master_status=\"ok\"}} 1\n"),
            format!("\nredis_sentinel_master_status{two},master_status=\"odown\"}} 0\n"),
            format!("\nredis_sentinel_master_slaves{one}}} 2\n"),
            format!("\nredis_sentinel_master_sentinels{two}}} 3\n"),
        ] {
            assert!(text.contains(&line), "{line}{text}");
        }
        assert!(!text.contains("tilt_since"), "{text}");
    }

    #[test]
    fn malformed_lines_are_reported_and_cost_no_other() {
        for line in ["master0:name=one,status=ok", "sentinel_tilt:x", "master0:"] {
            let text =
                pushed(&format!("# Sentinel\r\n{line}\r\nsentinel_masters:1\r\n"), |info, sink| {
                    assert!(push(info, sink).is_err(), "{line}");
                });
            assert!(text.ends_with("redis_sentinel_masters 1\n"), "{text}");
        }
    }

    #[test]
    fn other_servers_have_no_such_section() {
        let text = pushed("# Replication\r\nmaster_host:a\r\n", |info, sink| {
            push(info, sink).unwrap();
        });
        assert_eq!(text, "");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(lines in "((master[0-9]|sentinel_tilt):[a-z=,0-9é]{0,30}\n)*") {
            pushed(&format!("# Sentinel\n{lines}"), |info, sink| {
                let _ = push(info, sink);
            });
        }
    }
}
