//! Who holds the keys that a scrape looks at: the server itself, or the primaries of its cluster.

use std::sync::Arc;
use std::time::Instant;

use common::error::{CollectError, ParseError};
use redis::cmd;

use crate::at_once::at_once;
use crate::keys::Key;
use crate::replies::nodes::{self, MASTER, Node, host_port};
use crate::replies::slots::{self, Slots};
use crate::server::Dialer;
use crate::server::routes::Routes;
use crate::server::session::Session;

/// Servers of which keys are looked at at once.
pub const AT_ONCE: usize = 50;

const NODES: &str = "CLUSTER NODES";

/// The servers that hold keys.
#[derive(Debug)]
pub struct Holders {
    all: Vec<Holder>,
    /// There are no keys elsewhere.
    is_complete: bool,
    /// What was malformed in the list of nodes: a holder may be missing.
    malformed: Option<ParseError>,
}

/// A server that holds keys.
#[derive(Clone, Debug)]
pub struct Holder {
    dialer: Dialer,
    /// Slots of its keys; `None` for all.
    slots: Option<Slots>,
    /// Where it may redirect to.
    routes: Option<Arc<Routes>>,
    /// It is a replica of a cluster, which redirects reads unless told not to.
    is_replica: bool,
    limit: Instant,
}

impl Holders {
    /// One server whose keys are those in `slots`, or all.
    pub fn one(holder: Holder) -> Self {
        Self { is_complete: holder.slots.is_none(), all: vec![holder], malformed: None }
    }

    /// The primaries among the nodes of a cluster, as `text`, the answer to `CLUSTER NODES` of the
    /// server of `dialer`, lists them; asked until `limit`.
    ///
    /// # Errors
    /// No node serves any slots.
    pub fn of_cluster(
        text: &str,
        dialer: &Dialer,
        prefers_host_names: bool,
        limit: Instant,
    ) -> Result<Self, CollectError> {
        let found = nodes::parse(text);
        let routes = Arc::new(routes(&found.good, dialer, prefers_host_names));
        let serves = |node: &&Node<'_>| node.role == MASTER && node.slots.count() > 0;
        let holder = |node: &Node<'_>| {
            let dialer = dialer_of(node, dialer, prefers_host_names)?;
            Some(Holder::new(dialer, Some(node.slots.clone()), Some(Arc::clone(&routes)), limit))
        };
        let all: Vec<Holder> = found.good.iter().filter(serves).filter_map(holder).collect();
        if all.is_empty() {
            let none = || CollectError::query(NODES, &"no node serves any slots");
            return Err(found
                .error
                .map_or_else(none, |error| CollectError::malformed(NODES, error)));
        }
        Ok(Self { all, is_complete: true, malformed: found.error })
    }

    /// Does `work` for the servers, many at the same time; what came of it for each.
    pub async fn each<'h, T, Work: Future<Output = T>>(
        &'h self,
        work: impl Fn(&'h Holder) -> Work,
    ) -> Vec<T> {
        at_once(AT_ONCE, self.all.iter().map(work)).await
    }

    /// Checks that all servers are known, for a sum that would be wrong without one of them.
    ///
    /// # Errors
    /// One may be missing, since part of the list is malformed.
    pub fn check_complete(&self) -> Result<(), CollectError> {
        match &self.malformed {
            None => Ok(()),
            Some(error) => Err(CollectError::malformed(NODES, error.clone())),
        }
    }

    /// Checks that somebody holds each key of `names`, whether it exists or not.
    ///
    /// # Errors
    /// The first slot that no node serves, else what was malformed in the list of nodes.
    pub fn cover<'k>(&self, names: impl IntoIterator<Item = &'k Key>) -> Result<(), CollectError> {
        let is_held = |key: &&Key| self.all.iter().any(|holder| holder.holds(&key.name));
        match names.into_iter().find(|key| self.is_complete && !is_held(key)) {
            None => self.check_complete(),
            Some(key) => {
                let words = format!("no node serves slot {}", slots::of(&key.name));
                Err(CollectError::query(NODES, &words))
            }
        }
    }
}

impl Holder {
    /// A server that holds the keys in `slots`, or all; asked until `limit`.
    pub fn new(
        dialer: Dialer,
        slots: Option<Slots>,
        routes: Option<Arc<Routes>>,
        limit: Instant,
    ) -> Self {
        Self { dialer, slots, routes, is_replica: false, limit }
    }

    /// The same as a replica of a cluster.
    #[must_use]
    pub fn as_replica(self, is_replica: bool) -> Self {
        Self { is_replica, ..self }
    }

    /// True if the key of this name is, or would be, here.
    pub fn holds(&self, name: &[u8]) -> bool {
        self.slots.as_ref().is_none_or(|slots| slots.contains(slots::of(name)))
    }

    /// A connection of its own for work that selects databases.
    ///
    /// # Errors
    /// [`CollectError::Query`] if the server cannot be reached or refuses.
    pub async fn session(&self) -> Result<Session, CollectError> {
        let connected = self.dialer.connect(self.limit).await;
        let connection =
            connected.map_err(|failure| CollectError::query(failure.step, &failure.reason))?;
        let mut session = Session::new(connection, self.limit).with_routes(self.routes.clone());
        if self.is_replica
            && let Err(error) = session.ask("READONLY", &cmd("READONLY")).await
        {
            // SCAN needs no leave; other reads tell where they are redirected to.
            tracing::debug!(%error, "the replica redirects reads of keys");
        }
        Ok(session)
    }
}

/// Ways to the nodes that the server of `dialer` lists, by all their names.
pub fn routes(nodes: &[Node<'_>], dialer: &Dialer, prefers_host_names: bool) -> Routes {
    let with_names = nodes.iter().filter_map(|node| {
        let hosts = [Some(node.ip), node.host_name];
        let names = hosts.into_iter().flatten().map(|host| host_port(host, node.port));
        // Redirections have no brackets around an IPv6 address.
        let bare = format!("{}:{}", node.ip, node.port);
        Some((names.chain([bare]).collect(), dialer_of(node, dialer, prefers_host_names)?))
    });
    Routes::new(with_names)
}

/// For a node that the server of `dialer` lists, which may not know its own address; `None` if
/// it knows none of another.
pub fn dialer_of(node: &Node<'_>, dialer: &Dialer, prefers_host_names: bool) -> Option<Dialer> {
    match node.host(prefers_host_names) {
        Some(host) => Some(dialer.peer(host, node.port)),
        None => node.is_self.then(|| dialer.clone()),
    }
}
