//! Who belongs to a group: asked of one server after the other until one knows.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::bail;
use common::error::{ParseError, excerpt};
use common::failures::{Change, FailureLog, OddityLog};
use common::sync::lock;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use redis::{Value, cmd};

use super::members::{self, Found};
use super::shards::Shards;
use crate::args::Groups;
use crate::replies::values;
use crate::rights::Right;
use crate::server::address::Address;
use crate::server::failure::{ConnectionState, Failure};
use crate::server::{Server, Servers, Target};

/// How long one server is waited for before another is asked too.
const PATIENCE: Duration = Duration::from_millis(250);

const NODES: &str = "CLUSTER NODES";
const PRIMARY: &str = "SENTINEL GET-MASTER-ADDR-BY-NAME";
const REPLICAS: &str = "SENTINEL REPLICAS";

/// What leads to the servers of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Nodes of a cluster.
    Cluster,
    /// Sentinels, which have a master of this name.
    Sentinel(String),
}

impl Kind {
    /// What the flags ask for; `None` for one server.
    ///
    /// # Errors
    /// Both kinds at once.
    pub(crate) fn new(flags: &Groups) -> anyhow::Result<Option<Self>> {
        match (flags.is_cluster, flags.sentinel_master.as_str()) {
            (true, "") => Ok(Some(Self::Cluster)),
            (false, "") => Ok(None),
            (false, name) => Ok(Some(Self::Sentinel(name.to_owned()))),
            (true, _) => bail!("--redis.cluster and --redis.sentinel-master exclude each other"),
        }
    }

    /// The kind that a request asks for by its parameters `cluster` and `sentinel-master`, in
    /// place of `flags`.
    ///
    /// # Errors
    /// Both kinds at once, or a parameter `cluster` that is neither true nor false.
    pub(crate) fn of_request(
        flags: Option<&Self>,
        cluster: Option<&str>,
        sentinel_master: Option<&str>,
    ) -> anyhow::Result<Option<Self>> {
        Ok(match (cluster, sentinel_master) {
            (None, None) => flags.cloned(),
            (None | Some("false" | "0"), Some(name)) => Some(Self::Sentinel(name.to_owned())),
            (Some("true" | "1"), None) => Some(Self::Cluster),
            (Some("false" | "0"), None) => flags.filter(|kind| **kind != Self::Cluster).cloned(),
            (Some("true" | "1"), Some(_)) => {
                bail!("the parameters cluster and sentinel-master exclude each other")
            }
            (Some(_), _) => bail!("parameter cluster: expected true or false"),
        })
    }

    /// The servers that lead to a group, from a list of addresses.
    ///
    /// # Errors
    /// That of `target`, which makes one of them.
    pub(crate) fn seeds(
        &self,
        list: &str,
        target: impl Fn(&str) -> anyhow::Result<Target>,
    ) -> anyhow::Result<Vec<Target>> {
        let seed = |address| {
            let target = target(address)?;
            Ok(if *self == Self::Cluster { target } else { target.of_sentinel() })
        };
        Address::split_list(list).into_iter().map(seed).collect()
    }
}

/// Servers that are read together.
#[derive(Debug)]
pub(crate) struct Group {
    kind: Kind,
    /// Where its servers can be asked for.
    seeds: Vec<Target>,
    known: Mutex<Known>,
    failures: FailureLog,
    /// Lines of answers that made no sense.
    oddities: OddityLog,
}

/// What the last scrapes have shown.
#[derive(Debug, Default)]
struct Known {
    found: Vec<Found>,
    shards: Shards,
    /// Who told of them.
    teller: Option<Target>,
}

/// What a server tells.
enum Told {
    /// The nodes of a cluster, as text.
    Nodes(String),
    /// The primary and the replicas of a master.
    Master(Value, Value),
}

impl Group {
    /// What the seeds are asked, and what holds for the other servers.
    pub(crate) fn rights(&self) -> (Vec<Right>, &'static str) {
        match &self.kind {
            Kind::Cluster => {
                (vec![Right::to(NODES)], "The other nodes of the cluster need the same.")
            }
            Kind::Sentinel(name) => {
                let rights = [PRIMARY, REPLICAS].map(|command| Right::to(command).with(name));
                (rights.into(), "Check the primary and its replicas by their own addresses.")
            }
        }
    }

