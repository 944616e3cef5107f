//! The server: its address, and one connection kept from scrape to scrape.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, FromRedisValue, IntoConnectionInfo as _,
    RedisConnectionInfo, RedisResult, cmd,
};
use tokio::sync::Mutex;

use crate::address::{Address, Endpoint};
use crate::args::Args;
use crate::credentials::{self, Login};
use crate::failure::{Connection, Failure};
use crate::info::Info;
use crate::parting;

/// A connection is replaced when it gets older than this, so that a name which
/// has moved to another server is followed.
const MAX_AGE: Duration = Duration::from_mins(1);

/// The step before the first command.
const CONNECT: &str = "connect";

const CLIENT_NAME: &str = "redis_exporter";

/// A server that can be asked for its state.
#[derive(Debug)]
pub struct Target {
    address: Address,
    client: Client,
    login: Option<Login>,
    /// Longest wait for a connection or for one answer; `None` leaves the deadline alone.
    timeout: Option<Duration>,
    sets_client_name: bool,
    pings: bool,
    kept: Mutex<Option<Kept>>,
}

#[derive(Clone, Debug)]
struct Kept {
    connection: MultiplexedConnection,
    /// Also tells connections apart.
    made: Instant,
    is_new: bool,
}

/// What came of the attempt to read a server.
#[derive(Debug)]
pub struct Opening {
    /// Time to get a usable connection, login included; almost nothing if one was kept.
    pub connect_time: Duration,
    /// Time until `PING` was answered, if one was.
    pub ping_time: Option<Duration>,
    /// The connection and the server's state.
    pub result: Result<(MultiplexedConnection, Info), Failure>,
}

impl Target {
    /// Prepares for the server at `text`; does not connect yet.
    ///
    /// # Errors
    /// A malformed address or password file.
    pub fn new(args: &Args, text: &str) -> anyhow::Result<Self> {
        let address = Address::parse(text).context("--redis.addr")?;
        let login = credentials::login(args, text, &address)?;
        let connection_address = match &address.endpoint {
            Endpoint::Tcp(host, port) => ConnectionAddr::Tcp(host.clone(), *port),
            Endpoint::Unix(path) => ConnectionAddr::Unix(path.clone()),
        };
        // Login and database are dealt with here: the library would replace
        // the server's words by its own. The library's name would cost two
        // commands per connection, which strict access lists refuse.
        let settings = RedisConnectionInfo::default().set_skip_set_lib_name();
        let info = connection_address.into_connection_info()?.set_redis_settings(settings);
        Ok(Self {
            client: Client::open(info)?,
            address,
            login,
            timeout: Some(args.connection_timeout).filter(|timeout| !timeout.is_zero()),
            sets_client_name: args.set_client_name,
            pings: args.ping_on_connect,
            kept: Mutex::new(None),
        })
    }

