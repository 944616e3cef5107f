//! Connections in sums: `CLIENT LIST`, by name, user and library, without ids and addresses.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::cli::parse_duration;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial};
use common::exposition::Sink;
use common::metric::{Metric, gauge};

use crate::bounded::{MAX_NAME, OTHERS, Sum, Whole, cut, largest};
use crate::replies::clients::{self, Client};
use crate::rights::{Needs, Right};
use crate::scrape::Scrape;

const METRICS: &[Metric<Sums>] = &[
    gauge("redis_clients_by", "Connections, by the client's name, user and library.", |sums| {
        Some(sums.connections)
    }),
    gauge(
        "redis_clients_idle_by",
        "Connections without a command for longer than collector.clients.idle-after.",
        |sums| sums.idle.known(),
    ),
    gauge("redis_clients_blocked_by", "Connections that wait in a blocking command.", |sums| {
        Some(sums.blocked)
    }),
    gauge("redis_clients_subscribed_by", "Connections that are subscribed to channels.", |sums| {
        Some(sums.subscribed)
    }),
    gauge(
        "redis_clients_memory_bytes_by",
        "Memory of the buffers of connections; since Redis 6.2.",
        |sums| sums.memory.known(),
    ),
];

/// Options of the `clients` collector.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Clients")]
#[group(skip)]
pub(super) struct Options {
    /// Groups of equal name, user and library to show; the smaller ones are summed up
    #[arg(
        id = "collector.clients.max-groups",
        long = "collector.clients.max-groups",
        value_name = "N",
        default_value_t = 50
    )]
    limit: usize,
    /// Time without a command after which a connection counts as idle
    #[arg(
        id = "collector.clients.idle-after",
        long = "collector.clients.idle-after",
        value_name = "DURATION",
        default_value = "5m",
        value_parser = parse_duration
    )]
    idle_after: Duration,
}

/// Name, user and library.
type Name<'a> = [&'a str; 3];

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sums {
    connections: f64,
    idle: Whole,
    blocked: f64,
    subscribed: f64,
    memory: Whole,
}

impl Sum for Sums {
    fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.idle.add(other.idle);
        self.blocked += other.blocked;
        self.subscribed += other.subscribed;
        self.memory.add(other.memory);
    }

    fn size(&self) -> f64 {
        self.connections
    }
}

struct Clients(Options);

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    Ok(Box::new(Clients(Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Scrape> for Clients {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let list = scrape.client_list().await?;
        let groups = parse(&list, self.0.idle_after);
        push(groups.good, self.0.limit, sink);
        groups.error.map_or(Ok(()), |error| Err(CollectError::malformed("CLIENT LIST", error)))
    }

    fn needs(&self, _: &Scrape) -> Needs {
        // An id that no client has, so that the trial is cheap.
        [Right::to("CLIENT LIST").with("ID").with("0")].into_iter().collect()
    }
}

fn push(groups: HashMap<Name<'_>, Sums>, limit: usize, sink: &mut Sink) {
    let (rows, others) = largest(groups, limit);
    let others = others.map(|sums| ([OTHERS; 3], sums));
    let labels = |[name, user, lib]: Name<'_>| {
        [("name", name.to_owned()), ("user", user.to_owned()), ("lib", lib.to_owned())]
    };
    let rows = rows.iter().chain(&others);
    sink.table(METRICS, rows.map(|(name, sums)| (labels(*name), sums)));
}

/// The sums by name, beside what was malformed first.
fn parse(list: &str, idle_after: Duration) -> Partial<HashMap<Name<'_>, Sums>, ParseError> {
    let mut errors = FirstError::default();
    let mut groups: HashMap<Name<'_>, Sums> = HashMap::new();
    for line in clients::lines(list) {
        let Some(client) = errors.note(clients::parse(line)) else { continue };
        let name = ["name", "user", "lib-name"]
            .map(|part| cut(client.text(part).unwrap_or_default(), MAX_NAME));
        groups.entry(name).or_default().add(&one(&client, idle_after, &mut errors));
    }
    errors.beside(groups)
}

