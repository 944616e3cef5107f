//! Why a collector has nothing to show.

mod partial;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use partial::{Fault, FirstError, Partial};

/// A collector's failure; it costs that collector its success metric and nothing else.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The target lacks the feature: no such hardware, module or server option.
    #[error("no data: {0}")]
    NoData(String),
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A file or reply does not have its documented form.
    #[error("{origin}: {source}")]
    Parse {
        /// The file's path or the command asked.
        origin: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// A server refused or failed a statement or command.
    #[error("{statement}: {message}")]
    Query {
        /// The statement, without its arguments.
        statement: String,
        /// The server's or the connection's words.
        message: String,
    },
    /// The work took longer than the scrape allows.
    #[error("not finished after {:.1} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// A run that an earlier scrape gave up on has still not returned.
    #[error("still waiting for the run of an earlier scrape")]
    Stuck,
    /// The collector panicked: a defect of this program.
    #[error("panicked: {0}")]
    Panic(String),
}

impl CollectError {
    /// A failed read of `path`.
    pub fn read(path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        Self::Read { path: path.into(), source: source.into() }
    }

    /// Malformed content of the file at `path`.
    pub fn parse(path: &Path, source: ParseError) -> Self {
        Self::malformed(path.display().to_string(), source)
    }

    /// Malformed content of `origin`: a file, or the command or statement that was answered.
    pub fn malformed(origin: impl Into<String>, source: ParseError) -> Self {
        Self::Parse { origin: origin.into(), source }
    }

    /// A failed statement or command.
    pub fn query(statement: impl Into<String>, error: &dyn std::fmt::Display) -> Self {
        Self::Query { statement: statement.into(), message: error.to_string() }
    }

    /// True for the absence that a collector foresees.
    pub fn is_no_data(&self) -> bool {
        matches!(self, Self::NoData(_))
    }

    /// True for content that was read but makes no sense.
    pub fn is_malformed(&self) -> bool {
        matches!(self, Self::Parse { .. })
    }

    /// How much an error matters beside others of the same collector.
    fn rank(&self) -> u8 {
        match self {
            Self::NoData(_) => 0,
            Self::Parse { .. } => 1,
            _ => 2,
        }
    }
}

impl Fault for CollectError {
    /// A source that could not be read matters more than one that is malformed in part,
    /// and that more than one that is absent.
    fn outranks(&self, earlier: &Self) -> bool {
        self.rank() > earlier.rank()
    }
}

/// What a parser could not make sense of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A field that the format demands is not there.
    #[error("{field} is missing")]
    Missing {
        /// Name of the field.
        field: &'static str,
    },
    /// A field's text is not of its type.
    #[error("{field} is no number: {text:?}")]
    Number {
        /// Name of the field.
        field: &'static str,
        /// The text found, cut to 64 characters.
        text: String,
    },
    /// The content as a whole is not what it should be.
    #[error("{0}")]
    Form(String),
}

impl ParseError {
    /// The text of `field` is no number.
    pub fn number(field: &'static str, text: &str) -> Self {
        Self::Number { field, text: excerpt(text) }
    }

    /// `what` is wrong with `text`, of which the start is shown.
    pub fn form(what: &str, text: &str) -> Self {
        Self::Form(format!("{what}: {:?}", excerpt(text)))
    }
}

/// The first 64 characters of `text`: enough to find it, too little to flood a log.
pub fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

/// Reads a number from the text of a field.
///
/// # Errors
/// [`ParseError`] naming the field if it is absent or no number.
pub fn parse_number<T: std::str::FromStr>(
    field: &'static str,
    text: Option<&str>,
) -> Result<T, ParseError> {
    let text = text.ok_or(ParseError::Missing { field })?;
    text.parse().map_err(|_| ParseError::number(field, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_file_field_and_reason() {
        let number = parse_number::<u64>("idle", Some("x1")).unwrap_err();
        let error = CollectError::parse(Path::new("/proc/stat"), number);
        assert_eq!(error.to_string(), "/proc/stat: idle is no number: \"x1\"");
        let missing = parse_number::<u64>("idle", None).unwrap_err();
        assert_eq!(missing.to_string(), "idle is missing");
        let gone = io::Error::from(io::ErrorKind::PermissionDenied);
        let error = CollectError::read("/proc/slabinfo", gone);
        assert_eq!(error.to_string(), "cannot read /proc/slabinfo: permission denied");
    }
}
