//! Status variables: `SHOW GLOBAL STATUS`, rows of name and value.
//!
//! <https://mariadb.com/kb/en/server-status-variables/>

use std::ops::Range;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::{Desc, Kind, Metric, gauge};

use crate::grant::Needs;
use crate::naming::{Namer, munge_into};
use crate::scrape::Scrape;
use crate::server::Table;
use crate::value;

/// Variables that are samples of one family: those whose munged name starts with `prefix`.
struct Group {
    prefix: &'static str,
    /// What may follow the prefix; empty for anything.
    only: &'static [&'static str],
    /// `None` for variables that are left out.
    desc: Option<Desc<'static>>,
    /// Label that holds what follows the prefix.
    label: Option<&'static str>,
}

impl Group {
    const fn new(prefix: &'static str, label: &'static str, desc: Desc<'static>) -> Self {
        Self { prefix, only: &[], desc: Some(desc), label: Some(label) }
    }

    /// What follows the prefix in the name of a member.
    fn rest<'a>(&self, name: &'a str) -> Option<&'a str> {
        let rest = name.strip_prefix(self.prefix)?;
        (self.only.is_empty() || self.only.contains(&rest)).then_some(rest)
    }
}

/// The first group that matches takes a variable.
const GROUPS: &[Group] = &[
    Group::new(
        "com_",
        "command",
        Desc::counter(
            "mysql_global_status_commands_total",
            "Statements executed, by kind (Com_*).",
        ),
    ),
    Group::new(
        "handler_",
        "handler",
        Desc::counter(
            "mysql_global_status_handlers_total",
            "Calls to storage engines, by operation (Handler_*).",
        ),
    ),
    Group::new(
        "connection_errors_",
        "error",
        Desc::counter(
            "mysql_global_status_connection_errors_total",
            "Failed connections, by the cause of the error (Connection_errors_*).",
        ),
    ),
    Group {
        prefix: "innodb_buffer_pool_pages_",
        only: &["data", "free", "misc", "old"],
        desc: Some(Desc::gauge(
            "mysql_global_status_buffer_pool_pages",
            "Pages of the InnoDB buffer pool, by state.",
        )),
        label: Some("state"),
    },
    Group {
        prefix: "innodb_buffer_pool_pages_",
        only: &["dirty"],
        desc: Some(Desc::gauge(
            "mysql_global_status_buffer_pool_dirty_pages",
            "Pages of the InnoDB buffer pool that are changed and not yet written.",
        )),
        label: None,
    },
    Group {
        prefix: "innodb_buffer_pool_pages_",
        // The sum of the states.
        only: &["total"],
        desc: None,
        label: None,
    },
    Group::new(
        "innodb_buffer_pool_pages_",
        "operation",
        Desc::counter(
            "mysql_global_status_buffer_pool_page_changes_total",
            "Operations on pages of the InnoDB buffer pool, by kind.",
        ),
    ),
    Group::new(
        "innodb_rows_",
        "operation",
        Desc::counter(
            "mysql_global_status_innodb_row_ops_total",
            "Rows that InnoDB handled, by operation (MariaDB before 10.11 and MySQL).",
        ),
    ),
    Group::new(
        "performance_schema_",
        "instrumentation",
        Desc::counter(
            "mysql_global_status_performance_schema_lost_total",
            "Items that the performance schema could not store due to lack of memory, by instrumentation.",
        ),
    ),
];

const GALERA_INFO: Desc<'_> =
    Desc::gauge("mysql_galera_status_info", "Identity of a Galera node; the value is always 1.");

