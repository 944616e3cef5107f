//! A connection for work on keys: it selects databases and asks for many things at once.

use std::time::Instant;

use common::error::CollectError;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, Value, cmd};

use super::failure::reason;
use crate::replies::values::unexpected_from;

/// A connection that nobody else uses, until a point in time.
#[derive(Debug)]
pub struct Session {
    connection: MultiplexedConnection,
    limit: Instant,
    /// `None` before the first is chosen.
    database: Option<u32>,
}

/// The place in the keys of a database where the next `SCAN` goes on.
#[derive(Clone, Debug, Default)]
pub struct Cursor(Option<Vec<u8>>);

impl Session {
    /// A session on a connection that is logged in; no answer is waited for after `limit`.
    pub fn new(connection: MultiplexedConnection, limit: Instant) -> Self {
        Self { connection, limit, database: None }
    }

    /// Lets what follows take until `limit`.
    pub fn extend(&mut self, limit: Instant) {
        self.limit = limit;
    }

    /// Chooses the database of what follows.
    ///
    /// # Errors
    /// [`CollectError::Query`] with the server's words.
    pub async fn select(&mut self, database: u32) -> Result<(), CollectError> {
        if self.database == Some(database) {
            return Ok(());
        }
        let mut select = cmd("SELECT");
        select.arg(database);
        self.ask("SELECT", &select).await?;
        self.database = Some(database);
        Ok(())
    }

    /// Sends one command.
    ///
    /// # Errors
    /// [`CollectError::Query`] with the server's words and `statement`.
    pub async fn ask(&mut self, statement: &str, command: &Cmd) -> Result<Value, CollectError> {
        let answer = command.query_async(&mut self.connection);
        match tokio::time::timeout_at(self.limit.into(), answer).await {
            Ok(answer) => answer.map_err(|error| CollectError::query(statement, &reason(&error))),
            Err(_) => Err(too_late(statement)),
        }
    }

    /// Sends commands at once; one answer for each, in their order, which may be an error.
    ///
    /// # Errors
    /// [`CollectError::Query`] if the connection fails or an answer is late: then there is none.
    pub async fn ask_all(
        &mut self,
        statement: &str,
        commands: &Pipeline,
    ) -> Result<Vec<Value>, CollectError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let answers = self.connection.send_packed_commands(commands, 0, commands.len());
        match tokio::time::timeout_at(self.limit.into(), answers).await {
            Ok(Ok(answers)) if answers.len() == commands.len() => Ok(answers),
            Ok(Ok(_)) => Err(unexpected_from(statement)),
            Ok(Err(error)) => Err(CollectError::query(statement, &reason(&error))),
            Err(_) => Err(too_late(statement)),
        }
    }

    /// The next names that match `pattern`, some of them perhaps again; `None` at the end.
    ///
    /// # Errors
    /// [`CollectError`] if the server refuses, answers something else, or is too slow.
    pub async fn scan(
        &mut self,
        cursor: &mut Cursor,
        pattern: &[u8],
        batch_size: u32,
    ) -> Result<Option<Vec<Vec<u8>>>, CollectError> {
        if cursor.0.as_deref() == Some(b"0") {
            return Ok(None);
        }
        let mut scan = cmd("SCAN");
        scan.arg(cursor.0.as_deref().unwrap_or(b"0"));
        scan.arg("MATCH").arg(pattern).arg("COUNT").arg(batch_size);
        let (next, names) = parse_scan(self.ask("SCAN", &scan).await?)?;
        *cursor = Cursor(Some(next));
        Ok(Some(names))
    }
}

fn parse_scan(reply: Value) -> Result<(Vec<u8>, Vec<Vec<u8>>), CollectError> {
    let Value::Array(parts) = reply else { return Err(unexpected_from("SCAN")) };
    let Ok([Value::BulkString(next), Value::Array(names)]) = <[Value; 2]>::try_from(parts) else {
        return Err(unexpected_from("SCAN"));
    };
    let name = |name| match name {
        Value::BulkString(name) => Some(name),
        _ => None,
    };
    let names: Option<_> = names.into_iter().map(name).collect();
    Ok((next, names.ok_or_else(|| unexpected_from("SCAN"))?))
}

fn too_late(statement: &str) -> CollectError {
    CollectError::query(statement, &"stopped before the end, since the time is up")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(text: &str) -> Result<(Vec<u8>, Vec<Vec<u8>>), CollectError> {
        parse_scan(redis::parse_redis_value(text.as_bytes()).unwrap())
    }

    #[test]
    fn cursors_and_names_are_read() {
        let found = scanned("*2\r\n$2\r\n17\r\n*1\r\n$1\r\na\r\n").unwrap();
        assert_eq!(found, (b"17".to_vec(), vec![b"a".to_vec()]));
        for text in ["+OK\r\n", "*0\r\n", "*2\r\n:0\r\n*0\r\n", "*2\r\n$1\r\n0\r\n*1\r\n:1\r\n"] {
            assert!(scanned(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_reply_is_survived(text in "(\\*[0-3]\r\n|:[0-9]\r\n|\\$1\r\n[0-9]\r\n){1,6}") {
            if let Ok(reply) = redis::parse_redis_value(text.as_bytes()) {
                let _ = parse_scan(reply);
            }
        }
    }
}
