//! The same scrape in both formats.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};

use crate::exposition::{Exposition, Family, Labels, belongs, parse_sample};

/// What clients send that want OpenMetrics.
pub const OPENMETRICS: (&str, &str) = ("Accept", "application/openmetrics-text;version=1.0.0");

/// Asserts that two answers have the same families, types, series and values. Of families whose
/// names begin with a word of `unsteady` the values are not compared.
///
/// # Errors
/// The first difference, or what a format forbids.
pub fn equal(text: &str, openmetrics: &str, unsteady: &[&str]) -> anyhow::Result<()> {
    let text = Exposition::parse(text).context("text format")?;
    let mut found = parse(openmetrics).context("OpenMetrics")?;
    ensure!(!text.0.is_empty(), "nothing to compare");
    for (name, family) in &text.0 {
        let is_unsteady = unsteady.iter().any(|word| name.starts_with(word));
        for (name, expected) in in_openmetrics(name, family) {
            let other = found.remove(&name).with_context(|| format!("{name} is missing"))?;
            ensure!(other.kind == expected.kind, "{name}: {} and {}", expected.kind, other.kind);
            let (ours, theirs) = (series(&expected), series(&other));
            ensure!(ours.len() == theirs.len(), "{name}: {ours:?} and {theirs:?}");
            for ((one, value), (same, other)) in ours.iter().zip(&theirs) {
                ensure!(one == same, "{one:?} and {same:?}");
                let is_equal = value.to_bits() == other.to_bits() || is_unsteady;
                ensure!(is_equal, "{one:?}: {value} and {other}");
            }
        }
    }
    ensure!(found.is_empty(), "in OpenMetrics alone: {:?}", found.keys());
    Ok(())
}

/// The families that make up one of the text format in OpenMetrics.
fn in_openmetrics(name: &str, family: &Family) -> Vec<(String, Family)> {
    let (name, kind) = match (family.kind.as_str(), name.strip_suffix("_total")) {
        ("counter", Some(name)) => (name, "counter"),
        ("counter" | "untyped", _) => (name, "unknown"),
        (kind, _) => (name, kind),
    };
    let is_share = |(_, labels, _): &(String, Labels, f64)| {
        labels.get("quantile").is_none_or(|text| text.parse().is_ok_and(is_quantile))
    };
    if kind != "summary" || family.samples.iter().all(is_share) {
        return vec![(name.to_owned(), Family { kind: kind.to_owned(), ..family.clone() })];
    }
    // What OpenMetrics does not call a summary.
    let mut parts = BTreeMap::<String, Family>::new();
    for sample in &family.samples {
        let part = parts.entry(sample.0.clone()).or_default();
        "unknown".clone_into(&mut part.kind);
        part.samples.push(sample.clone());
    }
    parts.into_iter().collect()
}

fn is_quantile(value: f64) -> bool {
    (0.0..=1.0).contains(&value)
}

/// Values by name and labels, in which numbers are spelled alike.
fn series(family: &Family) -> BTreeMap<(String, Labels), f64> {
    let spelled = |(name, labels, value): &(String, Labels, f64)| {
        let mut labels = labels.clone();
        for key in ["le", "quantile"] {
            if let Some(text) = labels.get_mut(key)
                && let Ok(number) = text.parse::<f64>()
            {
                *text = format!("{number:?}");
            }
        }
        ((name.clone(), labels), *value)
    };
    family.samples.iter().map(spelled).collect()
}

