//! Entries of the slow log: lists of id, Unix time, microseconds, arguments, and more that is not
//! looked at.

use std::collections::HashMap;

use common::error::{ParseError, Partial};
use redis::Value;

use crate::replies::values::{items, unexpected};

/// Bytes of a word that can be a command's name.
const MAX_WORD: usize = 64;

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry<'a> {
    pub(super) id: i64,
    /// Unix time in whole seconds.
    pub(super) time: f64,
    pub(super) microseconds: f64,
    /// The command and its arguments.
    words: &'a [Value],
}

impl Entry<'_> {
    /// The name of the command in `names`, which has them by their small letters: that of the
    /// subcommand, such as `config|get`, if there is one.
    pub(super) fn name<'n>(&self, names: &'n HashMap<String, String>) -> Option<&'n str> {
        let command = word(self.words.first()?)?;
        let subcommand = self.words.get(1).and_then(word);
        let whole = subcommand.and_then(|subcommand| names.get(&format!("{command}|{subcommand}")));
        whole.or_else(|| names.get(&command)).map(String::as_str)
    }
}

/// A word in small letters; `None` if it can be no command's name.
fn word(value: &Value) -> Option<String> {
    let bytes: &[u8] = match value {
        Value::BulkString(bytes) => bytes,
        Value::SimpleString(text) => text.as_bytes(),
        _ => return None,
    };
    let word = std::str::from_utf8(bytes).ok().filter(|word| word.len() <= MAX_WORD)?;
    Some(word.to_ascii_lowercase())
}

/// The entries, beside what was malformed first.
pub(super) fn parse(reply: &Value) -> Partial<Vec<Entry<'_>>, ParseError> {
    let Some(entries) = items(reply) else { return Partial::failed(unexpected()) };
    entries.iter().map(|entry| parse_entry(entry).ok_or_else(unexpected)).collect()
}

fn parse_entry(entry: &Value) -> Option<Entry<'_>> {
    let [Value::Int(id), Value::Int(time), Value::Int(microseconds), words, ..] = items(entry)?
    else {
        return None;
    };
    let (time, microseconds) = (*time as f64, *microseconds as f64);
    Some(Entry { id: *id, time, microseconds, words: items(words)? })
}
