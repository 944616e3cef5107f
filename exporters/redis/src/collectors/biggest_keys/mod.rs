//! The biggest keys: a sampler goes through all of them in the background, a few at a time, with
//! `SCAN` and `MEMORY USAGE`. Scrapes show what its last complete pass has found.

mod pass;
mod sampler;
mod top;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError};
use common::exposition::Sink;
use common::metric::{Desc, Metric, gauge};
use common::sync::lock;

use crate::keys::Wanted;
use crate::replies::info::{Info, index};
use crate::rights::{Needs, Right, to_find};
use crate::scrape::Scrape;
use top::Key;

/// Databases that are looked at: each has its biggest keys.
const MAX_DATABASES: usize = 64;

const MEMORY: Desc<'_> = Desc::gauge(
    "redis_biggest_key_memory_usage_bytes",
    "Memory that one of the biggest keys of a database takes.",
);

const SCANNED: Desc<'_> = Desc::counter(
    "redis_biggest_keys_scanned_total",
    "Keys that the sampler of the biggest keys has looked at.",
);

const METRICS: &[Metric<Found>] = &[
    gauge(
        "redis_biggest_keys_last_pass_timestamp_seconds",
        "When the sampler of the biggest keys last got through all keys, as Unix time.",
        |found| Some(found.time),
    ),
    gauge(
        "redis_biggest_keys_last_pass_duration_seconds",
        "Time that this pass through all keys took.",
        |found| Some(found.duration.as_secs_f64()),
    ),
    gauge("redis_biggest_keys_last_pass_keys", "Keys that this pass has looked at.", |found| {
        Some(found.keys)
    }),
];

/// Options of the `biggest_keys` collector.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Keys")]
#[group(skip)]
pub(super) struct Options {
    /// Keys that the sampler of the biggest keys looks at in a second
    #[arg(
        id = "collector.biggest_keys.keys-per-second",
        long = "collector.biggest_keys.keys-per-second",
        value_name = "N",
        default_value_t = 1000,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    keys_per_second: u32,
    /// Keys of each database to show
    #[arg(
        id = "collector.biggest_keys.max-keys",
        long = "collector.biggest_keys.max-keys",
        value_name = "N",
        default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    max_keys: u16,
}

struct BiggestKeys(Arc<Shared>);

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    let options = Options::from_arg_matches(matches)?;
    Ok(Box::new(BiggestKeys(Arc::new(Shared { options, state: Mutex::default() }))))
}

/// What scrapes and the sampler share.
#[derive(Debug)]
struct Shared {
    options: Options,
    state: Mutex<State>,
}

/// It is valid at every moment, so that a panic costs nothing later.
#[derive(Debug, Default)]
struct State {
    is_running: bool,
    /// `None` before the first.
    last_scrape: Option<Instant>,
    server: Server,
    scanned: f64,
    /// Of the last complete pass.
    found: Option<Found>,
    /// Why the sampler cannot go on.
    failure: Option<Failure>,
}

/// The server as the last scrape saw it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Server {
    run_id: Option<String>,
    /// Numbers of those that have keys.
    databases: Vec<u32>,
}

/// What a complete pass has found.
#[derive(Clone, Debug, Default)]
struct Found {
    /// By database, the biggest first.
    biggest: Vec<(u32, Vec<Key>)>,
    keys: f64,
    /// Unix time of its end.
    time: f64,
    duration: Duration,
    /// What was wrong with a key, which cost it its sample.
    malformed: Option<ParseError>,
    /// The first refusal, their number, and whether any key was readable.
    failure: Option<Failure>,
    refusals: usize,
    is_readable: bool,
}

/// A refusal that is told in each scrape until it is over.
#[derive(Clone, Debug, PartialEq)]
struct Failure {
    statement: String,
    message: String,
}

impl From<CollectError> for Failure {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::Query { statement, message } => Self { statement, message },
            other => Self { statement: "SCAN".into(), message: other.to_string() },
        }
    }
}

