//! A server and the connections kept to it: MySQL client/server protocol, text answers only.
//!
//! The connections are pooled here and not by the library's pool: that one
//! waits without limit for a server that hangs in the middle of an answer, and
//! the wait takes up one of the few connections allowed.

mod connection;
mod error;
mod idle;
mod lent;
mod limit;
mod login;
mod table;
mod target;
mod tls;
mod turns;
mod version;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use common::failures::{Change, FailureLog, OddityLog};
use futures_util::FutureExt as _;
use tokio::sync::{Mutex, Semaphore};

use crate::account::Accounts;
use crate::args::ConnectionArgs;
use connection::Connection;
use idle::Idle;
use lent::Lent;
use login::Dialer;
use turns::Turns;

pub use error::{QueryError, is_denial};
pub(crate) use limit::Limit;
pub use table::{Cells, Table};
pub use target::Target;
pub use version::{mariadb, mysql, parse_version};

/// How long a connection lives at most: a host name may lead to another
/// server, and an account that has been changed is only noticed at login.
const MAX_AGE: Duration = Duration::from_mins(10);

/// How long a connection lives at most that lacks privileges: not shorter, so that an account
/// that is never granted more does not log in at each scrape.
const MAX_AGE_WITHOUT_PRIVILEGE: Duration = Duration::from_secs(30);

/// One server: an account there and the connections that wait for the next scrape.
pub struct Server {
    dialer: Dialer,
    /// As many as there may be connections.
    permits: Arc<Semaphore>,
    /// How many permits there are.
    allowed: AtomicUsize,
    turns: Turns,
    /// Held while a connection is made, or a statement ended.
    dialing: Arc<Mutex<()>>,
    idle: Arc<Idle>,
    failures: FailureLog,
    oddities: OddityLog,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("dialer", &self.dialer).finish_non_exhaustive()
    }
}

impl Server {
    /// A server that is not connected to before it is asked something.
    pub fn new(target: Target, accounts: Arc<Accounts>, args: &ConnectionArgs) -> Self {
        Self {
            dialer: Dialer::new(target, accounts, args),
            permits: Arc::new(Semaphore::new(args.max_open_connections.into())),
            allowed: AtomicUsize::new(args.max_open_connections.into()),
            turns: Turns::default(),
            dialing: Arc::default(),
            idle: Arc::default(),
            failures: FailureLog::default(),
            oddities: OddityLog::default(),
        }
    }

    /// Logs the first of a series of equal failures, and the recovery.
    pub fn log_change(&self, opened: Result<(), &QueryError>) {
        match (self.failures.note(&opened), opened) {
            (Change::New, Err(error)) => {
                tracing::warn!(server = self.name(), %error, "server is down");
            }
            (_, Err(error)) => {
                tracing::debug!(server = self.name(), %error, "server is still down");
            }
            (Change::Recovered, Ok(())) => {
                tracing::info!(server = self.name(), "server is up again");
            }
            (_, Ok(())) => {}
        }
    }

    /// Logs once that the server's version has a form of which nothing can be told.
    pub(crate) fn log_version(&self, text: &str) {
        if self.oddities.is_new(text) {
            let version = common::error::excerpt(text);
            let words = "the version has no number: only what all servers have is asked for";
            tracing::warn!(server = self.name(), version, "{words}");
        }
    }

    /// Logs once for each reason that a statement could not be ended.
    fn log_left_running(&self, error: &QueryError) {
        let (server, words) = (self.name(), "a statement may run on after its deadline");
        if self.oddities.is_new(&error.to_string()) {
            tracing::warn!(server, %error, "{words}");
        } else {
            tracing::debug!(server, %error, "{words}");
        }
    }

    pub(crate) fn name(&self) -> String {
        self.dialer.name()
    }

