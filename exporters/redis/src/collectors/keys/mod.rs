//! Sizes, memory and values of chosen keys: `TYPE`, `MEMORY USAGE`, and what fits the type.
//!
//! Commands go in batches, each answer to its own command, so that a key which is denied or of
//! an odd type costs itself alone. A name that was given and does not exist has size 0: to Redis
//! an emptied list and a missing one are the same. A key that goes away between `SCAN` and the
//! question has no sample.

mod reading;

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::metric::{Desc, Metric, gauge};
use redis::{Pipeline, Value, pipe};

use crate::keys::{Key, KeyChecks};
use crate::replies::values::unexpected_from;
use crate::scrape::Scrape;
use crate::server::session::{Cursor, Session};
use reading::{MAX_VALUE, Reading, Shown};

/// Keys that are asked about at once: enough that round trips cost little, and few enough that
/// their answers are small.
const BATCH: usize = 250;

/// Samples are added up to this many bytes of text.
const MAX_TEXT: usize = 8 << 20;

const METRICS: &[Metric<Reading>] = &[
    gauge("redis_key_memory_usage_bytes", "Memory that a key takes.", |key| key.memory),
    gauge("redis_key_size", "Length of a string, or elements of a key of another type.", |key| {
        key.size
    }),
    gauge("redis_key_value", "Value of a string that is a number.", |key| match key.value {
        Some(Shown::Number(number)) => Some(number),
        _ => None,
    }),
];

const VALUE_AS_STRING: Desc<'_> =
    Desc::gauge("redis_key_value_as_string", "1, with the value of a string that is no number.");

/// Options of the `keys` collector.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Keys")]
#[group(skip)]
pub(super) struct Options {
    /// Leave out the values of keys
    #[arg(id = "disable-exporting-key-values", long = "disable-exporting-key-values")]
    hides_values: bool,
}

