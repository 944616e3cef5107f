//! The nodes of a cluster, as redirections name them, with connections for one scrape.

use std::time::Instant;

use redis::{RedisError, Value};
use tokio::sync::OnceCell;

use super::Dialer;
use super::wire::Wire;

/// A way to each node.
#[derive(Debug, Default)]
pub struct Routes(Vec<Route>);

#[derive(Debug)]
struct Route {
    /// `HOST:PORT` in all forms.
    names: Vec<String>,
    dialer: Dialer,
    /// `None` inside if it could not be made.
    connection: OnceCell<Option<Wire>>,
}

/// Where a command is to be sent instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Redirection {
    /// The node's place among the routes.
    node: usize,
    /// The slot is about to move there: the command goes behind an `ASKING`.
    pub(super) is_asking: bool,
}

impl Routes {
    /// Ways to nodes that have these names, `HOST:PORT`.
    pub fn new(nodes: impl IntoIterator<Item = (Vec<String>, Dialer)>) -> Self {
        let route = |(names, dialer)| Route { names, dialer, connection: OnceCell::new() };
        Self(nodes.into_iter().map(route).collect())
    }

    /// What an answer redirects to; `None` if it does not, or to a node that is not known: no
    /// login is sent to any other.
    pub(super) fn redirection(&self, answer: &Value) -> Option<Redirection> {
        let Value::ServerError(error) = answer else { return None };
        let error = RedisError::from(error.clone());
        let is_asking = error.code() == Some("ASK");
        let (name, _) = error.redirect_node()?;
        let is_it = |route: &Route| route.names.iter().any(|known| known == name);
        Some(Redirection { node: self.0.iter().position(is_it)?, is_asking })
    }

    /// The connection to where a redirection leads; `None` if it could not be made.
    pub(super) async fn connection(&self, to: Redirection, limit: Instant) -> Option<Wire> {
        let route = self.0.get(to.node)?;
        let connect = async || route.dialer.connect(limit).await.ok();
        route.connection.get_or_init(connect).await.clone()
    }
}
