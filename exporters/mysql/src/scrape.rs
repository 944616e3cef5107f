//! The source of all collectors: one scrape of a server whose version is known.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::collector::Release;
use common::error::CollectError;

use crate::server::{Limit, QueryError, Server, Table, mysql, parse_version};

/// What the collectors of one scrape read: a server whose version is known.
#[derive(Debug)]
pub struct Scrape {
    server: Arc<Server>,
    release: Release,
    limit: Option<Limit>,
    deadline: Instant,
}

impl Scrape {
    /// Asks the server for its version, which also shows that it is up.
    ///
    /// Answers until `deadline`, but no later than `query_timeout` after this.
    ///
    /// # Errors
    /// The server cannot be reached, refuses the account or does not answer in time.
    pub async fn open(
        server: &Arc<Server>,
        query_timeout: Option<Duration>,
        deadline: Instant,
    ) -> Result<Self, QueryError> {
        let time = deadline.saturating_duration_since(Instant::now());
        let time = query_timeout.map_or(time, |timeout| timeout.min(time));
        let table = server.query("SELECT @@version", None, Instant::now() + time).await?;
        let text = table.rows().next().and_then(|row| row.at(0)).unwrap_or_default();
        // It has answered, so that it is up whatever it calls itself.
        let release = parse_version(text).unwrap_or_else(|| {
            server.log_version(text);
            mysql(0, 0, 0)
        });
        let deadline =
            query_timeout.map_or(deadline, |timeout| deadline.min(Instant::now() + timeout));
        Ok(Self { server: Arc::clone(server), release, limit: Limit::new(release, time), deadline })
    }

    /// Which server this is, MariaDB or MySQL, and its version.
    pub fn release(&self) -> Release {
        self.release
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
