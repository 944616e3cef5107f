//! Sessions of users: org.freedesktop.login1(5).

use std::collections::HashMap;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::metric::Desc;
use futures_util::FutureExt as _;
use zbus::OwnedObjectPath;

use crate::dbus::{self, Bus};
use crate::host::Host;

const SERVICE: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";

const SESSIONS: Desc<'_> = Desc::gauge(
    "node_logind_sessions",
    "Sessions of logind by seat, kind and origin; those without a seat have an empty one.",
);

/// What a session can be; anything else counts as `other`.
const TYPES: [&str; 7] = ["other", "unspecified", "tty", "x11", "wayland", "mir", "web"];
const CLASSES: [&str; 5] = ["other", "user", "greeter", "lock-screen", "background"];

/// One row of ListSessions: id, user id, user, seat, object.
type Listed = (String, u32, String, String, OwnedObjectPath);

/// The labels of a session.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Session {
    seat: String,
    is_remote: bool,
    kind: &'static str,
    class: &'static str,
}

#[derive(Debug, Default)]
pub(super) struct Logind;

#[async_trait]
impl Collector<Host> for Logind {
    async fn collect(&self, _: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        dbus::within_deadline(expose(sink)).await
    }
}

async fn expose(sink: &mut Sink) -> Result<(), CollectError> {
    let bus = Bus::system().await?;
    let manager = bus.object(SERVICE, PATH);
    let seats = manager.call(MANAGER, "ListSeats").await?;
    let seats: Vec<(String, OwnedObjectPath)> =
        seats.deserialize().map_err(|error| dbus::malformed("ListSeats", &error))?;
    let sessions = manager.call(MANAGER, "ListSessions").await?;
    let sessions: Vec<Listed> =
        sessions.deserialize().map_err(|error| dbus::malformed("ListSessions", &error))?;
    let questions = sessions.iter().map(|session| read(&bus, session).boxed()).collect();
    let mut errors = FirstError::default();
    let sessions = errors.good(dbus::ask_all(questions).await);
    let seats: Vec<String> = seats.into_iter().map(|(seat, _)| seat).collect();
    push(&seats, sessions.into_iter().flatten(), sink);
    errors.into_result()
}

/// A session, or `None` if it has ended in the meantime.
async fn read(bus: &Bus, session: &Listed) -> Result<Option<Session>, CollectError> {
    let (.., seat, path) = session;
    let object = bus.object(SERVICE, path.as_str());
    let Some(is_remote) = object.truth(SESSION, "Remote").await? else { return Ok(None) };
    let Some(kind) = object.text(SESSION, "Type").await? else { return Ok(None) };
    let Some(class) = object.text(SESSION, "Class").await? else { return Ok(None) };
    let (kind, class) = (known(&TYPES, &kind), known(&CLASSES, &class));
    Ok(Some(Session { seat: seat.clone(), is_remote, kind, class }))
}

fn known(words: &[&'static str], word: &str) -> &'static str {
    words.iter().find(|known| **known == word).copied().unwrap_or("other")
}

/// Writes a sample for each combination that there can be, as the reference does.
fn push(seats: &[String], sessions: impl Iterator<Item = Session>, sink: &mut Sink) {
    let mut counts = HashMap::<Session, u32>::new();
    for session in sessions {
        *counts.entry(session).or_default() += 1;
    }
    let mut family = sink.family(&SESSIONS);
    for seat in seats.iter().map(String::as_str).chain([""]) {
        for (is_remote, remote) in [(true, "true"), (false, "false")] {
            for kind in TYPES {
                for class in CLASSES {
                    let session = Session { seat: seat.to_owned(), is_remote, kind, class };
                    let count = counts.get(&session).copied().unwrap_or_default();
                    family.sample(
                        &[("class", class), ("remote", remote), ("seat", seat), ("type", kind)],
                        f64::from(count),
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::testing;

    #[test]
    fn every_combination_has_a_count() {
        let session = |seat: &str, is_remote, kind, class| {
            let (kind, class) = (known(&TYPES, kind), known(&CLASSES, class));
            Session { seat: seat.to_owned(), is_remote, kind, class }
        };
        let sessions = [
            session("seat0", false, "wayland", "user"),
            session("", true, "tty", "user"),
            session("", true, "tty", "user"),
            session("", false, "manager", "user-early"),
            session("seat9", false, "tty", "user"),
        ];
        let mut sink = Sink::default();
        push(&["seat0".to_owned()], sessions.into_iter(), &mut sink);
        let mut samples = testing::samples(&sink);
        assert_eq!(samples.len(), 2 * 2 * TYPES.len() * CLASSES.len());
        samples.retain(|line| !line.ends_with(" 0"));
        let sample = |labels, count| format!("node_logind_sessions{{{labels}}} {count}");
        let expected = [
            sample(r#"class="user",remote="false",seat="seat0",type="wayland""#, 1),
            sample(r#"class="user",remote="true",seat="",type="tty""#, 2),
            sample(r#"class="other",remote="false",seat="",type="other""#, 1),
        ];
        assert_eq!(samples, expected);
    }
}
