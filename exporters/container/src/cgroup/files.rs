//! Reads files of cgroups and of processes, and the shapes that cgroups' files have.

use common::error::{CollectError, FirstError, ParseError, parse_number};

use super::walk::relative;
use super::{Controller, Hierarchies, Version};
use crate::host::Host;
use crate::inventory::Cgroup;

/// Reads files, one after the other, into the same memory.
///
/// A file that cannot be read or makes no sense costs its own values; the first
/// error is kept for [`Self::finish`].
#[derive(Debug)]
pub struct Files<'a> {
    hierarchies: &'a Hierarchies,
    host: &'a Host,
    path: String,
    content: Vec<u8>,
    errors: FirstError,
}

impl<'a> Files<'a> {
    /// A reader of files in `hierarchies` and below the proc root of `host`.
    pub fn new(hierarchies: &'a Hierarchies, host: &'a Host) -> Self {
        let (path, content) = (String::new(), Vec::new());
        Self { hierarchies, host, path, content, errors: FirstError::default() }
    }

    /// What was wrong first, with the full path.
    ///
    /// # Errors
    /// A file could not be read, or parsed.
    pub fn finish(self) -> Result<(), CollectError> {
        self.errors.into_result()
    }

    /// The version of the interface.
    pub fn version(&self) -> Version {
        self.hierarchies.version
    }

    /// The host, below whose proc root processes are.
    pub(super) fn host(&self) -> &Host {
        self.host
    }

    /// Reads and parses a file of `cgroup`; `None` if this cgroup or kernel has no
    /// such file, if the cgroup is gone, or if the file is in disorder.
    pub fn parse<T>(
        &mut self,
        cgroup: &Cgroup,
        controller: Controller,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, ParseError>,
    ) -> Option<T> {
        let index = self.hierarchies.index_of(controller)?;
        if cgroup.found.roots & (1 << index) == 0 {
            return None;
        }
        self.path.clear();
        self.path.push_str(relative(&cgroup.id));
        self.path.push('/');
        self.path.push_str(name);
        let root = &self.hierarchies.roots[index];
        let read = root.parse(&self.path, &mut self.content, parse);
        self.keep(read)
    }

    /// Reads a file that holds one number.
    pub fn value(&mut self, cgroup: &Cgroup, controller: Controller, name: &str) -> Option<f64> {
        self.parse(cgroup, controller, name, parse_value)
    }

    /// Reads and parses a file below the proc root; `None` as for [`Self::parse`].
    pub fn proc<T>(
        &mut self,
        path: &str,
        parse: impl FnOnce(&str) -> Result<T, ParseError>,
    ) -> Option<T> {
        let read = self.host.proc().parse(path, &mut self.content, parse);
        self.keep(read)
    }

    /// What was read in another way; its error counts as that of a file.
    pub fn keep<T: Default>(&mut self, read: Result<T, CollectError>) -> T {
        self.errors.note(read).unwrap_or_default()
    }
}

/// A file of one number.
pub(crate) fn parse_value(text: &str) -> Result<f64, ParseError> {
    whole_number(text.trim())
}

/// Kernel counters are whole; text such as `nan` or `1e9` is none of them.
fn whole_number(text: &str) -> Result<f64, ParseError> {
    parse_number::<i128>("value", Some(text)).map(|number| number as f64)
}

/// A limit: a number, or `None` for the word `max`.
pub(crate) fn parse_limit(text: &str) -> Result<Option<f64>, ParseError> {
    if text.trim() == "max" { Ok(None) } else { parse_value(text).map(Some) }
}

/// Lines of a key and a number.
pub(crate) fn key_values(text: &str) -> impl Iterator<Item = Result<(&str, f64), ParseError>> {
    text.lines().filter(|line| !line.is_empty()).map(|line| {
        let (key, value) = line.split_once(' ').ok_or(ParseError::Missing { field: "value" })?;
        Ok((key, whole_number(value.trim())?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    #[test]
    fn values_limits_and_pairs_are_read() {
        assert_eq!(parse_value("67108864\n"), Ok(67_108_864.0));
        assert_eq!(parse_limit("max\n"), Ok(None));
        assert_eq!(parse_limit("0\n"), Ok(Some(0.0)));
        let pairs: Result<Vec<_>, _> = key_values("anon 1\nfile 2\n").collect();
        assert_eq!(pairs.unwrap(), [("anon", 1.0), ("file", 2.0)]);
    }

    #[test]
    fn truncated_and_malformed_content_is_an_error() {
        for text in ["", "\n", "x", "1 2", "maximum", "nan", "1e9"] {
            assert!(parse_value(text).is_err() && parse_limit(text).is_err(), "{text:?}");
        }
        for text in ["anon", "anon ", "anon x", "\0"] {
            assert!(key_values(text).any(|pair| pair.is_err()), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = (parse_value(&text), parse_limit(&text), key_values(&text).count());
        }
    }
}
