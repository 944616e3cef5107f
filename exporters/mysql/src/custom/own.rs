//! This exporter's own format: a list of queries, each with labels and columns.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::{DEFAULT_ROWS, Family, MAX_ROWS, Query, Value, duration, from_yaml, kind};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    queries: Vec<RawQuery>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawQuery {
    name: String,
    statement: String,
    interval: Option<String>,
    timeout: Option<String>,
    rows: Option<usize>,
    #[serde(default)]
    labels: Vec<String>,
    columns: BTreeMap<String, RawColumn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawColumn {
    #[serde(rename = "type")]
    kind: String,
    help: String,
    /// Name of the family; by default those of query and column.
    name: Option<String>,
}

pub(super) fn parse(text: &str) -> anyhow::Result<Vec<Query>> {
    let file: File = from_yaml(text)?;
    let queries = file.queries.into_iter().map(|raw| {
        let name = raw.name.clone();
        query(raw).with_context(|| format!("query {name}"))
    });
    queries.collect()
}

fn query(raw: RawQuery) -> anyhow::Result<Query> {
    let rows = raw.rows.unwrap_or(DEFAULT_ROWS);
    ensure!((1..=MAX_ROWS).contains(&rows), "rows: {rows} is not within 1 and {MAX_ROWS}");
    ensure!(!raw.columns.is_empty(), "columns: there is none");
    let labels: Vec<(String, String)> =
        raw.labels.iter().map(|column| (column.to_ascii_lowercase(), column.clone())).collect();
    let mut families = Vec::new();
    for (column, RawColumn { kind: word, help, name }) in raw.columns {
        families.push(Family {
            name: name.unwrap_or_else(|| format!("{}_{}", raw.name, column.to_ascii_lowercase())),
            help,
            kind: kind(&word).with_context(|| format!("column {column}"))?,
            labels: labels.clone(),
            fixed_labels: Vec::new(),
            column_label: None,
            values: vec![Value::of(&column)],
            fixed_value: None,
        });
    }
    Ok(Query {
        name: raw.name,
        statement: raw.statement,
        interval: duration("interval", raw.interval.as_deref())?,
        timeout: duration("timeout", raw.timeout.as_deref())?,
        rows,
        families,
    })
}