struct Keys(Options);

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    Ok(Box::new(Keys(Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Scrape> for Keys {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let Some(checks) = scrape.checks() else { return Ok(()) };
        if checks.keys.is_empty() && checks.single_keys.is_empty() {
            return Ok(());
        }
        let session = scrape.session().await?;
        let mut check = Check {
            session,
            sink,
            wants_values: !self.0.hides_values,
            seen: HashSet::new(),
            hasher: RandomState::new(),
            errors: FirstError::default(),
        };
        check.all(checks).await;
        check.errors.into_result()
    }
}

/// The check of all keys of a scrape.
struct Check<'s> {
    session: Session,
    sink: &'s mut Sink,
    wants_values: bool,
    /// Hashes of what was asked: names would take more memory.
    seen: HashSet<u64>,
    hasher: RandomState,
    errors: FirstError,
}

impl Check<'_> {
    async fn all(&mut self, checks: &KeyChecks) {
        let patterns = checks.keys.iter().filter(|key| key.is_pattern());
        let names = checks.keys.iter().filter(|key| !key.is_pattern());
        let mut names: Vec<&Key> = checks.single_keys.iter().chain(names).collect();
        names.sort_by_key(|key| key.database);
        for keys in names.chunk_by(|a, b| a.database == b.database) {
            let [first, ..] = keys else { continue };
            let names = keys.iter().map(|key| key.name.clone()).collect();
            let checked = self.names(first.database, names, true).await;
            self.errors.note(checked);
        }
        for pattern in patterns {
            let checked = self.pattern(pattern, checks.batch_size).await;
            self.errors.note(checked);
        }
    }

    async fn pattern(&mut self, pattern: &Key, batch_size: u32) -> Result<(), CollectError> {
        self.session.select(pattern.database).await?;
        let mut cursor = Cursor::default();
        while let Some(names) = self.session.scan(&mut cursor, &pattern.name, batch_size).await? {
            self.names(pattern.database, names, false).await?;
        }
        Ok(())
    }

    /// Checks keys of one database that were not seen before.
    async fn names(
        &mut self,
        database: u32,
        mut names: Vec<Vec<u8>>,
        is_given: bool,
    ) -> Result<(), CollectError> {
        names.retain(|name| self.seen.insert(self.hasher.hash_one((database, name))));
        self.session.select(database).await?;
        for names in names.chunks(BATCH) {
            if self.sink.text().len() > MAX_TEXT {
                let words = format!("stopped after {} keys, which is too many", self.seen.len());
                return Err(CollectError::query("check-keys", &words));
            }
            let mut readings = self.kinds(names, is_given).await?;
            let beginnings = self.sizes(names, &mut readings).await?;
            self.strings(names, beginnings, &mut readings).await?;
            self.push(database, names, &readings);
        }
        Ok(())
    }

    async fn kinds(
        &mut self,
        names: &[Vec<u8>],
        is_given: bool,
    ) -> Result<Vec<Reading>, CollectError> {
        let mut commands = pipe();
        for name in names {
            commands.cmd("TYPE").arg(name);
            commands.cmd("MEMORY").arg("USAGE").arg(name);
        }
        let mut answers = self.session.ask_all("TYPE", &commands).await?.into_iter();
        let mut readings = Vec::with_capacity(names.len());
        while let (Some(kind), Some(memory)) = (answers.next(), answers.next()) {
            let kind = self.errors.note(reading::kind(kind));
            let memory = self.errors.catch(reading::number("MEMORY USAGE", memory));
            let size = (kind == Some(None) && is_given).then_some(0.0);
            readings.push(Reading { kind: kind.flatten(), memory, size, value: None });
        }
        Ok(readings)
    }

    /// Asks for sizes, and for the beginnings of strings, which it returns by index.
    async fn sizes(
        &mut self,
        names: &[Vec<u8>],
        readings: &mut [Reading],
    ) -> Result<Vec<(usize, Value)>, CollectError> {
        let mut commands = pipe();
        for (name, reading) in names.iter().zip(&*readings) {
            let kind = reading.kind.as_deref();
            let Some(command) = kind.and_then(reading::size_command) else { continue };
            commands.cmd(command).arg(name);
            if kind == Some("string") {
                reading::ask_beginning(&mut commands, name, self.wants_values);
            }
        }
        let mut answers = self.session.ask_all("STRLEN", &commands).await?.into_iter();
        let mut beginnings = Vec::new();
        for (index, reading) in readings.iter_mut().enumerate() {
            let kind = reading.kind.as_deref();
            let Some(command) = kind.and_then(reading::size_command) else { continue };
            let Some(size) = answers.next() else { break };
            reading.size = self.errors.catch(reading::number(command, size));
            if kind == Some("string")
                && let Some(beginning) = answers.next()
            {
                beginnings.push((index, beginning));
            }
        }
        Ok(beginnings)
    }

    /// Counts what is a HyperLogLog, and takes the values of other strings. Where `GETRANGE` is
    /// denied, `PFCOUNT` and `GET` tell, as in the reference.
    async fn strings(
        &mut self,
        names: &[Vec<u8>],
        beginnings: Vec<(usize, Value)>,
        readings: &mut [Reading],
    ) -> Result<(), CollectError> {
        let mut commands = pipe();
        let mut asked = Vec::new();
        for (index, beginning) in beginnings {
            let Some((name, reading)) = names.get(index).zip(readings.get_mut(index)) else {
                continue;
            };
            let size = reading.size.unwrap_or_default();
            match beginning {
                Value::BulkString(bytes) if !reading::is_hyperloglog(&bytes) => {
                    reading.value = self.wants_values.then(|| reading::shown(bytes)).flatten();
                }
                Value::BulkString(bytes) => {
                    ask_more(&mut commands, name, false);
                    asked.push((index, false, Some(bytes)));
                }
                Value::ServerError(_) => {
                    let wants_value = self.wants_values && size <= MAX_VALUE as f64;
                    ask_more(&mut commands, name, wants_value);
                    asked.push((index, wants_value, None));
                }
                _ => self.errors.keep(unexpected_from("GETRANGE")),
            }
        }
        let mut answers = self.session.ask_all("PFCOUNT", &commands).await?.into_iter();
        for (index, has_value, beginning) in asked {
            let count = answers.next().unwrap_or(Value::Nil);
            let value = if has_value { answers.next() } else { None };
            let Some(reading) = readings.get_mut(index) else { continue };
            let value = value.map_or(Ok(Value::Nil), |value| reading::good("GET", value));
            match (reading::cardinality(count), self.errors.note(value)) {
                (Ok(Some(count)), _) => reading.size = Some(count),
                (_, Some(Value::BulkString(bytes))) => reading.value = reading::shown(bytes),
                // A text that merely begins like one.
                (Ok(None), _) if self.wants_values => {
                    reading.value = beginning.and_then(reading::shown);
                }
                (Err(error), _) => {
                    // The length of its text is not what is shown of others.
                    reading.size = reading.size.filter(|_| beginning.is_none());
                    self.errors.keep(error);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn push(&mut self, database: u32, names: &[Vec<u8>], readings: &[Reading]) {
        let database = format!("db{database}");
        let database = database.as_str();
        let mut rows = Vec::with_capacity(readings.len());
        for (name, reading) in names.iter().zip(readings) {
            match std::str::from_utf8(name) {
                Ok(name) => rows.push((name, reading)),
                Err(_) => self.errors.keep(CollectError::malformed(
                    database,
                    ParseError::form("name of a key is no UTF-8", &String::from_utf8_lossy(name)),
                )),
            }
        }
        let labelled = rows.iter().map(|(name, row)| ([("db", database), ("key", *name)], *row));
        self.sink.table(METRICS, labelled);
        let texts = rows.iter().filter_map(|(name, reading)| match &reading.value {
            Some(Shown::Text(text)) => {
                Some(([("db", database), ("key", *name), ("val", text.as_str())], 1.0))
            }
            _ => None,
        });
        self.sink.samples(&VALUE_AS_STRING, texts);
    }
}

fn ask_more(commands: &mut Pipeline, name: &[u8], wants_value: bool) {
    commands.cmd("PFCOUNT").arg(name);
    if wants_value {
        commands.cmd("GET").arg(name);
    }
}
