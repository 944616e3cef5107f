//! One connection to a server, and the commands that are sent on it before the collectors run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{Cmd, RedisResult, Value, cmd};
use tokio::net::{TcpStream, UnixStream};

use super::address::Endpoint;
use super::credentials::Login;
use super::exchange::{Exchange, Usual};
use super::failure::{ConnectionState, Failure};
use super::rejection;
use super::servers::Target;
use super::stream::Stream;
use super::tls::Tls;
use super::wire::Wire;
use crate::replies::info::Info;

/// The step before the first command.
pub(super) const CONNECT: &str = "connect";

/// The step, and the command, that tells the server's state.
const INFO: &str = "INFO";

/// The step, and the command, that logs in.
pub(super) const AUTH: &str = "AUTH";

/// A server with thousands of databases and commands has half of that. Every field takes memory
/// and time in many collectors.
const MAX_INFO_BYTES: usize = 1024 * 1024;

pub(super) const CLIENT_NAME: &str = "redis_exporter";

/// A connection that may be kept for the next scrape.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) wire: Wire,
    /// Also distinguishes connections.
    pub(super) made: Instant,
    /// Made for this scrape.
    pub(super) is_new: bool,
    pub(super) usual: Usual,
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
        let wire = Wire::new(stream, timeout);
        let connection = Self { wire, made: Instant::now(), is_new: true, usual: Usual::default() };
        if let Some(login) = login {
            let mut auth = cmd(AUTH);
            if let Some(user) = &login.user {
                auth.arg(user);
            }
            auth.arg(login.password.expose());
            connection
                .ask(AUTH, &auth, limit)
                .await
                .map_err(|failure| failure.without(login.password.expose()))?;
        }
        if target.address.database != 0 {
            let mut select = cmd("SELECT");
            select.arg(target.address.database);
            connection.ask("SELECT", &select, limit).await?;
        }
        Ok(connection)
    }

    /// The server's state, `INFO ALL` or plain `INFO` from a server that does not know sections,
    /// and what the scrape is to ask further; the usual commands are asked at once if
    /// `sends_ahead`.
    pub(super) async fn open_exchange(
        &self,
        sends_ahead: bool,
        limit: Instant,
    ) -> Result<(Exchange, Info), Failure> {
        let all = self.wire.send(cmd(INFO).arg("ALL"));
        let usual = if sends_ahead { self.usual.clone() } else { Usual::default() };
        let exchange = Exchange::begin(&self.wire, usual);
        match within(limit, INFO, all.reply()).await {
            Ok(reply) => {
                if let Some(info) = read_info(reply)? {
                    return Ok((exchange, info));
                }
            }
            Err(failure) if failure.connection != ConnectionState::Usable => return Err(failure),
            Err(_) => {}
        }
        let info = read_info(self.ask(INFO, &cmd(INFO), limit).await?)?;
        let info = info.ok_or_else(|| Failure::unusable(INFO, "the answer is empty"))?;
        Ok((exchange, info))
    }

    /// Gives the connection a name that `CLIENT LIST` shows.
    ///
    /// Not before `INFO` is answered: a server that has too many clients says so once and hangs
    /// up, which a second command would run into before the answer to the first is read.
    pub(super) async fn set_name(&self, limit: Instant) {
        let mut name = cmd("CLIENT");
        name.arg("SETNAME").arg(CLIENT_NAME);
        // A convenience that an access list may refuse.
        if let Err(error) = self.ask("CLIENT SETNAME", &name, limit).await {
            tracing::debug!(%error, "the connection has no name in CLIENT LIST");
        }
    }

    /// Time until `PING` is answered; `None` if it is not.
    pub(super) async fn ping(&self, limit: Instant) -> Option<Duration> {
        let started = Instant::now();
        match self.ask("PING", &cmd("PING"), limit).await {
            Ok(_) => Some(started.elapsed()),
            Err(error) => {
                tracing::debug!(%error, "ping failed");
                None
            }
        }
    }

    /// The answer to one command; `step` is the command in words.
    pub(super) async fn ask(
        &self,
        step: &'static str,
        command: &Cmd,
        limit: Instant,
    ) -> Result<Value, Failure> {
        within(limit, step, self.wire.ask(command)).await
    }
}

/// A stream to the server, by TLS where the address says so.
async fn connect(target: &Target, tls: &Arc<Tls>) -> Result<Box<dyn Stream>, Failure> {
    let lost = |error: std::io::Error| Failure::lost(CONNECT, &error.to_string());
    let address = &target.address;
    Ok(match &address.endpoint {
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
    })
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
fn read_info(reply: Value) -> Result<Option<Info>, Failure> {
    let text = match reply {
        Value::BulkString(bytes) if bytes.len() > MAX_INFO_BYTES => {
            return Err(Failure::unusable(INFO, "the answer is larger than 1 MiB"));
        }
        Value::BulkString(bytes) => utf8(bytes),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text,
        _ => String::new(),
    };
    let info = Info::new(text);
    let has_fields = info.fields().next().is_some();
    Ok(has_fields.then_some(info))
}

/// Text of an answer; invalid UTF-8 is replaced.
fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
