//! Tables of figures that the scripts below `tests/cost` print.

use std::collections::BTreeMap;

use anyhow::Context as _;

/// The columns of a table by their names, each with its values from the first row to the last.
///
/// # Errors
/// There is no heading, or a cell is no number.
pub fn columns(table: &str) -> anyhow::Result<BTreeMap<String, Vec<f64>>> {
    let mut lines = table.lines();
    let names: Vec<&str> = lines.next().context("no heading")?.split_whitespace().collect();
    let mut columns = BTreeMap::<String, Vec<f64>>::new();
    for line in lines {
        for (name, cell) in names.iter().zip(line.split_whitespace()) {
            let value = cell.parse().with_context(|| line.to_owned())?;
            columns.entry((*name).to_owned()).or_default().push(value);
        }
    }
    Ok(columns)
}