/// What one connection adds to its sums.
fn one(client: &Client<'_>, idle_after: Duration, errors: &mut FirstError<ParseError>) -> Sums {
    let count = |is_one: bool| f64::from(u8::from(is_one));
    let is_idle = |seconds: f64| seconds > idle_after.as_secs_f64();
    let idle = errors.catch(client.number("idle"));
    Sums {
        connections: 1.0,
        idle: Whole::of(idle.map(|seconds| count(is_idle(seconds)))),
        blocked: count(client.has_flag('b')),
        subscribed: count(client.has_flag('P')),
        memory: Whole::of(errors.catch(client.number("tot-mem"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::pushed;

    const LIST: &str = "\
        id=1 addr=10.0.0.1:5 laddr=:1 fd=8 name=web age=9 idle=0 flags=N tot-mem=100 user=app lib-name=jedis lib-ver=5\n\
        id=2 addr=10.0.0.2:5 laddr=:1 fd=8 name=web age=999 idle=301 flags=b tot-mem=50 user=app lib-name=jedis lib-ver=4\n\
        id=3 addr=10.0.0.3:5 laddr=:1 fd=8 name= age=999 idle=300 flags=P tot-mem=7 user=default lib-name=\n\
        id=4 addr=/run/a b:0 fd=8 name=x=y age=1 idle=1 flags=N\n";

    fn text(list: &str, limit: usize) -> String {
        let groups = parse(list, Duration::from_mins(5));
        assert_eq!(groups.error, None);
        pushed("", |_, sink| push(groups.good, limit, sink))
    }

    #[test]
    fn clients_are_summed_by_name_user_and_library() {
        let text = text(LIST, 3);
        let web = "{name=\"web\",user=\"app\",lib=\"jedis\"}";
        let unnamed = "{name=\"\",user=\"default\",lib=\"\"}";
        let old = "{name=\"x=y\",user=\"\",lib=\"\"}";
        for line in [
            format!("\nredis_clients_by{web} 2\n"),
            format!("\nredis_clients_by{unnamed} 1\n"),
            format!("\nredis_clients_by{old} 1\n"),
            format!("\nredis_clients_idle_by{web} 1\n"),
            format!("\nredis_clients_idle_by{unnamed} 0\n"),
            format!("\nredis_clients_blocked_by{web} 1\n"),
            format!("\nredis_clients_subscribed_by{unnamed} 1\n"),
            format!("\nredis_clients_memory_bytes_by{web} 150\n"),
        ] {
            assert!(text.contains(&line), "{line}{text}");
        }
        assert!(!text.contains(&format!("memory_bytes_by{old}")), "before Redis 6.2: {text}");
        assert!(!text.contains("10.0.0") && !text.contains("/run"), "{text}");
    }

    #[test]
    fn small_groups_become_one() {
        let text = text(LIST, 1);
        let others = "{name=\"all others\",user=\"all others\",lib=\"all others\"}";
        assert!(text.contains(&format!("\nredis_clients_by{others} 2\n")), "{text}");
        assert!(text.contains(&format!("\nredis_clients_idle_by{others} 0\n")), "{text}");
        assert_eq!(text.matches("\nredis_clients_by{").count(), 2, "{text}");
        assert_eq!(text.matches("\nredis_clients_memory_bytes_by{").count(), 1, "{text}");
    }

    #[test]
    fn long_names_are_cut() {
        let list = format!("id=1 addr=a:1 fd=8 name={} user=u\n", "n".repeat(1000));
        assert!(text(&list, 9).len() < 2000);
    }

    #[test]
    fn what_is_malformed_costs_itself_alone() {
        let groups = parse("nobody\nid=1 addr=a:1 fd=1 name=n idle=x tot-mem=5\n", Duration::ZERO);
        let (idle, memory) = (Whole::of(None), Whole::of(Some(5.0)));
        let sums = Sums { connections: 1.0, idle, memory, ..Sums::default() };
        assert_eq!(groups.good, HashMap::from([(["n", "", ""], sums)]));
        assert_eq!(groups.error.unwrap().to_string(), "no client: \"nobody\"");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(list in "(id=1 addr=|fd=1 |name=|[a-z-]{1,5}=?|:| |é|\n){0,20}") {
            pushed("", |_, sink| push(parse(&list, Duration::ZERO).good, 2, sink));
        }
    }
}
