//! What was read from a file, with its path for the errors.

use std::borrow::Cow;
use std::ops::Deref;
use std::path::PathBuf;

use super::Root;
use crate::error::{CollectError, ParseError, Partial};

/// The text of one file, which knows where it came from; invalid UTF-8 is replaced.
#[derive(Debug)]
pub struct KernelFile<'a> {
    root: &'a Root,
    path: Cow<'a, str>,
    text: String,
}

impl<'a> KernelFile<'a> {
    pub(super) fn new(root: &'a Root, path: Cow<'a, str>, text: String) -> Self {
        Self { root, path, text }
    }

    /// The full path.
    pub fn path(&self) -> PathBuf {
        self.root.path().join(&*self.path)
    }

    /// What `parse` makes of the whole text.
    ///
    /// # Errors
    /// [`CollectError::Parse`] with the path and what `parse` complains of.
    pub fn parse<'s, T>(
        &'s self,
        parse: impl FnOnce(&'s str) -> Result<T, ParseError>,
    ) -> Result<T, CollectError> {
        parse(&self.text).map_err(|error| self.blame(error))
    }

    /// What `parse` makes of those parts of the text that it understands; the error names the path.
    pub fn parse_rows<'s, T>(
        &'s self,
        parse: impl FnOnce(&'s str) -> Partial<T, ParseError>,
    ) -> Partial<T> {
        parse(&self.text).map_error(|error| self.blame(error))
    }

    /// A parser's complaint about this file.
    pub fn blame(&self, error: ParseError) -> CollectError {
        CollectError::parse(&self.path(), error)
    }

    /// The text alone.
    pub fn into_text(mut self) -> String {
        std::mem::take(&mut self.text)
    }
}

impl Drop for KernelFile<'_> {
    fn drop(&mut self) {
        self.root.put_back(std::mem::take(&mut self.text).into_bytes());
    }
}

impl Deref for KernelFile<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Budget;
    use super::*;
    use crate::error::parse_number;

    #[test]
    fn errors_name_the_file() {
        let root = Root::open(Path::new("/proc"), &Budget::new(0)).unwrap();
        let file = KernelFile::new(&root, "load".into(), "1 x".into());
        let number = |text| parse_number::<u8>("load", Some(text));
        let error = file.parse(number).unwrap_err();
        assert_eq!(error.to_string(), "/proc/load: load is no number: \"1 x\"");
        let rows = file.parse_rows(|text| text.split(' ').map(number).collect::<Partial<_, _>>());
        assert_eq!(rows.good, [1]);
        let error = rows.finish().unwrap_err().to_string();
        assert_eq!(error, "/proc/load: load is no number: \"x\"");
        assert_eq!(&file[..1], "1");
    }
}
