//! The format of Percona's fork of mysqld_exporter, which is that of postgres_exporter: queries
//! by the beginning of their families' names.
//!
//! <https://docs.percona.com/percona-monitoring-and-management/2/how-to/extend-metrics.html>

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use common::metric::Kind;
use serde::Deserialize;

use super::{DEFAULT_ROWS, Family, Query, Value, from_yaml};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawQuery {
    query: String,
    metrics: Vec<BTreeMap<String, RawColumn>>,
    #[serde(default)]
    cache_seconds: u64,
    /// Of PostgreSQL.
    #[serde(default, rename = "master")]
    _master: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawColumn {
    usage: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    metric_mapping: BTreeMap<String, f64>,
}

pub(super) fn parse(text: &str) -> anyhow::Result<Vec<Query>> {
    let file: BTreeMap<String, RawQuery> = from_yaml(text)?;
    let queries = file
        .into_iter()
        .map(|(name, raw)| query(&name, raw).with_context(|| format!("query {name}")));
    queries.collect()
}

fn query(name: &str, raw: RawQuery) -> anyhow::Result<Query> {
    let mut labels = Vec::new();
    let mut families = Vec::new();
    for (column, RawColumn { usage, description, metric_mapping }) in
        raw.metrics.into_iter().flatten()
    {
        let mut value = Value::of(&column);
        let mut name = format!("{name}_{column}");
        let kind = match usage.to_ascii_uppercase().as_str() {
            "DISCARD" => continue,
            "LABEL" => {
                labels.push((column.clone(), column));
                continue;
            }
            "COUNTER" => Kind::Counter,
            "GAUGE" => Kind::Gauge,
            "MAPPEDMETRIC" => {
                value.words = metric_mapping;
                Kind::Gauge
            }
            "DURATION" => {
                value.is_duration = true;
                name.push_str("_milliseconds");
                Kind::Gauge
            }
            _ => bail!(
                "column {column}: usage: {usage:?} is none of LABEL, COUNTER, GAUGE, \
                 MAPPEDMETRIC, DURATION, DISCARD"
            ),
        };
        families.push(Family {
            name,
            help: description,
            kind,
            labels: Vec::new(),
            fixed_labels: Vec::new(),
            column_label: None,
            values: vec![value],
            fixed_value: None,
        });
    }
    for family in &mut families {
        family.labels.clone_from(&labels);
    }
    Ok(Query {
        name: name.to_owned(),
        statement: raw.query,
        interval: Some(Duration::from_secs(raw.cache_seconds)).filter(|time| !time.is_zero()),
        timeout: None,
        rows: DEFAULT_ROWS,
        families,
    })
}
