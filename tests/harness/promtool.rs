//! The linter of Prometheus.

use std::collections::BTreeSet;

use crate::TemporaryFolder;
use crate::process::{command, output};

/// Names that the reference exporters have as well, whatever promtool says of them.
const KNOWN: &str = include_str!("promtool-exceptions.txt");

/// What `promtool check metrics` says of `text`, but for the known exceptions.
///
/// # Errors
/// promtool cannot be started.
pub fn complaints(text: &str) -> anyhow::Result<BTreeSet<String>> {
    let folder = TemporaryFolder::new("promtool")?;
    let file = folder.path().join("metrics");
    std::fs::write(&file, text)?;
    let mut promtool = command("promtool");
    promtool.args(["check", "metrics"]).stdin(std::fs::File::open(&file)?);
    let output = output(&mut promtool)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    let known: BTreeSet<&str> = KNOWN
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
        .collect();
    let is_known = |line: &str| line.split(' ').next().is_some_and(|name| known.contains(name));
    Ok(said.lines().filter(|line| !is_known(line)).map(ToOwned::to_owned).collect())
}
