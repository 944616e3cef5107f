//! Queries of the user's own, from a file: which statement becomes which families.
//!
//! Three formats are read; see [`read`]. What they say comes down to a list of [`Query`], and
//! `names.rs` holds it against the rules for names.

mod files;
mod names;
mod own;
mod percona;
mod sql_exporter;
mod statement;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use common::metric::Kind;
use serde::de::{DeserializeOwned, IgnoredAny};

pub use files::Files;
use names::Names;
pub use names::is_reserved;

/// A file longer than this is a mistake.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Rows of an answer that are shown unless the file says otherwise.
const DEFAULT_ROWS: usize = 100;

/// Rows that a file may ask for at most.
const MAX_ROWS: usize = 10_000;

/// A statement and what its answer becomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Its name in logs and in the label `query`.
    pub name: String,
    /// It only reads; without a semicolon at the end.
    pub statement: String,
    /// It is run once in this time at most; the last answer is shown in between.
    pub interval: Option<Duration>,
    /// It is given up after this time.
    pub timeout: Option<Duration>,
    /// Further rows are left out.
    pub rows: usize,
    /// The families that its columns become.
    pub families: Vec<Family>,
}

/// A family and the columns that it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Its name.
    pub name: String,
    /// Its help text.
    pub help: String,
    /// Gauge, counter or untyped.
    pub kind: Kind,
    /// Labels by their names, and the columns that have the values.
    pub labels: Vec<(String, String)>,
    /// Labels that are the same in each sample.
    pub fixed_labels: Vec<(String, String)>,
    /// Label with the name of the column that a sample is from.
    pub column_label: Option<String>,
    /// The columns of numbers.
    pub values: Vec<Value>,
    /// What each row counts as, in place of columns.
    pub fixed_value: Option<f64>,
}

/// A column of numbers, of words that stand for numbers, or of times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Value {
    /// Its name.
    pub column: String,
    /// What words stand for.
    pub words: BTreeMap<String, f64>,
    /// Texts such as `1m30s` are times, shown in milliseconds.
    pub is_duration: bool,
}

impl Value {
    /// A column of numbers.
    fn of(column: &str) -> Self {
        Self { column: column.to_owned(), ..Self::default() }
    }
}

/// Reads and checks the files.
///
/// # Errors
/// The first file, query and key that is wrong, and the reason.
pub fn read<P: AsRef<Path>>(paths: &[P]) -> anyhow::Result<Vec<Query>> {
    let (mut queries, mut names) = (Vec::new(), Names::default());
    for path in paths {
        let path = path.as_ref();
        let context = || path.display().to_string();
        let of_file = read_text(path).and_then(|text| parse(&text)).with_context(context)?;
        names.add(&of_file).with_context(context)?;
        queries.extend(of_file);
    }
    Ok(queries)
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    let file = File::open(path).context("cannot be read")?;
    let mut text = String::new();
    // The size that a pipe tells is none.
    let size = file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).context("cannot be read")?;
    ensure!(u64::try_from(size)? <= MAX_FILE_BYTES, "larger than {MAX_FILE_BYTES} bytes");
    Ok(text)
}

/// Reads a file of any of the formats; its keys tell which.
#[expect(clippy::zero_sized_map_values, reason = "the values are passed over, not kept")]
fn parse(text: &str) -> anyhow::Result<Vec<Query>> {
    let keys: BTreeMap<String, IgnoredAny> = from_yaml(text)?;
    let mut queries = if keys.contains_key("collector_name") || keys.contains_key("metrics") {
        sql_exporter::parse(text)?
    } else if sql_exporter::MAIN_FILE.iter().any(|key| keys.contains_key(*key)) {
        sql_exporter::parse_main(text)?
    } else if keys.contains_key("queries") {
        own::parse(text)?
    } else {
        percona::parse(text)?
    };
    if queries.is_empty() {
        bail!("there is no query");
    }
    for query in &mut queries {
        query.statement = statement::check(&query.statement)
            .map_err(anyhow::Error::msg)
            .with_context(|| format!("query {}: the statement", query.name))?;
    }
    Ok(queries)
}

/// Reads YAML; an error says where it is.
fn from_yaml<T: DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(anyhow::Error::msg)
}

/// Reads a time such as `30s`; none and 0 mean none.
fn duration(key: &str, text: Option<&str>) -> anyhow::Result<Option<Duration>> {
    let time = text.map(common::cli::parse_duration).transpose();
    let time = time.map_err(anyhow::Error::msg).with_context(|| key.to_owned())?;
    Ok(time.filter(|time| !time.is_zero()))
}

/// Reads the type of a family.
fn kind(text: &str) -> anyhow::Result<Kind> {
    match text.to_ascii_lowercase().as_str() {
        "counter" => Ok(Kind::Counter),
        "gauge" => Ok(Kind::Gauge),
        "untyped" | "unknown" => Ok(Kind::Untyped),
        _ => bail!("type: {text:?} is none of counter, gauge, untyped"),
    }
}

#[cfg(test)]
mod tests;
