//! Masters that a sentinel watches: section Sentinel of `INFO`, with lines
//! `masterN:name=,status=,address=,slaves=,sentinels=`.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::keyed::Keyed;
use common::metric::{Desc, Metric, gauge};

use crate::replies::info::{self, Info, Line, index};
use crate::rights::Needs;
use crate::scrape::Scrape;

/// Fields that are one number, each exposed under its own name.
const NUMBERS: &[Keyed] = &[
    Keyed::gauge(
        "sentinel_masters",
        "redis_sentinel_masters",
        "Masters that this sentinel monitors.",
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
        "Flags of the failures that this sentinel simulates.",
    ),
    Keyed::gauge(
        "sentinel_tilt",
        "redis_sentinel_tilt",
        "1 while this sentinel is in TILT mode, in which it only monitors.",
    ),
];

const STATUS: Desc<'_> = Desc::gauge(
    "redis_sentinel_master_status",
    "1 if the state of a master is ok, else 0; the label master_status is the state.",
);

const METRICS: &[Metric<Peers>] = &[
    gauge("redis_sentinel_master_slaves", "Replicas of a master.", |peers| peers.replicas),
    gauge("redis_sentinel_master_sentinels", "Sentinels that monitor a master.", |peers| {
        peers.sentinels
    }),
];

#[derive(Debug, PartialEq)]
struct Master<'a> {
    name: &'a str,
    address: &'a str,
    status: Option<&'a str>,
    peers: Peers,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Peers {
    replicas: Option<f64>,
    sentinels: Option<f64>,
}

pub(super) struct Sentinel;

#[async_trait]
impl Collector<Scrape> for Sentinel {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        push(scrape.info(), sink).map_err(|error| CollectError::malformed("INFO Sentinel", error))
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        if scrape.info().is_sentinel() {
            Needs::nothing_more()
        } else {
            Needs::not_applicable("the server is no sentinel")
        }
    }
}

/// Pushes what is well-formed; says what is not.
fn push(info: &Info, sink: &mut Sink) -> Result<(), ParseError> {
    let mut errors = FirstError::default();
    let mut masters = Vec::new();
    for (field, text) in info.section("Sentinel") {
        if let Some(known) = NUMBERS.iter().find(|known| known.key == field) {
            if let Some(value) = errors.catch(info::value(known, text)) {
                sink.value(&known.desc, value);
            }
        } else if index(field, "master").is_some() {
            masters.extend(parse_master(Line::new(field, text), &mut errors));
        }
    }
    let states = masters.iter().filter_map(|Master { name, address, status, .. }| {
        let status = (*status)?;
        let labels =
            [("master_name", *name), ("master_address", address), ("master_status", status)];
        Some((labels, f64::from(u8::from(status == "ok"))))
    });
    sink.samples(&STATUS, states);
    let rows = masters.iter().map(|master| {
        ([("master_name", master.name), ("master_address", master.address)], &master.peers)
    });
    sink.table(METRICS, rows);
    errors.into_result()
}

/// A line `masterN:…`; a text that the server leaves out is empty.
fn parse_master<'a>(line: Line<'a>, errors: &mut FirstError<ParseError>) -> Option<Master<'a>> {
    let peers = Peers {
        replicas: errors.catch(line.number("slaves")),
        sentinels: errors.catch(line.number("sentinels")),
    };
    let status = line.text("status");
    if status.is_none() && peers == Peers::default() {
        errors.keep(line.malformed());
        return None;
    }
    let text = |name| line.text(name).unwrap_or_default();
    Some(Master { name: text("name"), address: text("address"), status, peers })
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
        for line in ["master0:name=one", "sentinel_tilt:x", "master0:", "master0:slaves=x"] {
            let text =
                pushed(&format!("# Sentinel\r\n{line}\r\nsentinel_masters:1\r\n"), |info, sink| {
                    assert!(push(info, sink).is_err(), "{line}");
                });
            assert!(text.ends_with("redis_sentinel_masters 1\n"), "{text}");
        }
    }

    #[test]
    fn a_malformed_part_costs_no_other() {
        let line = "master0:name=one,status=ok,address=a:1,slaves=x,sentinels=3,more";
        let text = pushed(&format!("# Sentinel\r\n{line}\r\n"), |info, sink| {
            let error = push(info, sink).unwrap_err().to_string();
            assert_eq!(error, "slaves of master0 is no number: \"x\"");
        });
        let labels = "master_name=\"one\",master_address=\"a:1\"";
        assert!(text.contains(&format!("_status{{{labels},master_status=\"ok\"}} 1\n")), "{text}");
        assert!(text.contains(&format!("_sentinels{{{labels}}} 3\n")), "{text}");
        assert!(!text.contains("_slaves"), "{text}");
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
