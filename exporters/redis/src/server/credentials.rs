//! Which user and password go with an address.

use std::path::Path;

use anyhow::{Context as _, bail};
use common::secret::Secret;

use super::address::Address;
use crate::args::Args;

/// The flag that names the password file.
const PASSWORD_FILE: &str = "--redis.password-file";

/// What `AUTH` is sent with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Login {
    /// `None` logs in as the default user, in the form that servers before Redis 6 know.
    pub(super) user: Option<String>,
    /// The password.
    pub(super) password: Secret,
}

/// Content of a password file.
#[derive(Debug)]
enum Passwords {
    /// One password for every address.
    One(Secret),
    /// Addresses and their passwords.
    Map(Vec<(String, Secret)>),
}

/// What flags and password file say of all servers.
#[derive(Debug)]
pub(super) struct Credentials {
    user: String,
    password: Secret,
    file: Option<Passwords>,
}

impl Credentials {
    /// Reads the password file, if there is one and no password flag, as the reference does.
    ///
    /// # Errors
    /// The password file cannot be read or is malformed.
    pub(super) fn read(args: &Args) -> anyhow::Result<Self> {
        let file = if args.password.is_empty() && !args.password_file.is_empty() {
            let path = Path::new(&args.password_file);
            Some(read_file(path).with_context(|| format!("{PASSWORD_FILE}={}", path.display()))?)
        } else {
            None
        };
        Ok(Self { user: args.user.clone(), password: args.password.clone(), file })
    }

    /// The login for the address that was written as `text`: the address's own password goes
    /// before the file's, that before the flag's; the address's user before the flag's.
    pub(super) fn login(&self, text: &str, address: &Address) -> Option<Login> {
        let flag_user = Some(&self.user).filter(|user| !user.is_empty());
        let user = address.user.as_ref().or(flag_user).cloned();
        let file = self.file.as_ref().and_then(|file| file.find(text, address, user.as_deref()));
        let password = address.password.clone().or(file).unwrap_or_else(|| self.password.clone());
        if password.is_empty() {
            if user.is_some() {
                tracing::warn!(%address, "a user is set but no password: not logging in");
            }
            return None;
        }
        Some(Login { user, password })
    }
}

fn read_file(path: &Path) -> anyhow::Result<Passwords> {
    let content = std::fs::read_to_string(path).context("cannot be read")?;
    parse(&content)
}

fn parse(content: &str) -> anyhow::Result<Passwords> {
    if !content.trim_start().starts_with('{') {
        let password = content.trim_end_matches(['\r', '\n']);
        if password.is_empty() || password.contains('\n') {
            bail!("expected one line with the password, or a JSON object");
        }
        return Ok(Passwords::One(Secret::from(password)));
    }
    let object: serde_json::Value = serde_json::from_str(content).map_err(|error| {
        // Its message may repeat what it stumbled over, which may be a password.
        anyhow::anyhow!("malformed JSON at line {}, column {}", error.line(), error.column())
    })?;
    let entries = object.as_object().into_iter().flatten();
    let entries: Option<Vec<(String, Secret)>> = entries
        .map(|(address, password)| Some((address.clone(), Secret::from(password.as_str()?))))
        .collect();
    entries.map(Passwords::Map).context("expected every password to be a JSON string")
}

impl Passwords {
    /// The password for the address that was written as `text`.
    ///
    /// The reference compares texts: the address without password, with
    /// `user@` where a user applies. Here that goes first; then an entry for
    /// the same endpoint counts whose user is the same or not given.
    fn find(&self, text: &str, address: &Address, user: Option<&str>) -> Option<Secret> {
        let entries = match self {
            Self::One(password) => return Some(password.clone()),
            Self::Map(entries) => entries,
        };
        let exact = lookup_key(text, user);
        let is_same = |key: &str| {
            // `user@` without a colon means a user here, unlike in a server's address.
            let (key, key_user) = match key.split_once("://") {
                Some((scheme, rest)) => match rest.rsplit_once('@') {
                    Some((key_user, rest)) => (format!("{scheme}://{rest}"), Some(key_user)),
                    None => (key.to_owned(), None),
                },
                None => (key.to_owned(), None),
            };
            let same_user = key_user.is_none_or(|key_user| Some(key_user) == user);
            same_user && Address::parse(&key).is_ok_and(|key| key.endpoint == address.endpoint)
        };
        let found = entries
            .iter()
            .find(|(key, _)| *key == exact)
            .or_else(|| entries.iter().find(|(key, _)| is_same(key)));
        if found.is_none() {
            tracing::warn!(%address, "the password file has no entry for the address");
        }
        found.map(|(_, password)| password.clone())
    }
}

