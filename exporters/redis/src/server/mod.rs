//! Servers: address, login, and one connection kept from scrape to scrape.

pub mod address;
mod connection;
mod credentials;
mod exchange;
pub mod failure;
mod rejection;
pub mod routes;
mod servers;
pub mod session;
mod stream;
mod tls;
pub mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::failures::{Change, FailureLog};
use redis::{Cmd, Value};
use tokio::sync::Mutex;

use crate::args::Args;
use crate::replies::info::Info;
use crate::rights::Right;
use address::Address;
use connection::{AUTH, CLIENT_NAME, CONNECT, Connection};
use credentials::{Credentials, Login};
use failure::{ConnectionState, Failure};
use tls::Tls;
use wire::Wire;

pub use exchange::Exchange;
pub use servers::{IDLE_TIME, MAX_SERVERS, Servers, Target};

/// A connection is replaced when it gets older than this, so that a name which
/// has moved to another server is followed.
const MAX_AGE: Duration = Duration::from_mins(1);

/// How connections to all servers are made and used.
#[derive(Clone, Copy, Debug)]
struct ConnectionOptions {
    /// Longest wait for a connection or for one answer; `None` leaves the deadline alone.
    timeout: Option<Duration>,
    sets_client_name: bool,
    pings: bool,
}

impl ConnectionOptions {
    fn new(args: &Args) -> Self {
        Self {
            timeout: Some(args.connection_timeout).filter(|timeout| !timeout.is_zero()),
            sets_client_name: args.set_client_name,
            pings: args.ping_on_connect,
        }
    }
}

/// A server that can be asked for its state.
#[derive(Debug)]
pub struct Server {
    dialer: Dialer,
    kept: Mutex<Option<Connection>>,
    failures: FailureLog,
}

/// Makes connections to one server.
#[derive(Clone, Debug)]
pub struct Dialer {
    target: Target,
    credentials: Arc<Credentials>,
    tls: Arc<Tls>,
    options: ConnectionOptions,
}

impl Dialer {
    /// Connects and logs in by `limit`, for work beside the kept connection.
    ///
    /// # Errors
    /// The server cannot be reached, refuses the login, or is too slow.
    pub async fn connect(&self, limit: Instant) -> Result<Wire, Failure> {
        self.log_in(limit).await.map(|connection| connection.wire)
    }

    /// Where the connections lead; shown without secrets.
    pub fn address(&self) -> &Address {
        &self.target.address
    }

    /// The user to log in as; `None` for the default one.
    pub async fn user(&self) -> Option<String> {
        let Target { source, address, .. } = &self.target;
        self.credentials.login(source, address).await?.user
    }

    /// What is sent before the collectors run.
    pub fn rights(&self) -> Vec<Right> {
        let ConnectionOptions { sets_client_name, pings, .. } = self.options;
        let database = self.target.address.database;
        let rights = [
            Some(Right::to("INFO").with("server")),
            sets_client_name.then(|| Right::to("CLIENT SETNAME").with(CLIENT_NAME)),
            pings.then(|| Right::to("PING")),
            (database != 0).then(|| Right::to("SELECT").with(database.to_string())),
        ];
        rights.into_iter().flatten().collect()
    }

    /// For a server at this address, of which the one here has told.
    #[must_use]
    pub fn peer(&self, host: &str, port: u16) -> Self {
        let address = self.target.address.with_endpoint(host, port);
        let source = self.credentials.source_of_peer(&address, &self.target);
        let target = Target { address, source, is_sentinel: false, ..self.target.clone() };
        Self { target, ..self.clone() }
    }

    /// What leads to the server.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// A new connection. If the server refuses the login and the password file has changed since
    /// it was read, the new password is tried at once.
    async fn log_in(&self, limit: Instant) -> Result<Connection, Failure> {
        let Target { source, address, .. } = &self.target;
        let login = self.credentials.login(source, address).await;
        match self.open(login.as_ref(), limit).await {
            Err(failure) if failure.step == AUTH => {
                let again = self.credentials.login(source, address).await;
                if again != login {
                    self.open(again.as_ref(), limit).await
                } else if self.target.may_be_open() {
                    self.open(None, limit).await
                } else {
                    Err(failure)
                }
            }
            opened => opened,
        }
    }

    async fn open(&self, login: Option<&Login>, limit: Instant) -> Result<Connection, Failure> {
        Connection::open(&self.target, login, &self.tls, self.options.timeout, limit).await
    }
}

/// What came of the attempt to read a server.
#[derive(Debug)]
pub struct Opening {
    /// Time to get a usable connection, login included; almost nothing if one was kept.
    pub connect_time: Duration,
    /// Time until `PING` was answered, if one was.
    pub ping_time: Option<Duration>,
    /// What further commands are sent on, and the server's state.
    pub result: Result<(Exchange, Info), Failure>,
}

impl Server {
    /// A server that is not connected to yet.
    fn new(dialer: Dialer) -> Self {
        Self { dialer, kept: Mutex::new(None), failures: FailureLog::default() }
    }

    /// For connections beside the kept one.
    pub fn dialer(&self) -> Dialer {
        self.dialer.clone()
    }

