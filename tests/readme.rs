//! The tables of families in the READMEs, compared with the golden output.
//!
//! A line `- **collector**: ...` lists families as `name{label,optional?}`; in a name,
//! `(one|two)` stands for either and `<word>` for anything.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "readme/mysql.rs"]
mod mysql;

use std::collections::BTreeSet;

use regex::Regex;
use tests::exposition::Exposition;
use tests::{golden, repository};

/// Families of the scrape itself and of the build.
const OF_THE_SCRAPE: &str = "_scrape_collector_|_build_info$";

/// One code span of the list.
struct Row {
    text: String,
    name: Regex,
    labels: BTreeSet<String>,
    optional: BTreeSet<String>,
}

impl Row {
    fn parse(text: &str) -> Self {
        let (name, labels) = text.split_once('{').unwrap_or((text, "}"));
        let pattern = Regex::new("<[^>]*>").unwrap().replace_all(name, "[a-zA-Z0-9_]+");
        let words = labels.trim_end_matches('}').split(',').map(str::trim);
        let (optional, labels): (Vec<&str>, Vec<&str>) =
            words.filter(|word| !word.is_empty()).partition(|word| word.ends_with('?'));
        Self {
            text: text.to_owned(),
            name: Regex::new(&format!("^{pattern}$")).unwrap(),
            labels: labels.into_iter().map(ToOwned::to_owned).collect(),
            optional: optional.iter().map(|word| word.trim_end_matches('?').to_owned()).collect(),
        }
    }

    fn allows<'a>(&self, labels: impl Iterator<Item = &'a String>) -> bool {
        let labels: BTreeSet<String> = labels.cloned().collect();
        let all: BTreeSet<String> = self.labels.union(&self.optional).cloned().collect();
        labels.is_superset(&self.labels) && labels.is_subset(&all)
    }
}

fn rows(readme: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut is_list = false;
    for line in readme.lines() {
        is_list = line.starts_with("- **") || (is_list && line.starts_with("  "));
        if is_list {
            rows.extend(
                line.split('`')
                    .skip(1)
                    .step_by(2)
                    .filter(|code| code.starts_with("node_"))
                    .map(Row::parse),
            );
        }
    }
    rows
}

/// What is wrong with the list of `exporter` in view of its golden files.
fn complaints(exporter: &str) -> Vec<String> {
    let folder = repository().join("exporters").join(exporter);
    let rows = rows(&std::fs::read_to_string(folder.join("README.md")).unwrap());
    assert!(rows.len() > 10, "{} rows", rows.len());
    let of_the_scrape = Regex::new(OF_THE_SCRAPE).unwrap();
    let mut found = Vec::new();
    let mut used = BTreeSet::new();
    for entry in std::fs::read_dir(folder.join("tests/golden")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.extension().is_none_or(|extension| extension != "prom") {
            continue;
        }
        for (family, content) in &Exposition::parse(&golden::read(&path).unwrap()).unwrap().0 {
            let fitting: Vec<&Row> = rows.iter().filter(|row| row.name.is_match(family)).collect();
            used.extend(fitting.iter().map(|row| row.text.clone()));
            if of_the_scrape.is_match(family) {
                continue;
            }
            for (_, labels, _) in &content.samples {
                if !fitting.iter().any(|row| row.allows(labels.keys())) {
                    found.push(format!("{family} {:?} of {name} is in no row", labels.keys()));
                }
            }
        }
    }
    found.dedup();
    let is_idle = |row: &&Row| !used.contains(&row.text);
    found.extend(
        rows.iter().filter(is_idle).map(|row| format!("{}: not in a golden file", row.text)),
    );
    found
}

/// Beginnings of rows that no fixture shows: they need a flag, the machine, a daemon or hardware.
const OF_THE_MACHINE: &[&str] = &[
    "node_ethtool_",
    "node_logind_",
    "node_network_(autonegotiate",
    "node_network_(supported",
    "node_network_address_info",
    "node_network_altnames_info",
    "node_network_autonegotiate",
    "node_network_route",
    "node_network_supported_port_info",
    "node_qdisc_",
    "node_rapl_joules_total",
    "node_systemd_",
    "node_tcp_",
    "node_textfile_mtime_seconds",
    "node_time_zone_offset_seconds",
    "node_timex_",
    "node_uname_info",
    "node_wifi_",
];

#[test]
fn families_of_the_node_exporter_are_listed() {
    let found = complaints("node");
    let is_unexpected =
        |line: &&String| !OF_THE_MACHINE.iter().any(|start| line.starts_with(start));
    let unexpected: Vec<&String> = found.iter().filter(is_unexpected).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}
