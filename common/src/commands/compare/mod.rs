//! The `compare` command: what differs from the exporter that is to be replaced, and why.

mod fetch;
mod source;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::ArgMatches;

use super::Parts;
use super::rounds::Rounds;
use super::show::OutputFormat;
use crate::compare::{Known, Side, compare as compare_sides};
use crate::exposition::Format;
use crate::web::WebArgs;
use source::Source;

/// How often each side is read, where it can be more than once.
const READINGS: usize = 3;

/// Between two readings of a side.
const PAUSE: Duration = Duration::from_secs(1);

/// Something could not be read.
const UNREADABLE: u8 = 2;

/// What is read, and what has been.
struct Reader {
    source: Source,
    side: Side,
}

/// Compares the exporter or file that the first of `operands` names with the second, or with what
/// this program collects. The exit code is 0 if every difference has a reason, 1 if one has none,
/// and 2 if something cannot be read, which is said on stderr.
pub(super) async fn compare(
    program: &Parts,
    matches: &ArgMatches,
    web: &WebArgs,
    operands: &[&str],
) -> ExitCode {
    match run(program, matches, web, operands).await {
        Ok(code) => code,
        Err(error) => {
            // There is nobody to tell if stderr is closed.
            let _ = writeln!(std::io::stderr(), "{} compare: {error:#}", program.name);
            ExitCode::from(UNREADABLE)
        }
    }
}

async fn run(
    program: &Parts,
    matches: &ArgMatches,
    web: &WebArgs,
    operands: &[&str],
) -> anyhow::Result<ExitCode> {
    let (old, new) = match operands {
        [old] => (*old, None),
        [old, new] => (*old, Some(*new)),
        _ => anyhow::bail!("expected one or two URLs or files: compare OLD [NEW]"),
    };
    let known = Known::parse(program.reference.differences)
        .map_err(|line| anyhow::anyhow!("the list of known differences: {line}"))?;
    let service = if new.is_none() { Some((program.start)(matches)?) } else { None };
    let mut old = Reader { source: Source::parse(old)?, side: Side::default() };
    let mut new = match new {
        Some(new) => Reader { source: Source::parse(new)?, side: Side::default() },
        None => Reader { source: Source::ThisProgram, side: Side::default() },
    };
    let rounds = service.as_ref().map(|service| Rounds::new(service, web));
    read(&mut old, &mut new, rounds.as_ref()).await?;
    let report = compare_sides(&old.side, &new.side, &known);
    let names = [old.source.to_string(), new.source.to_string()];
    let (old, new) = ((names[0].as_str(), &old.side), (names[1].as_str(), &new.side));
    let text = match OutputFormat::of(matches) {
        Some(OutputFormat::Json) => format!("{:#}\n", report.json(old, new)),
        _ => report.text(old, new),
    };
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to stdout")?;
    let is_explained = report.explained(false).next().is_none();
    Ok(if is_explained { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads both in turn, files once.
async fn read(
    old: &mut Reader,
    new: &mut Reader,
    rounds: Option<&Rounds<'_>>,
) -> anyhow::Result<()> {
    let lasts = !old.source.is_file() || !new.source.is_file();
    for reading in 0..if lasts { READINGS } else { 1 } {
        if reading > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        for reader in [&mut *old, &mut *new] {
            if reading == 0 || !reader.source.is_file() {
                let address = reader.source.to_string();
                reader.read(rounds).await.context(address)?;
            }
        }
    }
    Ok(())
}

impl Reader {
    async fn read(&mut self, rounds: Option<&Rounds<'_>>) -> anyhow::Result<()> {
        let (text, is_openmetrics) = match (&self.source, rounds) {
            (Source::ThisProgram, Some(rounds)) => {
                let round = rounds.next(Format::Text).await?;
                (String::from_utf8(round.body().to_vec())?, false)
            }
            (source, _) => fetch::fetch(source).await?,
        };
        self.side.add(&text, is_openmetrics)?;
        anyhow::ensure!(!self.side.families.is_empty(), "no metrics");
        Ok(())
    }
}
