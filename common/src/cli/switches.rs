//! The pairs of flags that switch collectors on and off.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::collector::{Entry, Named};

const DISABLE_DEFAULTS: &str = "collector.disable-defaults";

/// Which collectors the command line asks for.
#[derive(Clone, Copy, Debug)]
pub struct Switches {
    /// Stands before a collector's name in its flag: `collector.` or `collect.`.
    pub flag_prefix: &'static str,
}

impl Switches {
    /// Adds a switch for each collector of `entries`, and one that turns off the defaults.
    pub fn add<Source: ?Sized, Args>(
        self,
        command: Command,
        entries: &[Entry<Source, Args>],
    ) -> Command {
        let disable = Arg::new(DISABLE_DEFAULTS)
            .long(DISABLE_DEFAULTS)
            .help("Run only the collectors that are switched on by name")
            .help_heading("Collectors")
            .action(ArgAction::SetTrue);
        entries.iter().fold(command.arg(disable), |command, entry| {
            let default = if entry.enabled_by_default { "" } else { " (off by default)" };
            let flag = format!("{}{}", self.flag_prefix, entry.name);
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
    /// What the first of them says of a bad argument.
    pub fn build<Source: ?Sized, Args>(
        self,
        matches: &ArgMatches,
        entries: &[Entry<Source, Args>],
        args: &Args,
    ) -> anyhow::Result<Vec<Named<Source>>> {
        let chosen = self.chosen(matches, entries);
        chosen.map(|entry| Ok((entry.name, (entry.build)(args)?))).collect()
    }

    /// Those of `entries` that `matches` asks for.
    pub fn chosen<'a, Source: ?Sized, Args>(
        self,
        matches: &ArgMatches,
        entries: &'a [Entry<Source, Args>],
    ) -> impl Iterator<Item = &'a Entry<Source, Args>> {
        let no_defaults = matches.get_flag(DISABLE_DEFAULTS);
        entries.iter().filter(move |entry| {
            let flag = format!("{}{}", self.flag_prefix, entry.name);
            let is_default = matches.value_source(&flag) == Some(ValueSource::DefaultValue);
            matches.get_flag(&flag) && !(no_defaults && is_default)
        })
    }
}
