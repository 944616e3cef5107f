//! The check of the keys of one server, batch by batch.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Mutex;

use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::sync::lock;
use redis::{Pipeline, Value, pipe};

use super::reading::{self, MAX_VALUE, Reading, Shown};
use super::{METRICS, VALUE_AS_STRING};
use crate::holders::Holder;
use crate::keys::{Key, KeyChecks};
use crate::replies::values::unexpected_from;
use crate::server::session::{Cursor, Session};

/// Keys that are asked about at once: enough that round trips cost little, and few enough that
/// their answers are small.
const BATCH: usize = 250;

/// Samples are added up to this many bytes of text.
const MAX_TEXT: usize = 8 << 20;

/// What the checks of several servers write to.
pub(super) struct Shared<'s> {
    sink: &'s mut Sink,
    /// Hashes of what was asked: names would take more memory.
    seen: HashSet<u64>,
    hasher: RandomState,
    pub(super) errors: FirstError,
}

impl<'s> Shared<'s> {
    /// Nothing was asked yet, but `covered` may be an error.
    pub(super) fn new(sink: &'s mut Sink, covered: Result<(), CollectError>) -> Self {
        let (seen, hasher) = (HashSet::new(), RandomState::new());
        Self { sink, seen, hasher, errors: covered.into() }
    }
}

/// The check of all keys of one server.
pub(super) struct Check<'c, 's> {
    pub(super) session: Session,
    pub(super) shared: &'c Mutex<Shared<'s>>,
    pub(super) wants_values: bool,
}

impl Check<'_, '_> {
    pub(super) async fn all(&mut self, holder: &Holder, checks: &KeyChecks) {
        let patterns = checks.keys.iter().filter(|key| key.is_pattern());
        let names = checks.keys.iter().filter(|key| !key.is_pattern());
        let names = checks.single_keys.iter().chain(names);
        let mut names: Vec<&Key> = names.filter(|key| holder.holds(&key.name)).collect();
        names.sort_by_key(|key| key.database);
        for keys in names.chunk_by(|a, b| a.database == b.database) {
            let [first, ..] = keys else { continue };
            let names = keys.iter().map(|key| key.name.clone()).collect();
            let checked = self.names(first.database, names, true).await;
            self.note(checked);
        }
        for pattern in patterns {
            let checked = self.pattern(pattern, checks.batch_size).await;
            self.note(checked);
        }
    }

    /// What a step gave, or `None` if it failed, which is noted.
    fn note<T>(&self, result: Result<T, CollectError>) -> Option<T> {
        lock(self.shared).errors.note(result)
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
        {
            let Shared { seen, hasher, .. } = &mut *lock(self.shared);
            names.retain(|name| seen.insert(hasher.hash_one((database, name))));
        }
        self.session.select(database).await?;
        for names in names.chunks(BATCH) {
            self.check_bound()?;
            let mut readings = self.kinds(names, is_given).await?;
            let beginnings = self.sizes(names, &mut readings).await?;
            self.strings(names, beginnings, &mut readings).await?;
            self.push(database, names, &readings);
        }
        Ok(())
    }

    fn check_bound(&self) -> Result<(), CollectError> {
        let shared = lock(self.shared);
        if shared.sink.text().len() <= MAX_TEXT {
            return Ok(());
        }
        let words = format!("stopped after {} keys, which is too many", shared.seen.len());
        Err(CollectError::query("check-keys", &words))
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
            let kind = self.note(reading::kind(kind));
            let memory = self.note(reading::number("MEMORY USAGE", memory)).flatten();
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
            reading.size = self.note(reading::number(command, size)).flatten();
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
                _ => lock(self.shared).errors.keep(unexpected_from("GETRANGE")),
            }
        }
        let mut answers = self.session.ask_all("PFCOUNT", &commands).await?.into_iter();
        for (index, has_value, beginning) in asked {
            let count = answers.next().unwrap_or(Value::Nil);
            let value = if has_value { answers.next() } else { None };
            let Some(reading) = readings.get_mut(index) else { continue };
            let value = value.map_or(Ok(Value::Nil), |value| reading::good("GET", value));
            match (reading::cardinality(count), self.note(value)) {
                (Ok(Some(count)), _) => reading.size = Some(count),
                (_, Some(Value::BulkString(bytes))) => reading.value = reading::shown(bytes),
                // A text that merely begins like one.
                (Ok(None), _) if self.wants_values => {
                    reading.value = beginning.and_then(reading::shown);
                }
                (Err(error), _) => {
                    // The length of its text is not what is shown of others.
                    reading.size = reading.size.filter(|_| beginning.is_none());
                    self.note::<()>(Err(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn push(&self, database: u32, names: &[Vec<u8>], readings: &[Reading]) {
        let database = format!("db{database}");
        let database = database.as_str();
        let Shared { sink, errors, .. } = &mut *lock(self.shared);
        let mut rows = Vec::with_capacity(readings.len());
        for (name, reading) in names.iter().zip(readings) {
            match std::str::from_utf8(name) {
                Ok(name) => rows.push((name, reading)),
                Err(_) => errors.keep(CollectError::malformed(
                    database,
                    ParseError::form("name of a key is no UTF-8", &String::from_utf8_lossy(name)),
                )),
            }
        }
        let labelled = rows.iter().map(|(name, row)| ([("db", database), ("key", *name)], *row));
        sink.table(METRICS, labelled);
        let texts = rows.iter().filter_map(|(name, reading)| match &reading.value {
            Some(Shown::Text(text)) => {
                Some(([("db", database), ("key", *name), ("val", text.as_str())], 1.0))
            }
            _ => None,
        });
        sink.samples(&VALUE_AS_STRING, texts);
    }
}

fn ask_more(commands: &mut Pipeline, name: &[u8], wants_value: bool) {
    commands.cmd("PFCOUNT").arg(name);
    if wants_value {
        commands.cmd("GET").arg(name);
    }
}
