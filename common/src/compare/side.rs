//! What one exporter answered.

use std::collections::{BTreeMap, HashMap};

use super::line::{self, Line, Malformed};

/// Labels of a series; none is empty.
pub type Labels = BTreeMap<String, String>;

/// Series of one side at most: many times what an exporter has.
const MAX_SERIES: usize = 1_000_000;

/// A family with what was read of it.
#[derive(Clone, Debug, Default)]
pub struct Family {
    /// Its type, `untyped` where there is none.
    pub kind: String,
    /// By name of the sample and labels, one value for each reading in which it was there.
    pub series: BTreeMap<(String, Labels), Vec<f64>>,
}

/// What one exporter answered, in one reading or several.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// By name, where counters of OpenMetrics have the name of their samples.
    pub families: BTreeMap<String, Family>,
    /// How often it was read.
    pub readings: usize,
    /// The types of OpenMetrics are not quite those of the text format.
    pub is_openmetrics: bool,
    series: usize,
}

impl Side {
    /// How many series there are in all families.
    pub fn series(&self) -> usize {
        self.series
    }

    /// Adds a reading in text format 0.0.4, or in OpenMetrics if `is_openmetrics` or if it ends
    /// like that.
    ///
    /// # Errors
    /// A line that cannot be read; an OpenMetrics answer without its end.
    pub fn add(&mut self, text: &str, is_openmetrics: bool) -> Result<(), Malformed> {
        self.is_openmetrics = is_openmetrics || text.trim_end().ends_with("# EOF");
        let mut types = HashMap::new();
        let mut has_ended = false;
        let mut count = 0;
        for (index, content) in text.lines().enumerate() {
            count = index + 1;
            let malformed = |reason: String| Malformed { line: index + 1, reason };
            match line::parse(content).map_err(malformed)? {
                Line::Nothing => {}
                Line::End => has_ended = true,
                Line::Type(name, kind) => drop(types.insert(name, kind)),
                Line::Sample(..) if has_ended => {
                    return Err(malformed("something follows the end".into()));
                }
                Line::Sample(name, labels, value) => {
                    let Some((family, kind)) = family_of(&name, &types) else { continue };
                    self.push(family, kind, (name, labels), value).map_err(malformed)?;
                }
            }
        }
        if is_openmetrics && !has_ended {
            let reason = "the answer is cut off: no # EOF";
            return Err(Malformed { line: count, reason: reason.into() });
        }
        self.readings += 1;
        Ok(())
    }

    fn push(
        &mut self,
        family: String,
        kind: &str,
        series: (String, Labels),
        value: f64,
    ) -> Result<(), String> {
        let family = self.families.entry(family).or_default();
        kind.clone_into(&mut family.kind);
        let values = family.series.entry(series).or_insert_with(|| {
            self.series += 1;
            Vec::new()
        });
        if values.len() > self.readings {
            return Err("a series comes twice".into());
        }
        values.push(value);
        if self.series > MAX_SERIES {
            return Err(format!("more than {MAX_SERIES} series"));
        }
        Ok(())
    }
}

/// Name and type of the family that a sample belongs to, as the text format has them; `None` for
/// times of creation, which that does not have.
fn family_of<'a>(sample: &str, types: &HashMap<&str, &'a str>) -> Option<(String, &'a str)> {
    let parent =
        |suffix| sample.strip_suffix(suffix).and_then(|name| Some((name, *types.get(name)?)));
    if let Some(kind) = types.get(sample) {
        return Some((sample.to_owned(), text_type(kind)));
    }
    if let Some((_, "counter" | "histogram" | "summary" | "gaugehistogram")) = parent("_created") {
        return None;
    }
    if let Some((_, kind @ ("counter" | "info"))) = parent("_total").or(parent("_info")) {
        return Some((sample.to_owned(), text_type(kind)));
    }
    for suffix in ["_bucket", "_sum", "_count", "_gsum", "_gcount"] {
        if let Some((name, kind @ ("histogram" | "summary" | "gaugehistogram"))) = parent(suffix) {
            return Some((name.to_owned(), kind));
        }
    }
    Some((sample.to_owned(), "untyped"))
}

fn text_type(kind: &str) -> &str {
    match kind {
        "unknown" => "untyped",
        "info" | "stateset" => "gauge",
        _ => kind,
    }
}
