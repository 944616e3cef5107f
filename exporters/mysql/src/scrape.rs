//! The source of all collectors: one scrape of a server whose version is known.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::collector::{Guarded, Release};
use common::error::CollectError;
use tokio::sync::OnceCell;

use crate::custom::{Files, Query};
use crate::grant::Grant;
use crate::privilege::{Privilege, shortened};
use crate::replica_status::Known;
use crate::server::{Limit, QueryError, Server, Table, mysql, parse_version};

/// `ER_PARSE_ERROR`: the server does not know the statement.
const SYNTAX_ERROR: u16 = 1064;

/// The server has no such schema (1049), column (1054), table (1109, 1146), engine (1286) or
/// variable (1193), or writes no binary log (1381).
const ABSENT: [u16; 7] = [1049, 1054, 1109, 1146, 1193, 1286, 1381];

/// What the collectors of one scrape read: a server whose version is known.
#[derive(Debug)]
pub struct Scrape {
    server: Arc<Server>,
    release: Release,
    limit: Option<Limit>,
    deadline: Instant,
    replica_statements: Arc<Known>,
    replica_status: OnceCell<Result<Table, Refusal>>,
    queries: Arc<[Query]>,
}

/// A statement that the server did not answer.
#[derive(Debug)]
struct Refusal {
    statement: &'static str,
    error: QueryError,
}

impl Guarded for Scrape {
    type Right = Grant;
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
        Ok(Self {
            server: Arc::clone(server),
            release,
            limit: Limit::new(release, time),
            deadline,
            replica_statements: Arc::default(),
            replica_status: OnceCell::new(),
            queries: Arc::default(),
        })
    }

    /// Uses, and adds to, what earlier scrapes learnt about the statement for replica status.
    #[must_use]
    pub(crate) fn remembering(self, replica_statements: &Arc<Known>) -> Self {
        Self { replica_statements: Arc::clone(replica_statements), ..self }
    }

    /// Also runs the queries of the user's own.
    #[must_use]
    pub(crate) fn with_queries(self, files: &Files) -> Self {
        Self { queries: files.queries(), ..self }
    }

    /// The queries of the user's own, the same ones during the whole scrape.
    pub(crate) fn queries(&self) -> &Arc<[Query]> {
        &self.queries
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

    /// Runs a statement for which the account needs `privilege`.
    ///
    /// # Errors
    /// [`CollectError::Query`] with the statement, the reason, and the privilege if it is missing.
    pub async fn query_with(
        &self,
        statement: &str,
        privilege: &Privilege<'_>,
    ) -> Result<Table, CollectError> {
        let answer = self.try_query(statement).await;
        answer.map_err(|error| privilege.explain(statement, &error, self.release))
    }

    /// As [`Self::query_with`], for what some servers lack.
    ///
    /// # Errors
    /// Also [`CollectError::NoData`] if the server has no such table, column, engine, variable or
    /// log.
    pub async fn query_if_present(
        &self,
        statement: &str,
        privilege: &Privilege<'_>,
    ) -> Result<Table, CollectError> {
        self.query_table(statement, statement, privilege).await
    }

    /// As [`Self::query_if_present`]; errors name `table` instead of a long statement.
    ///
    /// # Errors
    /// As there.
    pub async fn query_table(
        &self,
        table: &str,
        statement: &str,
        privilege: &Privilege<'_>,
    ) -> Result<Table, CollectError> {
        let answer = self.try_query(statement).await;
        answer.map_err(|error| self.explain(table, &error, privilege))
    }

    /// What the refusal of a statement about `table` says: that the server has no such thing, or
    /// that `privilege` is missing, or anything else.
    pub(crate) fn explain(
        &self,
        table: &str,
        error: &QueryError,
        privilege: &Privilege<'_>,
    ) -> CollectError {
        match error {
            QueryError::Refused { code, .. } if ABSENT.contains(code) => {
                CollectError::NoData(format!("{}: {error}", shortened(table)))
            }
            error => privilege.explain(table, error, self.release),
        }
    }

    /// Runs the first of `statements` that the server knows.
    ///
    /// # Errors
    /// As [`Self::query_if_present`]; [`CollectError::NoData`] if it knows none of them.
    pub async fn query_either(
        &self,
        statements: &[&'static str],
        privilege: &Privilege<'_>,
    ) -> Result<Table, CollectError> {
        for statement in statements {
            match self.try_query(statement).await {
                Err(error) if is_unknown(&error) => {}
                answer => {
                    return answer
                        .map_err(|error| privilege.explain(statement, &error, self.release));
                }
            }
        }
        Err(unknown_statement(statements.first().copied().unwrap_or_default()))
    }

    /// How replication goes, by whichever statement the server knows; asked once per scrape.
    ///
    /// # Errors
    /// As [`Self::query_either`].
    pub async fn replica_status(&self) -> Result<&Table, CollectError> {
        let answer = self.replica_status.get_or_init(|| self.ask_replica_status()).await;
        answer.as_ref().map_err(|Refusal { statement, error }| {
            if is_unknown(error) {
                unknown_statement(statement)
            } else {
                Privilege::REPLICA_STATUS.explain(statement, error, self.release)
            }
        })
    }

    async fn ask_replica_status(&self) -> Result<Table, Refusal> {
        let mut refusal = None;
        for statement in self.replica_statements.candidates(self.release) {
            match self.try_query(statement).await {
                Ok(table) => {
                    self.replica_statements.remember(self.release, statement);
                    return Ok(table);
                }
                Err(error) if is_unknown(&error) => refusal = Some(Refusal { statement, error }),
                Err(error) => return Err(Refusal { statement, error }),
            }
        }
        let none = || Refusal { statement: "", error: QueryError::Lost("no statement".into()) };
        Err(refusal.unwrap_or_else(none))
    }

    /// Runs a statement that the user has written until `deadline` at the latest: in a read-only
    /// transaction, in the time zone of the server's machine, and for one row more than `rows`
    /// at most, which shows that there are more.
    ///
    /// # Errors
    /// [`QueryError`] as it came; also if the server takes no read-only transactions.
    pub async fn query_of_user(
        &self,
        statement: &str,
        rows: usize,
        deadline: Instant,
    ) -> Result<Table, QueryError> {
        let deadline = deadline.min(self.deadline);
        let time = deadline.saturating_duration_since(Instant::now());
        let limit = Limit::of_user(self.release, time, rows + 1);
        self.server.query(statement, Some(&limit), deadline).await
    }

    /// The server that is asked, the same one in each scrape for as long as it is kept.
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// Runs a statement of which the caller wants to know how it failed.
    ///
    /// # Errors
    /// [`QueryError`] as it came.
    pub async fn try_query(&self, statement: &str) -> Result<Table, QueryError> {
        self.server.query(statement, self.limit.as_ref(), self.deadline).await
    }
}

fn is_unknown(error: &QueryError) -> bool {
    matches!(error, QueryError::Refused { code: SYNTAX_ERROR, .. })
}

fn unknown_statement(statement: &str) -> CollectError {
    CollectError::NoData(format!("the server knows neither {statement} nor its other forms"))
}
