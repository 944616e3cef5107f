//! Links to master and replicas: section Replication of `INFO`.
//!
//! The fields of a master follow its `master_host`; KeyDB has several masters,
//! of which the later ones are called `master_1_host` and so on.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial};
use common::exposition::Sink;
use common::metric::{Desc, Metric, gauge};

use crate::replies::info::{Info, Line, index, malformed_line};
use crate::rights::Needs;
use crate::scrape::Scrape;

const MASTER_METRICS: &[Metric<Link>] = &[
    gauge("redis_master_link_up", "1 if the link to the master is up.", |link| link.is_up),
    gauge(
        "redis_master_last_io_seconds_ago",
        "Seconds since the last message from the master; -1 while the link is down.",
        |link| link.last_io_seconds,
    ),
    gauge(
        "redis_master_sync_in_progress",
        "1 while the replica synchronises with the master.",
        |link| link.is_syncing,
    ),
    gauge("redis_slave_repl_offset", "Replication offset of this replica.", |link| link.offset),
];

const REPLICA_METRICS: &[Metric<Progress>] = &[
    gauge(
        "redis_connected_slave_offset_bytes",
        "Replication offset that a replica has acknowledged.",
        |p| p.offset,
    ),
    gauge(
        "redis_connected_slave_lag_seconds",
        "Seconds since the last acknowledgement of a replica.",
        |p| p.lag,
    ),
];

const REPLICA_INFO: Desc<'_> = Desc::gauge(
    "redis_slave_info",
    "Master of this replica, and whether it is read-only; always 1.",
);

/// Roles of a server that follows a master: of Redis and Valkey, Dragonfly, and KeyDB, whose
/// active replicas take writes and may follow several.
const REPLICA_ROLES: [&str; 3] = ["slave", "replica", "active-replica"];

#[derive(Debug, Default, PartialEq)]
struct Master<'a> {
    host: &'a str,
    port: &'a str,
    link: Link,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Link {
    is_up: Option<f64>,
    last_io_seconds: Option<f64>,
    is_syncing: Option<f64>,
    offset: Option<f64>,
}

#[derive(Debug, PartialEq)]
struct Replica<'a> {
    ip: &'a str,
    port: &'a str,
    state: &'a str,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Progress {
    offset: Option<f64>,
    lag: Option<f64>,
}

#[derive(Debug, Default, PartialEq)]
struct Roles<'a> {
    role: &'a str,
    read_only: &'a str,
    masters: Vec<Master<'a>>,
    replicas: Vec<Replica<'a>>,
}

pub(super) struct Replication;

#[async_trait]
impl Collector<Scrape> for Replication {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let roles = parse(scrape.info());
        push(&roles.good, sink);
        roles.map_error(|error| CollectError::malformed("INFO Replication", error)).finish()
    }

    fn needs(&self, _: &Scrape) -> Needs {
        Needs::nothing_more()
    }
}

fn push(roles: &Roles<'_>, sink: &mut Sink) {
    let masters = roles
        .masters
        .iter()
        .map(|master| ([("master_host", master.host), ("master_port", master.port)], &master.link));
    sink.table(MASTER_METRICS, masters);
    let replicas = roles.replicas.iter().map(|replica| {
        let labels = [
            ("slave_ip", replica.ip),
            ("slave_port", replica.port),
            ("slave_state", replica.state),
        ];
        (labels, &replica.progress)
    });
    sink.table(REPLICA_METRICS, replicas);
    let followed = roles.masters.iter().filter(|_| REPLICA_ROLES.contains(&roles.role));
    let followed = followed.map(|Master { host, port, .. }| {
        ([("master_host", *host), ("master_port", port), ("read_only", roles.read_only)], 1.0)
    });
    sink.samples(&REPLICA_INFO, followed);
}

/// Role, masters and replicas, beside what was malformed first.
fn parse(info: &Info) -> Partial<Roles<'_>, ParseError> {
    let mut errors = FirstError::default();
    let mut roles = Roles::default();
    for (field, value) in info.section("Replication") {
        if index(field, "slave").is_some() {
            let replica = parse_replica(Line::new(field, value), &mut errors);
            roles.replicas.extend(replica);
        } else if read_field(&mut roles, field, value).is_none() {
            errors.keep(malformed_line(field, value));
        }
    }
    errors.beside(roles)
}

/// Reads one line; `None` if it is malformed.
fn read_field<'a>(roles: &mut Roles<'a>, field: &str, value: &'a str) -> Option<()> {
    match field {
        "role" => roles.role = value,
        "slave_read_only" => roles.read_only = value,
        "slave_repl_offset" => last_link(roles).offset = Some(value.parse().ok()?),
        _ => {}
    }
    match master_field(field) {
        Some("host") => roles.masters.push(Master { host: value, ..Master::default() }),
        Some("port") => last_master(roles).port = value,
        Some("link_status") => {
            last_link(roles).is_up = Some(f64::from(u8::from(value == "up")));
        }
        Some("last_io_seconds_ago") => {
            last_link(roles).last_io_seconds = Some(value.parse().ok()?);
        }
        Some("sync_in_progress") => last_link(roles).is_syncing = Some(value.parse().ok()?),
        _ => {}
    }
    Some(())
}

/// `host` of `master_host` and `master_1_host`.
fn master_field(field: &str) -> Option<&str> {
    let rest = field.strip_prefix("master_")?;
    let without_number = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    if without_number.len() == rest.len() { Some(rest) } else { without_number.strip_prefix('_') }
}

fn last_link<'r>(roles: &'r mut Roles<'_>) -> &'r mut Link {
    &mut last_master(roles).link
}

/// The master that the fields now belong to; one without a name if none was named.
fn last_master<'r, 'a>(roles: &'r mut Roles<'a>) -> &'r mut Master<'a> {
    if roles.masters.is_empty() {
        roles.masters.push(Master::default());
    }
    let last = roles.masters.len() - 1;
    &mut roles.masters[last]
}

/// A line `slaveN:ip=,port=,state=,offset=,lag=`; a text that the server leaves out is empty.
fn parse_replica<'a>(line: Line<'a>, errors: &mut FirstError<ParseError>) -> Option<Replica<'a>> {
    let progress = Progress {
        offset: errors.catch(line.number("offset")),
        lag: errors.catch(line.number("lag")),
    };
    if progress == Progress::default() {
        errors.keep(line.malformed());
        return None;
    }
    let text = |name| line.text(name).unwrap_or_default();
    Some(Replica { ip: text("ip"), port: text("port"), state: text("state"), progress })
}

#[cfg(test)]
mod tests;
