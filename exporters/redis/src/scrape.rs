//! The source of all collectors: one scrape's view of the server.

use std::sync::Arc;

use common::error::CollectError;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, Value};
use tokio::sync::OnceCell;

use crate::keys::KeyChecks;
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
    /// The keys to look at, unless the request names others.
    pub checks: Arc<KeyChecks>,
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
