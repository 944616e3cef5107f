//! Reads kernel files of which any may be absent.

use std::borrow::Cow;
use std::io;

use common::error::{CollectError, ParseError, Partial};
use common::kernel::Root;
use rustix::io::Errno;

/// Reads a file below `root` into `content` and parses it; `None` if it is not there.
pub(crate) fn parse<T>(
    root: &Root,
    path: &str,
    content: &mut Vec<u8>,
    parse: impl FnOnce(&str) -> Result<T, ParseError>,
) -> Result<Option<T>, CollectError> {
    let Some(text) = read(root, path, content)? else { return Ok(None) };
    parse(&text).map(Some).map_err(|error| blame(root, path, error))
}

/// Reads a file of rows below `root` into `content` and parses it; `None` if it is not there.
pub(crate) fn parse_rows<T>(
    root: &Root,
    path: &str,
    content: &mut Vec<u8>,
    parse: impl FnOnce(&str) -> Partial<T, ParseError>,
) -> Partial<Option<T>> {
    match read(root, path, content) {
        Ok(Some(text)) => parse(&text).map(Some).map_error(|error| blame(root, path, error)),
        Ok(None) => Partial::whole(None),
        Err(error) => Partial { good: None, error: Some(error) },
    }
}

fn read<'c>(
    root: &Root,
    path: &str,
    content: &'c mut Vec<u8>,
) -> Result<Option<Cow<'c, str>>, CollectError> {
    match root.read_into(path, content) {
        Ok(()) => Ok(Some(String::from_utf8_lossy(content))),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(CollectError::read(root.path().join(path), error)),
    }
}

fn blame(root: &Root, path: &str, error: ParseError) -> CollectError {
    CollectError::parse(&root.path().join(path), error)
}

/// True for what the kernel says of a file that is not, no longer, or not for this kind of cgroup there.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    let absences = [Errno::NOENT, Errno::NODEV, Errno::SRCH, Errno::NOTDIR, Errno::OPNOTSUPP];
    absences.iter().any(|absence| error.raw_os_error() == Some(absence.raw_os_error()))
}
