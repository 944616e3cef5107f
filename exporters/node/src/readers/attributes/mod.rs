//! Devices of sysfs that show each value in a file of its own, Documentation/ABI of the kernel:
//! a table names the files, their families and units.

mod number;

use common::error::{CollectError, ParseError};
use common::exposition::Sink;
use common::metric::{Desc, Label};

use crate::host::Host;
pub(super) use number::{integer, leading_number, number_after};

/// One file of a device, and the family that its number belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute {
    file: &'static str,
    desc: Desc<'static>,
    parse: Parse,
    factor: f64,
    divisor: f64,
    fallback: Option<f64>,
}

/// Reads the number in a file; `None` if the text tells that there is none.
pub(super) type Parse = fn(&str) -> Result<Option<f64>, ParseError>;

/// A file that holds a counter.
pub(super) const fn counter(
    file: &'static str,
    name: &'static str,
    help: &'static str,
) -> Attribute {
    attribute(file, Desc::counter(name, help))
}

/// A file that holds a gauge.
pub(super) const fn gauge(file: &'static str, name: &'static str, help: &'static str) -> Attribute {
    attribute(file, Desc::gauge(name, help))
}

const fn attribute(file: &'static str, desc: Desc<'static>) -> Attribute {
    Attribute { file, desc, parse: integer, factor: 1.0, divisor: 1.0, fallback: None }
}

impl Attribute {
    /// The file counts in units of `factor`.
    pub(super) const fn times(self, factor: f64) -> Self {
        Self { factor, ..self }
    }

    /// The file counts in fractions of `divisor`; divided, to get the reference exporter's last digit.
    pub(super) const fn over(self, divisor: f64) -> Self {
        Self { divisor, ..self }
    }

    /// The file holds something else than an integer.
    pub(super) const fn read_by(self, parse: Parse) -> Self {
        Self { parse, ..self }
    }

    /// What the reference exporter shows of a device without such a file.
    pub(super) const fn or(self, value: f64) -> Self {
        Self { fallback: Some(value), ..self }
    }
}

/// The first error of many reads: the other devices' samples must not be lost by it.
#[derive(Debug, Default)]
pub(super) struct FirstError(Option<CollectError>);

impl FirstError {
    /// The value of a read, if there is one; an error is kept for the end.
    pub(super) fn catch<T>(&mut self, read: Result<Option<T>, CollectError>) -> Option<T> {
        read.unwrap_or_else(|error| {
            self.0.get_or_insert(error);
            None
        })
    }

    /// Takes over what another thread met with.
    pub(super) fn merge(&mut self, other: Self) {
        self.0 = self.0.take().or(other.0);
    }

    /// What the collector returns after it has pushed all samples.
    pub(super) fn into_result(self) -> Result<(), CollectError> {
        self.0.map_or(Ok(()), Err)
    }
}

/// The rows of a table of attributes: one per device, with its labels.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    attributes: &'static [Attribute],
    labels: [&'static str; N],
    rows: Vec<([String; N], Vec<Option<f64>>)>,
}

impl<const N: usize> Table<N> {
    /// A table whose rows have `labels`.
    pub(super) fn new(attributes: &'static [Attribute], labels: [&'static str; N]) -> Self {
        Self { attributes, labels, rows: Vec::new() }
    }

    /// Reads the files of one device, whose paths start with `prefix`.
    pub(super) fn read(
        &mut self,
        host: &Host,
        prefix: &str,
        labels: [&str; N],
        errors: &mut FirstError,
    ) {
        self.add(labels, read(host, prefix, self.attributes, errors));
    }

    /// Adds a row whose values stand in the order of the attributes.
    pub(super) fn add(&mut self, labels: [&str; N], values: Vec<Option<f64>>) {
        self.rows.push((labels.map(str::to_owned), values));
    }

    /// Writes the families.
    pub(super) fn push(&self, sink: &mut Sink) {
        for (column, attribute) in self.attributes.iter().enumerate() {
            let mut family = sink.family(&attribute.desc);
            for (labels, values) in &self.rows {
                if let Some(value) = values.get(column).copied().flatten() {
                    let mut names = self.labels.iter();
                    let labels: [Label<'_>; N] =
                        labels.each_ref().map(|label| (*names.next().unwrap_or(&""), &**label));
                    family.sample(&labels, value);
                }
            }
        }
    }
}