    /// The server's address, without user and password.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Gets a connection and the server's state, by `deadline` at the latest.
    ///
    /// A kept connection that turns out to be dead is replaced once.
    pub async fn open(&self, deadline: Instant) -> Opening {
        let mut connect_time = Duration::ZERO;
        let mut may_retry = true;
        loop {
            let started = Instant::now();
            let connected = self.connect(deadline).await;
            connect_time += started.elapsed();
            let kept = match connected {
                Ok(kept) => kept,
                Err(failure) => {
                    let result = Err(self.explain(failure, deadline).await);
                    return Opening { connect_time, ping_time: None, result };
                }
            };
            let failure = match self.info(&kept, deadline).await {
                Ok(info) => {
                    let (ping_time, ()) =
                        tokio::join!(self.ping(&kept, deadline), self.name(&kept, deadline));
                    let result = Ok((kept.connection, info));
                    return Opening { connect_time, ping_time, result };
                }
                Err(failure) => failure,
            };
            if failure.connection != Connection::Usable {
                self.forget(kept.made);
            }
            if failure.connection != Connection::Lost || kept.is_new || !may_retry {
                let result = Err(self.explain(failure, deadline).await);
                return Opening { connect_time, ping_time: None, result };
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

    async fn connect(&self, deadline: Instant) -> Result<Kept, Failure> {
        let limit = self.limit(deadline);
        let connecting = async {
            let mut slot = self.kept.lock().await;
            if let Some(kept) = slot.as_ref().filter(|kept| kept.made.elapsed() < MAX_AGE) {
                return Ok(Kept { is_new: false, ..kept.clone() });
            }
            *slot = None;
            let connection = self.dial(limit).await?;
            let kept = Kept { connection, made: Instant::now(), is_new: true };
            *slot = Some(kept.clone());
            Ok(kept)
        };
        tokio::time::timeout_at(limit.into(), connecting)
            .await
            .unwrap_or_else(|_| Err(Failure::timeout(CONNECT)))
    }

    /// Finds out why a server accepts connections and drops them.
    async fn explain(&self, failure: Failure, deadline: Instant) -> Failure {
        if failure.connection != Connection::Lost || failure.step == CONNECT {
            return failure;
        }
        match parting::words(&self.address.endpoint, self.limit(deadline)).await {
            Some(reason) => Failure { reason, ..failure },
            None => failure,
        }
    }

    async fn dial(&self, limit: Instant) -> Result<MultiplexedConnection, Failure> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(self.timeout);
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let connection = within(limit, CONNECT, connecting).await?;
        if let Some(login) = &self.login {
            let mut auth = cmd("AUTH");
            if let Some(user) = &login.user {
                auth.arg(user);
            }
            auth.arg(login.password.expose());
            ask::<()>(&connection, limit, "AUTH", &auth)
                .await
                .map_err(|failure| failure.without(login.password.expose()))?;
        }
        if self.address.database != 0 {
            let mut select = cmd("SELECT");
            select.arg(self.address.database);
            ask::<()>(&connection, limit, "SELECT", &select).await?;
        }
        Ok(connection)
    }

    /// Names a new connection. Not before `INFO` is answered: a server that has
    /// too many clients says so once and hangs up, which a second command would
    /// run into before the answer to the first is read.
    async fn name(&self, kept: &Kept, deadline: Instant) {
        if !self.sets_client_name || !kept.is_new {
            return;
        }
        let mut name = cmd("CLIENT");
        name.arg("SETNAME").arg(CLIENT_NAME);
        let limit = self.limit(deadline);
        // A convenience for CLIENT LIST that an access list may refuse.
        if let Err(error) = ask::<()>(&kept.connection, limit, "CLIENT SETNAME", &name).await {
            tracing::debug!(%error, "the connection stays without a name");
        }
    }

    async fn ping(&self, kept: &Kept, deadline: Instant) -> Option<Duration> {
        if !self.pings {
            return None;
        }
        let started = Instant::now();
        match ask::<()>(&kept.connection, self.limit(deadline), "PING", &cmd("PING")).await {
            Ok(()) => Some(started.elapsed()),
            Err(error) => {
                tracing::debug!(%error, "ping failed");
                None
            }
        }
    }

    /// `INFO ALL`, or plain `INFO` from a server that does not know sections.
    async fn info(&self, kept: &Kept, deadline: Instant) -> Result<Info, Failure> {
        let limit = self.limit(deadline);
        let mut all = cmd("INFO");
        all.arg("ALL");
        match ask::<Vec<u8>>(&kept.connection, limit, "INFO", &all).await {
            Ok(text) if !text.is_empty() => return Ok(Info::new(utf8(text))),
            Err(failure) if failure.connection != Connection::Usable => return Err(failure),
            Ok(_) | Err(_) => {}
        }
        let text = ask::<Vec<u8>>(&kept.connection, limit, "INFO", &cmd("INFO")).await?;
        Ok(Info::new(utf8(text)))
    }

    fn limit(&self, deadline: Instant) -> Instant {
        self.timeout.map_or(deadline, |timeout| deadline.min(Instant::now() + timeout))
    }
}

async fn ask<T: FromRedisValue>(
    connection: &MultiplexedConnection,
    limit: Instant,
    step: &'static str,
    command: &Cmd,
) -> Result<T, Failure> {
    let mut connection = connection.clone();
    within(limit, step, command.query_async(&mut connection)).await
}

async fn within<T>(
    limit: Instant,
    step: &'static str,
    work: impl Future<Output = RedisResult<T>>,
) -> Result<T, Failure> {
    match tokio::time::timeout_at(limit.into(), work).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Failure::new(step, &error)),
        Err(_) => Err(Failure::timeout(step)),
    }
}

/// Text of an answer; invalid UTF-8 is replaced.
fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
