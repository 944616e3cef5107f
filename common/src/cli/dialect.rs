//! The two flag dialects of the reference exporters, rewritten into clap's.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{ArgAction, Command};

use crate::error::excerpt;

/// How the users of a reference exporter are used to typing flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Of node and MySQL: `--x`, `--no-x` (never `--x=false`), `--y=v`, `--y v`, `@file`; usage
    /// errors exit 1.
    Kingpin,
    /// Of Redis and container: also `-x`; `--x=false`; a repeated flag overrides; usage errors exit 2.
    GoFlag,
}

impl Dialect {
    /// Exit code after a usage error.
    pub const fn usage_exit_code(self) -> u8 {
        match self {
            Self::Kingpin => 1,
            Self::GoFlag => 2,
        }
    }

    /// How on/off flags are spelled, for `--help`.
    pub(super) const fn note(self) -> &'static str {
        match self {
            Self::Kingpin => "Flags without a value are switched off by --no-FLAG.",
            Self::GoFlag => {
                "One dash will do for two. Flags without a value are switched off by --FLAG=false."
            }
        }
    }

    /// Rewrites the arguments (the program's name first) into what clap reads.
    pub(super) fn rewrite(
        self,
        command: &Command,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Vec<OsString>, clap::Error> {
        let mut arguments = arguments.into_iter();
        let mut rewritten: Vec<OsString> = arguments.next().into_iter().collect();
        match self {
            Self::Kingpin => {
                for argument in arguments {
                    match argument.to_str().and_then(|argument| argument.strip_prefix('@')) {
                        Some(path) => rewritten.extend(read_arguments(path)?),
                        None => rewritten.push(argument),
                    }
                }
                refuse_values(command, &rewritten)?;
                Ok(rewritten.into_iter().map(|argument| positive(command, argument)).collect())
            }
            Self::GoFlag => {
                rewritten.extend(arguments.map(double_dash));
                Ok(last_wins(command, rewritten))
            }
        }
    }
}

/// The arguments in a file, one a line.
fn read_arguments(path: &str) -> Result<Vec<OsString>, clap::Error> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        clap::Error::raw(ErrorKind::Io, format!("cannot read arguments from {path}: {error}\n"))
    })?;
    Ok(text.lines().filter(|line| !line.is_empty()).map(OsString::from).collect())
}

/// Kingpin's on/off flags take no value: one would be a mistake that the replaced exporter refuses.
fn refuse_values(command: &Command, arguments: &[OsString]) -> Result<(), clap::Error> {
    let wrong = arguments.iter().find_map(|argument| {
        let (flag, value) = argument.to_str()?.strip_prefix("--")?.split_once('=')?;
        let name = flag.strip_prefix("no-").unwrap_or(flag);
        (is_on_off(command, flag) || is_on_off(command, name)).then_some((flag, name, value))
    });
    let Some((flag, name, value)) = wrong else { return Ok(()) };
    let reason = format!(
        "unexpected value '{}' for '--{flag}': it is --{name} or --no-{name}\n",
        excerpt(value)
    );
    Err(clap::Error::raw(ErrorKind::TooManyValues, reason))
}

/// `--no-x` becomes `--x=false` where `x` is an on/off flag, and each request for help `--help`.
fn positive(command: &Command, argument: OsString) -> OsString {
    // Kingpin's longer forms of the same text.
    if argument == "--help-long" || argument == "--help-man" {
        return "--help".into();
    }
    let flag = argument.to_str().and_then(|argument| argument.strip_prefix("--no-"));
    match flag {
        Some(flag) if is_on_off(command, flag) => format!("--{flag}=false").into(),
        _ => argument,
    }
}

/// On/off flags are those that may stand alone.
fn is_on_off(command: &Command, long: &str) -> bool {
    command.get_arguments().any(|arg| {
        arg.get_long() == Some(long)
            && matches!(arg.get_action(), ArgAction::Set)
            && arg.get_num_args().is_some_and(|range| range.min_values() == 0)
    })
}

/// `-flag` becomes `--flag`; `-h` and `-V` stay.
fn double_dash(argument: OsString) -> OsString {
    let flag = argument.to_str().and_then(|argument| argument.strip_prefix('-'));
    match flag {
        Some("h" | "V") => argument,
        Some(flag) if flag.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            format!("--{flag}").into()
        }
        _ => argument,
    }
}

/// Go's flag package lets the last of several equal flags win; clap refuses them.
fn last_wins(command: &Command, arguments: Vec<OsString>) -> Vec<OsString> {
    let single = |long: &str| {
        command
            .get_arguments()
            .any(|arg| arg.get_long() == Some(long) && matches!(arg.get_action(), ArgAction::Set))
    };
    let name_of = |argument: &OsString| -> Option<String> {
        let text = argument.to_str()?.strip_prefix("--")?;
        let name = text.split_once('=').map_or(text, |(name, _)| name);
        single(name).then(|| name.to_owned())
    };
    let mut kept: Vec<OsString> = Vec::new();
    let mut rest = arguments.into_iter().peekable();
    while let Some(argument) = rest.next() {
        let Some(name) = name_of(&argument) else {
            kept.push(argument);
            continue;
        };
        let takes_next = !argument.to_string_lossy().contains('=') && !is_on_off(command, &name);
        let whole = match takes_next.then(|| rest.next()).flatten() {
            Some(value) => {
                let mut whole = argument;
                whole.push("=");
                whole.push(value);
                whole
            }
            None => argument,
        };
        kept.retain(|earlier| name_of(earlier).as_deref() != Some(&name));
        kept.push(whole);
    }
    kept
}
