//! The pairs of flags that switch collectors on and off.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::collector::{Entry, Named};

const DISABLE_DEFAULTS: &str = "collector.disable-defaults";

/// Which collectors the command line asks for.
#[derive(Clone, Copy, Debug)]
pub struct Switches {
    /// Comes before a collector's name in its flag: `collector.` or `collect.`.
    pub flag_prefix: &'static str,
}

impl Switches {
    /// Adds a switch for each collector of `entries` and its own flags, and a switch that turns
    /// off the defaults.
    pub fn add<Source: ?Sized>(self, command: Command, entries: &[Entry<Source>]) -> Command {
        let disable = Arg::new(DISABLE_DEFAULTS)
            .long(DISABLE_DEFAULTS)
            .help("Run only the collectors that are switched on by name")
            .help_heading("Collectors")
            .action(ArgAction::SetTrue);
        let command = entries.iter().fold(command, |command, entry| (entry.flags)(command));
        entries.iter().fold(command.arg(disable), |command, entry| {
            let default = if entry.enabled_by_default { "" } else { " (off by default)" };
            let flag = self.flag(entry);
            command.arg(
                Arg::new(flag.clone())
                    .long(flag)
                    .help(format!("Expose {}{default}", entry.summary))
                    .help_heading("Collectors")
                    .action(ArgAction::SetTrue)
                    .default_value(if entry.enabled_by_default { "true" } else { "false" }),
            )
        })
    }

    /// Makes those collectors of `entries` that `matches` asks for.
    ///
    /// # Errors
    /// What the first of them says of a bad flag.
    pub fn build<Source: ?Sized>(
        self,
        matches: &ArgMatches,
        entries: &[Entry<Source>],
    ) -> anyhow::Result<Vec<Named<Source>>> {
        let chosen = entries.iter().filter(|entry| self.is_on(matches, entry));
        chosen.map(|entry| entry.build(matches)).collect()
    }

    /// True if `matches` asks for the collector of `entry`.
    fn is_on<Source: ?Sized>(self, matches: &ArgMatches, entry: &Entry<Source>) -> bool {
        let flag = self.flag(entry);
        let is_given = matches.value_source(&flag) != Some(ValueSource::DefaultValue);
        let is_turned_on = || entry.turned_on_by.iter().any(|flag| is_on(matches, flag));
        is_switched_on(matches, &flag) || (!is_given && is_turned_on())
    }

    fn flag<Source: ?Sized>(self, entry: &Entry<Source>) -> String {
        format!("{}{}", self.flag_prefix, entry.name)
    }
}

/// An on/off flag under the name that the reference exporter has for it, with its environment
/// variable: for [`Entry::turned_on_by`] where it does nothing else.
pub fn on_off_flag(name: &'static str, variable: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).env(variable).help(help).action(ArgAction::SetTrue)
}

/// True if `flag` is an on/off flag that is on, or another one that is given and not empty.
fn is_on(matches: &ArgMatches, flag: &str) -> bool {
    if let Ok(value) = matches.try_get_one::<bool>(flag) {
        return value.copied().unwrap_or_default();
    }
    let is_given = matches.value_source(flag) != Some(ValueSource::DefaultValue);
    let mut values = matches.get_raw(flag).into_iter().flatten();
    is_given && values.any(|value| !value.is_empty())
}

/// True if the collector of the switch `flag` runs: it is on, and more than by default where
/// the defaults are turned off.
pub fn is_switched_on(matches: &ArgMatches, flag: &str) -> bool {
    let is_default = matches.value_source(flag) == Some(ValueSource::DefaultValue);
    matches.get_flag(flag) && !(is_default && matches.get_flag(DISABLE_DEFAULTS))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use async_trait::async_trait;

    use super::*;
    use crate::cli::{Dialect, parse};
    use crate::collector::Collector;
    use crate::error::CollectError;
    use crate::exposition::Sink;

    struct Nothing;

    #[async_trait]
    impl Collector<()> for Nothing {
        async fn collect(&self, (): &(), _: &mut Sink) -> Result<(), CollectError> {
            Ok(())
        }
    }

    const ENTRIES: &[Entry<()>] = &[
        Entry::on("always", "a", |_| Ok(Box::new(Nothing))),
        Entry::off("list", "b", |_| Ok(Box::new(Nothing)))
            .with_flags(|command| command.arg(on_off_flag("export-list", "TEST_LIST", "List")))
            .turned_on_by(&["export-list"]),
        Entry::off("keys", "c", |_| Ok(Box::new(Nothing)))
            .with_flags(|command| {
                let keys = |name: &'static str| Arg::new(name).long(name).default_value("");
                command.args([keys("check-keys"), keys("count-keys")])
            })
            .turned_on_by(&["check-keys", "count-keys"]),
    ];

    fn running(flags: &[&str]) -> String {
        let switches = Switches { flag_prefix: "collector." };
        let command = switches.add(Command::new("test").version("1"), ENTRIES);
        let arguments = std::iter::once("test").chain(flags.iter().copied()).map(OsString::from);
        let matches = parse(command, Dialect::GoFlag, "TEST_", arguments).unwrap();
        let built = switches.build(&matches, ENTRIES).unwrap();
        built.iter().map(|named| named.name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn flags_of_the_reference_turn_collectors_on() {
        assert_eq!(running(&[]), "always");
        assert_eq!(running(&["-export-list"]), "always list");
        assert_eq!(running(&["-export-list=1", "-count-keys=a*"]), "always list keys");
        assert_eq!(running(&["-export-list=F", "--check-keys", "a"]), "always keys");
        assert_eq!(running(&["-check-keys="]), "always");
        assert_eq!(running(&["--collector.list", "--collector.keys"]), "always list keys");
    }

    #[test]
    fn a_collectors_own_switch_goes_before_them() {
        assert_eq!(running(&["-export-list", "-collector.list=false"]), "always");
        assert_eq!(running(&["-export-list=false", "-collector.list"]), "always list");
    }

    #[test]
    fn turned_on_is_more_than_a_default() {
        assert_eq!(running(&["-collector.disable-defaults"]), "");
        assert_eq!(running(&["-collector.disable-defaults", "-export-list"]), "list");
        assert_eq!(running(&["-collector.disable-defaults", "-collector.always"]), "always");
    }
}
