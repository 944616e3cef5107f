//! One connection and what was set on it.

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts};

use super::error::QueryError;
use super::table::{MAX_BYTES, Table};

/// What can be done with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Another statement may be sent.
    Ready,
    /// A statement was sent whose answer has not been read to its end.
    Busy,
    /// It broke, or what came made no sense.
    Lost,
}

/// A connection that leaves neither a task nor a socket behind, in whatever state it is dropped.
pub(super) struct Connection {
    /// `None` only while being dropped.
    conn: Option<Conn>,
    state: State,
    /// Seconds after which the server ends a statement.
    statement_limit: Option<u64>,
    /// Its transactions cannot write.
    is_read_only: bool,
    /// It is ready for a statement of the user's, of as many rows at most.
    rows_for_user: Option<usize>,
    opened: Instant,
    /// Which state of the accounts it was made with.
    pub(super) generation: u64,
}

impl Connection {
    /// Connects and logs in.
    pub(super) async fn open(opts: Opts, generation: u64) -> Result<Self, QueryError> {
        let conn = Conn::new(opts).await.map_err(|error| QueryError::connect(&error))?;
        Ok(Self {
            conn: Some(conn),
            state: State::Ready,
            statement_limit: None,
            is_read_only: false,
            rows_for_user: None,
            opened: Instant::now(),
            generation,
        })
    }

    /// Runs a statement and reads its whole answer.
    pub(super) async fn query(&mut self, statement: &str) -> Result<Table, QueryError> {
        let Some(conn) = self.conn.as_mut() else {
            return Err(QueryError::Lost("closed".into()));
        };
        self.state = State::Busy;
        let answer = read(conn, statement).await;
        self.state = match &answer {
            // The rest of it has not been read.
            Ok(table) if table.overflows() => State::Busy,
            Ok(_) | Err(mysql_async::Error::Server(_)) => State::Ready,
            Err(_) => State::Lost,
        };
        let table = answer.map_err(|error| QueryError::lost(&error))?;
        if table.overflows() { Err(QueryError::TooLarge(MAX_BYTES)) } else { Ok(table) }
    }

    /// The server's number for this connection if it is likely to be at work on a statement whose
    /// answer nobody waits for any more.
    pub(super) fn abandoned(&self) -> Option<u32> {
        let conn = self.conn.as_ref().filter(|_| self.state == State::Busy);
        conn.map(Conn::id)
    }

    /// Makes the server end statements after `seconds`; `set` does so.
    ///
    /// A server that refuses runs statements as long as it likes, as without this.
    pub(super) async fn limit(&mut self, seconds: u64, set: &str) -> Result<(), QueryError> {
        if self.statement_limit == Some(seconds) || set.is_empty() {
            return Ok(());
        }
        self.statement_limit = Some(seconds);
        match self.query(set).await {
            Err(QueryError::Refused { code, message }) => {
                tracing::debug!(code, message, set, "the server takes no limit for statements");
                Ok(())
            }
            answer => answer.map(drop),
        }
    }

    /// Makes ready for a statement of this program, or for one that the user has written. That
    /// runs in a read-only transaction and selects no more than `rows_for_user`; its NOW() is in
    /// the time zone of the server's machine, as are the times of InnoDB's transactions.
    pub(super) async fn make_ready(
        &mut self,
        rows_for_user: Option<usize>,
    ) -> Result<(), QueryError> {
        if rows_for_user.is_some() && !self.is_read_only {
            // It stays so: this program writes nothing.
            self.query("SET SESSION TRANSACTION READ ONLY").await?;
            self.is_read_only = true;
        }
        if self.rows_for_user != rows_for_user {
            let set = match rows_for_user {
                Some(rows) => format!("SET time_zone = 'SYSTEM', sql_select_limit = {rows}"),
                None => "SET time_zone = DEFAULT, sql_select_limit = DEFAULT".to_owned(),
            };
            self.query(&set).await?;
            self.rows_for_user = rows_for_user;
        }
        Ok(())
    }

    /// Time since login.
    pub(super) fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    /// Usable for another statement.
    pub(super) fn is_usable(&self) -> bool {
        self.state == State::Ready
    }
}

async fn read(conn: &mut Conn, statement: &str) -> mysql_async::Result<Table> {
    let mut result = conn.query_iter(statement).await?;
    let mut table =
        Table::new(statement, result.columns_ref().iter().map(mysql_async::Column::name_str));
    while let Some(row) = result.next().await? {
        table.push(row);
        if table.overflows() {
            return Ok(table);
        }
    }
    result.drop_result().await?;
    Ok(table)
}

impl Drop for Connection {
    /// The library would read a pending answer to its end in a task of its
    /// own, for ever if the server hangs. Both ways here do at once what can
    /// be done at once: a farewell is written, or a command is begun and given
    /// up, after which the library closes the socket without further ado.
    fn drop(&mut self) {
        let Some(mut conn) = self.conn.take() else { return };
        if self.state == State::Ready {
            let _ = conn.disconnect().now_or_never();
        } else {
            let _ = conn.ping().now_or_never();
        }
    }
}
