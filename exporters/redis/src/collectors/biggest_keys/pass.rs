//! One pass through all keys, in steps of a few.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use common::error::{CollectError, ParseError};
use redis::{Value, pipe};

use super::top::{Key, Top, shown};
use super::{Failure, Found, MAX_DATABASES, Server};
use crate::replies::values;
use crate::replies::values::unexpected_from;
use crate::server::failure::reason;
use crate::server::session::{Cursor, Session};

/// Keys that are asked about at once: the server does not serve others meanwhile.
const BATCH: usize = 100;

/// A pass that is not complete.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) server: Server,
    started: Instant,
    /// Databases that are still to be looked at, the next one last.
    databases: Vec<u32>,
    current: Option<Database>,
    found: Found,
    max_keys: usize,
}

/// The database that is being looked at.
#[derive(Debug)]
struct Database {
    number: u32,
    cursor: Cursor,
    top: Top,
}

impl Pass {
    pub(super) fn new(server: Server, max_keys: u16) -> Self {
        let databases = server.databases.iter().take(MAX_DATABASES).rev().copied().collect();
        Self {
            server,
            started: Instant::now(),
            databases,
            current: None,
            found: Found::default(),
            max_keys: max_keys.into(),
        }
    }

    /// Looks at about `count` further keys and says how many they were; `None` at the end.
    ///
    /// # Errors
    /// What the server says. The step is to be made again.
    pub(super) async fn step(
        &mut self,
        session: &mut Session,
        count: u32,
    ) -> Result<Option<usize>, CollectError> {
        loop {
            let Some(database) = &mut self.current else {
                let Some(number) = self.databases.pop() else { return Ok(None) };
                let top = Top::new(self.max_keys);
                self.current = Some(Database { number, cursor: Cursor::default(), top });
                continue;
            };
            session.select(database.number).await?;
            let mut cursor = database.cursor.clone();
            if let Some(names) = session.scan(&mut cursor, b"*", count).await? {
                for names in names.chunks(BATCH) {
                    look(session, names, &mut database.top, &mut self.found).await?;
                }
                // Not before, so that a step that failed is made again.
                database.cursor = cursor;
                self.found.keys += names.len() as f64;
                return Ok(Some(names.len()));
            }
            if let Some(done) = self.current.take() {
                self.found.biggest.push((done.number, done.top.into_keys()));
            }
        }
    }

    /// What a pass that came to its end has found.
    pub(super) fn finish(self) -> Found {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Found { time: now.as_secs_f64(), duration: self.started.elapsed(), ..self.found }
    }
}

impl Found {
    /// The size in an answer, if there is one. A key that is denied costs itself alone.
    fn keep(&mut self, size: Result<Option<f64>, CollectError>) -> Option<f64> {
        match size {
            Ok(size) => {
                self.is_readable = true;
                size
            }
            Err(error) => {
                self.refusals += 1;
                self.failure.get_or_insert_with(|| Failure::from(error));
                None
            }
        }
    }

    /// True if the server refuses to tell the size of any key.
    fn is_hopeless(&self) -> bool {
        !self.is_readable && self.refusals >= BATCH
    }
}

/// Adds the biggest of the keys `names` to `top`.
async fn look(
    session: &mut Session,
    names: &[Vec<u8>],
    top: &mut Top,
    found: &mut Found,
) -> Result<(), CollectError> {
    const STATEMENT: &str = "MEMORY USAGE";
    let mut commands = pipe();
    for name in names {
        commands.cmd("MEMORY").arg("USAGE").arg(name);
    }
    let answers = session.ask_all(STATEMENT, &commands).await?;
    let mut big = Vec::new();
    for (name, answer) in names.iter().zip(answers) {
        let Some(size) = found.keep(size(STATEMENT, answer)) else { continue };
        if !top.takes(size) {
            continue;
        }
        if let Ok(name) = std::str::from_utf8(name) {
            big.push((name, size));
        } else {
            let name = String::from_utf8_lossy(name);
            let error = ParseError::form("name of a key is no UTF-8", &name);
            found.malformed.get_or_insert(error);
        }
    }
    if let Some(failure) = found.failure.as_ref().filter(|_| found.is_hopeless()) {
        return Err(CollectError::query(&failure.statement, &failure.message));
    }
    let kinds = kinds(session, &big).await?;
    for ((name, bytes), kind) in big.into_iter().zip(kinds) {
        if let Some(kind) = kind {
            top.add(Key { name: shown(name), kind, bytes });
        }
    }
    Ok(())
}

/// Types of keys; `None` for those that are gone, empty where the server refuses to tell.
async fn kinds(
    session: &mut Session,
    keys: &[(&str, f64)],
) -> Result<Vec<Option<String>>, CollectError> {
    let mut commands = pipe();
    for (name, _) in keys {
        commands.cmd("TYPE").arg(*name);
    }
    let answers = session.ask_all("TYPE", &commands).await?;
    let kind = |answer: &Value| {
        let kind = values::text(answer).unwrap_or_default();
        (kind != "none").then(|| kind.into_owned())
    };
    Ok(answers.iter().map(kind).collect())
}

/// The number in an answer; `None` if the key is gone.
fn size(statement: &str, answer: Value) -> Result<Option<f64>, CollectError> {
    let answer =
        answer.extract_error().map_err(|error| CollectError::query(statement, &reason(&error)))?;
    match answer {
        Value::Nil => Ok(None),
        answer => values::number(&answer).map(Some).ok_or_else(|| unexpected_from(statement)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of(text: &str) -> Result<Option<f64>, CollectError> {
        size("MEMORY USAGE", redis::parse_redis_value(text.as_bytes()).unwrap())
    }

    #[test]
    fn sizes_are_numbers_or_nothing() {
        assert_eq!(size_of(":56\r\n").unwrap(), Some(56.0));
        assert_eq!(size_of("$-1\r\n").unwrap(), None);
        let refused = size("MEMORY USAGE", Value::Array(vec![])).unwrap_err().to_string();
        assert_eq!(refused, "MEMORY USAGE: unexpected reply");
    }

    #[test]
    fn a_server_that_tells_no_size_is_left_alone_but_denied_keys_are_not_all() {
        let refusal = || Err(CollectError::query("MEMORY USAGE", &"denied"));
        let mut found = Found::default();
        for _ in 0..BATCH {
            assert!(!found.is_hopeless());
            assert_eq!(found.keep(refusal()), None);
        }
        assert!(found.is_hopeless());
        let mut found = Found::default();
        assert_eq!(found.keep(Ok(Some(5.0))), Some(5.0));
        (0..2 * BATCH).for_each(|_| assert_eq!(found.keep(refusal()), None));
        assert!(!found.is_hopeless());
        assert_eq!(found.failure.unwrap().message, "denied");
    }

    #[test]
    fn a_pass_takes_the_databases_in_order_and_a_bounded_number() {
        let server = Server { run_id: None, databases: (0..1000).collect() };
        let pass = Pass::new(server, 5);
        assert_eq!((pass.databases.len(), pass.databases.last()), (MAX_DATABASES, Some(&0)));
    }

    proptest::proptest! {
        #[test]
        fn any_reply_is_survived(text in "(\\*[0-2]\r\n|:-?[0-9]{1,9}\r\n|\\+[a-z]{0,3}\r\n|\\$-1\r\n){1,3}") {
            if let Ok(reply) = redis::parse_redis_value(text.as_bytes()) {
                let _ = size("MEMORY USAGE", reply);
            }
        }
    }
}
