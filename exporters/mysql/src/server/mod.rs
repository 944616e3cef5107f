//! A server and the connections kept to it: MySQL client/server protocol, text answers only.
//!
//! The connections are pooled here and not by the library's pool: that one
//! waits without limit for a server that hangs in the middle of an answer, and
//! the wait takes up one of the few connections allowed.

mod connection;
mod error;
mod limit;
mod servers;
mod table;
mod version;

use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use common::failures::{Change, FailureLog, OddityLog};
use common::sync::lock;
use futures_util::FutureExt as _;
use mysql_async::{Opts, OptsBuilder};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::account::{Account, Address};
use crate::args::ConnectionArgs;
use connection::Connection;

pub use error::QueryError;
pub(crate) use limit::Limit;
pub use servers::Servers;
pub use table::{Cells, Table};
pub use version::{mariadb, mysql, parse_version};

/// How long an unused connection is kept: longer than any usual scrape interval.
const KEPT_SECONDS: u64 = 180;

/// How long a connection lives at most: a host name may lead to another
/// server, and an account that has been changed is only noticed at login.
const MAX_AGE: Duration = Duration::from_mins(10);

/// When the server gives up an unused connection: well after this side does.
const SERVER_KEPT_SECONDS: u64 = 600;

/// Largest packet of an answer.
const MAX_PACKET_BYTES: usize = 16 * 1024 * 1024;

/// One server: an account there and the connections that wait for the next scrape.
pub struct Server {
    /// Holds the password: never printed.
    opts: Opts,
    address: Address,
    /// Set once on each connection.
    settings: Vec<String>,
    refusals: OddityLog,
    /// As many as there may be connections.
    permits: Semaphore,
    /// How many permits there are.
    allowed: AtomicUsize,
    idle: Mutex<Idle>,
    failures: FailureLog,
}

#[derive(Default)]
struct Idle {
    connections: Vec<(Connection, Instant)>,
    /// A task is about to close unused connections.
    is_watched: bool,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// A server that is not connected to before it is asked something.
    pub fn new(account: Account, args: &ConnectionArgs) -> Self {
        let builder = OptsBuilder::default()
            .user(Some(account.user))
            .pass(Some(account.password.expose()))
            .enable_cleartext_plugin(account.allows_cleartext)
            // The account is that of the address given, not of a socket that the server names.
            .prefer_socket(false)
            // Given here, these two are not asked for on each connection.
            .max_allowed_packet(Some(MAX_PACKET_BYTES))
            .wait_timeout(Some(28_800))
            .stmt_cache_size(0);
        let builder = match &account.address {
            Address::Tcp(host, port) => builder.ip_or_hostname(host).tcp_port(*port),
            Address::Socket(path) => builder.socket(Some(path)),
        };
        Self {
            opts: builder.into(),
            address: account.address,
            settings: settings(args),
            refusals: OddityLog::default(),
            permits: Semaphore::new(args.max_open_connections.into()),
            allowed: AtomicUsize::new(args.max_open_connections.into()),
            idle: Mutex::default(),
            failures: FailureLog::default(),
        }
    }

