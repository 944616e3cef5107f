//! All keys by groups: Lua patterns are matched on the server, batch by batch, where the memory of
//! each key is asked too. Only numbers per group come back.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Instant;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, Partial};
use common::exposition::Sink;
use common::metric::{Desc, Metric, gauge};
use redis::{Value, cmd};

use crate::at_once::at_once;
use crate::bounded::{self, Sum, Whole};
use crate::holders::{AT_ONCE, Holder};
use crate::keys::Wanted;
use crate::replies::settings::database_count;
use crate::replies::values;
use crate::replies::values::unexpected_from;
use crate::rights::{Needs, Right, to_find};
use crate::scrape::Scrape;
use crate::server::failure::one_line;
use crate::server::session::Session;

/// Classifies the keys that one `SCAN` finds: cursor, batch size, patterns. Returns the next
/// cursor, (group, keys, bytes) for each group, and why `MEMORY USAGE` was refused, if it was: then
/// no bytes.
const SCRIPT: &str = r"
local found = redis.call('SCAN', ARGV[1], 'COUNT', ARGV[2])
local groups, order, refusal = {}, {}, false
for _, key in ipairs(found[2]) do
  local name = 'unclassified'
  for i = 3, #ARGV do
    local match = {string.find(key, ARGV[i])}
    if match[1] then
      name = table.concat(match, '', 3)
      break
    end
  end
  local usage = redis.pcall('MEMORY', 'USAGE', key)
  if type(usage) == 'table' then refusal = usage.err end
  if type(usage) ~= 'number' then usage = 0 end
  local group = groups[name]
  if not group then
    group = {0, 0}
    groups[name] = group
    order[#order + 1] = name
  end
  group[1] = group[1] + 1
  group[2] = group[2] + usage
end
local result = {}
for _, name in ipairs(order) do
  result[#result + 1] = {name, groups[name][1], not refusal and groups[name][2]}
end
return {found[1], result, refusal}
";

/// Name of the sum of the groups over the limit.
const OVERFLOW: &str = "overflow";

/// Groups that are kept in memory at most, whatever the patterns make of the keys.
const MAX_KEPT: usize = 100_000;

const METRICS: &[Metric<Group>] = &[
    gauge("redis_key_group_count", "Keys of a group.", |group| Some(group.keys)),
    gauge("redis_key_group_memory_usage_bytes", "Memory that the keys of a group take.", |group| {
        group.bytes.known()
    }),
];

const DISTINCT: Desc<'_> =
    Desc::gauge("redis_number_of_distinct_key_groups", "Groups of keys in a database.");

const DURATION: Desc<'_> = Desc::gauge(
    "redis_last_key_groups_scrape_duration_milliseconds",
    "Time that the groups of keys took; 0 if there are none to make.",
);

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Group {
    keys: f64,
    bytes: Whole,
}

impl Sum for Group {
    fn add(&mut self, other: &Self) {
        self.keys += other.keys;
        self.bytes.add(other.bytes);
    }

    fn size(&self) -> f64 {
        self.bytes.known().unwrap_or(self.keys)
    }
}

/// Options of the `key_groups` collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Keys")]
#[group(skip)]
pub(super) struct Options {
    /// Lua patterns that make groups of all keys, between commas; quote one that has a comma
    #[arg(
        id = "check-key-groups",
        long = "check-key-groups",
        value_name = "PATTERNS",
        default_value = ""
    )]
    patterns: String,
    /// Groups of one database to show; the smaller ones are summed up
    #[arg(
        id = "max-distinct-key-groups",
        long = "max-distinct-key-groups",
        value_name = "N",
        default_value_t = 100
    )]
    limit: usize,
}

struct KeyGroups {
    patterns: Vec<String>,
    limit: usize,
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    let options = Options::from_arg_matches(matches)?;
    let patterns =
        csv(&options.patterns).map_err(|reason| anyhow::anyhow!("--check-key-groups: {reason}"))?;
    Ok(Box::new(KeyGroups { patterns, limit: options.limit }))
}

