//! Streams: `XINFO STREAM`, `XINFO GROUPS`, and `XINFO CONSUMERS` of each group. What a server
//! does not know, like the lag of a group after an entry was deleted, has no sample.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::metric::{Metric, counter, gauge};
use common::sync::lock;
use redis::{Cmd, Value, cmd};

use crate::holders::Holder;
use crate::keys::{Key, KeyChecks, Wanted, wanted};
use crate::replies::values;
use crate::rights::{Needs, Right, to_find};
use crate::scrape::Scrape;
use crate::server::session::{Cursor, Session};

/// Names and values of one answer.
type Fields = [(String, Value)];

type Row = Vec<(String, Value)>;

/// Streams of one server at most: each takes several commands and has many samples.
const MAX_STREAMS: usize = 10_000;

const STREAM: &[Metric<Row>] = &[
    gauge("redis_stream_length", "Entries of a stream.", |f| number(f, "length")),
    gauge("redis_stream_radix_tree_keys", "Keys in the tree of a stream.", |f| {
        number(f, "radix-tree-keys")
    }),
    gauge("redis_stream_radix_tree_nodes", "Nodes in the tree of a stream.", |f| {
        number(f, "radix-tree-nodes")
    }),
    gauge("redis_stream_last_generated_id", "Milliseconds in the last id given.", |f| {
        id(f, "last-generated-id")
    }),
    gauge("redis_stream_groups", "Consumer groups of a stream.", |f| number(f, "groups")),
    gauge("redis_stream_max_deleted_entry_id", "Milliseconds in the largest id deleted.", |f| {
        id(f, "max-deleted-entry-id")
    }),
    gauge("redis_stream_first_entry_id", "Milliseconds in the id of the first entry.", |f| {
        entry_id(f, "first-entry")
    }),
    gauge("redis_stream_last_entry_id", "Milliseconds in the id of the last entry.", |f| {
        entry_id(f, "last-entry")
    }),
    counter("redis_stream_entries_added_total", "Entries ever added to a stream.", |f| {
        number(f, "entries-added")
    }),
];

const GROUP: &[Metric<Row>] = &[
    gauge("redis_stream_group_consumers", "Consumers of a group.", |f| number(f, "consumers")),
    gauge("redis_stream_group_messages_pending", "Entries read but not acknowledged.", |f| {
        number(f, "pending")
    }),
    gauge("redis_stream_group_last_delivered_id", "Milliseconds in the last id read.", |f| {
        id(f, "last-delivered-id")
    }),
    gauge("redis_stream_group_entries_read", "Entries that a group has read.", |f| {
        number(f, "entries-read")
    }),
    gauge("redis_stream_group_lag", "Entries that a group has yet to read.", |f| number(f, "lag")),
];

const CONSUMER: &[Metric<Row>] = &[
    gauge(
        "redis_stream_group_consumer_messages_pending",
        "Entries that a consumer has not acknowledged.",
        |f| number(f, "pending"),
    ),
    gauge(
        "redis_stream_group_consumer_idle_seconds",
        "Time since a consumer last tried to read.",
        |f| number(f, "idle").map(|milliseconds| milliseconds / 1000.0),
    ),
];

/// Options of the `streams` collector.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Keys")]
#[group(skip)]
pub(super) struct Options {
    /// Leave out the consumers of streams, and do not ask for them
    #[arg(id = "streams-exclude-consumer-metrics", long = "streams-exclude-consumer-metrics")]
    hides_consumers: bool,
}

