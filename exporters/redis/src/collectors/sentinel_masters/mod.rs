//! What a sentinel says of each master: `SENTINEL MASTERS`, and per master `CKQUORUM`,
//! `SENTINELS` and `SLAVES`. What is denied is absent.

use std::borrow::Cow;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial};
use common::exposition::Sink;
use common::metric::{Desc, Metric, gauge};
use redis::{Cmd, Value, cmd};

use crate::replies::values::{find, items, number, pairs, text, unexpected};
use crate::rights::{Needs, Right};
use crate::scrape::Scrape;

const QUORUM: Desc<'_> = Desc::gauge(
    "redis_sentinel_master_ckquorum_status",
    "1 if enough sentinels are there to fail over a master, else 0; the label message is the \
     answer.",
);

const PEER: Desc<'_> =
    Desc::gauge("redis_sentinel_peer_info", "Another sentinel that monitors a master; always 1.");

const METRICS: &[Metric<Master>] = &[
    gauge(
        "redis_sentinel_master_setting_ckquorum",
        "Sentinels that have to agree that a master is down.",
        |master| master.quorum,
    ),
    gauge(
        "redis_sentinel_master_setting_failover_timeout",
        "Milliseconds after which a failover of a master is given up.",
        |master| master.failover_timeout,
    ),
    gauge(
        "redis_sentinel_master_setting_parallel_syncs",
        "Replicas that synchronise with a new master at once.",
        |master| master.parallel_syncs,
    ),
    gauge(
        "redis_sentinel_master_setting_down_after_milliseconds",
        "Milliseconds without an answer after which a master counts as down.",
        |master| master.down_after,
    ),
    gauge(
        "redis_sentinel_master_config_epoch",
        "Epoch of the configuration of a master, which each failover raises.",
        |master| master.config_epoch,
    ),
    gauge(
        "redis_sentinel_master_last_ok_ping_reply_seconds",
        "Seconds since the last good answer of a master to a ping.",
        |master| master.last_ok_ping.map(|milliseconds| milliseconds / 1000.0),
    ),
    gauge(
        "redis_sentinel_master_ok_sentinels",
        "Sentinels of a master that are not down, this one included.",
        |master| master.ok_sentinels,
    ),
    gauge("redis_sentinel_master_ok_slaves", "Replicas of a master that are not down.", |master| {
        master.ok_replicas
    }),
];

/// Options of the `sentinel_masters` collector.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Metrics")]
#[group(skip)]
pub(super) struct Options {
    /// Expose each of the other sentinels of a master
    #[arg(
        id = "include-sentinel-peer-info",
        long = "include-sentinel-peer-info",
        env = "REDIS_EXPORTER_INCL_SENTINEL_PEER_INFO"
    )]
    includes_peers: bool,
}

/// A master as this sentinel sees it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Master {
    name: String,
    address: String,
    quorum: Option<f64>,
    failover_timeout: Option<f64>,
    parallel_syncs: Option<f64>,
    down_after: Option<f64>,
    config_epoch: Option<f64>,
    last_ok_ping: Option<f64>,
    ok_sentinels: Option<f64>,
    ok_replicas: Option<f64>,
    /// Whether the quorum is there, and the words.
    has_quorum: Option<(bool, String)>,
    peers: Vec<Peer>,
}

/// Another sentinel, or a replica.
#[derive(Clone, Debug, PartialEq)]
struct Peer {
    name: String,
    ip: String,
    port: String,
    run_id: String,
    flags: String,
}

impl Peer {
    /// True if neither this sentinel nor the majority holds it to be down.
    fn is_ok(&self) -> bool {
        !self.flags.split(',').any(|flag| matches!(flag, "s_down" | "o_down"))
    }
}

