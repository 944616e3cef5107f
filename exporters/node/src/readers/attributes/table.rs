//! Tables of attributes: a row for each device, a family for each column.

use common::error::{FirstError, ParseError};
use common::exposition::Sink;
use common::keyed::Keyed;

use super::Paths;
use crate::host::Host;

/// The rows of a table of attributes: one per device, with its labels.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    columns: &'static [Keyed],
    labels: [&'static str; N],
    rows: Vec<([String; N], Vec<Option<f64>>)>,
}

impl<const N: usize> Table<N> {
    /// A table whose rows have `labels`.
    pub(crate) fn new(columns: &'static [Keyed], labels: [&'static str; N]) -> Self {
        Self { columns, labels, rows: Vec::new() }
    }

    /// Reads the files of one device, whose paths start with `prefix`.
    pub(crate) fn read(
        &mut self,
        host: &Host,
        prefix: &str,
        labels: [&str; N],
        errors: &mut FirstError,
    ) {
        self.add(labels, read(host, prefix, self.columns, errors));
    }

    /// Reads the lines of one device's file, all of one moment. A line that the kernel lacks is absent.
    pub(crate) fn read_lines(
        &mut self,
        host: &Host,
        path: &str,
        labels: [&str; N],
        errors: &mut FirstError,
    ) {
        let Some(text) = errors.catch(host.attribute(path)) else { return };
        let added = if self.columns.iter().any(|known| line(&text, known.key).is_some()) {
            self.add_parsed(labels, |key| line(&text, key))
        } else {
            Err(ParseError::Form("none of the expected lines".into()))
        };
        errors.note(added.map_err(|error| host.malformed_sys(path, error)));
    }

    /// Adds a row of one device whose texts `find` gives by their keys, where there are any.
    ///
    /// # Errors
    /// What is wrong with the first text that is malformed; it costs its own sample only.
    pub(crate) fn add_parsed<'a>(
        &mut self,
        labels: [&str; N],
        find: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<(), ParseError> {
        let mut errors = FirstError::default();
        let columns = self.columns.iter();
        let values = columns.map(|known| errors.catch(known.value(find(known.key)?)));
        let values = values.collect();
        self.add(labels, values);
        errors.into_result()
    }

    /// Adds a row whose values are in the order of the columns.
    pub(crate) fn add(&mut self, labels: [&str; N], values: Vec<Option<f64>>) {
        self.rows.push((labels.map(str::to_owned), values));
    }

    /// Writes the families.
    pub(crate) fn push(&self, sink: &mut Sink) {
        let rows = self.rows.iter().map(|(values_of_labels, values)| {
            let labels: [_; N] =
                std::array::from_fn(|index| (self.labels[index], &*values_of_labels[index]));
            (labels, &**values)
        });
        sink.columns(self.columns, rows);
    }
}

/// The values of one device in the order of `columns`, whose keys are its files; their paths start with
/// `prefix`.
pub(crate) fn read(
    host: &Host,
    prefix: &str,
    columns: &[Keyed],
    errors: &mut FirstError,
) -> Vec<Option<f64>> {
    let mut paths = Paths::new(prefix);
    let values = columns.iter().map(|column| {
        let value = host.parsed(paths.of(column.key), |text| column.value(text));
        errors.catch(value).flatten().or(column.fallback())
    });
    values.collect()
}

/// What follows `key`, and a colon or blank, in the line that starts with it.
pub(crate) fn line<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let rest = line.strip_prefix(key)?;
        // Without anything behind the key the line is truncated, not absent.
        let is_key = rest.is_empty() || rest.starts_with([':', ' ', '\t']);
        is_key.then(|| rest.strip_prefix(':').unwrap_or(rest).trim())
    })
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::super::devices;
    use super::super::tests::{host, remove};
    use super::*;

    const TABLE: &[Keyed] = &[
        Keyed::gauge("size", "node_test_size_bytes", "Size.").times(512.0),
        Keyed::counter("energy", "node_test_joules_total", "Energy.").over(1e6),
        Keyed::gauge("width", "node_test_width", "Width.").or(-1.0),
    ];

    fn samples<const N: usize>(table: &Table<N>) -> Vec<String> {
        let mut sink = Sink::default();
        table.push(&mut sink);
        testing::samples(&sink)
    }

    #[test]
    fn a_malformed_file_costs_its_own_sample_and_is_told_at_the_end() {
        let files = [
            ("a/size", "x\0y"),
            ("a/energy", "1500000\n"),
            ("b/size", "2\n"),
            ("b/energy", ""),
            ("b/width", "0x10\n"),
        ];
        let host = host("table", &files);
        let (mut table, mut errors) = (Table::new(TABLE, ["device"]), FirstError::default());
        for device in devices(&host, "").unwrap() {
            table.read(&host, &format!("{device}/"), [&device], &mut errors);
        }
        let expected = [
            "node_test_size_bytes{device=\"b\"} 1024",
            "node_test_joules_total{device=\"a\"} 1.5",
            "node_test_width{device=\"a\"} -1",
            "node_test_width{device=\"b\"} 16",
        ];
        assert_eq!(samples(&table), expected);
        let error = errors.into_result().unwrap_err().to_string();
        assert!(error.contains("a/size: value is no number"), "{error}");
        remove(&host);
    }

    #[test]
    fn lines_of_a_file_are_a_row_and_a_file_that_is_not_there_none() {
        let host = host("lines", &[("a", "energy: 3000000\nsize 2\n"), ("b", "other 1\n")]);
        let (mut table, mut errors) = (Table::new(TABLE, ["device"]), FirstError::default());
        for device in ["none", "a"] {
            table.read_lines(&host, device, [device], &mut errors);
        }
        let expected =
            ["node_test_size_bytes{device=\"a\"} 1024", "node_test_joules_total{device=\"a\"} 3"];
        assert_eq!(samples(&table), expected);
        table.read_lines(&host, "b", ["b"], &mut errors);
        let error = errors.into_result().unwrap_err().to_string();
        assert!(error.ends_with("/b: none of the expected lines"), "{error}");
        remove(&host);
    }

    #[test]
    fn lines_are_found_by_their_key() {
        let text = "rate_limit: 7\nrate:\t\t1.1M/sec\nabt 1 2\n";
        assert_eq!(line(text, "rate"), Some("1.1M/sec"));
        assert_eq!(line(text, "abt"), Some("1 2"));
        assert_eq!(line(text, "ab"), None);
        assert_eq!(line("commits", "commits"), Some(""));
    }

    #[test]
    fn a_truncated_line_is_an_error_and_costs_only_itself() {
        let mut table = Table::new(TABLE, ["device"]);
        let text = "size\nenergy x\nwidth 3";
        assert!(table.add_parsed(["a"], |key| line(text, key)).is_err());
        assert_eq!(samples(&table), ["node_test_width{device=\"a\"} 3"]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(size|:|[ -~\n]|\\PC){0,60}") {
            let _ = Table::new(TABLE, ["device"]).add_parsed(["a"], |key| line(&text, key));
        }
    }
}