#[async_trait]
impl Collector<Scrape> for KeyGroups {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let started = Instant::now();
        if self.patterns.is_empty() || scrape.info().is_sentinel() || scrape.is_copy() {
            sink.value(&DURATION, 0.0);
            return Ok(());
        }
        let mut errors = FirstError::default();
        let mut distinct = Vec::new();
        if let Some(mut sessions) = errors.note(sessions(scrape).await) {
            let batch_size = scrape.batch_size();
            for (database, has_keys) in databases(scrape).await {
                // What other servers have is not known yet.
                let groups: Result<Vec<_>, _> = if has_keys || sessions.len() > 1 {
                    let read = |session| self.read(session, database, batch_size);
                    at_once(AT_ONCE, sessions.iter_mut().map(read)).await.into_iter().collect()
                } else {
                    Ok(Vec::new())
                };
                // Those of some servers alone would be too small.
                let Some(groups) = errors.note(groups) else { continue };
                let groups = merged(groups.into_iter().map(|part| errors.take(part)).collect());
                let name = format!("db{database}");
                distinct.push(([("db", name.clone())], groups.len() as f64));
                let groups = largest(groups, self.limit);
                let labelled = groups
                    .iter()
                    .map(|(group, row)| ([("db", name.as_str()), ("key_group", group)], row));
                sink.table(METRICS, labelled);
            }
        }
        sink.samples(&DISTINCT, distinct);
        sink.value(&DURATION, (started.elapsed().as_secs_f64() * 1000.0).round());
        errors.into_result()
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        if self.patterns.is_empty() {
            return Needs::not_applicable("there is no --check-key-groups");
        }
        if scrape.info().is_sentinel() {
            return Needs::not_applicable("a sentinel has no keys");
        }
        let every_key = Wanted::Matching(b"*");
        let rights = [
            Right::to("EVAL").with("return 1").with("0"),
            Right::to("MEMORY USAGE").reading(every_key),
        ];
        let find = to_find(&[(0, every_key)]);
        let rights = find.into_iter().chain(rights).chain(scrape.settings_right());
        rights.chain(scrape.holders_rights()).collect()
    }
}

impl KeyGroups {
    /// The groups of one database of one server; none if it was not finished, since they would be
    /// too small.
    async fn read(
        &self,
        session: &mut Session,
        database: u32,
        batch_size: u32,
    ) -> Result<Partial<HashMap<String, Group>, CollectError>, CollectError> {
        session.select(database).await?;
        let mut groups: HashMap<String, Group> = HashMap::new();
        let mut refusals = FirstError::default();
        let mut cursor = b"0".to_vec();
        loop {
            let mut eval = cmd("EVAL");
            eval.arg(SCRIPT).arg(0).arg(&cursor).arg(batch_size).arg(&self.patterns);
            let reply = session.ask("EVAL", &eval).await?;
            let (next, rows, refusal) = parse(&reply).ok_or_else(|| unexpected_from("EVAL"))?;
            if let Some(refusal) = refusal {
                refusals.keep(CollectError::query("MEMORY USAGE", &one_line(&refusal)));
            }
            for (name, row) in rows {
                if groups.len() >= MAX_KEPT && !groups.contains_key(&name) {
                    let words = format!("more than {MAX_KEPT} groups in db{database}");
                    return Err(CollectError::query("check-key-groups", &words));
                }
                groups.entry(name).or_default().add(&row);
            }
            if next == b"0" {
                return Ok(refusals.beside(groups));
            }
            cursor = next;
        }
    }
}

/// A session with each server that holds keys.
async fn sessions(scrape: &Scrape) -> Result<Vec<Session>, CollectError> {
    let holders = scrape.holders().await?;
    holders.check_complete()?;
    holders.each(Holder::session).await.into_iter().collect()
}

/// The groups of all servers together.
fn merged(parts: Vec<HashMap<String, Group>>) -> HashMap<String, Group> {
    let mut parts = parts.into_iter();
    let mut all = parts.next().unwrap_or_default();
    for (name, row) in parts.flatten() {
        all.entry(name).or_default().add(&row);
    }
    all
}

