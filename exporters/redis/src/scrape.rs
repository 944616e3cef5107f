//! The source of all collectors: one scrape's view of the server.

use std::sync::Arc;

use common::error::CollectError;
use common::failures::OddityLog;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, Value};
use tokio::sync::OnceCell;

use crate::replies::info::Info;
use crate::replies::settings::Settings;
use crate::server::failure::reason;

/// What the collectors of one scrape share.
#[derive(Debug)]
pub struct Scrape {
    info: Info,
    connection: MultiplexedConnection,
    options: Arc<Options>,
    /// Asked for by the first collector that needs it.
    settings: OnceCell<Result<Settings, RedisError>>,
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
}

impl Scrape {
    /// A scrape of a server that is connected and has answered `INFO`.
    pub fn new(info: Info, connection: MultiplexedConnection, options: Arc<Options>) -> Self {
        Self { info, connection, options, settings: OnceCell::new() }
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
