//! The `scrape` command: collect, print, and tell what failed.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::ArgMatches;

use super::rounds::{Named, Rounds};
use super::show::{OutputFormat, screen, text};
use super::{MakeTables, Parts};
use crate::exposition::Format;
use crate::view::{Reading, Table, clean_lines, list};
use crate::web::WebArgs;

/// Between the two scrapes of which rates are made.
pub(super) const APART: Duration = Duration::from_secs(1);

/// Prints what the flags ask for to stdout and a summary to stderr; fails if a collector did.
pub(super) async fn scrape(
    program: &Parts,
    matches: &ArgMatches,
    web: &WebArgs,
) -> anyhow::Result<ExitCode> {
    let service = (program.start)(matches)?;
    let rounds = Rounds::new(&service, web);
    let every_series: MakeTables = |_, reading| vec![list(reading)];
    match OutputFormat::of(matches) {
        Some(OutputFormat::Table) => tables(&rounds, matches, program.tables).await,
        Some(OutputFormat::List) => tables(&rounds, matches, every_series).await,
        Some(OutputFormat::Openmetrics) => metrics(&rounds, Format::OpenMetrics).await,
        None if web.enable_openmetrics => metrics(&rounds, Format::OpenMetrics).await,
        Some(OutputFormat::Text | OutputFormat::Json) | None => {
            metrics(&rounds, Format::Text).await
        }
    }
}

/// Prints one scrape as Prometheus reads it.
async fn metrics(rounds: &Rounds<'_>, format: Format) -> anyhow::Result<ExitCode> {
    let round = rounds.next(format).await?;
    let mut stdout = std::io::stdout();
    let written = match std::str::from_utf8(round.body()) {
        // Nothing but a terminal obeys what is in a label.
        Ok(text) if stdout.is_terminal() => stdout.write_all(clean_lines(text).as_bytes()),
        _ => stdout.write_all(round.body()),
    };
    written.context("cannot write to stdout")?;
    // A closed stderr is no reason to fail.
    let _ = write!(std::io::stderr(), "{}", round.summary(Named::All));
    Ok(round.exit_code())
}

/// Prints tables of two scrapes.
async fn tables(
    rounds: &Rounds<'_>,
    matches: &ArgMatches,
    make: MakeTables,
) -> anyhow::Result<ExitCode> {
    let before = rounds.next(Format::Text).await?.samples();
    tokio::time::sleep(APART).await;
    let round = rounds.next(Format::Text).await?;
    let now = round.samples();
    let tables: Vec<Table> = make(matches, &Reading::new(&before, &now));
    // A list is searched: nothing of it may be cut.
    let is_cut = OutputFormat::of(matches) == Some(OutputFormat::Table);
    let text = text(&tables, screen().filter(|_| is_cut).map(|screen| screen.columns));
    write!(std::io::stdout(), "{text}").context("cannot write to stdout")?;
    let _ = write!(std::io::stderr(), "\n{}", round.summary(Named::Failed));
    Ok(round.exit_code())
}