    /// A group of which nothing is known yet but where to ask.
    pub(crate) fn new(kind: Kind, seeds: Vec<Target>) -> Self {
        let (failures, oddities) = (FailureLog::default(), OddityLog::default());
        Self { kind, seeds, known: Mutex::default(), failures, oddities }
    }

    /// The first of the servers that lead to the group.
    pub(crate) fn seed(&self) -> Option<&Target> {
        self.seeds.first()
    }

    /// Its servers; with a failure those that were known before. It takes half of the time until
    /// `deadline` at most.
    pub(super) async fn discover(
        &self,
        servers: &Servers,
        prefers_host_names: bool,
        deadline: Instant,
    ) -> (Vec<Found>, Option<Failure>) {
        let now = Instant::now();
        let limit = now + deadline.saturating_duration_since(now) / 2;
        let told = self.ask_around(servers, limit).await.and_then(|(teller, told)| {
            let dialer = servers.get(&teller).dialer();
            let mut known = lock(&self.known);
            known.found = match &told {
                Told::Nodes(text) => {
                    let shards = &mut known.shards;
                    let found = members::of_cluster(text, &dialer, prefers_host_names, shards);
                    self.log_malformed(found.error.as_ref());
                    found.good
                }
                Told::Master(primary, replicas) => {
                    let found = members::of_sentinel(primary, replicas, &dialer);
                    found.ok_or_else(|| Failure::unusable(PRIMARY, "unexpected reply"))?
                }
            };
            known.teller = Some(teller);
            Ok(())
        });
        self.log_change(&told);
        let found = lock(&self.known).found.clone();
        (found, told.err())
    }

    fn log_malformed(&self, error: Option<&ParseError>) {
        if let Some(error) = error.filter(|error| self.oddities.is_new(&error.to_string())) {
            tracing::warn!(command = NODES, %error, "part of the answer is malformed and left out");
        }
    }

    fn log_change(&self, told: &Result<(), Failure>) {
        let label = told.as_ref().map_err(Failure::label);
        let seeds: Vec<String> = self.seeds.iter().map(ToString::to_string).collect();
        let seeds = seeds.join(",");
        match (self.failures.note(&label), told) {
            (Change::New, Err(error)) => {
                tracing::warn!(address = seeds, %error, "the servers to read cannot be listed");
            }
            (_, Err(error)) => {
                tracing::debug!(address = seeds, %error, "the servers still cannot be listed");
            }
            (Change::Recovered, Ok(())) => {
                tracing::info!(address = seeds, "the servers to read can be listed again");
            }
            (_, Ok(())) => {}
        }
    }

    /// Asks whoever told last, the seeds, and the other nodes of a cluster, in this order: the
    /// next one as soon as one refuses, or lets wait for long. The first that knows something
    /// counts.
    async fn ask_around(
        &self,
        servers: &Servers,
        limit: Instant,
    ) -> Result<(Target, Told), Failure> {
        let mut waiting = self.candidates().into_iter();
        let mut running = FuturesUnordered::new();
        let (mut fallback, mut failure) = (None, None::<Failure>);
        loop {
            let next = waiting.next();
            let may_have_more = next.is_some();
            if let Some(target) = next {
                let server = servers.get(&target);
                running.push(async move {
                    let told = self.ask(&server, limit).await;
                    (target, told)
                });
            }
            let ended = tokio::select! {
                ended = running.next() => ended,
                () = tokio::time::sleep(PATIENCE), if may_have_more => continue,
            };
            match ended {
                Some((target, Ok(told))) if told.is_whole() => return Ok((target, told)),
                Some((target, Ok(told))) => fallback = fallback.or(Some((target, told))),
                Some((address, Err(error))) => {
                    tracing::debug!(%address, %error, "this server cannot tell of the others");
                    // The words of one that answers tell more than that another is down.
                    let has_answered = error.connection == ConnectionState::Usable;
                    let is_known = |known: &Failure| known.connection == ConnectionState::Usable;
                    if failure.as_ref().is_none_or(|known| has_answered && !is_known(known)) {
                        failure = Some(error);
                    }
                }
                // None is left to wait for, nor was there a further one.
                None => {
                    let failure = failure.unwrap_or_else(|| Failure::timeout("connect"));
                    return fallback.ok_or(failure);
                }
            }
        }
    }

