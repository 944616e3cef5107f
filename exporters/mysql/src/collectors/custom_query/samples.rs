//! From the answer to a query of the user's to samples.

use common::error::{FirstError, ParseError};
use common::exposition::{LabelSet, Sink};
use common::metric::Desc;

use crate::custom::{Family, Query, Value};
use crate::server::{Cells, Table};

/// The samples of each family of a query, in the order of [`Query::families`].
pub(super) type Samples = Vec<Vec<(LabelSet, f64)>>;

/// Reads an answer. NULL is no sample; a text that is no number costs its own sample.
///
/// Beside the samples there is what was wrong first: such a text, a column that the answer does
/// not have, more rows than the query may have.
pub(super) fn read(query: &Query, table: &Table) -> (Samples, Option<ParseError>) {
    let mut errors = FirstError::default();
    if table.rows().nth(query.rows).is_some() {
        let form = format!("more than {} rows: the others are left out", query.rows);
        errors.catch(Err::<Option<()>, _>(ParseError::Form(form)));
    }
    let families = query.families.iter();
    let samples = families.map(|family| read_family(family, query.rows, table, &mut errors));
    let samples = samples.collect();
    (samples, errors.into_result().err())
}

fn read_family(
    family: &Family,
    rows: usize,
    table: &Table,
    errors: &mut FirstError<ParseError>,
) -> Vec<(LabelSet, f64)> {
    let position = |column: &str| {
        let missing = || ParseError::Form(format!("column {column} is missing"));
        table.position(column).ok_or_else(missing)
    };
    let labels = family.labels.iter().map(|(name, column)| Ok((name.as_str(), position(column)?)));
    let labels = labels.collect::<Result<Vec<_>, _>>().map(Some);
    let Some(labels) = errors.catch(labels) else { return Vec::new() };
    let mut samples = Vec::new();
    if let Some(number) = family.fixed_value {
        let of_row = |row| (label_set(family, None, &labels, row), number);
        samples.extend(table.rows().take(rows).map(of_row));
    }
    for value in &family.values {
        let Some(column) = errors.catch(position(&value.column).map(Some)) else { continue };
        for row in table.rows().take(rows) {
            if let Some(number) = errors.catch(number(value, row.at(column))) {
                samples.push((label_set(family, Some(value), &labels, row), number));
            }
        }
    }
    samples
}

fn label_set(
    family: &Family,
    value: Option<&Value>,
    labels: &[(&str, usize)],
    row: Cells<'_>,
) -> LabelSet {
    let of_row = labels.iter().map(|(name, column)| (*name, row.at(*column).unwrap_or_default()));
    let fixed = family.fixed_labels.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let of_column = family.column_label.iter().zip(value);
    let of_column = of_column.map(|(name, value)| (name.as_str(), value.column.as_str()));
    LabelSet::new(of_row.chain(fixed).chain(of_column))
}

fn number(value: &Value, text: Option<&str>) -> Result<Option<f64>, ParseError> {
    let Some(text) = text else { return Ok(None) };
    if let Some(number) = value.words.get(text) {
        return Ok(Some(*number));
    }
    if let Ok(number) = text.trim().parse() {
        // As in Percona's fork, which takes -1 for a time that is not known.
        return Ok(Some(number).filter(|_| !value.is_duration || text.trim() != "-1"));
    }
    if value.is_duration {
        return milliseconds(text).map(Some).ok_or_else(|| {
            ParseError::form(&format!("{} is no time such as 1m30s", value.column), text)
        });
    }
    Err(ParseError::form(&format!("{} is no number", value.column), text))
}

/// Whole milliseconds of a time such as `-1m30.5s`.
fn milliseconds(text: &str) -> Option<f64> {
    let (sign, time) = text.strip_prefix('-').map_or((1.0, text), |time| (-1.0, time));
    let time = common::cli::parse_duration(time).ok()?;
    Some(sign * (time.as_secs_f64() * 1e3).trunc())
}

/// Writes the families of a query.
pub(super) fn push(query: &Query, samples: &Samples, sink: &mut Sink) {
    for (family, samples) in query.families.iter().zip(samples) {
        let desc = Desc::new(&family.name, &family.help, family.kind);
        sink.samples(&desc, samples.iter().map(|(labels, value)| (labels, *value)));
    }
}
