//! The `.my.cnf` option file: sections of keys and values.
//!
//! The form is that of the MySQL client programs as mysqld_exporter reads it:
//! `[section]`, `key = value` or `key: value`, keys without a value, comment
//! lines starting with `#` or `;` (never a comment behind a value), matching
//! quotes around a value, and a backslash at a line's end that continues it.
//! A section `[a.b]` inherits what it lacks from `[a]`.

mod expand;
mod parse;

use std::collections::HashMap;

use common::secret::Secret;

pub use parse::parse;

/// A malformed line; says nothing of a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct SyntaxError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// A value that does not fit its key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {key} {reason}")]
pub struct OptionError {
    /// Number of the line, from 1.
    pub line: usize,
    /// The key.
    pub key: String,
    /// What is wrong with its value.
    pub reason: String,
}

/// The sections of a file. Any value may be a password, so none is ever printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MyCnf {
    sections: HashMap<String, HashMap<String, Entry>>,
}

/// One key of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    line: usize,
    /// `None` for a key without a value.
    value: Option<Secret>,
}

/// A section with what it inherits.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    /// The section itself first, then its parents.
    layers: Vec<&'a HashMap<String, Entry>>,
}

impl MyCnf {
    /// The section `name` with what `[a.b]` inherits from `[a]`; `None` if the file lacks it.
    pub fn section(&self, name: &str) -> Option<Section<'_>> {
        let mut layers = vec![self.sections.get(name)?];
        let mut name = name;
        while let Some((parent, _)) = name.rsplit_once('.') {
            layers.extend(self.sections.get(parent));
            name = parent;
        }
        Some(Section { layers })
    }

    fn set(&mut self, section: &str, key: &str, entry: Entry) {
        self.sections.entry(section.to_owned()).or_default().insert(key.to_owned(), entry);
    }
}

impl<'a> Section<'a> {
    fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.layers.iter().find_map(|layer| layer.get(key))
    }

    /// Text of a key; `None` if it is not there.
    ///
    /// # Errors
    /// The key has no value, or one that is not UTF-8: the client library takes no other bytes.
    pub fn text(&self, key: &str) -> Result<Option<&'a Secret>, OptionError> {
        match self.entry(key) {
            None => Ok(None),
            Some(entry) if entry.is_garbled() => Err(entry.error(key, "is not UTF-8")),
            Some(Entry { value: Some(value), .. }) => Ok(Some(value)),
            Some(entry) => Err(entry.error(key, "has no value")),
        }
    }

    /// Truth of a key: one without a value is true; `None` if it is not there.
    ///
    /// # Errors
    /// The value is no boolean.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, OptionError> {
        let Some(entry) = self.entry(key) else { return Ok(None) };
        let Some(value) = &entry.value else { return Ok(Some(true)) };
        match value.expose().to_ascii_lowercase().as_str() {
            "1" | "t" | "true" | "y" | "yes" | "on" => Ok(Some(true)),
            "0" | "f" | "false" | "n" | "no" | "off" => Ok(Some(false)),
            _ => Err(entry.error(key, "is neither true nor false")),
        }
    }

    /// A key's number; `None` if it is not there or empty.
    ///
    /// # Errors
    /// The value is no number of that type.
    pub fn number<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>, OptionError> {
        match self.text(key)? {
            None => Ok(None),
            Some(text) if text.is_empty() => Ok(None),
            Some(text) => text
                .expose()
                .parse()
                .map(Some)
                .map_err(|_| self.error(key, "is not a number in its range")),
        }
    }

    /// All keys of the section and its parents with their values, the section's own first.
    pub fn keys(&self) -> impl Iterator<Item = (&'a str, Option<&'a Secret>)> {
        let layers = self.layers.clone();
        layers
            .into_iter()
            .flat_map(|layer| layer.iter().map(|(key, entry)| (key.as_str(), entry.value.as_ref())))
    }

    /// An error about `key`.
    pub fn error(&self, key: &str, reason: &str) -> OptionError {
        match self.entry(key) {
            Some(entry) => entry.error(key, reason),
            None => OptionError { line: 0, key: key.to_owned(), reason: reason.to_owned() },
        }
    }
}

impl Entry {
    /// The value had bytes in the file that are no text.
    fn is_garbled(&self) -> bool {
        let is_garbled = |text: &Secret| text.expose().contains(char::REPLACEMENT_CHARACTER);
        self.value.as_ref().is_some_and(is_garbled)
    }

    fn error(&self, key: &str, reason: &str) -> OptionError {
        OptionError { line: self.line, key: key.to_owned(), reason: reason.to_owned() }
    }
}

#[cfg(test)]
mod tests;