    fn candidates(&self) -> Vec<Target> {
        let known = lock(&self.known);
        let nodes = known.found.iter().filter(|_| self.kind == Kind::Cluster);
        let nodes = nodes.map(|found| &found.target);
        let all = known.teller.iter().chain(&self.seeds).chain(nodes);
        let mut seen = HashSet::new();
        all.filter(|target| seen.insert(*target)).cloned().collect()
    }

    async fn ask(&self, server: &Server, limit: Instant) -> Result<Told, Failure> {
        match &self.kind {
            Kind::Cluster => {
                let reply = server.ask(NODES, cmd("CLUSTER").arg("NODES"), limit).await?;
                let text = values::text(&reply);
                let text = text.ok_or_else(|| Failure::unusable(NODES, "unexpected reply"))?;
                Ok(Told::Nodes(text.into_owned()))
            }
            Kind::Sentinel(name) => ask_sentinel(server, name, limit).await,
        }
    }
}

impl Told {
    /// True unless better is to be hoped for elsewhere.
    fn is_whole(&self) -> bool {
        match self {
            Self::Nodes(text) => members::serves_slots(text),
            Self::Master(..) => true,
        }
    }
}

async fn ask_sentinel(server: &Server, name: &str, limit: Instant) -> Result<Told, Failure> {
    let ask = async |step, subcommand: &str| {
        server.ask(step, cmd("SENTINEL").arg(subcommand).arg(name), limit).await
    };
    let primary = ask(PRIMARY, "GET-MASTER-ADDR-BY-NAME").await.map_err(|failure| {
        if failure.is_unknown_command() {
            Failure::unusable(PRIMARY, "the server is not a sentinel")
        } else {
            failure
        }
    })?;
    if primary == Value::Nil {
        let reason = format!("the sentinel has no master named {}", excerpt(name));
        return Err(Failure::unusable(PRIMARY, &reason));
    }
    let replicas = match ask(REPLICAS, "REPLICAS").await {
        // The name before Redis 5.
        Err(failure) if failure.is_unknown_command() => ask(REPLICAS, "SLAVES").await,
        answer => answer,
    };
    Ok(Told::Master(primary, replicas?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_goes_before_the_flags() {
        let flags = |is_cluster, name: &str| {
            Kind::new(&Groups { is_cluster, sentinel_master: name.to_owned() })
        };
        assert!(flags(true, "one").is_err());
        assert_eq!(flags(false, "").unwrap(), None);
        let sentinel = |name: &str| Some(Kind::Sentinel(name.to_owned()));
        let (none, cluster, one) = (None, flags(true, "").unwrap(), flags(false, "one").unwrap());
        for (flags, parameters, expected) in [
            (&none, (None, None), None),
            (&none, (Some("true"), None), Some(Kind::Cluster)),
            (&none, (None, Some("two")), sentinel("two")),
            (&cluster, (None, None), Some(Kind::Cluster)),
            (&cluster, (Some("false"), None), None),
            (&cluster, (None, Some("two")), sentinel("two")),
            (&one, (Some("0"), None), sentinel("one")),
            (&one, (Some("1"), None), Some(Kind::Cluster)),
        ] {
            let kind = Kind::of_request(flags.as_ref(), parameters.0, parameters.1);
            assert_eq!(kind.unwrap(), expected, "{flags:?} {parameters:?}");
        }
        for parameters in [(Some("yes"), None), (Some("true"), Some("two"))] {
            assert!(Kind::of_request(None, parameters.0, parameters.1).is_err(), "{parameters:?}");
        }
    }
}
