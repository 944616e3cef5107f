//! The tables of mysql's README: collectors, families with their labels, and flags.
//!
//! A row's third cell lists families. In a name `_{a,b}` stands for either and `<word>` for
//! anything; `…` stands for the beginning of the name before it. Labels are in braces behind a
//! name, or in braces alone for all names of the row.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use tests::exposition::Exposition;
use tests::process::{command, succeed};
use tests::{golden, program, repository};

/// Rows, or beginnings of rows, that no golden file shows: they need a heartbeat table, a file of
/// queries, Aurora, TokuDB, RocksDB, a privilege, a host cache, malformed input or many rows; the build is left out.
const WITHOUT_GOLDEN: &[&str] = &[
    "(always): mysql_exporter_collector_malformed_total",
    "(always): mysqld_exporter_build_info",
    "(any with a bound): ",
    "custom_query: ",
    "engine_tokudb_status: ",
    "heartbeat: ",
    "host_cache: ",
    "info_schema.replica_host: ",
    "info_schema.rocksdb_perf_context: ",
    "mysql.user: mysql_mysql_<privilege>_priv",
];

/// Flags of all four programs.
const SHARED: &[&str] = &[
    "web.",
    "log.",
    "security.",
    "timeout-offset",
    "format",
    "interval",
    "count",
    "version",
    "help",
];

fn readme() -> String {
    std::fs::read_to_string(repository().join("exporters/mysql/README.md")).unwrap()
}

fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The cells of the rows of tables with this first heading.
fn cells<'a>(readme: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let mut rows = Vec::new();
    let mut is_inside = false;
    for line in readme.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        is_inside = line.starts_with('|') && (is_inside || cells[0] == heading);
        if is_inside && cells[0] != heading && !line.starts_with("|-") {
            rows.push(cells);
        }
    }
    rows
}

/// A family, or several.
struct Row {
    text: String,
    name: Regex,
    labels: BTreeSet<String>,
    /// Labels of all families of the collector.
    shared: BTreeSet<String>,
    has_any_labels: bool,
}

/// The names that `…` may stand for: the last whole one, cut at any underscore outside of braces.
fn beginnings(last: &str) -> String {
    let is_whole = |part: &&str| part.matches('{').count() == part.matches('}').count();
    let cuts = last.match_indices('_').map(|(index, _)| &last[..index]).filter(is_whole);
    let cuts: Vec<String> = cuts.map(pattern).collect();
    format!("({})", cuts.join("|"))
}

fn pattern(name: &str) -> String {
    let either = Regex::new(r"_\{([^}]*)\}").unwrap();
    let name = either.replace_all(name, |found: &regex::Captures<'_>| {
        format!("_({})", found[1].replace(',', "|"))
    });
    let anything = Regex::new("<[^>]*>").unwrap();
    anything.replace_all(&name, "[a-zA-Z0-9_]+").into_owned()
}

fn words(list: &str) -> BTreeSet<String> {
    list.split(',').filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
}

fn rows(readme: &str) -> Vec<Row> {
    let labels_behind = Regex::new(r"^(.*[^_])\{([^}]*)\}$").unwrap();
    let mut rows = Vec::new();
    for cells in cells(readme, "Collector") {
        let Some(families) = cells.get(2) else { continue };
        let alone = spans(families).filter_map(|span| span.strip_prefix('{')?.strip_suffix('}'));
        let shared: BTreeSet<String> = alone.flat_map(words).collect();
        let mut last = String::new();
        for span in spans(families) {
            let is_family = span.starts_with("mysql") || span.starts_with('…');
            if !is_family || !span.contains('_') {
                continue;
            }
            let (name, labels) = match labels_behind.captures(span) {
                Some(found) => (found[1].to_owned(), found[2].to_owned()),
                None => (span.to_owned(), String::new()),
            };
            let text = if let Some(rest) = name.strip_prefix('…') {
                format!("{}{}", beginnings(&last), pattern(rest))
            } else {
                last.clone_from(&name);
                pattern(&name)
            };
            rows.push(Row {
                text: format!("{}: {span}", cells[0]),
                name: Regex::new(&format!("^{text}$")).unwrap(),
                has_any_labels: labels.contains(['…', '<']),
                labels: words(&labels),
                shared: shared.clone(),
            });
        }
    }
    rows
}

impl Row {
    fn allows(&self, labels: &BTreeSet<String>) -> bool {
        let all: BTreeSet<String> = self.labels.union(&self.shared).cloned().collect();
        self.has_any_labels || (labels.is_superset(&self.labels) && labels.is_subset(&all))
    }
}

#[test]
fn families_of_the_mysql_exporter_are_listed() {
    let readme = readme();
    let rows = rows(&readme);
    assert!(rows.len() > 100, "{} rows", rows.len());
    let (mut found, mut used) = (BTreeSet::new(), BTreeSet::new());
    for entry in std::fs::read_dir(repository().join("exporters/mysql/tests/golden")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "prom") {
            continue;
        }
        for (family, content) in &Exposition::parse(&golden::read(&path).unwrap()).unwrap().0 {
            let fitting: Vec<&Row> = rows.iter().filter(|row| row.name.is_match(family)).collect();
            used.extend(fitting.iter().map(|row| row.text.clone()));
            for (_, labels, _) in &content.samples {
                let is_own = |name: &&String| !["le", "quantile"].contains(&name.as_str());
                let labels: BTreeSet<String> = labels.keys().filter(is_own).cloned().collect();
                if !fitting.iter().any(|row| row.allows(&labels)) {
                    found.insert(format!("{family} {labels:?} is in no row"));
                }
            }
        }
    }
    let is_expected = |row: &&Row| WITHOUT_GOLDEN.iter().any(|start| row.text.starts_with(start));
    let idle = rows.iter().filter(|row| !used.contains(&row.text) && !is_expected(row));
    found.extend(idle.map(|row| format!("{} is in no golden file", row.text)));
    assert!(found.is_empty(), "{found:#?}");
}