/// Reads OpenMetrics 1.0.0, as strictly as Prometheus and the specification do.
fn parse(body: &str) -> anyhow::Result<BTreeMap<String, Family>> {
    let body = body.strip_suffix("# EOF\n").context("no EOF at the end")?;
    let mut families = BTreeMap::<String, Family>::new();
    let mut current = String::new();
    for line in body.lines() {
        ensure!(!line.is_empty() && !line.contains('\r'), "line {line:?}");
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
            name.clone_into(&mut current);
            let family = Family { help: help.to_owned(), ..Family::default() };
            ensure!(families.insert(current.clone(), family).is_none(), "{name} twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').context("TYPE without a type")?;
            ensure!(name == current, "TYPE of {name} below HELP of {current}");
            let family = families.get_mut(&current).context("TYPE before HELP")?;
            kind.clone_into(&mut family.kind);
        } else {
            let family = families.get_mut(&current).context("sample before HELP")?;
            let line = without_time(line);
            let sample = parse_sample(&line).with_context(|| format!("line {line:?}"))?;
            check(&sample, &current, &family.kind).with_context(|| format!("line {line:?}"))?;
            family.samples.push(sample);
        }
    }
    Ok(families)
}

/// Times are seconds here, and are not compared.
fn without_time(line: &str) -> String {
    let value = line.rfind('}').map_or(0, |end| end + 1);
    let words: Vec<&str> = line[value..].split(' ').collect();
    // With labels, there is nothing before the first space.
    let kept = words.len().min(2);
    format!("{}{}", &line[..value], words[..kept].join(" "))
}

fn check(sample: &(String, Labels, f64), family: &str, kind: &str) -> anyhow::Result<()> {
    let (name, labels, value) = sample;
    let belongs = match kind {
        "counter" => name.strip_suffix("_total") == Some(family),
        "gauge" | "unknown" | "histogram" | "summary" | "info" | "stateset" => {
            belongs(name, family, kind)
        }
        _ => anyhow::bail!("unknown type {kind}"),
    };
    ensure!(belongs, "the sample does not belong to {family}");
    ensure!(kind != "counter" || (!value.is_nan() && *value >= 0.0), "no counter: {value}");
    if let (Some(quantile), "summary") = (labels.get("quantile"), kind) {
        ensure!(is_quantile(quantile.parse()?), "no quantile: {quantile}");
    }
    if let (Some(bound), "histogram") = (labels.get("le"), kind) {
        ensure!(bound == "+Inf" || bound.contains(['.', 'e']), "no float: {bound}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP a_total A.\n# TYPE a_total counter\na_total 1\n\
                        # HELP b B.\n# TYPE b counter\nb{x=\"}\"} 2 1500\n\
                        # HELP s S.\n# TYPE s summary\ns{quantile=\"50\"} 3\ns_sum 4\ns_count 5\n";
    const OPEN: &str = "# HELP a A.\n# TYPE a counter\na_total 1\n\
                        # HELP b B.\n# TYPE b unknown\nb{x=\"}\"} 2 1.5\n\
                        # HELP s S.\n# TYPE s unknown\ns{quantile=\"50.0\"} 3\n\
                        # HELP s_count C.\n# TYPE s_count unknown\ns_count 5\n\
                        # HELP s_sum S.\n# TYPE s_sum unknown\ns_sum 4\n# EOF\n";

    #[test]
    fn what_the_formats_spell_differently_is_equal() {
        equal(TEXT, OPEN, &[]).unwrap();
    }

    #[test]
    fn every_difference_is_an_error() {
        for (from, to) in [
            ("a_total 1", "a_total 2"),
            ("a_total 1", "a 1"),
            ("a counter", "a gauge"),
            ("b unknown", "b counter"),
            ("s_sum 4", "s_sum{x=\"1\"} 4"),
            ("s unknown", "s summary"),
            ("# EOF\n", ""),
            ("# EOF\n", "\n# EOF\n"),
            ("# EOF\n", "# HELP z Z.\n# TYPE z gauge\nz 1\n# EOF\n"),
        ] {
            assert!(equal(TEXT, &OPEN.replacen(from, to, 1), &[]).is_err(), "{from} {to}");
        }
        equal(TEXT, &OPEN.replacen("a_total 1", "a_total 2", 1), &["a_"]).unwrap();
    }
}
