//! The `web-config` command: whether a file will do for `--web.config.file`, and hashes for it.

use std::io::{BufRead, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use rustls::crypto::ring;

use crate::secret::Secret;
use crate::web::Security;

/// bcrypt looks at no more of a password.
const MAX_PASSWORD: usize = 72;

/// Some 70 ms for each login that is not remembered.
const COST: u32 = 10;

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

/// Prints the hash of the password that is the first line of `input`: from there, and not from an
/// argument, so that no list of processes shows it.
pub(super) fn hash(input: impl BufRead) -> anyhow::Result<ExitCode> {
    let hash = hash_of(&first_line(input)?)?;
    writeln!(std::io::stdout(), "{hash}").context("cannot write to stdout")?;
    Ok(ExitCode::SUCCESS)
}

fn first_line(input: impl BufRead) -> anyhow::Result<Secret> {
    let mut line = String::new();
    let most = u64::try_from(MAX_PASSWORD)? + 2;
    input.take(most).read_line(&mut line).context("cannot read the password from stdin")?;
    let password = Secret::new(line.trim_end_matches(['\n', '\r']));
    ensure!(!password.is_empty(), "expected a password on stdin");
    ensure!(
        password.expose().len() <= MAX_PASSWORD,
        "the password is longer than {MAX_PASSWORD} bytes: bcrypt would not look at the rest"
    );
    Ok(password)
}

fn hash_of(password: &Secret) -> anyhow::Result<String> {
    let mut salt = [0; 16];
    let random = ring::default_provider().secure_random;
    random.fill(&mut salt).map_err(|_| anyhow::anyhow!("the system has no random numbers"))?;
    let hash = bcrypt::hash_with_salt(password.expose(), COST, salt).context("cannot hash")?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_the_first_line() {
        let password = first_line("one two\r\nthree\n".as_bytes()).unwrap();
        assert_eq!(password.expose(), "one two");
        let (hash, other) = (hash_of(&password).unwrap(), hash_of(&password).unwrap());
        assert!(hash.starts_with("$2b$10$") && hash.len() == 60 && hash != other, "{hash}");
        assert!(bcrypt::verify("one two", &hash).unwrap());
    }

    #[test]
    fn no_password_and_too_long_ones_are_errors() {
        for (input, reason) in
            [("", "on stdin"), ("\n", "on stdin"), (&"x".repeat(73), "longer than 72")]
        {
            let error = first_line(input.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason) && !error.contains("xx"), "{error}");
        }
        assert_eq!(first_line("x".repeat(72).as_bytes()).unwrap().expose().len(), 72);
    }
}
