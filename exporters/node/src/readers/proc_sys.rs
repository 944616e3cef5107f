//! Files below `/proc/sys` that hold one number each, proc_sys(5).

use common::error::{CollectError, parse_number};

use crate::host::Host;

/// The number in the file at `path`, or `None` if the kernel has no such file.
pub(crate) fn number(host: &Host, path: &str) -> Result<Option<f64>, CollectError> {
    let path = format!("sys/{path}");
    let Some(text) = host.proc_if_present(&path)? else { return Ok(None) };
    let number = parse_number::<u64>("value", Some(text.trim()));
    number.map(|number| Some(number as f64)).map_err(|error| text.blame(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_a_number_or_is_absent() {
        let host = Host::fixture("linux-6.1");
        assert_eq!(number(&host, "kernel/threads-max").unwrap(), Some(127_235.0));
        assert_eq!(number(&host, "kernel/no-such-file").unwrap(), None);
        let error = number(&host, "fs/file-nr").unwrap_err().to_string();
        assert!(error.contains("sys/fs/file-nr: value is no number"), "{error}");
    }
}
