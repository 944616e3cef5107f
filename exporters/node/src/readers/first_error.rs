//! Tables of devices' attributes below the sys root, read so that a bad device costs only itself.

use common::error::{CollectError, ParseError, parse_number};
use common::exposition::{LabelSet, Sink};
use common::metric::Desc;

use crate::host::Host;

/// A device: its directory below the sys root and the labels of its samples.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) path: String,
    pub(super) labels: LabelSet,
}

/// One attribute of each device: its file, its family and how its content is understood.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) file: &'static str,
    pub(super) desc: Desc<'static>,
    /// The value in the family's unit; `None` means that there is no such sample.
    pub(super) parse: fn(&str) -> Result<Option<f64>, ParseError>,
}

impl Attribute {
    /// An attribute that is a whole number in the family's unit.
    pub(super) const fn number(file: &'static str, desc: Desc<'static>) -> Self {
        Self { file, desc, parse: number }
    }
}

/// A whole number that is not negative.
pub(super) fn number(text: &str) -> Result<Option<f64>, ParseError> {
    let number: u64 = parse_number("value", Some(text))?;
    Ok(Some(number as f64))
}

/// Pushes a table: one family an attribute, one sample a device that has it.
pub(super) fn push(
    table: &[Attribute],
    devices: &[Device],
    host: &Host,
    sink: &mut Sink,
    failures: &mut FirstFailure,
) {
    for attribute in table {
        let mut family = sink.family(&attribute.desc);
        for device in devices {
            let path = format!("{}/{}", device.path, attribute.file);
            if let Some(Some(value)) = failures.note(read(host, &path, attribute.parse)) {
                family.sample_with(&device.labels, &[], value);
            }
        }
    }
}

/// What `parse` makes of an attribute, or `None` if the device does not give it.
pub(super) fn read<T>(
    host: &Host,
    path: &str,
    parse: impl Fn(&str) -> Result<Option<T>, ParseError>,
) -> Result<Option<T>, CollectError> {
    let Some(text) = host.attribute(path)? else { return Ok(None) };
    parse(&text).map_err(|error| host.malformed_sys(path, error))
}

/// Content of an attribute of several lines, or `None` if the device does not give it.
///
/// # Errors
/// As [`Host::attribute`], and [`CollectError::Parse`] if no line starts with one of `keys`.
pub(super) fn read_lines(
    host: &Host,
    path: &str,
    keys: &[&str],
) -> Result<Option<String>, CollectError> {
    let is_known = |line: &str| keys.iter().any(|key| line.starts_with(key));
    read(host, path, |text| {
        if text.lines().any(is_known) {
            Ok(Some(text.to_owned()))
        } else {
            Err(ParseError::Form("none of the expected lines".into()))
        }
    })
}

/// The first failure of a collector that goes on with the next device.
#[derive(Debug, Default)]
pub(super) struct FirstFailure(Option<CollectError>);

impl FirstFailure {
    /// The value, or `None` and the error is kept if it is the first.
    pub(super) fn note<T>(&mut self, result: Result<T, CollectError>) -> Option<T> {
        result.map_err(|error| self.0.get_or_insert(error)).ok()
    }

    /// The failure kept, if there was one.
    pub(super) fn into_result(self) -> Result<(), CollectError> {
        self.0.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_kept() {
        let failed = |text: &str| Err::<(), _>(CollectError::NoData(text.into()));
        let mut failures = FirstFailure::default();
        assert_eq!(failures.note(Ok(1)), Some(1));
        assert_eq!(failures.note(failed("a")), None);
        assert_eq!(failures.note(failed("b")), None);
        assert_eq!(failures.into_result().unwrap_err().to_string(), "no data: a");
        assert!(FirstFailure::default().into_result().is_ok());
    }

    #[test]
    fn numbers_are_whole_and_not_negative() {
        assert_eq!(number("18446744073709551615"), Ok(Some(18_446_744_073_709_551_615.0)));
        for text in ["", "-1", "1.5", "x", "1 2"] {
            assert!(number(text).is_err(), "{text:?}");
        }
    }
}
