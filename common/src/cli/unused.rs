//! Flags of a reference exporter that have no effect here: accepted, so that a command line
//! can be taken over as it is, hidden in the help, and each named in a warning.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::Dialect;

/// Flags that have no effect for one reason.
#[derive(Clone, Copy, Debug)]
pub struct Unused {
    /// Why, for the warning.
    pub reason: &'static str,
    /// Flags that are on or off.
    pub on_off: &'static [&'static str],
    /// Flags that take a value, which is never looked at or printed.
    pub with_value: &'static [&'static str],
}

/// Adds the flags to `command`.
pub fn add(command: Command, unused: &[Unused]) -> Command {
    let flag = |name: &'static str| Arg::new(name).long(name).hide(true);
    unused.iter().fold(command, |command, unused| {
        let on_off = unused.on_off.iter().map(|name| flag(name).action(ArgAction::SetTrue));
        // Some may be repeated; it does no harm if all may.
        let with_value = unused
            .with_value
            .iter()
            .map(|name| flag(name).action(ArgAction::Append).allow_hyphen_values(true));
        command.args(on_off).args(with_value)
    })
}

/// Those of the flags that were given, with dashes, and the reason of each.
pub fn given(
    matches: &ArgMatches,
    unused: &[Unused],
    dialect: Dialect,
) -> Vec<(String, &'static str)> {
    let is_given = |name: &&&str| {
        matches.value_source(name).is_some_and(|source| source != ValueSource::DefaultValue)
    };
    let flags = unused.iter().flat_map(|unused| {
        let on_off = unused.on_off.iter().filter(|name| is_given(name)).map(|name| match dialect {
            Dialect::Kingpin if !matches.get_flag(name) => format!("--no-{name}"),
            _ => format!("--{name}"),
        });
        let with_value = unused.with_value.iter().filter(|name| is_given(name));
        let with_value = with_value.map(|name| format!("--{name}"));
        on_off.chain(with_value).map(|flag| (flag, unused.reason))
    });
    flags.collect()
}

/// Logs a warning for each of the flags that was given.
pub fn warn(matches: &ArgMatches, unused: &[Unused], dialect: Dialect) {
    for (flag, reason) in given(matches, unused, dialect) {
        tracing::warn!(flag, reason, "flag has no effect");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNUSED: &[Unused] =
        &[Unused { reason: "not here", on_off: &["quick"], with_value: &["file", "level"] }];

    #[test]
    fn what_is_given_is_named_with_its_reason() {
        let command = || add(Command::new("test"), UNUSED);
        let given = |words: &[&str]| {
            let words = std::iter::once("test").chain(words.iter().copied());
            let matches = command().get_matches_from(words);
            super::given(&matches, UNUSED, Dialect::GoFlag)
        };
        assert_eq!(given(&[]), []);
        let words = ["--quick", "--file", "a", "--file=b"];
        assert_eq!(given(&words), ["--quick", "--file"].map(|flag| (flag.to_owned(), "not here")));
        assert!(!command().render_help().to_string().contains("quick"));
    }
}
