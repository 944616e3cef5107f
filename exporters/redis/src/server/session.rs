//! A connection for work on keys: it selects databases and asks for many things at once. In a
//! cluster it goes after keys that are about to move, or have just moved, to another node.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use common::error::CollectError;
use redis::{Cmd, Pipeline, Value, cmd, pipe};

use super::failure::reason;
use super::routes::{Redirection, Routes};
use super::wire::Wire;
use crate::replies::values::unexpected_from;

/// How often a command is redirected: from a node that is about to get a slot to the one that
/// has it still, back again, and once more in case that the slot moves on.
const MAX_REDIRECTIONS: usize = 4;

/// A connection that nobody else uses, until a point in time.
#[derive(Debug)]
pub struct Session {
    connection: Wire,
    limit: Instant,
    /// `None` before the first is chosen.
    database: Option<u32>,
    /// The nodes that answers may redirect to, if the server is a node of a cluster.
    routes: Option<Arc<Routes>>,
}

/// The place in the keys of a database where the next `SCAN` goes on.
#[derive(Clone, Debug, Default)]
pub struct Cursor(Option<Vec<u8>>);

impl Session {
    /// A session on a connection that is logged in; no answer is waited for after `limit`.
    pub fn new(connection: Wire, limit: Instant) -> Self {
        Self { connection, limit, database: None, routes: None }
    }

    /// The same session, which goes where its server redirects it to.
    #[must_use]
    pub fn with_routes(self, routes: Option<Arc<Routes>>) -> Self {
        Self { routes, ..self }
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
        let mut commands = pipe();
        commands.add_command(command.clone());
        let answer = self.ask_all(statement, &commands).await?.pop();
        let answer = answer.ok_or_else(|| unexpected_from(statement))?;
        answer.extract_error().map_err(|error| CollectError::query(statement, &reason(&error)))
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
        let limit = self.limit;
        let mut answers = send(&self.connection, statement, commands, limit).await?;
        if let Some(routes) = &self.routes {
            self.follow(routes, statement, commands, &mut answers).await;
        }
        Ok(answers)
    }

    /// Puts the answers of other nodes in place of redirections to them. One that cannot be
    /// followed stays, as the error that it is.
    async fn follow(
        &self,
        routes: &Routes,
        statement: &str,
        commands: &Pipeline,
        answers: &mut [Value],
    ) {
        for _ in 0..MAX_REDIRECTIONS {
            let mut ways: BTreeMap<Redirection, Vec<usize>> = BTreeMap::new();
            for (place, answer) in answers.iter().enumerate() {
                if let Some(to) = routes.redirection(answer) {
                    ways.entry(to).or_default().push(place);
                }
            }
            if ways.is_empty() {
                return;
            }
            for (to, places) in ways {
                let chosen = |place: &usize| commands.cmd_iter().nth(*place);
                let chosen: Vec<&Cmd> = places.iter().filter_map(chosen).collect();
                let Some(found) = self.resend(routes, to, statement, &chosen).await else { return };
                for (place, answer) in places.into_iter().zip(found) {
                    if let Some(slot) = answers.get_mut(place) {
                        *slot = answer;
                    }
                }
            }
        }
    }

    /// Sends commands to another node; it gets a part of the time, since it may be down.
    async fn resend(
        &self,
        routes: &Routes,
        to: Redirection,
        statement: &str,
        commands: &[&Cmd],
    ) -> Option<Vec<Value>> {
        let now = Instant::now();
        let limit = now + self.limit.saturating_duration_since(now) / 4;
        let connection = routes.connection(to, limit).await?;
        let mut pipeline = pipe();
        let database = self.database.unwrap_or_default();
        if database > 0 {
            pipeline.cmd("SELECT").arg(database);
        }
        for command in commands {
            if to.is_asking {
                pipeline.cmd("ASKING");
            }
            pipeline.add_command((*command).clone());
        }
        let answers = send(&connection, statement, &pipeline, limit).await.ok()?;
        let answers = answers.into_iter().skip(usize::from(database > 0));
        // An `OK` stands before each answer to a command behind `ASKING`.
        let is_asking = usize::from(to.is_asking);
        Some(answers.skip(is_asking).step_by(1 + is_asking).collect())
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

async fn send(
    connection: &Wire,
    statement: &str,
    commands: &Pipeline,
    limit: Instant,
) -> Result<Vec<Value>, CollectError> {
    let answers = connection.ask_all(commands);
    match tokio::time::timeout_at(limit.into(), answers).await {
        Ok(Ok(answers)) if answers.len() == commands.len() => Ok(answers),
        Ok(Ok(_)) => Err(unexpected_from(statement)),
        Ok(Err(error)) => Err(CollectError::query(statement, &reason(&error))),
        Err(_) => Err(too_late(statement)),
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
