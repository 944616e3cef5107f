//! A server and the connections kept to it: MySQL client/server protocol, text answers only.
//!
//! The connections are pooled here and not by the library's pool: that one
//! waits without limit for a server that hangs in the middle of an answer, and
//! the wait takes up one of the few connections allowed.

mod error;
mod session;
mod table;
mod version;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use common::error::CollectError;
use futures_util::FutureExt as _;
use mysql_async::{Opts, OptsBuilder};
use tokio::sync::Semaphore;

use crate::account::{Account, Address};
use crate::args::SessionArgs;
use common::sync::lock;
use session::Session;

pub use error::QueryError;
pub use table::{Cells, Table};
pub use version::Version;

/// How long an unused connection is kept: longer than any usual scrape interval.
const KEPT_SECONDS: u64 = 180;

/// How long a connection lives at most: a host name may come to mean another
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
    /// Runs once on each connection.
    setup: String,
    /// As many as there may be connections.
    permits: Semaphore,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    sessions: Vec<(Session, Instant)>,
    /// A task is about to close what nobody uses.
    is_watched: bool,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// A server that is not connected to before it is asked something.
    pub fn new(account: Account, args: &SessionArgs) -> Self {
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
            setup: setup(args),
            permits: Semaphore::new(args.max_open_connections.into()),
            idle: Mutex::default(),
        }
    }

    /// Where the server is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Runs a statement on one of the connections before `deadline`; `limit`
    /// sets the time after which the server itself ends it.
    async fn query(
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
            Ok(Err(_)) => Err(QueryError::Lost("the server's answer made no sense".into())),
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
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await;
        let kept = self.lock().sessions.pop();
        if let Some((session, _)) = kept {
            match self.run(session, statement, limit).await {
                // Closed while it was idle: by the server, or because that was restarted.
                Err(QueryError::Lost(reason)) => {
                    tracing::debug!(server = %self.address, reason, "a kept connection was dead");
                    // Dropped outside the lock; most likely as dead as this one.
                    let others = std::mem::take(&mut self.lock().sessions);
                    drop(others);
                }
                answer => return answer,
            }
        }
        let session = Session::open(self.opts.clone(), &self.setup).await?;
        self.run(session, statement, limit).await
    }

    /// Runs a statement on `session` and keeps that if it is usable still.
    async fn run(
        self: &Arc<Self>,
        mut session: Session,
        statement: &str,
        limit: Option<&Limit>,
    ) -> Result<Table, QueryError> {
        if let Some(limit) = limit {
            session.limit(limit.seconds, &limit.statement).await?;
        }
        let answer = session.query(statement).await;
        // Privileges are those of the time of login: a grant takes effect on a new connection.
        let lacks_privilege = matches!(&answer, Err(error) if error.is_about_privileges());
        if session.is_usable() && !lacks_privilege && session.age() < MAX_AGE {
            self.keep(session);
        }
        answer
    }

    fn keep(self: &Arc<Self>, session: Session) {
        let mut idle = self.lock();
        idle.sessions.push((session, Instant::now()));
        if !idle.is_watched {
            idle.is_watched = true;
            tokio::spawn(close_unused(Arc::downgrade(self)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        lock(&self.idle)
    }
}

/// The statement that prepares a connection.
fn setup(args: &SessionArgs) -> String {
    let mut setup = format!("SET wait_timeout = {SERVER_KEPT_SECONDS}");
    if args.enable_lock_wait_timeout {
        setup += &format!(", lock_wait_timeout = {}", args.lock_wait_timeout);
    }
    if args.log_slow_filter {
        setup += ", log_slow_filter = 'tmp_table_on_disk,filesort_on_disk'";
    }
    setup
}

/// Closes connections that no scrape has used for a while; ends with the last of them.
async fn close_unused(server: Weak<Server>) {
    loop {
        tokio::time::sleep(Duration::from_secs(KEPT_SECONDS)).await;
        let Some(server) = server.upgrade() else { return };
        let mut idle = server.lock();
        let (unused, used): (Vec<_>, Vec<_>) = std::mem::take(&mut idle.sessions)
            .into_iter()
            .partition(|(_, since)| since.elapsed().as_secs() >= KEPT_SECONDS);
        idle.sessions = used;
        idle.is_watched = !idle.sessions.is_empty();
        let is_done = !idle.is_watched;
        drop(idle);
        drop(unused);
        if is_done {
            return;
        }
    }
}

/// After how many seconds the server ends a statement, and how it is told so.
#[derive(Debug, PartialEq, Eq)]
struct Limit {
    seconds: u64,
    statement: String,
}

impl Limit {
    /// The next full second after `time`: this side gives up first, and the
    /// same scrape interval gives the same limit each time. `None` for a
    /// server that knows no limits.
    fn new(version: Version, time: Duration) -> Option<Self> {
        let seconds = time.as_secs() + 1;
        let statement = if version.is_mariadb_from(10, 1, 1) {
            format!("SET max_statement_time = {seconds}")
        } else if version.is_mysql_from(5, 7, 8) {
            format!("SET max_execution_time = {}", seconds * 1000)
        } else {
            return None;
        };
        Some(Self { seconds, statement })
    }
}

/// What the collectors of one scrape read: a server that has told its version.
#[derive(Debug)]
pub struct Scrape {
    server: Arc<Server>,
    version: Version,
    limit: Option<Limit>,
    deadline: Instant,
}

impl Scrape {
    /// Asks the server for its version, which also tells that it lives.
    ///
    /// Answers until `deadline`, but no later than `query_timeout` after this.
    ///
    /// # Errors
    /// The server cannot be reached, refuses the account, does not answer in
    /// time, or has a version of unknown form.
    pub async fn open(
        server: &Arc<Server>,
        query_timeout: Option<Duration>,
        deadline: Instant,
    ) -> Result<Self, QueryError> {
        let time = deadline.saturating_duration_since(Instant::now());
        let time = query_timeout.map_or(time, |timeout| timeout.min(time));
        let table = server.query("SELECT @@version", None, Instant::now() + time).await?;
        let text = table.rows().next().and_then(|row| row.at(0)).unwrap_or_default();
        let version = Version::parse(text)
            .ok_or_else(|| QueryError::Version(common::error::excerpt(text)))?;
        let deadline =
            query_timeout.map_or(deadline, |timeout| deadline.min(Instant::now() + timeout));
        Ok(Self { server: Arc::clone(server), version, limit: Limit::new(version, time), deadline })
    }

    /// The server's version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// When the collectors must be done.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Runs a statement.
    ///
    /// # Errors
    /// [`CollectError::Query`] with the statement and the reason.
    pub async fn query(&self, statement: &str) -> Result<Table, CollectError> {
        self.try_query(statement).await.map_err(|error| CollectError::query(statement, &error))
    }

    /// Runs a statement of which the caller wants to know how it failed.
    ///
    /// # Errors
    /// [`QueryError`] as it came.
    pub async fn try_query(&self, statement: &str) -> Result<Table, QueryError> {
        self.server.query(statement, self.limit.as_ref(), self.deadline).await
    }
}

#[cfg(test)]
mod tests;
