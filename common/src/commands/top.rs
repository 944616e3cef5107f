//! The `top` command: what the metrics say now, again and again, on one screen.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{ArgMatches, FromArgMatches as _};
use jiff::ZonedDateTime;
use tokio::signal::unix::{SignalKind, signal};

use super::rounds::{Named, Rounds};
use super::scrape::APART;
use super::show::{Screen, ShowArgs, lines, screen};
use super::{MakeTables, Parts};
use crate::exposition::Format;
use crate::view::{Reading, Table, clean, cut, units};
use crate::web::WebArgs;

/// Top left.
const HOME: &str = "\u{1b}[H";

/// What is right of the cursor.
const CLEAR_LINE: &str = "\u{1b}[K";

/// What is below it.
const CLEAR_REST: &str = "\u{1b}[J";

/// Shows rounds until there were as many as the flags say, or a signal comes; fails if a collector
/// did in the last one.
pub(super) async fn top(
    program: &Parts,
    matches: &ArgMatches,
    web: &WebArgs,
) -> anyhow::Result<ExitCode> {
    let args = ShowArgs::from_arg_matches(matches)?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let service = (program.start)(matches)?;
    let rounds = Rounds::new(&service, web);
    let mut code = ExitCode::SUCCESS;
    tokio::select! {
        shown = show(&rounds, program.tables, matches, &args, program.name, &mut code) => shown?,
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    if screen().is_some() {
        // The shell goes on below; a terminal that is gone needs no line.
        let _ = writeln!(std::io::stdout());
    }
    Ok(code)
}

async fn show(
    rounds: &Rounds<'_>,
    make: MakeTables,
    matches: &ArgMatches,
    args: &ShowArgs,
    name: &str,
    code: &mut ExitCode,
) -> anyhow::Result<()> {
    let count = args.count.unwrap_or(usize::from(screen().is_none()));
    let mut before = rounds.next(Format::Text).await?.samples();
    let mut wait = APART.min(args.interval);
    for number in 1_usize.. {
        tokio::time::sleep(wait).await;
        wait = args.interval;
        let round = rounds.next(Format::Text).await?;
        *code = round.exit_code();
        let now = round.samples();
        let tables = make(matches, &Reading::new(&before, &now));
        let screen = screen();
        let heading = heading(name, args, screen.is_some());
        let page = page(&heading, &tables, &round.verdicts(Named::Failed), screen);
        let text = match screen {
            Some(screen) => on_screen(&page, number == 1, screen),
            None => on_paper(&page, number == 1),
        };
        let mut stdout = std::io::stdout();
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
            .context("cannot write to stdout")?;
        if number == count {
            break;
        }
        before = now;
    }
    Ok(())
}

fn heading(name: &str, args: &ShowArgs, is_screen: bool) -> String {
    let time = ZonedDateTime::now().strftime("%H:%M:%S").to_string();
    let period = units::duration(args.interval.as_secs_f64());
    let hint = if is_screen { format!(", every {period}, Ctrl-C to end") } else { String::new() };
    format!("{name} at {time}{hint}")
}

/// The lines of one round, as many as fit.
fn page(
    heading: &str,
    tables: &[Table],
    failures: &[String],
    screen: Option<Screen>,
) -> Vec<String> {
    let mut page = vec![clean(heading).into_owned(), String::new()];
    page.extend(lines(tables, screen.map(|screen| screen.columns)));
    if !failures.is_empty() {
        page.push(String::new());
        page.extend_from_slice(failures);
    }
    let Some(Screen { columns, rows }) = screen else { return page };
    // The last row is the cursor's.
    let room = rows.saturating_sub(1);
    if page.len() > room {
        let hidden = page.len() - room.saturating_sub(1);
        page.truncate(room.saturating_sub(1));
        page.push(format!("... {hidden} more lines"));
    }
    page.iter().map(|line| cut(line, columns)).collect()
}

/// In place of the round before; before the first one, what was on the screen moves up.
fn on_screen(page: &[String], is_first: bool, screen: Screen) -> String {
    let mut text = if is_first { "\n".repeat(screen.rows) } else { String::new() };
    text += HOME;
    for line in page {
        text += line;
        text += CLEAR_LINE;
        text.push('\n');
    }
    text += CLEAR_REST;
    text
}

/// Below the round before.
fn on_paper(page: &[String], is_first: bool) -> String {
    let empty_line = if is_first { "" } else { "\n" };
    format!("{empty_line}{}\n", page.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Column;

    const COLUMNS: &[Column] = &[Column::text("NAME"), Column::number("CPU %")];

    fn table(rows: usize) -> Table {
        let mut table = Table::new(COLUMNS);
        for row in 0..rows {
            table.row([format!("row {row} \u{1b}[2J"), "1.0".to_owned()]);
        }
        table
    }

    #[test]
    fn a_round_takes_one_screen() {
        let screen = Screen { columns: 20, rows: 8 };
        let failures = ["cpu  1.000 ms  FAILED: a long reason".to_owned()];
        let whole = page("test", &[table(2)], &failures, Some(screen));
        assert_eq!(whole[5..], ["", "cpu  1.000 ms  FAIL~"]);
        let cut = page("test", &[table(30)], &failures, Some(screen));
        assert_eq!((cut.len(), cut[6].as_str()), (7, "... 29 more lines"));
        let text = on_screen(&cut, false, screen);
        assert_eq!(text.matches('\n').count(), 7);
        // Nothing but what is meant for the terminal.
        assert_eq!(text.matches('\u{1b}').count(), 9, "{text:?}");
        assert!(on_screen(&cut, true, screen).starts_with("\n\n\n\n\n\n\n\n\u{1b}[H"));
    }

    #[test]
    fn without_a_terminal_there_is_plain_text() {
        let whole = page("test", &[table(30)], &[], None);
        assert_eq!(whole.len(), 33);
        let text = on_paper(&whole, true);
        assert!(text.starts_with("test\n\nNAME") && text.ends_with("1.0\n"), "{text}");
        assert!(!text.contains('\u{1b}'));
        assert!(on_paper(&whole, false).starts_with("\ntest\n"));
    }
}
