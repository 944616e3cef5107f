//! The source of all collectors: one scrape's view of the server.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::error::CollectError;
use common::failures::OddityLog;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, Value, cmd};
use tokio::sync::OnceCell;

use crate::keys::KeyChecks;
use crate::replies::info::Info;
use crate::replies::settings::Settings;
use crate::replies::values::{text, unexpected_from};
use crate::server::Dialer;
use crate::server::failure::reason;
use crate::server::session::Session;

/// Time at the end of a scrape, at most, for what was found to be written.
const RESERVE: Duration = Duration::from_millis(500);

/// What the collectors of one scrape share.
#[derive(Debug)]
pub struct Scrape {
    info: Info,
    connection: MultiplexedConnection,
    dialer: Dialer,
    deadline: Instant,
    options: Arc<Options>,
    /// Those of the request, else those of the flags.
    checks: Arc<KeyChecks>,
    /// Asked for by the first collector that needs it.
    settings: OnceCell<Result<Settings, RedisError>>,
    /// As the settings: it is long where there are many clients.
    clients: OnceCell<Result<Value, RedisError>>,
}

/// What is the same in every scrape.
#[derive(Debug)]
pub struct Options {
    /// Name of the CONFIG command; `None` never to use it.
    pub config_command: Option<String>,
    /// Commands that a server did not know.
    pub unknown: OddityLog,
    /// Adds the server's role to all its metrics.
    pub appends_role: bool,
    /// The keys to look at, unless the request names others.
    pub checks: Arc<KeyChecks>,
}

impl Scrape {
    /// A scrape of a server that is connected and has answered `INFO`.
    ///
    /// `dialer` makes further connections; `deadline` is the end of the scrape.
    pub fn new(
        info: Info,
        connection: MultiplexedConnection,
        dialer: Dialer,
        deadline: Instant,
        options: Arc<Options>,
    ) -> Self {
        let checks = Arc::clone(&options.checks);
        let (settings, clients) = (OnceCell::new(), OnceCell::new());
        Self { info, connection, dialer, deadline, options, checks, settings, clients }
    }

    /// The same scrape with the keys that its request names.
    #[must_use]
    pub fn with_checks(self, checks: Arc<KeyChecks>) -> Self {
        Self { checks, ..self }
    }

    /// A connection of its own for work that selects databases, to be finished in time for what
    /// was found to be shown.
    ///
    /// # Errors
    /// [`CollectError::Query`] if the server cannot be reached or refuses.
    pub async fn session(&self) -> Result<Session, CollectError> {
        let now = Instant::now();
        let left = self.deadline.saturating_duration_since(now);
        let limit = now + left.saturating_sub((left / 10).min(RESERVE));
        let connected = self.dialer.connect(limit).await;
        let connection =
            connected.map_err(|failure| CollectError::query(failure.step, &failure.reason))?;
        Ok(Session::new(connection, limit))
    }

    /// The keys that this scrape is to look at; `None` if this server's are to be left alone.
    pub fn checks(&self) -> Option<&KeyChecks> {
        let checks = &*self.checks;
        let is_replica = self.info.field("role") == Some("slave");
        (!self.info.is_sentinel() && (is_replica || !checks.replicas_only)).then_some(checks)
    }

    /// Keys that one `SCAN` is to look at.
    pub fn batch_size(&self) -> u32 {
        self.checks.batch_size
    }

    /// The answer to `INFO` in this scrape.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Sends a command. Collectors ask at the same time; their commands share the connection.
    ///
    /// # Errors
    /// [`CollectError::Query`] with the server's words and `statement`, the command without its arguments.
    pub async fn ask(&self, statement: &str, command: &Cmd) -> Result<Value, CollectError> {
        let mut connection = self.connection.clone();
        let answer = command.query_async(&mut connection).await;
        answer.map_err(|error| CollectError::query(statement, &reason(&error)))
    }

    /// Sends a command that not every server knows; `None` from one that does not, which is
    /// logged once per command.
    ///
    /// # Errors
    /// As [`Self::ask`], for any other refusal.
    pub async fn ask_if_known(
        &self,
        statement: &'static str,
        command: &Cmd,
    ) -> Result<Option<Value>, CollectError> {
        match self.ask(statement, command).await {
            Err(CollectError::Query { message, .. }) if is_unknown(&message) => {
                if self.options.unknown.is_new(statement) {
                    tracing::info!(command = statement, reason = message, "command is not known");
                } else {
                    tracing::debug!(command = statement, "command is still not known");
                }
                Ok(None)
            }
            answer => answer.map(Some),
        }
    }

    /// The settings that metrics are made of; `None` from a server that is not
    /// to be asked, and from a sentinel, which has none.
    ///
    /// # Errors
    /// [`CollectError::Query`] if the server refuses.
    pub async fn settings(&self) -> Result<Option<&Settings>, CollectError> {
        let Some(name) = self.options.config_command.as_deref() else { return Ok(None) };
        if self.info.is_sentinel() {
            return Ok(None);
        }
        let read = || Settings::read(self.connection.clone(), name);
        match self.settings.get_or_init(read).await {
            Ok(settings) => Ok(Some(settings)),
            Err(error) => Err(CollectError::query("CONFIG GET", &reason(error))),
        }
    }

    /// The answer to `CLIENT LIST`, for [`crate::replies::clients`].
    ///
    /// # Errors
    /// [`CollectError`] if the server refuses or answers something else.
    pub async fn client_list(&self) -> Result<Cow<'_, str>, CollectError> {
        const STATEMENT: &str = "CLIENT LIST";
        let read = || async {
            let mut connection = self.connection.clone();
            cmd("CLIENT").arg("LIST").query_async(&mut connection).await
        };
        match self.clients.get_or_init(read).await {
            Ok(reply) => text(reply).ok_or_else(|| unexpected_from(STATEMENT)),
            Err(error) => Err(CollectError::query(STATEMENT, &reason(error))),
        }
    }
}

/// True for the words of a server that does not know a command or its subcommand.
fn is_unknown(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let unknown = ["command", "subcommand", "sentinel subcommand"];
    let rest = message.strip_prefix("err unknown ").unwrap_or_default();
    unknown.iter().any(|what| rest.starts_with(what))
}

#[cfg(test)]
mod tests {
    use super::is_unknown;

    #[test]
    fn servers_say_in_several_ways_that_they_do_not_know_a_command() {
        for message in [
            "ERR unknown command 'LATENCY', with args beginning with: 'LATEST' ",
            "ERR unknown command `COMMANDLOG`, with args beginning with: ",
            "ERR Unknown subcommand or wrong number of arguments for 'HISTOGRAM'. Try LATENCY HELP.",
            "ERR unknown subcommand 'X'. Try LATENCY HELP.",
            "ERR Unknown sentinel subcommand 'CONFIG'",
        ] {
            assert!(is_unknown(message), "{message}");
        }
        for message in ["NOPERM User ex has no permissions", "ERR syntax error", "timed out"] {
            assert!(!is_unknown(message), "{message}");
        }
    }
}