const REPLICATION_LATENCY: &[Metric<Latency>] = &[
    gauge(
        "mysql_galera_evs_repl_latency_min_seconds",
        "Minimum latency of Galera's group communication.",
        |latency| Some(latency.minimum_seconds),
    ),
    gauge(
        "mysql_galera_evs_repl_latency_avg_seconds",
        "Mean latency of Galera's group communication.",
        |latency| Some(latency.mean_seconds),
    ),
    gauge(
        "mysql_galera_evs_repl_latency_max_seconds",
        "Maximum latency of Galera's group communication.",
        |latency| Some(latency.maximum_seconds),
    ),
    gauge(
        "mysql_galera_evs_repl_latency_stdev",
        "Standard deviation of the latency of Galera's group communication, in seconds.",
        |latency| Some(latency.deviation_seconds),
    ),
    gauge(
        "mysql_galera_evs_repl_latency_sample_size",
        "Messages in the sample of Galera's latency.",
        |latency| Some(latency.messages),
    ),
];

/// `wsrep_evs_repl_latency`.
#[derive(Debug, PartialEq)]
struct Latency {
    minimum_seconds: f64,
    mean_seconds: f64,
    maximum_seconds: f64,
    deviation_seconds: f64,
    messages: f64,
}

#[derive(Debug)]
pub(super) struct GlobalStatus;

#[async_trait]
impl Collector<Scrape> for GlobalStatus {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        push(&scrape.query("SHOW GLOBAL STATUS").await?, sink)
    }

    fn needs(&self, _: &Scrape) -> Needs {
        Needs::nothing_more()
    }
}

/// A member of a group: its munged name within the text of all, and its value.
struct Sample {
    group: usize,
    name: Range<usize>,
    value: f64,
}

fn push(table: &Table, sink: &mut Sink) -> Result<(), CollectError> {
    let mut text = String::new();
    let mut samples = Vec::new();
    let mut namer = Namer::new("mysql_global_status_", "Server status variable ");
    for (raw, value) in table.pairs()? {
        let Some(value) = value.and_then(value::parse) else { continue };
        let start = text.len();
        munge_into(&mut text, raw);
        let group = GROUPS.iter().position(|group| group.rest(&text[start..]).is_some());
        if let Some(group) = group {
            samples.push(Sample { group, name: start..text.len(), value });
        } else {
            text.truncate(start);
            sink.value(&namer.describe(raw, Kind::Untyped), value);
        }
    }
    for (index, group) in GROUPS.iter().enumerate() {
        let Some(desc) = &group.desc else { continue };
        let members = samples.iter().filter(|sample| sample.group == index);
        let samples = members.map(|sample| {
            let rest = group.rest(&text[sample.name.clone()]).unwrap_or_default();
            (group.label.map(|label| [(label, rest)]), sample.value)
        });
        sink.samples(desc, samples);
    }
    push_galera(table, sink)
}

/// Texts that only a Galera node has.
fn push_galera(table: &Table, sink: &mut Sink) -> Result<(), CollectError> {
    let pairs = table.pairs()?;
    let text = |name: &str| {
        let value = pairs.clone().find(|(known, _)| *known == name);
        value.and_then(|(_, text)| text).unwrap_or_default()
    };
    let node = text("wsrep_local_state_uuid");
    if !node.is_empty() {
        let labels = [
            ("wsrep_cluster_state_uuid", text("wsrep_cluster_state_uuid")),
            ("wsrep_local_state_uuid", node),
            ("wsrep_provider_version", text("wsrep_provider_version")),
        ];
        sink.samples(&GALERA_INFO, [(labels, 1.0)]);
    }
    if let Some(latency) = parse_latency(text("wsrep_evs_repl_latency")) {
        sink.row(REPLICATION_LATENCY, &latency);
    }
    Ok(())
}

/// `min/mean/max/deviation/messages`; `None` for any other text.
fn parse_latency(text: &str) -> Option<Latency> {
    let mut numbers = text.split('/').map(|number| number.parse::<f64>().ok());
    let latency = Latency {
        minimum_seconds: numbers.next()??,
        mean_seconds: numbers.next()??,
        maximum_seconds: numbers.next()??,
        deviation_seconds: numbers.next()??,
        messages: numbers.next()??,
    };
    numbers.next().is_none().then_some(latency)
}

#[cfg(test)]
mod tests;
