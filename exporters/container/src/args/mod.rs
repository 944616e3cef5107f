//! All flags together; each is defined beside what it configures. Those of cAdvisor have its
//! names; those of our own have a dot in their name.

mod listen;
mod unused;

use clap::{Args as _, Command};
use common::cli;

pub use listen::ListenArgs;
pub use unused::UNUSED;

use crate::collectors;
use crate::host::PathArgs;
use crate::inventory::ScopeArgs;
use crate::runtimes::{Labelling, RuntimeArgs};

/// The flags that no collector reads.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Where the container runtimes are.
    #[command(flatten)]
    pub runtimes: RuntimeArgs,
    /// Which labels their containers have.
    #[command(flatten)]
    pub labels: Labelling,
    /// Which cgroups are shown.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Where the host's files are.
    #[command(flatten)]
    pub path: PathArgs,
}

/// Adds every flag but those that all exporters have.
pub(crate) fn add(command: Command) -> Command {
    let command = Args::augment_args(ListenArgs::augment_args(command));
    cli::unused::add(collectors::add_flags(command), UNUSED)
}