/// The address with its user information replaced by the user that applies.
fn lookup_key(text: &str, user: Option<&str>) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match user {
        Some(user) => format!("{scheme}://{user}@{host}{path}"),
        None => format!("{scheme}://{host}{path}"),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::FromArgMatches as _;

    use super::*;

    const MAP: &str = r#"{"redis://a:1": "one", "redis://me@a:1": "two", "redis://b": ""}"#;

    fn find(content: &str, text: &str, user: Option<&str>) -> Option<String> {
        let address = Address::parse(text).unwrap();
        let found = parse(content).unwrap().find(text, &address, user);
        found.map(|password| password.expose().to_owned())
    }

    #[test]
    fn a_map_is_searched_by_address_and_user() {
        for (text, user, password) in [
            ("redis://a:1", None, Some("one")),
            ("redis://a:1", Some("me"), Some("two")),
            ("redis://me:@a:1", Some("me"), Some("two")),
            ("a:1", None, Some("one")),
            ("redis://a:1/2", Some("you"), Some("one")),
            ("redis://b:6379", None, Some("")),
            ("redis://c", None, None),
        ] {
            assert_eq!(find(MAP, text, user).as_deref(), password, "{text} {user:?}");
        }
    }

    fn args(flags: &[&str]) -> Args {
        let arguments = ["redis-exporter"].iter().chain(flags).map(OsString::from);
        let matches = common::commands::parse::<crate::RedisExporter>(arguments).unwrap();
        Args::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn a_missing_file_is_an_error_with_flag_file_and_reason() {
        let missing = "--redis.password-file=/nonexistent/passwords";
        let error = format!("{:#}", Credentials::read(&args(&[missing])).unwrap_err());
        assert_eq!(
            error,
            format!("{missing}: cannot be read: No such file or directory (os error 2)")
        );
        // It is not needed then.
        assert!(Credentials::read(&args(&[missing, "--redis.password=hunter2"])).is_ok());
    }

    #[test]
    fn the_address_goes_before_the_flags() {
        let flags = ["--redis.user=me", "--redis.password=flag"];
        let credentials = Credentials::read(&args(&flags)).unwrap();
        let login = |text| credentials.login(text, &Address::parse(text).unwrap());
        let expected = |user: &str, password: &str| {
            Some(Login { user: Some(user.into()), password: password.into() })
        };
        assert_eq!(login("redis://a"), expected("me", "flag"));
        assert_eq!(login("redis://you:own@a"), expected("you", "own"));
        let without_password = Credentials::read(&args(&["--redis.user=me"])).unwrap();
        assert_eq!(without_password.login("a", &Address::parse("a").unwrap()), None);
    }

    #[test]
    fn a_plain_file_holds_one_password() {
        assert_eq!(find("hunter 2\n", "redis://a", Some("me")).as_deref(), Some("hunter 2"));
        assert!(parse("").is_err());
        assert!(parse("hunter2\nhunter3\n").is_err());
    }

    #[test]
    fn malformed_files_are_refused_without_repeating_them() {
        for content in [r#"{"a": "hunter2""#, r#"{"a": 7247}"#, r#"{"a": ["hunter2"]}"#] {
            let error = format!("{:#}", parse(content).unwrap_err());
            assert!(!error.contains("hunter2") && !error.contains("7247"), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_content_is_read_or_refused(content in ".*", text in ".*") {
            let _ = parse(&content);
            let _ = lookup_key(&text, Some("me"));
        }
    }
}
