//! The `web-config` command: whether a file will do for `--web.config.file`.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use crate::web::Security;

/// Reads `file` and all that it names, as `serve` does at its start.
pub(super) fn check(file: &Path) -> ExitCode {
    // A closed stream changes nothing about the file.
    match Security::from_file(file) {
        Ok(security) => {
            let scheme = if security.has_tls() { "HTTPS" } else { "HTTP" };
            let _ = writeln!(std::io::stdout(), "{}: valid, {scheme}", file.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}
