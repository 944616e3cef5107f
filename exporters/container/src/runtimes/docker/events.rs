//! What events say and an inspection does not, or not for long.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde::Deserialize;

use super::listing::is_id;
use crate::runtimes::container::Container;

/// Events that the daemon keeps and may repeat; Docker keeps as many.
const REPEATED: usize = 256;

/// Bytes of an action at most; what is longer is none that is asked for.
const MAX_ACTION: usize = 64;

/// An event about a container.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(from = "Message")]
pub(super) struct Event {
    id: Option<String>,
    action: String,
    exit_code: Option<i64>,
    nanoseconds: Option<i64>,
}

impl Event {
    /// True if the container's process has ended.
    pub(super) fn is_end(&self) -> bool {
        matches!(self.action.as_str(), "die" | "died")
    }
}

/// An event as the daemon writes it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    #[serde(rename = "Action")]
    action: Option<String>,
    #[serde(rename = "Actor")]
    actor: Option<Actor>,
    #[serde(rename = "timeNano")]
    nanoseconds: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Actor {
    #[serde(rename = "ID")]
    id: Option<String>,
    #[serde(rename = "Attributes")]
    attributes: Option<Attributes>,
}

/// Docker writes one name, Podman in some versions the other.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Attributes {
    exit_code: Option<String>,
    container_exit_code: Option<String>,
}

impl From<Message> for Event {
    fn from(message: Message) -> Self {
        let actor = message.actor.unwrap_or_default();
        let attributes = actor.attributes.unwrap_or_default();
        let code = attributes.exit_code.or(attributes.container_exit_code);
        let action = message.action.filter(|action| action.len() <= MAX_ACTION);
        Self {
            id: actor.id.filter(|id| is_id(id)),
            action: action.unwrap_or_default(),
            exit_code: code.and_then(|code| code.parse().ok()),
            nanoseconds: message.nanoseconds,
        }
    }
}

/// What the events said, by container id. A restart follows its end so soon that no
/// inspection may ever see the exit code, and inspections do not count kills.
#[derive(Default)]
pub(super) struct EventLog {
    noted: HashMap<String, Noted>,
    /// The latest events. Their times are not enough to recognise those that are
    /// repeated: what happens at the same time may be reported in any order.
    latest: VecDeque<Event>,
    last_nanoseconds: Option<i64>,
}

#[derive(Default)]
struct Noted {
    oom_kills: u64,
    exit_code: Option<i64>,
}

impl EventLog {
    /// Unix time of the last event.
    pub(super) fn last_seconds(&self) -> Option<u64> {
        self.last_nanoseconds.and_then(|time| u64::try_from(time / 1_000_000_000).ok())
    }

    /// Notes an event and gives the container that it is about; `None` if it was
    /// noted before: after a connection is lost the daemon is asked to repeat.
    pub(super) fn note(&mut self, event: &Event) -> Option<String> {
        if event.nanoseconds.is_some() {
            if self.latest.contains(event) {
                return None;
            }
            self.latest.truncate(REPEATED - 1);
            self.latest.push_front(event.clone());
        }
        self.last_nanoseconds = self.last_nanoseconds.max(event.nanoseconds);
        let id = event.id.clone()?;
        if event.action == "oom" {
            self.noted.entry(id.clone()).or_default().oom_kills += 1;
        }
        if event.is_end() {
            self.noted.entry(id.clone()).or_default().exit_code = event.exit_code;
        }
        Some(id)
    }

    /// Adds what was noted to a description of the container.
    pub(super) fn apply_to(&self, id: &str, container: &mut Container) {
        if let Some(noted) = self.noted.get(id) {
            container.oom_kills = container.oom_kills.max(noted.oom_kills);
            container.last_exit_code = noted.exit_code.or(container.last_exit_code);
        }
    }

    pub(super) fn forget(&mut self, id: &str) {
        self.noted.remove(id);
    }

    pub(super) fn forget_all_but(&mut self, known: &HashMap<String, Arc<Container>>) {
        self.noted.retain(|id, _| known.contains_key(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    fn event(json: &str) -> Event {
        serde_json::from_str(json).unwrap()
    }

    fn recalled(log: &EventLog) -> (u64, Option<i64>) {
        let mut container = Container::default();
        log.apply_to("41c0", &mut container);
        (container.oom_kills, container.last_exit_code)
    }

    #[test]
    fn kills_are_counted_and_the_last_exit_code_is_kept() {
        let mut log = EventLog::default();
        let oom = event(r#"{"Action":"oom","Actor":{"ID":"41c0"},"timeNano":1000000001}"#);
        assert_eq!(log.note(&oom).as_deref(), Some("41c0"));
        assert_eq!(log.note(&oom), None, "repeated");
        let earlier = event(r#"{"Action":"oom","Actor":{"ID":"41c0"},"timeNano":1000000000}"#);
        assert!(log.note(&earlier).is_some(), "reported late");
        let die = r#"{"Action":"die","Actor":{"ID":"41c0","Attributes":{"exitCode":"137"}},
            "timeNano":1000000002}"#;
        assert!(event(die).is_end());
        log.note(&event(die));
        let start = event(r#"{"Action":"start","Actor":{"ID":"41c0"},"timeNano":2000000003}"#);
        log.note(&start);
        assert_eq!((recalled(&log), log.last_seconds()), ((2, Some(137)), Some(2)));
        log.forget_all_but(&HashMap::new());
        assert_eq!(recalled(&log), (0, None));
    }

    #[test]
    fn no_more_is_kept_than_may_be_repeated() {
        let mut log = EventLog::default();
        for time in 0..1000 {
            let event = Event { nanoseconds: Some(time), ..Event::default() };
            log.note(&event);
        }
        assert_eq!(log.latest.len(), REPEATED);
    }

    #[test]
    fn words_that_no_daemon_writes_are_not_kept() {
        let long = "x".repeat(100_000);
        let event = event(&format!(r#"{{"Action":"{long}","Actor":{{"ID":"{long}"}}}}"#));
        assert_eq!(event, Event::default());
    }

    #[test]
    fn events_without_a_time_or_a_container_are_no_harm() {
        let mut log = EventLog::default();
        assert_eq!(log.note(&event("{}")), None);
        assert_eq!(log.note(&event(r#"{"Action":"die","Actor":{"ID":""}}"#)), None);
        let twice = event(r#"{"Action":"oom","Actor":{"ID":"41c0"}}"#);
        assert!(log.note(&twice).is_some() && log.note(&twice).is_some());
        assert_eq!(recalled(&log), (2, None));
    }

    proptest! {
        #[test]
        fn no_event_panics(json in r#"\{("Action":"die",)?("timeNano":-?[0-9]{1,19})?\}"#) {
            if let Ok(event) = serde_json::from_str(&json) {
                let mut log = EventLog::default();
                log.note(&event);
                let _ = log.last_seconds();
            }
        }
    }
}
