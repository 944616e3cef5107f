//! One connection to a server, and the commands that are sent on it before the collectors run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, RedisConnectionInfo, RedisResult, cmd};
use tokio::net::{TcpStream, UnixStream};

use super::address::Endpoint;
use super::credentials::Login;
use super::failure::{ConnectionState, Failure};
use super::rejection;
use super::servers::Target;
use super::stream::{Stream, Watched};
use super::tls::Tls;
use crate::replies::info::Info;

/// The step before the first command.
pub(super) const CONNECT: &str = "connect";

/// The step, and the command, that logs in.
pub(super) const AUTH: &str = "AUTH";

/// A server with thousands of databases and commands has half of that. Every field takes memory
/// and time in many collectors.
const MAX_INFO_BYTES: usize = 1024 * 1024;

pub(super) const CLIENT_NAME: &str = "redis_exporter";

/// A connection that may be kept for the next scrape.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) multiplexed: MultiplexedConnection,
    /// Also distinguishes connections.
    pub(super) made: Instant,
    /// Made for this scrape.
    pub(super) is_new: bool,
}

impl Connection {
    /// Connects and logs in before `limit`; each later answer has to come within `timeout`.
    pub(super) async fn open(
        target: &Target,
        login: Option<&Login>,
        tls: &Arc<Tls>,
        timeout: Option<Duration>,
        limit: Instant,
    ) -> Result<Self, Failure> {
        let stream = tokio::time::timeout_at(limit.into(), connect(target, tls));
        let stream = stream.await.unwrap_or_else(|_| Err(Failure::timeout(CONNECT)))?;
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(timeout);
        // Login and database are dealt with here: the library would replace the server's words
        // by its own. The library's name would cost two commands per connection, which strict
        // access lists refuse.
        let settings = RedisConnectionInfo::default().set_skip_set_lib_name();
        let connecting = MultiplexedConnection::new_with_config(&settings, stream, config);
        let (multiplexed, driver) = within(limit, CONNECT, connecting).await?;
        // It ends with the last clone of the connection.
        tokio::spawn(driver);
        let connection = Self { multiplexed, made: Instant::now(), is_new: true };
        if let Some(login) = login {
            let mut auth = cmd(AUTH);
            if let Some(user) = &login.user {
                auth.arg(user);
            }
            auth.arg(login.password.expose());
            connection
                .ask::<()>(AUTH, &auth, limit)
                .await
                .map_err(|failure| failure.without(login.password.expose()))?;
        }
        if target.address.database != 0 {
            let mut select = cmd("SELECT");
            select.arg(target.address.database);
            connection.ask::<()>("SELECT", &select, limit).await?;
        }
        Ok(connection)
    }

    /// `INFO ALL`, or plain `INFO` from a server that does not know sections.
    pub(super) async fn info(&self, limit: Instant) -> Result<Info, Failure> {
        let mut all = cmd("INFO");
        all.arg("ALL");
        match self.ask::<Vec<u8>>("INFO", &all, limit).await {
            Ok(text) => {
                if let Some(info) = read_info(text)? {
                    return Ok(info);
                }
            }
            Err(failure) if failure.connection != ConnectionState::Usable => return Err(failure),
            Err(_) => {}
        }
        let text = self.ask::<Vec<u8>>("INFO", &cmd("INFO"), limit).await?;
        read_info(text)?.ok_or_else(|| Failure::unusable("INFO", "the answer is empty"))
    }

    /// Gives the connection a name that `CLIENT LIST` shows.
    ///
    /// Not before `INFO` is answered: a server that has too many clients says so once and hangs
    /// up, which a second command would run into before the answer to the first is read.
    pub(super) async fn set_name(&self, limit: Instant) {
        let mut name = cmd("CLIENT");
        name.arg("SETNAME").arg(CLIENT_NAME);
        // A convenience that an access list may refuse.
        if let Err(error) = self.ask::<()>("CLIENT SETNAME", &name, limit).await {
            tracing::debug!(%error, "the connection has no name in CLIENT LIST");
        }
    }

    /// Time until `PING` is answered; `None` if it is not.
    pub(super) async fn ping(&self, limit: Instant) -> Option<Duration> {
        let started = Instant::now();
        match self.ask::<()>("PING", &cmd("PING"), limit).await {
            Ok(()) => Some(started.elapsed()),
            Err(error) => {
                tracing::debug!(%error, "ping failed");
                None
            }
        }
    }

    /// The answer to one command; `step` is the command in words.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        step: &'static str,
        command: &Cmd,
        limit: Instant,
    ) -> Result<T, Failure> {
        let mut connection = self.multiplexed.clone();
        within(limit, step, command.query_async(&mut connection)).await
    }
}

/// A stream to the server, by TLS where the address says so.
async fn connect(target: &Target, tls: &Arc<Tls>) -> Result<Watched, Failure> {
    let lost = |error: std::io::Error| Failure::lost(CONNECT, &error.to_string());
    let address = &target.address;
    let stream: Box<dyn Stream> = match &address.endpoint {
        Endpoint::Unix(path) => Box::new(UnixStream::connect(path).await.map_err(lost)?),
        Endpoint::Tcp(host, port) => {
            let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(lost)?;
            stream.set_nodelay(true).map_err(lost)?;
            if address.tls {
                let name = target.server_name.as_deref();
                // A server without TLS waits for the rest of what it takes for a command.
                let stream = tokio::select! {
                    stream = tls.connect(host, name, stream) => stream,
                    Some(reason) = rejection::ask_without_tls(host, *port) => Err(reason),
                };
                Box::new(stream.map_err(|reason| Failure::lost(CONNECT, &reason))?)
            } else {
                Box::new(stream)
            }
        }
    };
    Ok(Watched::new(stream))
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

/// The answer to `INFO`; `None` if it is empty.
fn read_info(text: Vec<u8>) -> Result<Option<Info>, Failure> {
    if text.len() > MAX_INFO_BYTES {
        return Err(Failure::unusable("INFO", "the answer is larger than 1 MiB"));
    }
    let info = Info::new(utf8(text));
    let has_fields = info.fields().next().is_some();
    Ok(has_fields.then_some(info))
}

/// Text of an answer; invalid UTF-8 is replaced.
fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