    /// Logs the first of a series of equal failures, and the recovery.
    pub fn log_change(&self, read: Result<(), &Failure>) {
        let address = &self.dialer.target.address;
        let label = read.map_err(Failure::label);
        match (self.failures.note(&label), read) {
            (Change::New, Err(error)) => {
                tracing::warn!(%address, %error, "the server cannot be read");
            }
            (_, Err(error)) => {
                tracing::debug!(%address, %error, "the server still cannot be read");
            }
            (Change::Recovered, Ok(())) => {
                tracing::info!(%address, "the server can be read again");
            }
            (_, Ok(())) => {}
        }
    }

    /// Gets a connection and the server's state, by `deadline` at the latest.
    pub async fn open(&self, deadline: Instant) -> Opening {
        // PING is to wait for no other command.
        let sends_ahead = !self.dialer.options.pings;
        let work = |connection: Connection, limit| async move {
            connection.open_exchange(sends_ahead, limit).await
        };
        let (connect_time, opened) = self.with_connection(deadline, work).await;
        match opened {
            Ok((connection, opened)) => {
                let (ping_time, ()) = tokio::join!(
                    self.ping(&connection, deadline),
                    self.set_name(&connection, deadline)
                );
                Opening { connect_time, ping_time, result: Ok(opened) }
            }
            Err(failure) => Opening { connect_time, ping_time: None, result: Err(failure) },
        }
    }

    /// The answer to one command, by `deadline` at the latest; `step` is the command in words.
    ///
    /// # Errors
    /// The server cannot be reached, refuses, or is too slow.
    pub async fn ask(
        &self,
        step: &'static str,
        command: &Cmd,
        deadline: Instant,
    ) -> Result<Value, Failure> {
        let work = |connection: Connection, limit| async move {
            connection.ask(step, command, limit).await
        };
        self.with_connection(deadline, work).await.1.map(|(_, answer)| answer)
    }

    /// Does `work` on a connection; with the time that it took to get that.
    ///
    /// A kept connection that turns out to be dead is replaced once.
    async fn with_connection<T, Work: Future<Output = Result<T, Failure>>>(
        &self,
        deadline: Instant,
        work: impl Fn(Connection, Instant) -> Work,
    ) -> (Duration, Result<(Connection, T), Failure>) {
        let mut connect_time = Duration::ZERO;
        let mut may_retry = true;
        loop {
            let started = Instant::now();
            let connected = self.connect(deadline).await;
            connect_time += started.elapsed();
            let connection = match connected {
                Ok(connection) => connection,
                Err(failure) => {
                    return (connect_time, Err(self.explain(failure, deadline).await));
                }
            };
            let failure = match work(connection.clone(), self.limit(deadline)).await {
                Ok(done) => return (connect_time, Ok((connection, done))),
                Err(failure) => failure,
            };
            if failure.connection != ConnectionState::Usable {
                self.forget(connection.made);
            }
            if failure.connection != ConnectionState::Lost || connection.is_new || !may_retry {
                return (connect_time, Err(self.explain(failure, deadline).await));
            }
            may_retry = false;
        }
    }

    /// Drops the kept connection: the next scrape makes a new one.
    pub fn hang_up(&self) {
        // Who holds the lock is connecting, so that nothing old is kept.
        if let Ok(mut kept) = self.kept.try_lock() {
            *kept = None;
        }
    }

    fn forget(&self, made: Instant) {
        // Another scrape may have replaced it already, or be about to.
        if let Ok(mut kept) = self.kept.try_lock() {
            kept.take_if(|kept| kept.made == made);
        }
    }

    async fn connect(&self, deadline: Instant) -> Result<Connection, Failure> {
        let limit = self.limit(deadline);
        let connecting = async {
            let mut slot = self.kept.lock().await;
            if let Some(kept) = slot.as_ref().filter(|kept| kept.made.elapsed() < MAX_AGE) {
                return Ok(Connection { is_new: false, ..kept.clone() });
            }
            *slot = None;
            let connection = self.dialer.log_in(limit).await?;
            *slot = Some(connection.clone());
            Ok(connection)
        };
        tokio::time::timeout_at(limit.into(), connecting)
            .await
            .unwrap_or_else(|_| Err(Failure::timeout(CONNECT)))
    }

    /// Finds out why a server accepts connections and drops them.
    async fn explain(&self, failure: Failure, deadline: Instant) -> Failure {
        if failure.connection != ConnectionState::Lost || failure.step == CONNECT {
            return failure;
        }
        match rejection::ask_why(&self.dialer.target.address, self.limit(deadline)).await {
            Some(reason) => Failure { reason, is_servers: true, ..failure },
            None => failure,
        }
    }

    async fn set_name(&self, connection: &Connection, deadline: Instant) {
        if self.dialer.options.sets_client_name && connection.is_new {
            connection.set_name(self.limit(deadline)).await;
        }
    }

    async fn ping(&self, connection: &Connection, deadline: Instant) -> Option<Duration> {
        if self.dialer.options.pings { connection.ping(self.limit(deadline)).await } else { None }
    }

    fn limit(&self, deadline: Instant) -> Instant {
        self.dialer
            .options
            .timeout
            .map_or(deadline, |timeout| deadline.min(Instant::now() + timeout))
    }
}