/// Numbers of the databases, and whether they have keys.
async fn databases(scrape: &Scrape) -> Vec<(u32, bool)> {
    const MAX: u32 = 4096;
    let info = scrape.info();
    let settings = scrape.settings().await.ok().flatten();
    let count = database_count(info, settings).try_into().unwrap_or(MAX);
    (0..count.min(MAX))
        .map(|number| (number, info.field(&format!("db{number}")).is_some()))
        .collect()
}

type Rows = Vec<(String, Group)>;

/// Next cursor, groups, and why their memory is unknown, if it is; names that are no UTF-8 are
/// shown with replacements.
fn parse(reply: &Value) -> Option<(Vec<u8>, Rows, Option<Cow<'_, str>>)> {
    let [Value::BulkString(next), groups, refusal] = values::items(reply)? else { return None };
    let group = |group: &Value| {
        let [name, keys, bytes] = values::items(group)? else { return None };
        let (keys, bytes) = (values::number(keys)?, Whole::of(values::number(bytes)));
        Some((values::text(name)?.into_owned(), Group { keys, bytes }))
    };
    let groups = values::items(groups)?.iter().map(group).collect::<Option<_>>()?;
    Some((next.clone(), groups, values::text(refusal)))
}

/// The groups that take most memory, and the sum of the others.
fn largest(groups: HashMap<String, Group>, limit: usize) -> Rows {
    let (mut rows, others) = bounded::largest(groups, limit);
    if let Some(others) = others {
        match rows.iter_mut().find(|(name, _)| name == OVERFLOW) {
            Some((_, group)) => group.add(&others),
            None => rows.push((OVERFLOW.to_owned(), others)),
        }
    }
    rows
}

/// The fields of one line of CSV: a field in quotes may hold commas, and quotes twice.
fn csv(line: &str) -> Result<Vec<String>, &'static str> {
    let mut fields = vec![String::new()];
    let mut is_quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let Some(field) = fields.last_mut() else { break };
        match character {
            '"' if is_quoted && characters.next_if_eq(&'"').is_some() => field.push('"'),
            '"' if is_quoted => is_quoted = false,
            '"' if field.is_empty() => is_quoted = true,
            ',' if !is_quoted => fields.push(String::new()),
            other => field.push(other),
        }
    }
    if is_quoted {
        return Err("a quote is not closed");
    }
    fields.retain(|field| !field.is_empty());
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(keys: f64, bytes: f64) -> Group {
        Group { keys, bytes: Whole::of(Some(bytes)) }
    }

    #[test]
    fn patterns_are_fields_of_csv() {
        assert_eq!(
            csv("^(a:)%d+$,\"b{1,2}\",,\"c\"\"d\"").unwrap(),
            ["^(a:)%d+$", "b{1,2}", "c\"d"]
        );
        assert!(csv("").unwrap().is_empty());
        assert!(csv("a,\"b").is_err());
    }

    #[test]
    fn small_groups_are_summed_up() {
        let groups = [("a", group(1.0, 5.0)), ("b", group(2.0, 9.0)), ("c", group(3.0, 1.0))];
        let groups: HashMap<_, _> =
            groups.into_iter().map(|(name, group)| (name.to_owned(), group)).collect();
        let rows = largest(groups.clone(), 1);
        assert_eq!(rows, [("b".into(), group(2.0, 9.0)), ("overflow".into(), group(4.0, 6.0))]);
        assert_eq!(largest(groups, 3).len(), 3);
    }

    proptest::proptest! {
        #[test]
        fn any_reply_is_survived(text in "(\\*[0-3]\r\n|:[0-9]\r\n|\\$1\r\n0\r\n){1,8}") {
            let _ = redis::parse_redis_value(text.as_bytes()).map(|reply| parse(&reply).is_some());
        }

        #[test]
        fn any_list_is_survived(line in "[a\",]{0,12}") {
            let _ = csv(&line);
        }
    }
}
