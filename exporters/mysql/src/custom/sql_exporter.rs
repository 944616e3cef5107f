//! The formats of sql_exporter: a collector, which has metrics, each with a query or the name of
//! one; and the main file, of which the collectors that stand in it are read.
//!
//! <https://github.com/burningalchemist/sql_exporter#configuration>

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{DEFAULT_ROWS, Family, Query, Value, duration, from_yaml, kind};

/// Keys by which the main file is known.
pub(super) const MAIN_FILE: [&str; 2] = ["collectors", "collector_files"];

/// Which servers are asked, and with which accounts, is said elsewhere.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MainFile {
    #[serde(default)]
    global: Global,
    #[serde(default, rename = "target")]
    _target: Option<IgnoredAny>,
    #[serde(default, rename = "jobs")]
    _jobs: Option<IgnoredAny>,
    #[serde(default)]
    collectors: Vec<File>,
    #[serde(default)]
    collector_files: Vec<String>,
}

/// Timeouts and connections are those of this program's flags.
#[derive(Default, Deserialize)]
struct Global {
    min_interval: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "collector_name")]
    name: Option<String>,
    min_interval: Option<String>,
    #[serde(default)]
    metrics: Vec<RawMetric>,
    #[serde(default)]
    queries: Vec<RawQuery>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawQuery {
    query_name: String,
    query: String,
    #[serde(default, rename = "no_prepared_statement")]
    _unprepared: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMetric {
    metric_name: String,
    #[serde(rename = "type")]
    kind: String,
    help: String,
    #[serde(default)]
    key_labels: Vec<String>,
    #[serde(default)]
    static_labels: BTreeMap<String, String>,
    value_label: Option<String>,
    #[serde(default)]
    values: Vec<String>,
    static_value: Option<f64>,
    query: Option<String>,
    query_ref: Option<String>,
    #[serde(default, rename = "no_prepared_statement")]
    _unprepared: Option<IgnoredAny>,
}

pub(super) fn parse(text: &str) -> anyhow::Result<Vec<Query>> {
    collector(from_yaml(text)?, None)
}

/// The queries of all collectors in the main file, with their collectors before their names.
pub(super) fn parse_main(text: &str) -> anyhow::Result<Vec<Query>> {
    let file: MainFile = from_yaml(text)?;
    ensure!(
        file.collector_files.is_empty(),
        "collector_files is not read: give each of these files as a file of queries"
    );
    let interval = file.global.min_interval.as_deref();
    duration("global: min_interval", interval)?;
    let mut queries = Vec::new();
    for raw in file.collectors {
        let name = raw.name.clone().context("a collector has no collector_name")?;
        let mut read = collector(raw, interval).with_context(|| format!("collector {name}"))?;
        for query in &mut read {
            query.name = format!("{name}.{}", query.name);
        }
        queries.append(&mut read);
    }
    Ok(queries)
}

/// The queries of a collector, once in `interval` unless it says otherwise.
fn collector(file: File, interval: Option<&str>) -> anyhow::Result<Vec<Query>> {
    let interval = duration("min_interval", file.min_interval.as_deref().or(interval))?;
    let query = |name: String, statement| Query {
        name,
        statement,
        interval,
        timeout: None,
        rows: DEFAULT_ROWS,
        families: Vec::new(),
    };
    let mut queries: Vec<Query> =
        file.queries.into_iter().map(|raw| query(raw.query_name, raw.query)).collect();
    for raw in file.metrics {
        let name = raw.metric_name.clone();
        let (own, reference) = (raw.query.clone(), raw.query_ref.clone());
        let family = family(raw).with_context(|| format!("metric {name}"))?;
        match (own, reference) {
            (Some(statement), None) => {
                queries.push(Query { families: vec![family], ..query(name, statement) });
            }
            (None, Some(reference)) => {
                let known = queries.iter_mut().find(|query| query.name == reference);
                let Some(known) = known else {
                    bail!("metric {name}: query_ref: there is no query {reference}");
                };
                known.families.push(family);
            }
            _ => bail!("metric {name}: exactly one of query and query_ref is expected"),
        }
    }
    Ok(queries)
}

fn family(raw: RawMetric) -> anyhow::Result<Family> {
    let is_one = raw.values.len() == 1;
    ensure!(
        raw.values.is_empty() == raw.static_value.is_some(),
        "exactly one of values and static_value is expected"
    );
    ensure!(
        raw.values.len() < 2 || raw.value_label.is_some(),
        "values: several columns need a value_label"
    );
    Ok(Family {
        name: raw.metric_name,
        help: raw.help,
        kind: kind(&raw.kind)?,
        labels: raw.key_labels.into_iter().map(|column| (column.clone(), column)).collect(),
        fixed_labels: raw.static_labels.into_iter().collect(),
        column_label: raw.value_label.filter(|_| !is_one),
        values: raw.values.iter().map(|column| Value::of(column)).collect(),
        fixed_value: raw.static_value,
    })
}
