//! Reads files of cgroups, and the shapes that these files have.

use common::error::{CollectError, ParseError, parse_number};

use super::walk::relative;
use super::{Controller, Hierarchies};
use crate::file;
use crate::scene::Cgroup;

/// Reads files of cgroups, one after the other, into the same memory.
#[derive(Debug)]
pub struct Files<'a> {
    hierarchies: &'a Hierarchies,
    path: String,
    content: Vec<u8>,
}

impl<'a> Files<'a> {
    /// A reader of files in `hierarchies`.
    pub fn new(hierarchies: &'a Hierarchies) -> Self {
        Self { hierarchies, path: String::new(), content: Vec::new() }
    }

    /// Reads and parses a file of `cgroup`; `None` if this cgroup or kernel has no
    /// such file, or if the cgroup is gone.
    ///
    /// # Errors
    /// Any other reason why it cannot be read, and what `parse` says, with the full path.
    pub fn parse<T>(
        &mut self,
        cgroup: &Cgroup,
        controller: Controller,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, ParseError>,
    ) -> Result<Option<T>, CollectError> {
        let Some(index) = self.hierarchies.index_of(controller) else { return Ok(None) };
        if cgroup.found.roots & (1 << index) == 0 {
            return Ok(None);
        }
        let root = &self.hierarchies.roots[index];
        self.path.clear();
        self.path.push_str(relative(&cgroup.id));
        self.path.push('/');
        self.path.push_str(name);
        match file::read_into(&root.directory, &self.path, &mut self.content) {
            Ok(()) => {}
            Err(error) if file::is_absence(&error) => return Ok(None),
            Err(error) => return Err(CollectError::read(root.path.join(&self.path), error)),
        }
        std::str::from_utf8(&self.content)
            .map_err(|_| ParseError::Form("no UTF-8 text".into()))
            .and_then(parse)
            .map(Some)
            .map_err(|error| CollectError::parse(&root.path.join(&self.path), error))
    }

    /// Reads a file that holds one number.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn value(
        &mut self,
        cgroup: &Cgroup,
        controller: Controller,
        name: &str,
    ) -> Result<Option<f64>, CollectError> {
        self.parse(cgroup, controller, name, parse_value)
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
