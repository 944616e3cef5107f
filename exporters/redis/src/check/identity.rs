//! What the server is, by its `INFO`, and what its access lists can say.

use std::fmt;

use crate::replies::info::Info;

/// Products by the field that only they have; Valkey and others say to be Redis as well.
const PRODUCTS: [(&str, &str); 4] = [
    ("valkey_version", "Valkey"),
    ("dragonfly_version", "Dragonfly"),
    ("kvrocks_version", "Kvrocks"),
    ("redis_version", "Redis"),
];

/// Product, version, mode and role of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    product: &'static str,
    version: String,
    mode: String,
    role: String,
    /// Entries of its access list, or why there is none.
    pub(super) access_list: Result<Forms, &'static str>,
}

/// What an entry of an access list can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Forms {
    /// Subcommands alone: `+config|get`.
    pub(super) has_subcommands: bool,
    /// Keys that may only be read: `%R~`.
    pub(super) has_access: bool,
}

impl Identity {
    pub(super) fn of(info: &Info) -> Self {
        let found = PRODUCTS.iter().find_map(|(field, product)| {
            info.server_field(field).map(|version| (*product, version.to_owned()))
        });
        let (product, version) = found.unwrap_or(("unknown server", String::new()));
        Self {
            product,
            version,
            mode: info.mode().unwrap_or("standalone").to_owned(),
            role: info.role().unwrap_or_default().to_owned(),
            access_list: forms(product, info),
        }
    }
}

/// By the version of Redis that the server is like: Valkey 7.2 and later say 7.2.4.
fn forms(product: &str, info: &Info) -> Result<Forms, &'static str> {
    let version = info.server_field("redis_version").unwrap_or_default();
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    match product {
        "Kvrocks" => Err("Kvrocks has namespaces with passwords of their own instead"),
        "Dragonfly" => Ok(Forms { has_subcommands: false, has_access: false }),
        "Redis" | "Valkey" if version < (6, 0) => {
            Err("they came with Redis 6; before, one password opens everything")
        }
        "Redis" if version < (6, 2) && info.is_sentinel() => {
            Err("sentinels have them from Redis 6.2 on")
        }
        "Redis" | "Valkey" => Ok(Forms { has_subcommands: true, has_access: version >= (7, 0) }),
        _ => Err("it says to be neither Redis nor Valkey"),
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { product, version, mode, role, .. } = self;
        for (index, word) in
            [format!("{product} {version}").trim(), mode, role].into_iter().enumerate()
        {
            // A sentinel has no role.
            if !word.is_empty() {
                write!(f, "{}{word}", if index == 0 { "" } else { ", " })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(text: &str) -> Identity {
        Identity::of(&Info::new(text.replace(' ', "\r\n")))
    }

    #[test]
    fn servers_are_told_by_their_own_fields() {
        for (text, shown, subcommands, access) in [
            (
                "redis_version:7.0.15 redis_mode:standalone role:master",
                "Redis 7.0.15, standalone, master",
                true,
                true,
            ),
            (
                "redis_version:6.2.1 redis_mode:cluster role:slave",
                "Redis 6.2.1, cluster, slave",
                true,
                false,
            ),
            (
                "redis_version:7.2.4 valkey_version:8.1.0 server_mode:sentinel",
                "Valkey 8.1.0, sentinel",
                true,
                true,
            ),
            (
                "redis_version:7.4.0 dragonfly_version:df-v1.35 redis_mode:standalone",
                "Dragonfly df-v1.35, standalone",
                false,
                false,
            ),
        ] {
            let identity = identity(text);
            assert_eq!(identity.to_string(), shown);
            let forms = Forms { has_subcommands: subcommands, has_access: access };
            assert_eq!(identity.access_list, Ok(forms), "{shown}");
        }
    }

    #[test]
    fn servers_without_access_lists_say_why() {
        for (text, words) in [
            ("redis_version:5.0.14", "they came with Redis 6"),
            ("redis_version:6.0.16 redis_mode:sentinel", "from Redis 6.2 on"),
            ("kvrocks_version:2.12 redis_version:7.0.0", "namespaces"),
            ("tile38_version:1.3", "neither Redis nor Valkey"),
            ("redis_version:?", "they came with Redis 6"),
        ] {
            let reason = identity(text).access_list.unwrap_err();
            assert!(reason.contains(words), "{text}: {reason}");
        }
    }
}
