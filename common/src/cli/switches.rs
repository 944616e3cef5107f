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
        is_switched_on(matches, &self.flag(entry))
    }

    fn flag<Source: ?Sized>(self, entry: &Entry<Source>) -> String {
        format!("{}{}", self.flag_prefix, entry.name)
    }
}

/// True if the collector of the switch `flag` runs: it is on, and more than by default where
/// the defaults are turned off.
pub fn is_switched_on(matches: &ArgMatches, flag: &str) -> bool {
    let is_default = matches.value_source(flag) == Some(ValueSource::DefaultValue);
    matches.get_flag(flag) && !(is_default && matches.get_flag(DISABLE_DEFAULTS))
}