struct Streams(Options);

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    Ok(Box::new(Streams(Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Scrape> for Streams {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let Some(checks) = scrape.checks() else { return Ok(()) };
        if checks.streams.is_empty() && checks.single_streams.is_empty() {
            return Ok(());
        }
        let holders = scrape.holders().await?;
        let names = checks.streams.iter().filter(|key| !key.is_pattern());
        let covered = holders.cover(checks.single_streams.iter().chain(names));
        let shared = Mutex::new(Shared { sink, seen: HashSet::new(), errors: covered.into() });
        let read = holders.each(|holder| self.all_of(holder, checks, &shared)).await;
        let mut errors = shared.into_inner().unwrap_or_else(PoisonError::into_inner).errors;
        errors.good(read);
        errors.into_result()
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        let checks = match scrape.checks_or_reason() {
            Ok(checks) => checks,
            Err(reason) => return reason,
        };
        let streams = wanted(&checks.streams, &checks.single_streams);
        let Some(&(_, first)) = streams.first() else {
            return Needs::not_applicable(
                "there is no --check-streams and no --check-single-streams",
            );
        };
        let consumers = (!self.0.hides_consumers)
            .then(|| Right::to("XINFO CONSUMERS").reading(first).with("none"));
        let each = streams.iter().take(MAX_STREAMS).flat_map(|(_, keys)| {
            let is_pattern = matches!(keys, Wanted::Matching(_));
            let kind = is_pattern.then(|| Right::to("TYPE").reading(*keys));
            [Right::to("XINFO STREAM").reading(*keys)].into_iter().chain(kind)
        });
        let groups = [Right::to("XINFO GROUPS").reading(first)];
        let find = to_find(&streams).into_iter().chain(scrape.holders_rights());
        find.chain(groups).chain(consumers).chain(each).collect()
    }
}

/// What the readers of several servers write to.
struct Shared<'s> {
    sink: &'s mut Sink,
    seen: HashSet<Key>,
    errors: FirstError,
}

impl Streams {
    async fn all_of(
        &self,
        holder: &Holder,
        checks: &KeyChecks,
        shared: &Mutex<Shared<'_>>,
    ) -> Result<(), CollectError> {
        let is_here = |key: &&Key| holder.holds(&key.name);
        let mut found: Vec<Key> = checks.single_streams.iter().filter(is_here).cloned().collect();
        let mut session = holder.session().await?;
        for key in &checks.streams {
            if key.is_pattern() {
                let scanned = scan(&mut session, key, checks.batch_size, &mut found).await;
                lock(shared).errors.note(scanned);
            } else if holder.holds(&key.name) {
                found.push(key.clone());
            }
        }
        for key in found {
            if lock(shared).seen.insert(key.clone()) {
                let read = self.stream(&mut session, &key, shared).await;
                lock(shared).errors.note(read);
            }
        }
        Ok(())
    }

    async fn stream(
        &self,
        session: &mut Session,
        key: &Key,
        shared: &Mutex<Shared<'_>>,
    ) -> Result<(), CollectError> {
        session.select(key.database).await?;
        let database = format!("db{}", key.database);
        let Ok(name) = std::str::from_utf8(&key.name) else {
            let name = String::from_utf8_lossy(&key.name);
            let error = ParseError::form("name of a stream is no UTF-8", &name);
            return Err(CollectError::malformed(database, error));
        };
        let labels = [("db", database.as_str()), ("stream", name)];
        let stream = session.ask("XINFO STREAM", &xinfo("STREAM", &key.name)).await?;
        let fields = fields("XINFO STREAM", &stream)?;
        lock(shared).sink.table(STREAM, std::iter::once((labels, &fields)));
        let groups = session.ask("XINFO GROUPS", &xinfo("GROUPS", &key.name)).await?;
        let mut errors = FirstError::default();
        for group in errors.note(rows("XINFO GROUPS", &groups)).unwrap_or_default() {
            let Some((bytes, group_name)) = name_of(&group) else { continue };
            let labels = [labels[0], labels[1], ("group", group_name.as_str())];
            lock(shared).sink.table(GROUP, std::iter::once((labels, &group)));
            if self.0.hides_consumers {
                continue;
            }
            let mut command = xinfo("CONSUMERS", &key.name);
            command.arg(bytes);
            let consumers = session.ask("XINFO CONSUMERS", &command).await;
            let consumers = consumers.and_then(|reply| rows("XINFO CONSUMERS", &reply));
            for consumer in errors.note(consumers).unwrap_or_default() {
                let Some((_, consumer_name)) = name_of(&consumer) else { continue };
                let consumer_label = ("consumer", consumer_name.as_str());
                let labels = [labels[0], labels[1], labels[2], consumer_label];
                lock(shared).sink.table(CONSUMER, std::iter::once((labels, &consumer)));
            }
        }
        errors.into_result()
    }
}

/// Adds the streams among the keys that match a pattern.
async fn scan(
    session: &mut Session,
    pattern: &Key,
    batch_size: u32,
    found: &mut Vec<Key>,
) -> Result<(), CollectError> {
    session.select(pattern.database).await?;
    let mut cursor = Cursor::default();
    while let Some(names) = session.scan(&mut cursor, &pattern.name, batch_size).await? {
        let mut types = redis::pipe();
        for name in &names {
            types.cmd("TYPE").arg(name);
        }
        let types = session.ask_all("TYPE", &types).await?;
        for (name, kind) in names.into_iter().zip(types) {
            if values::text(&kind).as_deref() != Some("stream") {
                continue;
            }
            if found.len() >= MAX_STREAMS {
                let words = format!("more than {MAX_STREAMS} streams; the others are left out");
                return Err(CollectError::query("check-streams", &words));
            }
            found.push(Key { database: pattern.database, name });
        }
    }
    Ok(())
}

fn xinfo(what: &str, name: &[u8]) -> Cmd {
    let mut command = cmd("XINFO");
    command.arg(what).arg(name);
    command
}

fn fields(statement: &str, reply: &Value) -> Result<Row, CollectError> {
    let pairs = values::pairs(reply).ok_or_else(|| values::unexpected_from(statement))?;
    let field = |(name, value)| Some((values::text(name)?.into_owned(), Value::clone(value)));
    Ok(pairs.into_iter().filter_map(field).collect())
}

fn rows(statement: &str, reply: &Value) -> Result<Vec<Row>, CollectError> {
    let items = values::items(reply).ok_or_else(|| values::unexpected_from(statement))?;
    items.iter().map(|item| fields(statement, item)).collect()
}

/// The bytes of a group's or consumer's name, and the name as a label.
fn name_of(fields: &Fields) -> Option<(Vec<u8>, String)> {
    match find(fields, "name")? {
        Value::BulkString(name) => Some((name.clone(), String::from_utf8(name.clone()).ok()?)),
        _ => None,
    }
}

fn find<'f>(fields: &'f Fields, name: &str) -> Option<&'f Value> {
    fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
}

