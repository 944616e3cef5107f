//! A strict reader of text format 0.0.4, independent of the code that writes it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail, ensure};

/// Labels of a series.
pub type Labels = BTreeMap<String, String>;

/// One family.
#[derive(Clone, Debug, Default)]
pub struct Family {
    /// Word behind the name in the TYPE line.
    pub kind: String,
    /// Help text, still escaped.
    pub help: String,
    /// Sample name, labels and value, in order.
    pub samples: Vec<(String, Labels, f64)>,
}

/// All families by name.
#[derive(Clone, Debug, Default)]
pub struct Exposition(pub BTreeMap<String, Family>);

impl Exposition {
    /// Reads a whole body.
    ///
    /// # Errors
    /// Anything that the format forbids or that the exporters must not do:
    /// a family without HELP or TYPE, in two places or out of order, a series twice.
    pub fn parse(body: &str) -> anyhow::Result<Self> {
        let mut families = BTreeMap::<String, Family>::new();
        let mut current = String::new();
        let mut seen = BTreeSet::new();
        for line in body.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
                ensure!(name > current.as_str(), "{name} stands behind {current}");
                name.clone_into(&mut current);
                families
                    .insert(current.clone(), Family { help: help.to_owned(), ..Family::default() });
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').context("TYPE without a type")?;
                ensure!(name == current, "TYPE of {name} below HELP of {current}");
                let family = families.get_mut(&current).context("TYPE before HELP")?;
                kind.clone_into(&mut family.kind);
            } else {
                let sample = parse_sample(line).with_context(|| format!("line {line:?}"))?;
                let family = families.get_mut(&current).context("sample before HELP")?;
                ensure!(!family.kind.is_empty(), "{current} has no TYPE");
                ensure!(belongs(&sample.0, &current, &family.kind), "{line} below {current}");
                ensure!(seen.insert((sample.0.clone(), sample.1.clone())), "twice: {line}");
                family.samples.push(sample);
            }
        }
        ensure!(body.is_empty() || body.ends_with('\n'), "no line feed at the end");
        for (name, family) in &families {
            ensure!(!family.samples.is_empty(), "{name} has no sample");
        }
        Ok(Self(families))
    }

    /// Value of the only series of `name` whose labels include `labels`.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> anyhow::Result<f64> {
        let matches: Vec<f64> = self
            .samples()
            .filter(|(sample, found, _)| {
                sample == name
                    && labels
                        .iter()
                        .all(|(key, value)| found.get(*key).map(String::as_str) == Some(*value))
            })
            .map(|(_, _, value)| *value)
            .collect();
        match matches[..] {
            [value] => Ok(value),
            _ => bail!("{} series of {name} with {labels:?}", matches.len()),
        }
    }

    /// All samples of all families.
    pub fn samples(&self) -> impl Iterator<Item = &(String, Labels, f64)> {
        self.0.values().flat_map(|family| &family.samples)
    }

    /// Name, type and label keys of each kind of series.
    pub fn shapes(&self) -> BTreeSet<(String, String, Vec<String>)> {
        self.0
            .values()
            .flat_map(|family| {
                family.samples.iter().map(|(name, labels, _)| {
                    (name.clone(), family.kind.clone(), labels.keys().cloned().collect())
                })
            })
            .collect()
    }
}

pub(crate) fn belongs(sample: &str, family: &str, kind: &str) -> bool {
    let suffixes: &[&str] = match kind {
        "histogram" => &["_bucket", "_sum", "_count"],
        "summary" => &["", "_sum", "_count"],
        _ => &[""],
    };
    suffixes.iter().any(|suffix| sample.strip_suffix(suffix) == Some(family))
}

pub(crate) fn parse_sample(line: &str) -> anyhow::Result<(String, Labels, f64)> {
    let end = line.find(['{', ' ']).context("no value")?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => parse_labels(rest)?,
        None => (Labels::new(), rest),
    };
    let mut words = rest.strip_prefix(' ').context("no space before the value")?.split(' ');
    let value = words.next().context("no value")?.parse()?;
    if let Some(timestamp) = words.next() {
        timestamp.parse::<i64>()?;
    }
    ensure!(words.next().is_none(), "something behind the timestamp");
    Ok((name.to_owned(), labels, value))
}

/// Reads `a="b",c="d"}` and gives what follows.
fn parse_labels(mut rest: &str) -> anyhow::Result<(Labels, &str)> {
    let mut labels = Labels::new();
    loop {
        let (key, behind) = rest.split_once("=\"").context("label without a value")?;
        let (value, behind) = parse_value(behind)?;
        ensure!(labels.insert(key.to_owned(), value).is_none(), "label {key} twice");
        match behind.split_at_checked(1) {
            Some((",", behind)) => rest = behind,
            Some(("}", behind)) => return Ok((labels, behind)),
            _ => bail!("label {key} is not followed by comma or brace"),
        }
    }
}

fn parse_value(text: &str) -> anyhow::Result<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &text[index + 1..])),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('\\' | '"'))) => value.push(escaped),
                _ => bail!("unknown escape"),
            },
            _ => value.push(character),
        }
    }
    bail!("label value without an end")
}
