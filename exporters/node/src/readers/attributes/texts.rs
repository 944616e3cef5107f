//! Files of devices that are words, and the families that show them in labels.

use common::error::FirstError;
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;

/// Labels and their values.
pub(crate) type Texts = Vec<(&'static str, String)>;

/// The words that a device shows in `files`, pairs of label and file; `None` if it shows none of
/// them because it has gone. A file that is not there makes an empty label.
pub(crate) fn texts(
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
pub(crate) fn present_texts(
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

/// Writes a family that describes each device in labels, in alphabetical order.
pub(crate) fn push_info(sink: &mut Sink, desc: &Desc<'_>, mut devices: Vec<Texts>) {
    for texts in &mut devices {
        texts.sort_unstable();
    }
    sink.samples(desc, devices.into_iter().map(|texts| (texts, 1.0)));
}

#[cfg(test)]
mod tests {
    use super::super::tests::{host, remove};
    use super::*;

    #[test]
    fn a_device_that_has_gone_tells_nothing() {
        let host = host("texts", &[("a/model", " disk \n")]);
        let files = [("model", "model"), ("serial", "serial")];
        let mut errors = FirstError::default();
        let known = texts(&host, "a/", &files, &mut errors).unwrap();
        assert_eq!(known, [("model", "disk".to_owned()), ("serial", String::new())]);
        assert_eq!(texts(&host, "b/", &files, &mut errors), None);
        assert!(errors.into_result().is_ok());
        remove(&host);
    }
}