    /// Runs a statement on one of the connections before `deadline`; `limit`
    /// sets the time after which the server itself ends it.
    pub(crate) async fn query(
        self: &Arc<Self>,
        statement: &str,
        limit: Option<&Limit>,
        deadline: Instant,
    ) -> Result<Table, QueryError> {
        let started = Instant::now();
        // The library has places that panic on a nonsensical greeting.
        let attempt = AssertUnwindSafe(self.attempt(statement, limit)).catch_unwind();
        match tokio::time::timeout_at(deadline.into(), attempt).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(QueryError::Lost("the server's answer was malformed".into())),
            Err(_) => Err(QueryError::Timeout(started.elapsed())),
        }
    }

    async fn attempt(
        self: &Arc<Self>,
        statement: &str,
        limit: Option<&Limit>,
    ) -> Result<Table, QueryError> {
        let mut turn = self.turns.take(statement).await;
        loop {
            let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else {
                return Err(QueryError::Lost("closed".into()));
            };
            let mut lent = Lent::new(Arc::clone(self), permit, turn);
            match self.run_on_one(&mut lent, statement, limit).await {
                Err(error) if error.is_about_connections() && self.allows_fewer(&error) => {
                    // Those that are left wait for one another.
                    match lent.forget() {
                        Some(same) => turn = same,
                        None => return Err(error),
                    }
                }
                answer => return answer,
            }
        }
    }

    /// Takes one connection off those that are allowed, as long as others are open.
    fn allows_fewer(&self, error: &QueryError) -> bool {
        let others_are_open = self.permits.available_permits() + 1 < self.allowed.load(Relaxed);
        let fewer = |allowed: usize| (allowed > 1).then(|| allowed - 1);
        if !others_are_open || self.allowed.fetch_update(Relaxed, Relaxed, fewer).is_err() {
            return false;
        }
        let connections = self.allowed.load(Relaxed);
        let server = self.name();
        tracing::warn!(%server, %error, connections, "fewer connections are used from now on");
        true
    }

    /// Runs a statement on a kept connection or a new one, which is `lent`'s until it has ended.
    async fn run_on_one(
        self: &Arc<Self>,
        lent: &mut Lent,
        statement: &str,
        limit: Option<&Limit>,
    ) -> Result<Table, QueryError> {
        let mut kept = self.kept();
        let mut dialing = None;
        if kept.is_none() && !lent.is_dialing() {
            dialing = Some(self.dialing.lock().await);
            // One may have been given back meanwhile.
            kept = self.kept();
        }
        if let Some(kept) = kept {
            dialing = None;
            match self.run(lent.connection.insert(kept), statement, limit).await {
                // Closed while it was idle: by the server, or because that was restarted.
                Err(QueryError::Lost(reason)) => {
                    tracing::debug!(server = self.name(), reason, "a kept connection was dead");
                    // Most likely as dead as this one.
                    self.idle.clear();
                }
                answer => {
                    self.take_back(lent, &answer);
                    return answer;
                }
            }
        }
        lent.connection = None;
        if dialing.is_none() && !lent.is_dialing() {
            dialing = Some(self.dialing.lock().await);
        }
        let connection = lent.connection.insert(self.dialer.connect().await?);
        drop(dialing);
        let answer = self.run(connection, statement, limit).await;
        self.take_back(lent, &answer);
        answer
    }

    /// A connection that waits for use.
    fn kept(&self) -> Option<Connection> {
        self.idle.take(|kept| !self.dialer.is_outdated(kept))
    }

    async fn run(
        &self,
        connection: &mut Connection,
        statement: &str,
        limit: Option<&Limit>,
    ) -> Result<Table, QueryError> {
        if let Some(limit) = limit {
            connection.limit(limit.seconds, &limit.statement).await?;
        }
        connection.make_ready(limit.and_then(|limit| limit.rows_for_user)).await?;
        connection.query(statement).await
    }

    /// Keeps the connection that has given `answer` if it is of use still.
    fn take_back(&self, lent: &mut Lent, answer: &Result<Table, QueryError>) {
        // Privileges are those of the time of login: a grant takes effect on a new connection.
        let lacks_privilege = matches!(answer, Err(error) if error.is_about_privileges());
        let max_age = if lacks_privilege { MAX_AGE_WITHOUT_PRIVILEGE } else { MAX_AGE };
        let is_of_use =
            |connection: &mut Connection| connection.is_usable() && connection.age() < max_age;
        if let Some(connection) = lent.connection.take_if(is_of_use) {
            self.idle.keep(connection);
        }
    }
}

#[cfg(test)]
mod tests;
