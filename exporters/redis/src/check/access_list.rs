//! The least entry of the access list, as `ACL SETUSER` takes it,
//! <https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/>.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::DEFAULT_USER;
use super::identity::{Forms, Identity};
use crate::rights::{Access, Right};

/// Name of the user where none but the default one is known.
const NEW_USER: &str = "exporter";

/// Lines that say how to grant `rights`, and no more.
pub(super) fn advice<'r>(
    identity: &Identity,
    user: Option<&str>,
    rights: impl Iterator<Item = &'r Right>,
    has_scripts: bool,
) -> Vec<String> {
    let forms = match identity.access_list {
        Ok(forms) => forms,
        Err(reason) => return vec![format!("The server has no access lists: {reason}.")],
    };
    let user = user.filter(|user| *user != DEFAULT_USER);
    let rights: Vec<&Right> = rights.collect();
    let mut lines = vec![match user {
        Some(user) => format!("The least that {user} needs for this; in redis-cli:"),
        None => "The least that a user needs for this; in redis-cli, with another password:".into(),
    }];
    lines.push(entry(user, &rights, forms));
    let writes = |right: &&&Right| right.key().is_some_and(|key| key.access == Access::ReadWrite);
    if let Some(right) = rights.iter().find(writes).filter(|_| forms.has_access) {
        lines.push(format!(
            "~ gives the right to write too, which {} asks for; no command that changes a value is \
             granted.",
            right.command()
        ));
    }
    if has_scripts {
        lines.push("Add the commands that the scripts call, and the keys that they read.".into());
    }
    lines
}

/// The command that makes a new user with these rights, or leaves the known one no others.
fn entry(user: Option<&str>, rights: &[&Right], forms: Forms) -> String {
    let mut entry = match user {
        Some(user) => format!("ACL SETUSER {} resetkeys -@all", word(user.as_bytes())),
        None => format!("ACL SETUSER {NEW_USER} on >PASSWORD"),
    };
    for pattern in patterns(rights, forms) {
        let _ = write!(entry, " {}", word(&pattern));
    }
    let grants: BTreeSet<String> = rights.iter().map(|right| grant(right, forms)).collect();
    for grant in grants {
        let _ = write!(entry, " +{grant}");
    }
    entry
}

fn grant(right: &Right, forms: Forms) -> String {
    let grant = right.grant();
    match grant.split_once('|') {
        Some((command, _)) if !forms.has_subcommands => command.to_owned(),
        _ => grant,
    }
}

/// The patterns of keys, each once with the most that is asked of it.
fn patterns(rights: &[&Right], forms: Forms) -> Vec<Vec<u8>> {
    let mut found: BTreeMap<&[u8], Access> = BTreeMap::new();
    for key in rights.iter().filter_map(|right| right.key()) {
        let access = found.entry(&key.pattern).or_insert(key.access);
        *access = key.access.max(*access);
    }
    // One for all keys leaves no work to the others of the same kind.
    let all = found.get(&b"*"[..]).copied();
    let is_covered = |pattern: &[u8], access| pattern != b"*" && all >= Some(access);
    let patterns = found.into_iter().filter(|(pattern, access)| !is_covered(pattern, *access));
    let patterns = patterns.map(|(pattern, access)| {
        let sign: &[u8] = if access == Access::Read && forms.has_access { b"%R~" } else { b"~" };
        [sign, pattern].concat()
    });
    patterns.collect()
}

/// A word as redis-cli reads it: in quotes if it would be taken for several, or cannot be shown.
pub(super) fn word(bytes: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !b"\"'".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(is_plain) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let mut word = String::from("\"");
    for byte in bytes {
        match byte {
            b'"' | b'\\' => word.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => word.push(char::from(*byte)),
            byte => {
                let _ = write!(word, "\\x{byte:02x}");
            }
        }
    }
    word + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Wanted;
    use crate::replies::info::Info;

    fn advised(info: &str, user: Option<&str>, rights: &[Right]) -> Vec<String> {
        let identity = Identity::of(&Info::new(info.into()));
        advice(&identity, user, rights.iter(), false)
    }

    fn rights() -> [Right; 5] {
        [
            Right::to("INFO"),
            Right::to("CONFIG GET").called("SETUP"),
            Right::to("CONFIG GET").with("a"),
            Right::to("XLEN").reading(Wanted::Matching(b"app:*")),
            Right::to("XLEN").reading(Wanted::Named(b"my key*")),
        ]
    }

    #[test]
    fn the_entry_has_the_forms_that_the_server_knows() {
        for (info, line) in [
            (
                "redis_version:7.0.0",
                r#"ACL SETUSER exporter on >PASSWORD %R~app:* "%R~my key\\*" +config|get +info +xlen"#,
            ),
            (
                "redis_version:6.2.0",
                r#"ACL SETUSER exporter on >PASSWORD ~app:* "~my key\\*" +config|get +info +xlen"#,
            ),
            (
                "redis_version:7.4.0\r\ndragonfly_version:df-v1.35",
                r#"ACL SETUSER exporter on >PASSWORD ~app:* "~my key\\*" +config +info +xlen"#,
            ),
        ] {
            assert_eq!(advised(info, None, &rights())[1..], [line]);
        }
        let none = advised("redis_version:5.0.9", None, &rights());
        assert!(none.len() == 1 && none[0].contains("no access lists"), "{none:?}");
    }

    #[test]
    fn a_known_user_keeps_the_password_and_loses_the_rest() {
        let lines = advised("redis_version:7.0.0", Some("me"), &rights()[..1]);
        assert_eq!(lines[1], "ACL SETUSER me resetkeys -@all +info");
        let lines = advised("redis_version:7.0.0", Some("default"), &rights()[..1]);
        assert_eq!(lines[1], "ACL SETUSER exporter on >PASSWORD +info");
    }

    #[test]
    fn keys_that_may_be_written_include_those_that_are_read() {
        let read = |pattern| Right::to("TYPE").reading(Wanted::Matching(pattern));
        let written = |pattern| Right::to("PFCOUNT").writing(Wanted::Matching(pattern));
        let keys = |rights: &[Right]| {
            let lines = advised("redis_version:7.0.0", None, rights);
            let rest = lines[1].strip_prefix("ACL SETUSER exporter on >PASSWORD ").unwrap();
            rest.split(" +").next().unwrap().to_owned()
        };
        assert_eq!(keys(&[read(b"a*"), written(b"a*"), read(b"b*")]), "~a* %R~b*");
        assert_eq!(keys(&[written(b"a*"), read(b"*"), read(b"b*")]), "%R~* ~a*");
        assert_eq!(keys(&[written(b"*"), read(b"b*")]), "~*");
        assert!(advised("redis_version:7.0.0", None, &[written(b"*")])[2].contains("PFCOUNT"));
        assert_eq!(advised("redis_version:6.0.0", None, &[written(b"*")]).len(), 2);
    }

    #[test]
    fn words_are_quoted_where_redis_cli_would_part_them() {
        for (bytes, shown) in [
            (&b"plain\\*"[..], "plain\\*"),
            (b"a b", "\"a b\""),
            (b"say \"x\"", "\"say \\\"x\\\"\""),
            (b"\xff\n", "\"\\xff\\x0a\""),
            (b"", "\"\""),
        ] {
            assert_eq!(word(bytes), shown);
        }
    }
}
