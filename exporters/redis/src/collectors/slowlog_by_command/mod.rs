//! Slow commands by name: new entries of the slow log, `SLOWLOG GET`, counted over the scrapes.
//!
//! The log holds the latest entries only, so the counts are kept here, for one server. Redis from
//! 8.8 on counts itself: see the collector `commandstats`.

mod entries;

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::{Desc, Metric, counter};
use common::sync::lock;
use redis::cmd;

use crate::bounded::OTHERS;
use crate::replies::info::Info;
use crate::rights::{Needs, Right};
use crate::scrape::Scrape;
use entries::Entry;

const METRICS: &[Metric<Totals>] = &[
    counter(
        "redis_slowlog_entries_total",
        "Entries that the slow log got since the exporter began to look at it, by command.",
        |totals| Some(totals.entries),
    ),
    counter(
        "redis_slowlog_entries_duration_seconds_total",
        "Time of the commands in these entries.",
        |totals| Some(totals.microseconds / 1e6),
    ),
];

const MISSED: Desc<'_> = Desc::counter(
    "redis_slowlog_entries_missed_total",
    "Entries that the slow log got and had lost again before they were read.",
);

/// Options of the `slowlog_by_command` collector.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Slow log")]
#[group(skip)]
pub(super) struct Options {
    /// Entries of the slow log to read in each scrape
    #[arg(
        id = "collector.slowlog_by_command.max-entries",
        long = "collector.slowlog_by_command.max-entries",
        value_name = "N",
        default_value_t = 128
    )]
    max_entries: u32,
    /// Commands to count each for itself; further ones are summed up
    #[arg(
        id = "collector.slowlog_by_command.max-commands",
        long = "collector.slowlog_by_command.max-commands",
        value_name = "N",
        default_value_t = 100
    )]
    max_commands: usize,
}

struct SlowLogByCommand {
    options: Options,
    counts: Mutex<Counts>,
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    let options = Options::from_arg_matches(matches)?;
    Ok(Box::new(SlowLogByCommand { options, counts: Mutex::default() }))
}

#[async_trait]
impl Collector<Scrape> for SlowLogByCommand {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        const STATEMENT: &str = "SLOWLOG GET";
        if scrape.info().is_sentinel() {
            return Ok(());
        }
        let mut command = cmd("SLOWLOG");
        command.arg("GET").arg(self.options.max_entries);
        let Some(reply) = scrape.ask_if_known(STATEMENT, &command).await? else { return Ok(()) };
        let entries = entries::parse(&reply);
        let mut counts = lock(&self.counts);
        counts.update(&entries.good, scrape.info(), self.options.max_commands);
        counts.push(sink);
        drop(counts);
        entries.map_error(|error| CollectError::malformed(STATEMENT, error)).finish()
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        if scrape.info().is_sentinel() {
            return Needs::not_applicable("a sentinel has no slow log");
        }
        [Right::to("SLOWLOG GET").with("1").if_known()].into_iter().collect()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Totals {
    entries: f64,
    microseconds: f64,
}

impl Totals {
    fn add(&mut self, entry: &Entry<'_>) {
        self.entries += 1.0;
        self.microseconds += entry.microseconds;
    }
}

/// What was counted so far. It is valid at every moment, so that a panic costs nothing later.
#[derive(Debug, Default)]
struct Counts {
    commands: BTreeMap<String, Totals>,
    /// Commands over the limit, and words that are no command's name.
    others: Option<Totals>,
    missed: f64,
    /// `None` before the first scrape.
    seen: Option<Seen>,
}

/// How far the log was read.
#[derive(Debug)]
struct Seen {
    run_id: Option<String>,
    /// `None` if the log was empty.
    last_id: Option<i64>,
    /// When, by the server's clock: Unix time in whole seconds, as the entries have it.
    time: f64,
}

/// Which entries were not counted yet.
enum New {
    /// None: those of the time before are not ours.
    None,
    /// All, since the log was empty.
    All,
    /// Those with a greater id.
    After(i64),
    /// Those of this time or later. Another server answers, or the same one after a restart, and
    /// its ids say nothing.
    Since(f64),
}

impl Counts {
    /// Counts the entries that are new, of the server that has answered `info`.
    fn update(&mut self, entries: &[Entry<'_>], info: &Info, limit: usize) {
        let run_id = info.server_field("run_id");
        let newest = entries.iter().map(|entry| entry.id).max();
        let new = self.new_entries(run_id, newest);
        let names = self.names(info);
        let mut counted = 0.0;
        for entry in entries {
            let is_new = match new {
                New::None => false,
                New::All => true,
                New::After(id) => entry.id > id,
                New::Since(time) => entry.time >= time,
            };
            let totals = self.totals(entry.name(&names), limit);
            if is_new {
                totals.add(entry);
                counted += 1.0;
            }
        }
        if let (New::After(id), Some(newest)) = (&new, newest) {
            // Ids follow one another, also beyond SLOWLOG RESET.
            self.missed += (newest.saturating_sub(*id) as f64 - counted).max(0.0);
        }
        let last_id = match new {
            // An answer that was overtaken by a later one does not lead back.
            New::After(id) => Some(newest.map_or(id, |newest| newest.max(id))),
            _ => newest,
        };
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = info.server_time().unwrap_or(since_epoch.as_secs_f64()).floor();
        self.seen = Some(Seen { run_id: run_id.map(ToOwned::to_owned), last_id, time });
    }

    fn new_entries(&self, run_id: Option<&str>, newest: Option<i64>) -> New {
        let Some(seen) = &self.seen else { return New::None };
        // A server without run id is told from the one before by ids that begin again.
        let began_again = run_id.is_none() && newest.is_some() && newest < seen.last_id;
        if seen.run_id.as_deref() != run_id || began_again {
            return New::Since(seen.time);
        }
        seen.last_id.map_or(New::All, New::After)
    }

    /// Names of commands by their small letters: those that the server has statistics of, and
    /// those that were counted, since statistics can be reset.
    ///
    /// The words in the log are what clients sent, which is not to become a label: a renamed
    /// command is as good as a password.
    fn names(&self, info: &Info) -> HashMap<String, String> {
        let counted = self.commands.keys().map(String::as_str);
        let known = info.named_lines("Commandstats", "cmdstat_").map(|(name, _)| name);
        counted.chain(known).map(|name| (name.to_ascii_lowercase(), name.to_owned())).collect()
    }

    /// The totals that an entry of the command `name` belongs to.
    fn totals(&mut self, name: Option<&str>, limit: usize) -> &mut Totals {
        let has_room = self.commands.len() < limit;
        match name {
            Some(name) if has_room || self.commands.contains_key(name) => {
                self.commands.entry(name.to_owned()).or_default()
            }
            _ => self.others.get_or_insert_default(),
        }
    }

    fn push(&self, sink: &mut Sink) {
        let commands = self.commands.iter().map(|(name, totals)| (name.as_str(), totals));
        let rows = commands.chain(self.others.iter().map(|totals| (OTHERS, totals)));
        sink.table(METRICS, rows.map(|(name, totals)| ([("cmd", name)], totals)));
        sink.value(&MISSED, self.missed);
    }
}

#[cfg(test)]
mod tests;
