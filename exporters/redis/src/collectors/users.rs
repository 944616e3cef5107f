//! Users in sums: connections from `CLIENT LIST`, and what was refused from `ACL LOG`, by reason.
//!
//! The log's entries hold names that clients made up, so that they are not shown by user.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial};
use common::exposition::Sink;
use common::metric::{Desc, Metric, gauge};
use redis::{Value, cmd};

use crate::bounded::{MAX_NAME, OTHERS, Sum, Whole, cut, largest};
use crate::replies::clients;
use crate::replies::values::{find, items, number, pairs, text, unexpected};
use crate::rights::{Needs, Right};
use crate::scrape::Scrape;

const METRICS: &[Metric<Sums>] = &[
    gauge("redis_user_connections", "Connections of a user; since Redis 6.", |sums| {
        Some(sums.connections)
    }),
    gauge(
        "redis_user_memory_bytes",
        "Memory of the buffers of a user's connections; since Redis 6.2.",
        |sums| sums.memory.known(),
    ),
];

const REFUSED: Desc<'_> = Desc::gauge(
    "redis_acl_log_entries",
    "Logins and commands in the ACL log that were refused, by reason.",
);

/// Options of the `users` collector.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Clients")]
#[group(skip)]
pub(super) struct Options {
    /// Users to show; those with fewer connections are summed up
    #[arg(
        id = "collector.users.max-users",
        long = "collector.users.max-users",
        value_name = "N",
        default_value_t = 50
    )]
    max_users: usize,
    /// Entries of the ACL log to read
    #[arg(
        id = "collector.users.max-log-entries",
        long = "collector.users.max-log-entries",
        value_name = "N",
        default_value_t = 128
    )]
    max_log_entries: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sums {
    connections: f64,
    memory: Whole,
}

impl Sum for Sums {
    fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.memory.add(other.memory);
    }

    fn size(&self) -> f64 {
        self.connections
    }
}

