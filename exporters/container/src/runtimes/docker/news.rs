//! What events tell that an inspection does not, or not for long.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bollard::models::EventMessage;

use crate::runtimes::container::Container;

/// Events that the daemon keeps and may repeat; Docker keeps as many.
const REPEATED: usize = 256;

/// An event about a container.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct News {
    id: Option<String>,
    action: String,
    exit_code: Option<i64>,
    nanoseconds: Option<i64>,
}

impl News {
    /// True if the container's process has ended.
    pub(super) fn is_end(&self) -> bool {
        matches!(self.action.as_str(), "die" | "died")
    }
}

impl From<EventMessage> for News {
    fn from(event: EventMessage) -> Self {
        let actor = event.actor.unwrap_or_default();
        let attributes = actor.attributes.unwrap_or_default();
        // Docker writes one name, Podman in some versions the other.
        let code = attributes.get("exitCode").or_else(|| attributes.get("containerExitCode"));
        Self {
            id: actor.id.filter(|id| !id.is_empty()),
            action: event.action.unwrap_or_default(),
            exit_code: code.and_then(|code| code.parse().ok()),
            nanoseconds: event.time_nano,
        }
    }
}

/// What events told, by container id. A restart follows its end so soon that no
/// inspection may ever see the exit code, and inspections do not count kills.
#[derive(Default)]
pub(super) struct Memory {
    told: HashMap<String, Told>,
    /// The latest events. Their times do not suffice to tell those that are
    /// repeated: what happens at the same time may be told in any order.
    latest: VecDeque<News>,
    last_nanoseconds: Option<i64>,
}

#[derive(Default)]
struct Told {
    oom_kills: u64,
    exit_code: Option<i64>,
}

impl Memory {
    /// Unix time of the last event.
    pub(super) fn last_seconds(&self) -> Option<u64> {
        self.last_nanoseconds.and_then(|time| u64::try_from(time / 1_000_000_000).ok())
    }

    /// Notes an event and gives the container that it is about; `None` if it was
    /// noted before: after a connection is lost the daemon is asked to repeat.
    pub(super) fn note(&mut self, news: &News) -> Option<String> {
        if news.nanoseconds.is_some() {
            if self.latest.contains(news) {
                return None;
            }
            self.latest.truncate(REPEATED - 1);
            self.latest.push_front(news.clone());
        }
        self.last_nanoseconds = self.last_nanoseconds.max(news.nanoseconds);
        let id = news.id.clone()?;
        if news.action == "oom" {
            self.told.entry(id.clone()).or_default().oom_kills += 1;
        }
        if news.is_end() {
            self.told.entry(id.clone()).or_default().exit_code = news.exit_code;
        }
        Some(id)
    }

    /// Adds what was noted to a description of the container.
    pub(super) fn remind(&self, id: &str, container: &mut Container) {
        if let Some(told) = self.told.get(id) {
            container.oom_kills = container.oom_kills.max(told.oom_kills);
            container.last_exit_code = told.exit_code.or(container.last_exit_code);
        }
    }

    pub(super) fn forget(&mut self, id: &str) {
        self.told.remove(id);
    }

    pub(super) fn forget_all_but(&mut self, known: &HashMap<String, Arc<Container>>) {
        self.told.retain(|id, _| known.contains_key(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    fn event(json: &str) -> News {
        serde_json::from_str::<EventMessage>(json).unwrap().into()
    }

    fn recalled(memory: &Memory) -> (u64, Option<i64>) {
        let mut container = Container::default();
        memory.remind("41c0", &mut container);
        (container.oom_kills, container.last_exit_code)
    }

    #[test]
    fn kills_are_counted_and_the_last_exit_code_is_kept() {
        let mut memory = Memory::default();
        let oom = event(r#"{"Action":"oom","Actor":{"ID":"41c0"},"timeNano":1000000001}"#);
        assert_eq!(memory.note(&oom).as_deref(), Some("41c0"));
        assert_eq!(memory.note(&oom), None, "repeated");
        let earlier = event(r#"{"Action":"oom","Actor":{"ID":"41c0"},"timeNano":1000000000}"#);
        assert!(memory.note(&earlier).is_some(), "told late");
        let die = r#"{"Action":"die","Actor":{"ID":"41c0","Attributes":{"exitCode":"137"}},
            "timeNano":1000000002}"#;
        assert!(event(die).is_end());
        memory.note(&event(die));
        let start = event(r#"{"Action":"start","Actor":{"ID":"41c0"},"timeNano":2000000003}"#);
        memory.note(&start);
        assert_eq!((recalled(&memory), memory.last_seconds()), ((2, Some(137)), Some(2)));
        memory.forget_all_but(&HashMap::new());
        assert_eq!(recalled(&memory), (0, None));
    }

    #[test]
    fn no_more_is_kept_than_may_be_repeated() {
        let mut memory = Memory::default();
        for time in 0..1000 {
            let news = News { nanoseconds: Some(time), ..News::default() };
            memory.note(&news);
        }
        assert_eq!(memory.latest.len(), REPEATED);
    }

    #[test]
    fn events_without_a_time_or_a_container_are_no_harm() {
        let mut memory = Memory::default();
        assert_eq!(memory.note(&event("{}")), None);
        assert_eq!(memory.note(&event(r#"{"Action":"die","Actor":{"ID":""}}"#)), None);
        let twice = event(r#"{"Action":"oom","Actor":{"ID":"41c0"}}"#);
        assert!(memory.note(&twice).is_some() && memory.note(&twice).is_some());
        assert_eq!(recalled(&memory), (2, None));
    }

    proptest! {
        #[test]
        fn no_event_panics(json in r#"\{("Action":"die",)?("timeNano":-?[0-9]{1,19})?\}"#) {
            if let Ok(event) = serde_json::from_str::<EventMessage>(&json) {
                let mut memory = Memory::default();
                memory.note(&event.into());
                let _ = memory.last_seconds();
            }
        }
    }
}
