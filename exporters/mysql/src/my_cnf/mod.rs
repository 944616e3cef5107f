//! The `.my.cnf` option file: sections of keys and values.
//!
//! The form is that of the MySQL client programs as mysqld_exporter reads it:
//! `[section]`, `key = value` or `key: value`, keys without a value, comment
//! lines starting with `#` or `;` (never a comment behind a value), matching
//! quotes around a value, and a backslash at a line's end that continues it.
//! Dashes and underscores in keys are the same, as for the client programs.
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
#[error("line {line}: [{section}] {key} {reason}")]
pub struct OptionError {
    /// Number of the line, from 1.
    pub line: usize,
    /// The section that has the line.
    pub section: String,
    /// The key.
    pub key: String,
    /// What is wrong with its value.
    pub reason: String,
}

/// The sections of a file. Any value may be a password, so none is ever printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MyCnf {
    sections: HashMap<String, HashMap<String, Entry>>,
    includes_others: bool,
}

/// Section of the keys that stand before any header.
pub(crate) const DEFAULT: &str = "DEFAULT";

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
    /// The section itself first, then its parents, each with its name.
    layers: Vec<(&'a str, &'a HashMap<String, Entry>)>,
}

impl MyCnf {
    /// The section `name` with what `[a.b]` inherits from `[a]`; `None` if the file lacks it.
    pub fn section(&self, name: &str) -> Option<Section<'_>> {
        let mut layers = Vec::new();
        let (own, keys) = self.sections.get_key_value(name)?;
        layers.push((own.as_str(), keys));
        let mut name = name;
        while let Some((parent, _)) = name.rsplit_once('.') {
            let keys = self.sections.get_key_value(parent);
            layers.extend(keys.map(|(parent, keys)| (parent.as_str(), keys)));
            name = parent;
        }
        Some(Section { layers })
    }

    /// Names of the sections, those that are no account's left out: `DEFAULT`, as in the reference.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sections.keys().map(String::as_str).filter(|name| *name != DEFAULT)
    }

    /// The file asks for others, which are not read.
    pub fn includes_others(&self) -> bool {
        self.includes_others
    }

    fn set(&mut self, section: &str, key: &str, entry: Entry) {
        let key = key.replace('_', "-");
        self.sections.entry(section.to_owned()).or_default().insert(key, entry);
    }
}

impl<'a> Section<'a> {
    fn entry(&self, key: &str) -> Option<(&'a str, &'a Entry)> {
        self.layers.iter().find_map(|(section, layer)| Some((*section, layer.get(key)?)))
    }

    /// True if the section, or one of its parents, has the key.
    pub fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// Text of a key; `None` if it is not there.
    ///
    /// # Errors
    /// The key has no value, or one that is not UTF-8: the client library takes no other bytes.
    pub fn text(&self, key: &str) -> Result<Option<&'a Secret>, OptionError> {
        match self.entry(key) {
            None => Ok(None),
            Some((_, entry)) if entry.is_garbled() => Err(self.error(key, "is not UTF-8")),
            Some((_, Entry { value: Some(value), .. })) => Ok(Some(value)),
            Some(_) => Err(self.error(key, "has no value")),
        }
    }

    /// Truth of a key: one without a value is true; `None` if it is not there.
    ///
    /// # Errors
    /// The value is no boolean.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, OptionError> {
        let Some((_, entry)) = self.entry(key) else { return Ok(None) };
        let Some(value) = &entry.value else { return Ok(Some(true)) };
        match value.expose().to_ascii_lowercase().as_str() {
            "1" | "t" | "true" | "y" | "yes" | "on" => Ok(Some(true)),
            "0" | "f" | "false" | "n" | "no" | "off" => Ok(Some(false)),
            _ => Err(self.error(key, "is neither true nor false")),
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

    /// An error about `key`.
    pub fn error(&self, key: &str, reason: &str) -> OptionError {
        let own = self.layers.first().map_or("", |(section, _)| *section);
        let (section, line) = self.entry(key).map_or((own, 0), |(name, entry)| (name, entry.line));
        let (section, key, reason) = (section.to_owned(), key.to_owned(), reason.to_owned());
        OptionError { line, section, key, reason }
    }
}

impl Entry {
    /// The value had bytes in the file that are no text.
    fn is_garbled(&self) -> bool {
        let is_garbled = |text: &Secret| text.expose().contains(char::REPLACEMENT_CHARACTER);
        self.value.as_ref().is_some_and(is_garbled)
    }
}

#[cfg(test)]
mod tests;
