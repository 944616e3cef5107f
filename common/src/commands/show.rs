//! The flags of the commands that show metrics, and how tables get onto a terminal.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::{ArgMatches, Args, FromArgMatches as _, ValueEnum};

use crate::cli::{parse_count, parse_duration};
use crate::view::Table;

/// Flags of `scrape` and `top`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "For the commands scrape and top")]
pub(super) struct ShowArgs {
    /// What scrape prints.
    #[arg(
        hide_possible_values = true,
        id = "format",
        long = "format",
        value_name = "FORMAT",
        help = "What scrape prints: text or openmetrics, for Prometheus; table, a summary for \
                people with the rates of one second; list, every series with its unit and rate \
                [default: text, or openmetrics with --web.enable-openmetrics]"
    )]
    format: Option<ScrapeFormat>,
    /// How long top waits between two rounds
    #[arg(
        id = "interval",
        long = "interval",
        value_name = "DURATION",
        default_value = "3s",
        value_parser = parse_interval
    )]
    pub(super) interval: Duration,
    /// How many rounds top shows.
    #[arg(
        id = "count",
        long = "count",
        value_name = "N",
        value_parser = parse_count,
        help = "How many rounds top shows before it ends; 0 for no limit [default: 0 on a \
                terminal, else 1]"
    )]
    pub(super) count: Option<usize>,
}

/// What `scrape` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ScrapeFormat {
    /// Text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    Openmetrics,
    /// What matters, for people.
    Table,
    /// Every series.
    List,
}

impl ScrapeFormat {
    /// The one that is asked for.
    pub(super) fn of(matches: &ArgMatches) -> Option<Self> {
        ShowArgs::from_arg_matches(matches).ok()?.format
    }

    /// True for what is read by people.
    pub(super) fn is_table(self) -> bool {
        matches!(self, Self::Table | Self::List)
    }
}

fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    let allowed = Duration::from_millis(100)..=Duration::from_hours(24);
    allowed.contains(&interval).then_some(interval).ok_or("expected 100ms to 24h".into())
}

/// A terminal's size in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Screen {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// That of the terminal that stdout is, if it is one that obeys.
pub(super) fn screen() -> Option<Screen> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() || std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&stdout).ok();
    // Some do not know their size.
    let known =
        |length: Option<u16>, usual| length.filter(|length| *length > 0).map_or(usual, usize::from);
    Some(Screen {
        columns: known(size.map(|size| size.ws_col), 80),
        rows: known(size.map(|size| size.ws_row), 24),
    })
}

/// Tables with an empty line between them.
pub(super) fn lines(tables: &[Table], width: Option<usize>) -> Vec<String> {
    let mut lines = Vec::new();
    for table in tables.iter().filter(|table| !table.is_empty()) {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.extend(table.lines(width));
    }
    lines
}

/// The same as text.
pub(super) fn text(tables: &[Table], width: Option<usize>) -> String {
    lines(tables, width).into_iter().map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_neither_a_loop_nor_for_ever() {
        assert_eq!(parse_interval("100ms"), Ok(Duration::from_millis(100)));
        for text in ["0", "99ms", "25h", "x"] {
            assert!(parse_interval(text).is_err(), "{text}");
        }
    }
}