#[async_trait]
impl Collector<Scrape> for BiggestKeys {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        // The keys of a replica are those of its primary.
        if scrape.info().is_sentinel() || scrape.is_copy() {
            return Ok(());
        }
        let mut state = lock(&self.0.state);
        state.last_scrape = Some(Instant::now());
        state.server = Server::new(scrape.info());
        if !state.is_running {
            state.is_running = true;
            tokio::spawn(sampler::run(Arc::downgrade(&self.0), scrape.dialer()));
        }
        state.push(sink)
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        if scrape.info().is_sentinel() {
            return Needs::not_applicable("a sentinel has no keys");
        }
        let every_key = Wanted::Matching(b"*");
        let of_keys = ["MEMORY USAGE", "TYPE"].map(|command| Right::to(command).reading(every_key));
        to_find(&[(0, every_key)]).into_iter().chain(of_keys).collect()
    }
}

impl Server {
    fn new(info: &Info) -> Self {
        let databases = info.section("Keyspace").filter_map(|(name, _)| index(name, "db"));
        Self {
            run_id: info.server_field("run_id").map(ToOwned::to_owned),
            databases: databases.filter_map(|number| number.try_into().ok()).collect(),
        }
    }
}

impl State {
    fn push(&self, sink: &mut Sink) -> Result<(), CollectError> {
        let mut errors = FirstError::default();
        sink.value(&SCANNED, self.scanned);
        if let Some(found) = &self.found {
            found.push(sink);
            if let Some(error) = &found.malformed {
                errors.keep(CollectError::malformed("SCAN", error.clone()));
            }
        }
        let databases = self.server.databases.len();
        if databases > MAX_DATABASES {
            let words = format!("{databases} databases have keys; {MAX_DATABASES} are looked at");
            errors.keep(CollectError::query("biggest keys", &words));
        }
        let of_the_pass = self.found.as_ref().and_then(|found| found.failure.as_ref());
        if let Some(failure) = self.failure.as_ref().or(of_the_pass) {
            errors.keep(CollectError::query(&failure.statement, &failure.message));
        }
        errors.into_result()
    }
}

impl Found {
    fn push(&self, sink: &mut Sink) {
        let mut family = sink.family(&MEMORY);
        for (database, keys) in &self.biggest {
            let database = format!("db{database}");
            for key in keys {
                let labels = [("db", &database), ("key", &key.name), ("type", &key.kind)];
                family.sample(&labels, key.bytes);
            }
        }
        drop(family);
        sink.row(METRICS, self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::pushed;

    #[test]
    fn databases_with_keys_are_looked_at() {
        let info = "# Server\r\nrun_id:a\r\n# Keyspace\r\ndb0:keys=1\r\ndb12:keys=1\r\n\
                    db0_sizes:1=1\r\ndb99999999999:keys=1\r\n";
        let server = Server::new(&Info::new(info.into()));
        assert_eq!(server, Server { run_id: Some("a".into()), databases: vec![0, 12] });
    }

    #[test]
    fn a_pass_is_shown_until_the_next_is_complete() {
        let key = Key { name: "a\"b\n".into(), kind: "hash".into(), bytes: 1024.0 };
        let found = Found {
            biggest: vec![(3, vec![key])],
            keys: 17.0,
            time: 1000.5,
            duration: Duration::from_millis(2500),
            malformed: Some(ParseError::Form("odd".into())),
            ..Found::default()
        };
        let failure = Failure { statement: "MEMORY USAGE".into(), message: "NOPERM".into() };
        let mut state = State { scanned: 20.0, found: Some(found), ..State::default() };
        let text = pushed("", |_, sink| {
            assert_eq!(state.push(sink).unwrap_err().to_string(), "SCAN: odd");
        });
        for line in [
            "\nredis_biggest_key_memory_usage_bytes{db=\"db3\",key=\"a\\\"b\\n\",type=\"hash\"} 1024\n",
            "\nredis_biggest_keys_last_pass_timestamp_seconds 1000.5\n",
            "\nredis_biggest_keys_last_pass_duration_seconds 2.5\n",
            "\nredis_biggest_keys_last_pass_keys 17\n",
            "\nredis_biggest_keys_scanned_total 20\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        state.failure = Some(failure);
        pushed("", |_, sink| {
            assert_eq!(state.push(sink).unwrap_err().to_string(), "MEMORY USAGE: NOPERM");
        });
    }

    #[test]
    fn databases_over_the_limit_are_told() {
        let server = Server { run_id: None, databases: (0..65).collect() };
        let state = State { server, ..State::default() };
        let text = pushed("", |_, sink| {
            let error = state.push(sink).unwrap_err().to_string();
            assert_eq!(error, "biggest keys: 65 databases have keys; 64 are looked at");
        });
        assert!(!text.contains("last_pass"), "{text}");
    }
}