    /// Logs the first of a series of equal failures, and the recovery.
    pub fn log_change(&self, opened: Result<(), &QueryError>) {
        let server = &self.address;
        match (self.failures.note(&opened), opened) {
            (Change::New, Err(error)) => tracing::warn!(%server, %error, "server is down"),
            (_, Err(error)) => tracing::debug!(%server, %error, "server is still down"),
            (Change::Recovered, Ok(())) => tracing::info!(%server, "server is up again"),
            (_, Ok(())) => {}
        }
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
        if self.opts.user().is_none_or(str::is_empty) {
            return Err(QueryError::NoUser);
        }
        loop {
            // The semaphore is never closed.
            let permit = self.permits.acquire().await;
            match self.attempt_on_one(statement, limit).await {
                Err(error) if error.is_about_connections() && self.allows_fewer(&error) => {
                    // Those that are left wait for one another.
                    permit.map(SemaphorePermit::forget).unwrap_or_default();
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
        let (server, connections) = (&self.address, self.allowed.load(Relaxed));
        tracing::warn!(%server, %error, connections, "fewer connections are used from now on");
        true
    }

    async fn attempt_on_one(
        self: &Arc<Self>,
        statement: &str,
        limit: Option<&Limit>,
    ) -> Result<Table, QueryError> {
        let kept = self.lock().connections.pop();
        if let Some((connection, _)) = kept {
            match self.run(connection, statement, limit).await {
                // Closed while it was idle: by the server, or because that was restarted.
                Err(QueryError::Lost(reason)) => {
                    tracing::debug!(server = %self.address, reason, "a kept connection was dead");
                    // Dropped outside the lock; most likely as dead as this one.
                    let others = std::mem::take(&mut self.lock().connections);
                    drop(others);
                }
                answer => return answer,
            }
        }
        let mut connection = Connection::open(self.opts.clone()).await?;
        self.set_up(&mut connection).await?;
        self.run(connection, statement, limit).await
    }

    /// Makes the settings of a new connection. One that the server refuses costs no other: there
    /// are proxies and relatives of MySQL that lack some.
    async fn set_up(&self, connection: &mut Connection) -> Result<(), QueryError> {
        match connection.query(&format!("SET {}", self.settings.join(", "))).await {
            Err(QueryError::Refused { .. }) => {}
            answer => return answer.map(drop),
        }
        for setting in &self.settings {
            match connection.query(&format!("SET {setting}")).await {
                Err(error @ QueryError::Refused { .. }) => {
                    if self.refusals.is_new(setting) {
                        let server = &self.address;
                        tracing::warn!(%server, %error, setting, "the server takes no such setting");
                    }
                }
                answer => drop(answer?),
            }
        }
        Ok(())
    }

    /// Runs a statement on `connection` and keeps that if it is usable still.
    async fn run(
        self: &Arc<Self>,
        mut connection: Connection,
        statement: &str,
        limit: Option<&Limit>,
    ) -> Result<Table, QueryError> {
        if let Some(limit) = limit {
            connection.limit(limit.seconds, &limit.statement).await?;
        }
        connection.make_ready(limit.and_then(|limit| limit.rows_for_user)).await?;
        let answer = connection.query(statement).await;
        // Privileges are those of the time of login: a grant takes effect on a new connection.
        let lacks_privilege = matches!(&answer, Err(error) if error.is_about_privileges());
        if connection.is_usable() && !lacks_privilege && connection.age() < MAX_AGE {
            self.keep(connection);
        }
        answer
    }

    fn keep(self: &Arc<Self>, connection: Connection) {
        let mut idle = self.lock();
        idle.connections.push((connection, Instant::now()));
        if !idle.is_watched {
            idle.is_watched = true;
            tokio::spawn(close_unused(Arc::downgrade(self)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        lock(&self.idle)
    }
}

/// What is set on each connection, as `SET` takes it.
fn settings(args: &ConnectionArgs) -> Vec<String> {
    let mut settings = vec![format!("wait_timeout = {SERVER_KEPT_SECONDS}")];
    if args.enable_lock_wait_timeout {
        settings.push(format!("lock_wait_timeout = {}", args.lock_wait_timeout));
    }
    if args.log_slow_filter {
        settings.push("log_slow_filter = 'tmp_table_on_disk,filesort_on_disk'".to_owned());
    }
    settings
}

/// Closes connections that no scrape has used for a while; ends with the last of them.
async fn close_unused(server: Weak<Server>) {
    loop {
        tokio::time::sleep(Duration::from_secs(KEPT_SECONDS)).await;
        let Some(server) = server.upgrade() else { return };
        let mut idle = server.lock();
        let (unused, used): (Vec<_>, Vec<_>) = std::mem::take(&mut idle.connections)
            .into_iter()
            .partition(|(_, since)| since.elapsed().as_secs() >= KEPT_SECONDS);
        idle.connections = used;
        idle.is_watched = !idle.connections.is_empty();
        let is_done = !idle.is_watched;
        drop(idle);
        drop(unused);
        if is_done {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
