//! The namespace in front of every name.

use common::exposition::{Family, Sink};
use common::metric::{Desc, Label, Metric};

/// Pushes families whose names in the tables lack the namespace.
///
/// The reference lets the namespace be chosen, so no table can hold whole names.
#[derive(Debug)]
pub struct Families<'s> {
    sink: &'s mut Sink,
    /// The prefix, then the name of the latest family.
    name: String,
    prefix_length: usize,
}

/// What stands before each name: the namespace and `_`, or nothing for an empty one.
pub fn prefix(namespace: &str) -> String {
    if namespace.is_empty() { String::new() } else { format!("{namespace}_") }
}

impl<'s> Families<'s> {
    /// Families of `sink` whose names begin with `prefix`.
    pub fn new(prefix: &str, sink: &'s mut Sink) -> Self {
        Self { sink, name: prefix.to_owned(), prefix_length: prefix.len() }
    }

    /// Starts a family; it ends when the returned value is dropped.
    pub fn family<'f>(&'f mut self, desc: &Desc<'f>) -> Family<'f> {
        self.name.truncate(self.prefix_length);
        self.name.push_str(desc.name);
        self.sink.family(&Desc { name: &self.name, help: desc.help, kind: desc.kind })
    }

    /// Writes a family of one sample without labels.
    pub fn value(&mut self, desc: &Desc<'_>, value: f64) {
        self.family(desc).sample(&(), value);
    }

    /// Writes a table: for each metric, one sample of each row that has a value for it.
    #[expect(clippy::needless_pass_by_value, reason = "an iterator is handed over by value")]
    pub fn table<'a, Row: 'a, const N: usize>(
        &mut self,
        metrics: &[Metric<Row>],
        rows: impl Iterator<Item = ([Label<'a>; N], &'a Row)> + Clone,
    ) {
        for metric in metrics {
            let mut family = self.family(&metric.desc);
            for (labels, row) in rows.clone() {
                if let Some(value) = (metric.value)(row) {
                    family.sample(&labels, value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_with_the_namespace() {
        for (namespace, sample) in [("redis", "\nredis_up 1\n"), ("", "\nup 1\n")] {
            let mut sink = Sink::default();
            let prefix = prefix(namespace);
            let mut families = Families::new(&prefix, &mut sink);
            families.value(&Desc::gauge("a_longer_name", "Before."), 0.0);
            families.value(&Desc::gauge("up", "Whether."), 1.0);
            let text = String::from_utf8_lossy(sink.text()).into_owned();
            assert!(text.ends_with(sample), "{text}");
        }
    }
}