struct SentinelMasters(Options);

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    Ok(Box::new(SentinelMasters(Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Scrape> for SentinelMasters {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        if !scrape.info().is_sentinel() {
            return Ok(());
        }
        let reply = scrape.ask("SENTINEL MASTERS", cmd("SENTINEL").arg("MASTERS")).await?;
        let mut errors = FirstError::default();
        let mut masters =
            errors.take(parse_masters(&reply).map_error(malformed("SENTINEL MASTERS")));
        for master in &mut masters {
            ask_about(scrape, master, &mut errors).await;
        }
        push(&masters, self.0.includes_peers, sink);
        errors.into_result()
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        if !scrape.info().is_sentinel() {
            return Needs::not_applicable("the server is no sentinel");
        }
        let of_one = ["SENTINEL CKQUORUM", "SENTINEL SENTINELS", "SENTINEL SLAVES"];
        let of_one = of_one.map(|command| Right::to(command).with("none"));
        [Right::to("SENTINEL MASTERS")].into_iter().chain(of_one).collect()
    }
}

/// Asks what the list of masters does not hold.
async fn ask_about(scrape: &Scrape, master: &mut Master, errors: &mut FirstError) {
    let command = |subcommand: &str| -> Cmd {
        let mut command = cmd("SENTINEL");
        command.arg(subcommand).arg(&master.name);
        command
    };
    let commands = ["CKQUORUM", "SENTINELS", "SLAVES"].map(command);
    let (quorum, sentinels, replicas) = tokio::join!(
        scrape.ask("SENTINEL CKQUORUM", &commands[0]),
        scrape.ask("SENTINEL SENTINELS", &commands[1]),
        scrape.ask("SENTINEL SLAVES", &commands[2])
    );
    master.has_quorum = errors.note(read_quorum(quorum));
    let mut peers = |statement: &'static str, reply: Result<Value, CollectError>| {
        let peers = parse_peers(&errors.note(reply)?).map_error(malformed(statement));
        // One that cannot be read would make the count wrong.
        let is_whole = peers.error.is_none();
        let peers = errors.take(peers);
        Some((is_whole.then(|| peers.iter().filter(|peer| peer.is_ok()).count() as f64), peers))
    };
    if let Some((count, peers)) = peers("SENTINEL SENTINELS", sentinels) {
        master.ok_sentinels = count.map(|count| count + 1.0);
        master.peers = peers;
    }
    master.ok_replicas = peers("SENTINEL SLAVES", replicas).and_then(|(count, _)| count);
}

fn push(masters: &[Master], includes_peers: bool, sink: &mut Sink) {
    let labels = |master: &'_ Master| {
        [("master_name", master.name.clone()), ("master_address", master.address.clone())]
    };
    sink.table(METRICS, masters.iter().map(|master| (labels(master), master)));
    let states = masters.iter().filter_map(|master| {
        let (has_quorum, message) = master.has_quorum.as_ref()?;
        let labels = [("master_name", master.name.as_str()), ("message", message)];
        Some((labels, f64::from(u8::from(*has_quorum))))
    });
    sink.samples(&QUORUM, states);
    if includes_peers {
        let peers = masters.iter().flat_map(|master| {
            master.peers.iter().map(move |peer| {
                let labels = [
                    ("master_name", master.name.as_str()),
                    ("master_address", &master.address),
                    ("name", &peer.name),
                    ("ip", &peer.ip),
                    ("port", &peer.port),
                    ("runid", &peer.run_id),
                    ("flags", &peer.flags),
                ];
                (labels, 1.0)
            })
        });
        sink.samples(&PEER, peers);
    }
}

/// `OK …` if the quorum is there, the error `NOQUORUM …` if it is not; any other error tells
/// nothing about the quorum.
fn read_quorum(answer: Result<Value, CollectError>) -> Result<(bool, String), CollectError> {
    match answer {
        Ok(reply) => {
            let words = text(&reply).map(Cow::into_owned).ok_or_else(unexpected);
            words.map(|words| (true, words)).map_err(malformed("SENTINEL CKQUORUM"))
        }
        Err(CollectError::Query { message, .. }) if message.starts_with("NOQUORUM") => {
            Ok((false, message))
        }
        Err(error) => Err(error),
    }
}

/// Names and values of each instance in a reply.
fn instances<'a, T>(
    reply: &'a Value,
    read: impl Fn(&dyn Fn(&str) -> Option<&'a Value>) -> Option<T>,
) -> Partial<Vec<T>, ParseError> {
    let Some(rows) = items(reply) else { return Partial::failed(unexpected()) };
    let row = |row| {
        let fields = pairs(row)?;
        read(&|name| find(&fields, name))
    };
    rows.iter().map(|value| row(value).ok_or_else(unexpected)).collect()
}

fn parse_masters(reply: &Value) -> Partial<Vec<Master>, ParseError> {
    instances(reply, |field| {
        let text = |name| field(name).and_then(text);
        let number = |name| field(name).and_then(number);
        Some(Master {
            name: text("name")?.into_owned(),
            address: format!("{}:{}", text("ip")?, text("port")?),
            quorum: number("quorum"),
            failover_timeout: number("failover-timeout"),
            parallel_syncs: number("parallel-syncs"),
            down_after: number("down-after-milliseconds"),
            config_epoch: number("config-epoch"),
            last_ok_ping: number("last-ok-ping-reply"),
            ..Master::default()
        })
    })
}

fn parse_peers(reply: &Value) -> Partial<Vec<Peer>, ParseError> {
    instances(reply, |field| {
        let text = |name| field(name).and_then(text).map(Cow::into_owned);
        Some(Peer {
            name: text("name").unwrap_or_default(),
            ip: text("ip").unwrap_or_default(),
            port: text("port").unwrap_or_default(),
            run_id: text("runid").unwrap_or_default(),
            flags: text("flags")?,
        })
    })
}

fn malformed(statement: &'static str) -> impl Fn(ParseError) -> CollectError {
    move |error| CollectError::malformed(statement, error)
}

#[cfg(test)]
mod tests;
