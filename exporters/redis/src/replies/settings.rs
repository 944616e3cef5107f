//! The server's settings, as `CONFIG GET *` answers.

use std::borrow::Cow;
use std::fmt;

use redis::{Cmd, Value, cmd};

use super::info::Info;
use super::values::{is, text};

/// Databases of a server that does not say how many it has: the default of its settings.
const DEFAULT_DATABASES: u64 = 16;

/// Names and values of the settings. Passwords are among them: they are not to be printed.
#[derive(Clone, Default, PartialEq)]
pub struct Settings(Vec<(Value, Value)>);

/// Patterns of the settings that [`Settings::get`] is used for. All of them together are a few
/// hundred, a third of the cost of a scrape.
const USED: &[&str] = &[
    "client-output-buffer-limit",
    "cluster-databases",
    "commandlog-*",
    "databases",
    "dbfilename",
    "dir",
    "io-threads",
    "maxclients",
    "maxmemory",
    "repl-backlog-size",
];

impl Settings {
    /// Asks for the settings that metrics are made of; `name` is what CONFIG is called. Servers
    /// before Redis 7 take only one pattern.
    pub(crate) fn used(name: &str) -> Cmd {
        cmd(name).arg("GET").arg(USED).take()
    }

    /// Asks for all settings.
    pub(crate) fn every(name: &str) -> Cmd {
        cmd(name).arg("GET").arg("*").take()
    }

    /// Takes a reply of names and values; `None` if it is none.
    pub fn from_reply(reply: Value) -> Option<Self> {
        let mut items = match reply {
            Value::Map(pairs) => return Some(Self(pairs)),
            Value::Array(items) | Value::Set(items) => items.into_iter(),
            _ => return None,
        };
        Some(Self(std::iter::from_fn(|| items.next().zip(items.next())).collect()))
    }

    /// The value of a setting, as the server wrote it.
    pub fn get(&self, name: &str) -> Option<&str> {
        let is_used = |pattern: &&str| {
            pattern.strip_suffix('*').map_or(name == *pattern, |start| name.starts_with(start))
        };
        debug_assert!(USED.iter().any(is_used), "{name} has no place among the patterns");
        let is_it = |(key, _): &&(Value, Value)| is(key, name);
        self.0.iter().find(is_it).and_then(|(_, value)| utf8(value))
    }

    /// All settings in order, without those that hold secrets if `redacts`.
    pub fn all(&self, redacts: bool) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let pairs = self.0.iter().filter_map(|(name, value)| text(name).zip(text(value)));
        pairs.filter(move |(name, _)| !redacts || !is_secret(name))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("count", &self.0.len()).finish_non_exhaustive()
    }
}

/// True for the name of a setting that holds a password, such as `requirepass`, `masterauth`,
/// `primaryauth`, `tls-key-file-pass` or `sentinel-pass`. Modules have settings of their own,
/// so that names are told by their words.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("auth")
        || ["pass", "secret", "credential"].iter().any(|word| name.contains(word))
}

/// How many databases a server has. A sentinel has none; a node of a cluster has one, but from
/// Valkey 9 on as many as it is set to.
pub fn database_count(info: &Info, settings: Option<&Settings>) -> u64 {
    let number = |name| settings.and_then(|settings| settings.get(name)?.parse().ok());
    if info.is_sentinel() {
        0
    } else if info.is_clustered() {
        number("cluster-databases").unwrap_or(1)
    } else {
        number("databases").unwrap_or(DEFAULT_DATABASES)
    }
}

fn utf8(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
impl Settings {
    /// Settings as a server would tell them.
    pub(crate) fn of(pairs: &[&str]) -> Self {
        let items = pairs.iter().map(|text| Value::BulkString(text.as_bytes().to_vec()));
        Self::from_reply(Value::Array(items.collect())).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_found_and_never_printed() {
        let pairs =
            ["maxclients", "10000", "requirepass", "hunter2", "databases", "16", "maxmemory"];
        let settings = Settings::of(&pairs);
        assert_eq!(settings.get("maxclients"), Some("10000"));
        assert_eq!(settings.get("databases"), Some("16"));
        assert_eq!((settings.get("io-threads"), settings.get("maxmemory")), (None, None));
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn passwords_are_left_out() {
        for name in [
            "requirepass",
            "masterauth",
            "primaryauth",
            "tls-key-file-pass",
            "tls-client-key-file-pass",
            "sentinel-pass",
            "some-module.Password",
            "x-client-secret",
        ] {
            let settings = Settings::of(&[name, "hunter2", "port", "6379"]);
            let names = |redacts| settings.all(redacts).map(|(name, _)| name.into_owned());
            assert_eq!(names(true).collect::<Vec<_>>(), ["port"], "{name}");
            assert_eq!(names(false).count(), 2);
        }
        for name in ["tls-auth-clients", "masteruser", "save", "latency-tracking", "aclfile"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn the_number_of_databases_depends_on_the_kind_of_server() {
        let count = |text: &str, settings: Option<&Settings>| {
            database_count(&Info::new(text.into()), settings)
        };
        let four = Settings::of(&["databases", "4"]);
        let valkey_9 = Settings::of(&["databases", "16", "cluster-databases", "4"]);
        assert_eq!(count("redis_mode:standalone", Some(&four)), 4);
        assert_eq!(count("redis_mode:standalone", None), DEFAULT_DATABASES);
        assert_eq!(count("cluster_enabled:1", Some(&four)), 1);
        assert_eq!(count("cluster_enabled:1", None), 1);
        assert_eq!(count("cluster_enabled:1", Some(&valkey_9)), 4);
        assert_eq!(count("redis_mode:sentinel", None), 0);
    }

    #[test]
    fn other_replies_are_no_settings() {
        assert_eq!(Settings::from_reply(Value::Nil), None);
        assert_eq!(Settings::from_reply(Value::Okay), None);
        assert_eq!(Settings::from_reply(Value::Array(vec![])), Some(Settings::default()));
        let map = Value::Map(vec![(Value::SimpleString("a".into()), Value::Okay)]);
        let settings = Settings::from_reply(map).unwrap();
        assert_eq!(settings.all(true).collect::<Vec<_>>(), [("a".into(), "OK".into())]);
    }
}
