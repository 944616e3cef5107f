//! What a text file holds: families of series, histograms and summaries.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use common::error::ParseError;
use common::metric::Kind;

/// Labels that the series of one family may have together, those that only
/// some of them have being counted for all: else a small file could fill the memory.
const MAX_LABELS: usize = 4_000_000;

/// One family of a file, with at least one series.
#[derive(Debug)]
pub(super) struct Family<'a> {
    pub(super) name: &'a str,
    /// Text of the HELP line, unless that is missing or empty.
    pub(super) help: Option<Cow<'a, str>>,
    pub(super) kind: Kind,
    /// The type is settled, by a TYPE line or by a sample without one.
    pub(super) has_kind: bool,
    pub(super) series: Vec<Series<'a>>,
    /// Histograms and summaries, which take several lines: position by labels.
    compounds: HashMap<Labels<'a>, usize>,
}

/// Sorted by name.
pub(super) type Labels<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// One series, or one histogram or summary.
#[derive(Debug)]
pub(super) struct Series<'a> {
    pub(super) labels: Labels<'a>,
    pub(super) value: Value,
}

#[derive(Debug, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Compound(Compound),
}

/// A histogram or a summary.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Compound {
    /// Upper bounds with cumulative counts, or quantiles with values; ascending.
    pub(super) points: Vec<(f64, f64)>,
    pub(super) sum: f64,
    pub(super) count: f64,
}

/// What a sample line is of its family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    Point,
    Sum,
    Count,
}

impl<'a> Family<'a> {
    pub(super) fn new(name: &'a str) -> Self {
        let (series, compounds) = (Vec::new(), HashMap::new());
        Self { name, help: None, kind: Kind::Untyped, has_kind: false, series, compounds }
    }

    /// Label that distinguishes the lines of a histogram or summary.
    pub(super) fn point_label(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Histogram => Some("le"),
            Kind::Summary => Some("quantile"),
            _ => None,
        }
    }

    pub(super) fn add(&mut self, part: Part, point: f64, labels: Labels<'a>, value: f64) {
        if self.point_label().is_none() {
            self.series.push(Series { labels, value: Value::Number(value) });
            return;
        }
        let position = *self.compounds.entry(labels).or_insert_with_key(|labels| {
            let value = Value::Compound(Compound::default());
            self.series.push(Series { labels: labels.clone(), value });
            self.series.len() - 1
        });
        if let Some(Series { value: Value::Compound(compound), .. }) = self.series.get_mut(position)
        {
            match part {
                Part::Sum => compound.sum = value,
                Part::Count => compound.count = value,
                Part::Point if point.is_nan() => {}
                Part::Point => compound.points.push((point, value)),
            }
        }
    }

    /// Sorts points, the last of equal ones being valid, and checks the size.
    pub(super) fn finish(&mut self) -> Result<(), ParseError> {
        for series in &mut self.series {
            if let Value::Compound(Compound { points, .. }) = &mut series.value {
                points.sort_by(|a, b| a.0.total_cmp(&b.0));
                points.dedup_by(|later, earlier| {
                    let is_equal = later.0.total_cmp(&earlier.0).is_eq();
                    if is_equal {
                        earlier.1 = later.1;
                    }
                    is_equal
                });
            }
        }
        if self.label_names().len().saturating_mul(self.series.len()) > MAX_LABELS {
            return Err(ParseError::Form(format!("{} has too many labels", self.name)));
        }
        Ok(())
    }

    /// Names of the labels that any series has.
    pub(super) fn label_names(&self) -> BTreeSet<&'a str> {
        self.series.iter().flat_map(|series| series.labels.iter().map(|(name, _)| *name)).collect()
    }
}