/// The flags that the program's help names, without the dashes.
fn flags() -> BTreeSet<String> {
    let help = succeed(command(program("mysql-exporter").unwrap()).arg("--help")).unwrap();
    let lines = help.lines().filter_map(|line| line.trim_start().split_once("--"));
    let flags = lines.filter(|(before, _)| before.is_empty() || before.ends_with(", "));
    flags.map(|(_, flag)| flag.split([' ', '=']).next().unwrap().to_owned()).collect()
}

/// The flags that a table names, without the dashes. `.x` and `…x` take the place of the last part of
/// the flag before them; `NAME.x of a, b` is a flag for each.
fn listed(
    readme: &str,
    heading: &str,
    prefix: &str,
    collectors: &BTreeSet<String>,
) -> BTreeSet<String> {
    let mut listed = BTreeSet::new();
    for row in cells(readme, heading) {
        let mut last = String::new();
        for span in spans(row[0]) {
            let span = span.trim_start_matches('-').replace("[no-]", "");
            let span = span.trim_start_matches("no-");
            let parent = last.rsplit_once('.').map_or("", |(parent, _)| parent);
            let flags: Vec<String> = if span == "collect.NAME" {
                collectors.iter().map(|name| format!("collect.{name}")).collect()
            } else if let Some(part) = span.strip_prefix("NAME.") {
                let (_, of) = row[0].split_once("of ").unwrap();
                let end = |name: &str| format!(".{name}");
                let is_named = |name: &&String| {
                    of.split(", ").any(|word| **name == *word || name.ends_with(&end(word)))
                };
                let named = collectors.iter().filter(is_named);
                named.map(|name| format!("{prefix}{name}.{part}")).collect()
            } else if let Some(part) = span.strip_prefix(['.', '…']) {
                vec![format!("{parent}.{part}")]
            } else {
                vec![format!("{prefix}{span}")]
            };
            last.clone_from(flags.last().unwrap());
            listed.extend(flags);
        }
    }
    listed
}

#[test]
fn flags_of_the_mysql_exporter_are_listed() {
    let readme = readme();
    let names = cells(&readme, "Collector");
    let names = names.iter().filter(|row| row.len() == 3).map(|row| row[0].trim_end_matches(" *"));
    let collectors: BTreeSet<String> =
        names.filter(|name| !name.contains(['(', '*'])).map(ToOwned::to_owned).collect();
    let mut listed_flags = listed(&readme, "Flag", "", &collectors);
    let behind = listed(&readme, "Flag, behind `--collect.`", "collect.", &collectors);
    listed_flags.extend(behind);
    let is_own = |flag: &&String| !SHARED.iter().any(|start| flag.starts_with(start));
    let flags = flags();
    let own: BTreeSet<String> = flags.iter().filter(is_own).cloned().collect();
    assert!(own.len() > 80, "{own:?}");
    let missing: Vec<_> = own.difference(&listed_flags).collect();
    let unknown: Vec<_> = listed_flags.difference(&own).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "not listed {missing:?}, not there {unknown:?}"
    );
    // Beside the tables: examples, and what the text speaks of.
    let in_text = Regex::new(r"--(\[?no-\]?)?([a-z]+[a-z0-9_.-]*[a-z0-9])").unwrap();
    let of_other_programs = ["include-ignored", "utc", "vertical"];
    for found in in_text.captures_iter(&readme) {
        let flag = &found[2];
        let is_known = flags.contains(flag)
            || flags.iter().any(|known| known.starts_with(&format!("{flag}.")))
            || of_other_programs.contains(&flag)
            || ["web.systemd-socket", "x"].contains(&flag);
        assert!(is_known, "--{flag} is no flag");
    }
}

#[test]
fn variables_of_the_mysql_exporter_are_those_of_its_flags() {
    let variable = |flag: &String| {
        (format!("MYSQL_EXPORTER_{}", flag.to_uppercase().replace(['.', '-'], "_")), flag.clone())
    };
    let of_flags: BTreeMap<String, String> = flags().iter().map(variable).collect();
    let readme = readme();
    let word = Regex::new("[A-Z][A-Z0-9]*(_[A-Z0-9]+)+").unwrap();
    let named: BTreeSet<&str> = word.find_iter(&readme).map(|found| found.as_str()).collect();
    for own in ["MYSQLD_EXPORTER_PASSWORD", "DATA_SOURCE_NAME"] {
        assert!(named.contains(own), "{own} is not listed");
    }
    let own: Vec<&&str> = named.iter().filter(|name| name.starts_with("MYSQL_EXPORTER_")).collect();
    assert!(!own.is_empty(), "no variable is named as an example");
    for name in own {
        assert!(of_flags.contains_key(*name), "{name} is the variable of no flag");
    }
}