struct Users(Options);

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    Ok(Box::new(Users(Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Scrape> for Users {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let mut command = cmd("ACL");
        command.arg("LOG").arg(self.0.max_log_entries);
        let (list, log) =
            tokio::join!(scrape.client_list(), scrape.ask_if_known("ACL LOG", &command));
        // Either may be refused while the other is not.
        let mut errors = FirstError::default();
        if let Some(list) = errors.note(list) {
            let users = parse(&list);
            let users = errors.take(users.map_error(|e| CollectError::malformed("CLIENT LIST", e)));
            push(users, self.0.max_users, sink);
        }
        if let Some(log) = errors.catch(log) {
            let reasons = parse_log(&log);
            let reasons = errors.take(reasons.map_error(|e| CollectError::malformed("ACL LOG", e)));
            let samples = reasons
                .iter()
                .filter_map(|(reason, count)| Some(([("reason", reason)], count.known()?)));
            sink.samples(&REFUSED, samples);
        }
        errors.into_result()
    }

    fn needs(&self, _: &Scrape) -> Needs {
        // An id that no client has, so that the trial is cheap.
        let list = Right::to("CLIENT LIST").with("ID").with("0");
        [list, Right::to("ACL LOG").with("0").if_known()].into_iter().collect()
    }
}

fn push(users: HashMap<&str, Sums>, limit: usize, sink: &mut Sink) {
    let (rows, others) = largest(users, limit);
    let others = others.map(|sums| (OTHERS, sums));
    let rows = rows.iter().chain(&others);
    sink.table(METRICS, rows.map(|(user, sums)| ([("user", *user)], sums)));
}

/// The sums by user, beside what was malformed first; none before Redis 6.
fn parse(list: &str) -> Partial<HashMap<&str, Sums>, ParseError> {
    let mut errors = FirstError::default();
    let mut users: HashMap<&str, Sums> = HashMap::new();
    for line in clients::lines(list) {
        let Some(client) = errors.note(clients::parse(line)) else { continue };
        let Some(user) = client.text("user") else { continue };
        let memory = Whole::of(errors.catch(client.number("tot-mem")));
        users.entry(cut(user, MAX_NAME)).or_default().add(&Sums { connections: 1.0, memory });
    }
    errors.beside(users)
}

/// How often the entries of the log count, by reason, beside what was malformed first.
fn parse_log(reply: &Value) -> Partial<BTreeMap<String, Whole>, ParseError> {
    let Some(entries) = items(reply) else { return Partial::failed(unexpected()) };
    let mut errors = FirstError::default();
    let mut reasons: BTreeMap<String, Whole> = BTreeMap::new();
    for entry in entries {
        let Some((reason, fields)) = errors.note(parse_entry(entry)) else { continue };
        let count = find(&fields, "count").and_then(number).ok_or_else(unexpected);
        reasons.entry(reason).or_default().add(Whole::of(errors.note(count)));
    }
    errors.beside(reasons)
}

type Fields<'a> = Vec<(&'a Value, &'a Value)>;

/// The reason of an entry, and all its fields.
fn parse_entry(entry: &Value) -> Result<(String, Fields<'_>), ParseError> {
    let fields = pairs(entry).ok_or_else(unexpected)?;
    let reason = find(&fields, "reason").and_then(text).ok_or_else(unexpected)?;
    // Servers have a handful of them, such as command, key, channel, auth and tls-cert.
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    if reason.is_empty() || reason.len() > 32 || !reason.bytes().all(is_word) {
        return Err(ParseError::form("unknown reason in an entry", &reason));
    }
    Ok((reason.into_owned(), fields))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::{pushed, reply_of};

    const LIST: &str = "\
        id=1 addr=a:5 fd=8 name=web idle=0 flags=N tot-mem=100 user=app\n\
        id=2 addr=a:6 fd=8 name=job idle=0 flags=N tot-mem=50 user=app\n\
        id=3 addr=a:7 fd=8 name= idle=0 flags=N tot-mem=7 user=default\n\
        id=4 addr=a:8 fd=8 name= idle=0 flags=N tot-mem=x user=z\n\
        id=5 addr=a:9 fd=8 name= idle=0 flags=N\n";

    #[test]
    fn connections_are_summed_by_user() {
        let users = parse(LIST);
        assert_eq!(users.error.unwrap().to_string(), "tot-mem of client 4 is no number: \"x\"");
        let text = pushed("", |_, sink| push(users.good, 1, sink));
        for line in [
            "\nredis_user_connections{user=\"app\"} 2\n",
            "\nredis_user_connections{user=\"all others\"} 2\n",
            "\nredis_user_memory_bytes{user=\"app\"} 150\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert_eq!(text.matches("\nredis_user_memory_bytes{").count(), 1, "one is not known");
    }

    #[test]
    fn refusals_are_counted_by_reason() {
        let entry = |words: &str| reply_of(words);
        let log = Value::Array(vec![
            entry("count 3 reason command context toplevel object get username app"),
            entry("count 1 reason auth context toplevel object AUTH username hunter2"),
            entry("count 2 reason command context multi object set username app"),
        ]);
        let sum = |reason: &str, sum| (reason.to_owned(), Whole::of(Some(sum)));
        let expected = BTreeMap::from([sum("auth", 1.0), sum("command", 5.0)]);
        assert_eq!(parse_log(&log), Partial::whole(expected));
        assert_eq!(parse_log(&Value::Array(vec![])), Partial::whole(BTreeMap::new()));
    }

    #[test]
    fn an_entry_of_another_form_costs_no_other() {
        for odd in ["count 1 reason hunter2!", "count 1", "count 1 reason"] {
            let log = Value::Array(vec![reply_of(odd), reply_of("count 1 reason key")]);
            let Partial { good, error } = parse_log(&log);
            let key = ("key".to_owned(), Whole::of(Some(1.0)));
            assert_eq!(good, BTreeMap::from([key]), "{odd}");
            assert!(error.is_some(), "{odd}");
        }
        let log =
            Value::Array(vec![reply_of("count x reason key"), reply_of("count 1 reason key")]);
        let key = ("key".to_owned(), Whole::of(None));
        assert_eq!(parse_log(&log).good, BTreeMap::from([key]), "the sum is not known");
        assert!(parse_log(&Value::Okay).error.is_some());
    }

    proptest::proptest! {
        #[test]
        fn any_reply_is_survived(text in "(\\*[0-4]\r\n|:[0-9]\r\n|\\+count\r\n|\\+reason\r\n|\\+key\r\n){1,9}") {
            if let Ok(reply) = redis::parse_redis_value(text.as_bytes()) {
                let _ = parse_log(&reply);
            }
        }

        #[test]
        fn any_text_is_survived(list in "(id=1 addr=|fd=1 |user=|[a-z-]{1,5}=?|:| |é|\n){0,20}") {
            pushed("", |_, sink| push(parse(&list).good, 2, sink));
        }
    }
}
