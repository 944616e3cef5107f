//! The server's settings, as `CONFIG GET *` answers.

use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value, cmd};

/// The settings that metrics are made of, in byte order. All others are
/// dropped unread: passwords are among them.
const KEPT: [&str; 6] = [
    "client-output-buffer-limit",
    "databases",
    "io-threads",
    "maxclients",
    "maxmemory",
    "repl-backlog-size",
];

/// Names and values of the settings that metrics are made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(Vec<(&'static str, String)>);

impl Settings {
    /// Asks for the settings; `command` is what CONFIG is called.
    ///
    /// One pattern rather than a list of names: servers before Redis 7 take only one.
    ///
    /// # Errors
    /// The server's refusal, or a reply that is no list of pairs.
    pub(crate) async fn read(
        mut connection: MultiplexedConnection,
        command: &str,
    ) -> Result<Self, RedisError> {
        let reply: Value = cmd(command).arg("GET").arg("*").query_async(&mut connection).await?;
        Self::from_reply(&reply).ok_or_else(|| {
            RedisError::from((redis::ErrorKind::UnexpectedReturnType, "no list of settings"))
        })
    }

    /// The value of a setting that is kept, as the server wrote it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(kept, _)| *kept == name).map(|(_, value)| value.as_str())
    }

    fn from_reply(reply: &Value) -> Option<Self> {
        let pairs: Vec<(&Value, &Value)> = match reply {
            Value::Array(items) => {
                items.as_chunks().0.iter().map(|[name, value]| (name, value)).collect()
            }
            Value::Map(pairs) => pairs.iter().map(|(name, value)| (name, value)).collect(),
            _ => return None,
        };
        let kept = pairs.into_iter().filter_map(|(name, value)| {
            let name = text(name)?;
            let position = KEPT.binary_search(&name).ok()?;
            Some((*KEPT.get(position)?, text(value)?.to_owned()))
        });
        Some(Self(kept.collect()))
    }
}

#[cfg(test)]
impl Settings {
    /// Settings as a server would tell them.
    pub(crate) fn of(pairs: &[&str]) -> Self {
        let items = pairs.iter().map(|text| Value::BulkString(text.as_bytes().to_vec()));
        Self::from_reply(&Value::Array(items.collect())).unwrap()
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_needed_is_kept() {
        let pairs = ["maxclients", "10000", "requirepass", "hunter2", "databases", "16", "stray"];
        let settings = Settings::of(&pairs);
        assert_eq!(settings.get("maxclients"), Some("10000"));
        assert_eq!(settings.get("databases"), Some("16"));
        assert_eq!((settings.get("io-threads"), settings.get("requirepass")), (None, None));
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn other_replies_are_no_settings() {
        assert_eq!(Settings::from_reply(&Value::Nil), None);
        assert_eq!(Settings::from_reply(&Value::Okay), None);
        assert_eq!(Settings::from_reply(&Value::Array(vec![])), Some(Settings::default()));
    }

    #[test]
    fn names_are_sorted_for_the_search() {
        assert!(KEPT.is_sorted());
    }
}
