//! What a program says of itself, so that the commands are the same in all four.

use clap::{ArgMatches, Command};

use crate::check::Check;
use crate::cli::Dialect;
use crate::cli::unused::Unused;
use crate::confine::Needs;
use crate::view::{Reading, Table};
use crate::web::{SecurityFlags, Service, WebArgs};

/// Makes a check from the command line.
pub type MakeCheck = fn(&ArgMatches) -> anyhow::Result<Box<dyn Check>>;

/// Makes the tables in which people read what the metrics say.
pub type MakeTables = fn(&ArgMatches, &Reading<'_>) -> Vec<Table>;

/// The exporter whose place a program takes.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// What it is called.
    pub name: &'static str,
    /// In what its metrics differ, with the reasons: a list of [`crate::compare::Known`] differences.
    pub differences: &'static str,
    /// Flags of it that have no effect here.
    pub unused: &'static [Unused],
}

/// What makes a program one of the four exporters.
pub trait Program {
    /// Name of the executable.
    const NAME: &'static str;
    /// What it does, in one sentence.
    const ABOUT: &'static str;
    /// How its flags are spelled.
    const DIALECT: Dialect;
    /// Stands before each flag's environment variable.
    const ENV_PREFIX: &'static str;
    /// The exporter whose place it takes.
    const REFERENCE: Reference;
    /// Makes what `top` and `scrape --format=table` show.
    const TABLES: MakeTables;

    /// Makes what the command `check` does, inside the runtime; `None` if the program has no
    /// server to check.
    const CHECK: Option<MakeCheck> = None;

    /// All flags but those that every program has.
    fn command() -> Command;

    /// Last changes to the command, once the flags that every program has are in it:
    /// such as the name by which the reference exporter knows one of them.
    fn adapt(command: Command) -> Command {
        command
    }

    /// Other defaults for what [`Self::TABLES`] needs: see [`is_for_people`](super::is_for_people).
    fn for_people(command: Command) -> Command {
        command
    }

    /// Address to listen on where no flag says another.
    fn default_address(matches: &ArgMatches) -> String;

    /// What it needs once it has started, beside files to read.
    fn needs(_: &ArgMatches) -> Needs {
        Needs::default()
    }

    /// What flags of its own say of TLS and authentication.
    ///
    /// # Errors
    /// A bad setting.
    fn security(_: &ArgMatches) -> anyhow::Result<SecurityFlags> {
        Ok(SecurityFlags::default())
    }

    /// Makes the exporter; called once, inside the runtime.
    ///
    /// # Errors
    /// A bad setting, with file or flag and reason.
    fn start(matches: &ArgMatches) -> anyhow::Result<Service>;
}

/// What the commands ask of a [`Program`], as values: so what they do, which is all that is async
/// here and most of what a program is, is compiled once for all four.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    pub(super) name: &'static str,
    pub(super) reference: Reference,
    pub(super) tables: MakeTables,
    pub(super) check: Option<MakeCheck>,
    pub(super) default_address: fn(&ArgMatches) -> String,
    pub(super) security: fn(&ArgMatches) -> anyhow::Result<SecurityFlags>,
    pub(super) start: fn(&ArgMatches) -> anyhow::Result<Service>,
}

impl Parts {
    pub(super) fn of<P: Program>() -> Self {
        Self {
            name: P::NAME,
            reference: P::REFERENCE,
            tables: P::TABLES,
            check: P::CHECK,
            default_address: P::default_address,
            security: P::security,
            start: P::start,
        }
    }

    /// Addresses to listen on: at least one.
    pub(super) fn addresses(&self, matches: &ArgMatches, web: &WebArgs) -> Vec<String> {
        match web.listen_address.as_slice() {
            [] => vec![(self.default_address)(matches)],
            addresses => addresses.to_vec(),
        }
    }
}