/// The values of one device in the order of `attributes`; the files' paths start with `prefix`.
pub(super) fn read(
    host: &Host,
    prefix: &str,
    attributes: &[Attribute],
    errors: &mut FirstError,
) -> Vec<Option<f64>> {
    let values = attributes.iter().map(|attribute| {
        let path = format!("{prefix}{}", attribute.file);
        let value = errors.catch(host.attribute(&path)).and_then(|text| {
            let value = (attribute.parse)(&text).map_err(|error| host.malformed_sys(&path, error));
            errors.catch(value)
        });
        value.map(|value| value * attribute.factor / attribute.divisor).or(attribute.fallback)
    });
    values.collect()
}

/// Labels and their values.
pub(super) type Texts = Vec<(&'static str, String)>;

/// The words that a device shows in `files`, pairs of label and file; `None` if it shows none of
/// them because it has gone. A file that is not there makes an empty label.
pub(super) fn texts(
    host: &Host,
    prefix: &str,
    files: &[(&'static str, &str)],
    errors: &mut FirstError,
) -> Option<Texts> {
    let mut texts = present_texts(host, prefix, files, errors);
    if texts.is_empty() {
        return None;
    }
    for (label, _) in files {
        if !texts.iter().any(|(present, _)| present == label) {
            texts.push((label, String::new()));
        }
    }
    Some(texts)
}

/// As [`texts`], but a file that is not there makes no label.
pub(super) fn present_texts(
    host: &Host,
    prefix: &str,
    files: &[(&'static str, &str)],
    errors: &mut FirstError,
) -> Texts {
    let read = |(label, file): &(&'static str, &str)| {
        errors.catch(host.attribute(&format!("{prefix}{file}"))).map(|text| (*label, text))
    };
    files.iter().filter_map(read).collect()
}

/// Writes a family that tells of each device in labels, put in alphabetical order.
pub(super) fn push_info(sink: &mut Sink, desc: &Desc<'_>, devices: Vec<Texts>) {
    let mut family = sink.family(desc);
    for mut texts in devices {
        texts.sort_unstable();
        let labels: Vec<Label<'_>> = texts.iter().map(|(label, text)| (*label, &**text)).collect();
        family.sample(&labels, 1.0);
    }
}

/// The names in a directory of devices.
///
/// # Errors
/// [`CollectError::NoData`] if there is no such directory.
pub(super) fn devices(host: &Host, directory: &str) -> Result<Vec<String>, CollectError> {
    let names = host.list_sys(directory)?;
    names.ok_or_else(|| CollectError::NoData(format!("no {}", host.sys_path(directory).display())))
}

#[cfg(test)]
mod tests {
    use common::exposition::Format;

    use super::*;
    use crate::args::Paths;

    const TABLE: &[Attribute] = &[
        gauge("size", "node_test_size_bytes", "Size.").times(512.0),
        counter("energy", "node_test_joules_total", "Energy.").over(1e6),
        gauge("width", "node_test_width", "Width.").or(-1.0),
    ];

    /// A host with the devices of `files`, which are paths and contents.
    fn host(name: &str, files: &[(&str, &str)]) -> Host {
        let root = std::env::temp_dir().join(format!("attributes-{name}-{}", std::process::id()));
        for (path, content) in files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let host = Host::open(&Paths {
            procfs: root.clone(),
            sysfs: root.clone(),
            rootfs: root.clone(),
            udev_data: root,
        });
        host.unwrap()
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
        let host = host("malformed", &files);
        let (mut table, mut errors) = (Table::new(TABLE, ["device"]), FirstError::default());
        for device in devices(&host, "").unwrap() {
            table.read(&host, &format!("{device}/"), [&device], &mut errors);
        }
        let mut sink = Sink::new(Format::Text);
        table.push(&mut sink);
        let text = String::from_utf8_lossy(sink.text()).into_owned();
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = [
            "node_test_size_bytes{device=\"b\"} 1024",
            "node_test_joules_total{device=\"a\"} 1.5",
            "node_test_width{device=\"a\"} -1",
            "node_test_width{device=\"b\"} 16",
        ];
        assert_eq!(samples, expected);
        let error = errors.into_result().unwrap_err().to_string();
        assert!(error.contains("a/size: value is no number"), "{error}");
        std::fs::remove_dir_all(host.sys_path("")).unwrap();
    }

    #[test]
    fn a_device_that_has_gone_tells_nothing() {
        let host = host("gone", &[("a/model", " disk \n")]);
        let files = [("model", "model"), ("serial", "serial")];
        let mut errors = FirstError::default();
        let known = texts(&host, "a/", &files, &mut errors).unwrap();
        assert_eq!(known, [("model", "disk".to_owned()), ("serial", String::new())]);
        assert_eq!(texts(&host, "b/", &files, &mut errors), None);
        assert!(errors.into_result().is_ok());
        assert!(devices(&host, "none").unwrap_err().is_no_data());
        std::fs::remove_dir_all(host.sys_path("")).unwrap();
    }
}
