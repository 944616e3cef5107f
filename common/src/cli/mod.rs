//! How the command lines of all exporters are read; the flags themselves are where they take effect.

mod dialect;
mod duration;
mod list;
mod old_names;
mod switches;
pub mod unused;

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};

pub use dialect::Dialect;
pub use duration::parse_duration;
pub use list::CommaList;
pub use old_names::{OldName, old_names};
pub use switches::{Switches, is_switched_on, on_off_flag};

/// Completes a command and reads the arguments with it.
///
/// Every flag gets an environment variable (`env_prefix`, then the name in
/// capitals with `_` for `.` and `-`) unless it has one, every on/off flag the
/// dialect's spellings.
///
/// # Errors
/// What clap says of the arguments; help and version count as such.
pub fn parse(
    command: Command,
    dialect: Dialect,
    env_prefix: &str,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<ArgMatches, clap::Error> {
    let command = complete(command, dialect, env_prefix);
    let mut reader = command.clone().mut_args(|arg| match arg.get_action() {
        ArgAction::SetTrue => on_off(arg),
        _ => arg,
    });
    let arguments = dialect.rewrite(&reader, arguments)?;
    reader.try_get_matches_from_mut(arguments).map_err(|error| match error.kind() {
        // Rendered from the command in which on/off flags still look like such.
        ErrorKind::DisplayHelp => clap::Error::raw(ErrorKind::DisplayHelp, help(command)),
        _ => error,
    })
}

fn help(mut command: Command) -> String {
    let text = command.render_help().to_string();
    // The template leaves more than one empty line where a part ends with its own.
    format!("{}\n", text.trim_end().replace("\n\n\n\n", "\n\n").replace("\n\n\n", "\n\n"))
}

/// Completes a command as [`parse`] does: all that the help shows, on/off flags without a value.
pub(crate) fn complete(command: Command, dialect: Dialect, env_prefix: &str) -> Command {
    let version = Arg::new("version")
        .long("version")
        .short('V')
        .action(ArgAction::Version)
        .help("Print version");
    let note = format!(
        "{} Every flag can also be set by an environment variable: {env_prefix} and the flag's \
         name in capitals, with _ for . and -, unless another one is shown. A flag beats its \
         variable.",
        dialect.note()
    );
    let note = match command.get_after_help() {
        Some(of_the_program) => format!("{of_the_program}\n\n{note}"),
        None => note,
    };
    command
        .disable_version_flag(true)
        .max_term_width(100)
        .after_help(note)
        .mut_args(|arg| with_variable(arg, env_prefix))
        .next_help_heading(None)
        .arg(version)
}

/// Gives a flag its environment variable; values of variables are never shown.
fn with_variable(arg: Arg, env_prefix: &str) -> Arg {
    let Some(long) = arg.get_long().map(ToOwned::to_owned) else { return arg };
    let has_empty_default = arg.get_default_values().iter().any(|value| value.is_empty());
    let arg = if has_empty_default { arg.hide_default_value(true) } else { arg };
    if arg.get_env().is_some() {
        return arg.hide_env_values(true);
    }
    let variable: String = long
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .collect();
    arg.env(format!("{env_prefix}{variable}")).hide_env(true)
}

/// Reads an on/off flag: alone it means true; `=true` and `=false` are understood too.
fn on_off(arg: Arg) -> Arg {
    let has_default = !arg.get_default_values().is_empty();
    let arg = arg
        .action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_name("BOOL")
        .value_parser(parse_bool);
    if has_default { arg } else { arg.default_value("false") }
}

/// Go's spellings of a boolean.
fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("expected true or false".into()),
    }
}

/// Reads a count.
///
/// # Errors
/// A text saying what is expected.
pub fn parse_count(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "expected a whole number".into())
}

#[cfg(test)]
mod tests;