fn number(fields: &Fields, name: &str) -> Option<f64> {
    find(fields, name).and_then(values::number)
}

/// The milliseconds of an id `milliseconds-sequence`.
fn id(fields: &Fields, name: &str) -> Option<f64> {
    milliseconds(find(fields, name)?)
}

/// The milliseconds of the id of an entry: (id, content).
fn entry_id(fields: &Fields, name: &str) -> Option<f64> {
    milliseconds(values::items(find(fields, name)?)?.first()?)
}

fn milliseconds(id: &Value) -> Option<f64> {
    let text = values::text(id)?;
    text.split_once('-')
        .map_or(&*text, |(milliseconds, _)| milliseconds)
        .parse::<u64>()
        .ok()
        .map(|milliseconds| milliseconds as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nil_and_missing_fields_have_no_number() {
        let fields = [
            ("lag".to_owned(), Value::Nil),
            ("pending".to_owned(), Value::Int(1)),
            ("last-delivered-id".to_owned(), Value::BulkString(b"1700000000000-3".to_vec())),
            ("first-entry".to_owned(), Value::Nil),
        ];
        assert_eq!(number(&fields, "lag"), None);
        assert_eq!(number(&fields, "entries-read"), None);
        assert_eq!(number(&fields, "pending"), Some(1.0));
        assert_eq!(id(&fields, "last-delivered-id"), Some(1_700_000_000_000.0));
        assert_eq!(entry_id(&fields, "first-entry"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_reply_is_survived(text in "(\\*[0-3]\r\n|:[0-9]\r\n|\\$-1\r\n|\\$1\r\na\r\n){1,6}") {
            if let Ok(reply) = redis::parse_redis_value(text.as_bytes()) {
                let _ = (fields("XINFO", &reply), rows("XINFO", &reply), milliseconds(&reply));
            }
        }
    }
}
