//! Which user and password go with an address.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, bail};
use common::failures::{Change, FailureLog};
use common::secret::Secret;
use common::sync::lock;

use super::address::Address;
use super::servers::Target;
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

/// Where the login for one address comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// The address itself.
    Address(Option<Login>),
    /// The password file, read for each login, or else the flags.
    File {
        /// The address as it is written in a file of several passwords.
        key: String,
        /// The user to log in as.
        user: Option<String>,
        /// Key and address of the server that told of this one: what the file has for it
        /// counts where there is no entry for this one.
        teller: Option<Box<(String, Address)>>,
    },
}

/// What flags and password file say of all servers.
#[derive(Debug)]
pub(super) struct Credentials {
    user: String,
    password: Secret,
    /// `None` if there is no password file.
    path: Option<PathBuf>,
    /// What was read from it last; `None` if it is not to be used.
    file: Mutex<Option<Passwords>>,
    failures: FailureLog,
}

impl Credentials {
    /// Reads the password file, if there is one and no password flag, as the reference does.
    ///
    /// # Errors
    /// The password file cannot be read or is malformed.
    pub(super) fn read(args: &Args) -> anyhow::Result<Self> {
        let path = Some(&args.password_file).filter(|path| !path.is_empty()).map(PathBuf::from);
        let credentials = Self {
            user: args.user.clone(),
            password: args.password.clone(),
            path,
            file: Mutex::default(),
            failures: FailureLog::default(),
        };
        if args.password.is_empty() && credentials.path.is_some() {
            credentials.reload()?;
        }
        if credentials.password.expose().ends_with(['\n', '\r']) {
            tracing::warn!(
                "--redis.password, or REDIS_PASSWORD, ends in a line end, which is sent"
            );
        }
        Ok(credentials)
    }

    /// Reads the password file; what was known stays if that fails. False if there is none.
    ///
    /// # Errors
    /// It cannot be read or is malformed.
    pub(super) fn reload(&self) -> anyhow::Result<bool> {
        let Some(path) = &self.path else { return Ok(false) };
        let read = read_file(path);
        let passwords = read.with_context(|| format!("{PASSWORD_FILE}={}", path.display()))?;
        *lock(&self.file) = Some(passwords);
        Ok(true)
    }

    /// Where the login for the address that was written as `text` comes from: the address's own
    /// password goes before the file's, that before the flag's; its user before the flag's.
    pub(super) fn source(&self, text: &str, address: &Address) -> Source {
        let flag_user = Some(&self.user).filter(|user| !user.is_empty());
        let user = address.user.as_ref().or(flag_user).cloned();
        if let Some(password) = &address.password {
            return Source::Address(Some(Login { user, password: password.clone() }));
        }
        let key = match &*lock(&self.file) {
            Some(Passwords::Map(_)) => lookup_key(text, user.as_deref()),
            Some(Passwords::One(_)) | None => String::new(),
        };
        Source::File { key, user, teller: None }
    }

    /// Where the login at `address` comes from, of which the server of `teller` has told: the same
    /// place as there. What is written in the address of a sentinel is its own login, so that
    /// servers have that of the file or the flags, where there is one.
    pub(super) fn source_of_peer(&self, address: &Address, teller: &Target) -> Source {
        let has_password = !self.password.is_empty() || lock(&self.file).is_some();
        match &teller.source {
            Source::Address(_) if teller.is_sentinel && has_password => {
                self.source(&address.to_string(), address)
            }
            Source::Address(login) => Source::Address(login.clone()),
            Source::File { key, user, .. } => Source::File {
                key: lookup_key(&address.to_string(), user.as_deref()),
                user: user.clone(),
                teller: Some(Box::new((key.clone(), teller.address.clone()))),
            },
        }
    }

    /// The login of `source` at `address`, from the file as it is now.
    pub(super) async fn login(
        self: &Arc<Self>,
        source: &Source,
        address: &Address,
    ) -> Option<Login> {
        let (key, user, teller) = match source {
            Source::Address(login) => return login.clone(),
            Source::File { key, user, teller } => (key, user.clone(), teller.as_deref()),
        };
        if lock(&self.file).is_some() {
            let this = Arc::clone(self);
            // It may be on a disk that hangs; the deadline of the connection holds then.
            let read = tokio::task::spawn_blocking(move || this.reload().map(drop)).await;
            self.note(read.unwrap_or_else(|_| bail!("{PASSWORD_FILE}: reading it has failed")));
        }
        let password = match &*lock(&self.file) {
            None => self.password.clone(),
            Some(file) => {
                let of_teller = || {
                    let (key, address) = teller?;
                    file.find(key, address, user.as_deref())
                };
                let found = file.find(key, address, user.as_deref()).or_else(of_teller);
                if found.is_none() {
                    tracing::warn!(%address, "the password file has no entry for the address");
                }
                found.unwrap_or_else(|| self.password.clone())
            }
        };
        if password.is_empty() {
            if user.is_some() {
                tracing::warn!(%address, "a user is set but no password: not logging in");
            }
            return None;
        }
        Some(Login { user, password })
    }

    /// Logs the first of a series of failures to read the file.
    fn note(&self, read: anyhow::Result<()>) {
        let read = read.map_err(|error| format!("{error:#}"));
        if let (Change::New, Err(error)) = (self.failures.note(&read.as_ref().map(drop)), &read) {
            tracing::warn!(error, "the passwords that were read before are used");
        }
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
    /// The password for an address, which `exact` is in the reference's form.
    ///
    /// The reference compares texts: the address without password, with
    /// `user@` where a user applies. Here that goes first; then an entry for
    /// the same endpoint counts whose user is the same or not given.
    fn find(&self, exact: &str, address: &Address, user: Option<&str>) -> Option<Secret> {
        let entries = match self {
            Self::One(password) => return Some(password.clone()),
            Self::Map(entries) => entries,
        };
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
            .find(|(key, _)| key == exact)
            .or_else(|| entries.iter().find(|(key, _)| is_same(key)));
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
        let found = parse(content).unwrap().find(&lookup_key(text, user), &address, user);
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

    async fn login(credentials: &Arc<Credentials>, text: &str) -> Option<Login> {
        let address = Address::parse(text).unwrap();
        credentials.login(&credentials.source(text, &address), &address).await
    }

    #[tokio::test]
    async fn the_address_goes_before_the_flags() {
        let flags = ["--redis.user=me", "--redis.password=flag"];
        let credentials = Arc::new(Credentials::read(&args(&flags)).unwrap());
        let expected = |user: &str, password: &str| {
            Some(Login { user: Some(user.into()), password: password.into() })
        };
        assert_eq!(login(&credentials, "redis://a").await, expected("me", "flag"));
        assert_eq!(login(&credentials, "redis://you:own@a").await, expected("you", "own"));
        let without = Arc::new(Credentials::read(&args(&["--redis.user=me"])).unwrap());
        assert_eq!(login(&without, "a").await, None);
    }

    #[tokio::test]
    async fn the_file_is_read_for_each_login_and_a_broken_one_changes_nothing() {
        let file = std::env::temp_dir().join(format!("passwords-{}", std::process::id()));
        std::fs::write(&file, "one\n").unwrap();
        let flag = format!("--redis.password-file={}", file.display());
        let credentials = Arc::new(Credentials::read(&args(&[&flag])).unwrap());
        for (content, expected) in
            [("two\n", "two"), ("", "two"), (r#"{"redis://a": "three"}"#, "three")]
        {
            std::fs::write(&file, content).unwrap();
            let login = login(&credentials, "redis://a").await.unwrap();
            assert_eq!(login.password.expose(), expected, "{content:?}");
        }
        std::fs::write(&file, "four\nfive").unwrap();
        let error = format!("{:#}", credentials.reload().unwrap_err());
        assert!(error.starts_with(&flag) && !error.contains("four"), "{error}");
        std::fs::remove_file(&file).unwrap();
        assert_eq!(login(&credentials, "redis://a").await.unwrap().password.expose(), "three");
        let none = Credentials::read(&args(&[])).unwrap();
        assert!(!none.reload().unwrap());
    }

    #[tokio::test]
    async fn servers_that_another_tells_of_have_its_login() {
        let file = std::env::temp_dir().join(format!("peers-{}", std::process::id()));
        std::fs::write(&file, r#"{"redis://seed:1": "seeds", "redis://b:2": "own"}"#).unwrap();
        let file_flag = format!("--redis.password-file={}", file.display());
        let (flag, no_flags) = (["--redis.password=flag"], [file_flag.as_str()]);
        for (flags, text, is_sentinel, peer, expected) in [
            (&flag[..], "redis://seed:1", false, "a", Some("flag")),
            (&flag, "redis://:own@seed:1", false, "a", Some("own")),
            (&flag, "redis://:own@seed:1", true, "a", Some("flag")),
            (&[], "redis://:own@seed:1", true, "a", Some("own")),
            (&[], "redis://seed:1", true, "a", None),
            (&no_flags, "redis://seed:1", false, "a", Some("seeds")),
            (&no_flags, "redis://seed:1", false, "b", Some("own")),
        ] {
            let credentials = Arc::new(Credentials::read(&args(flags)).unwrap());
            let address = Address::parse(text).unwrap();
            let source = credentials.source(text, &address);
            let peer = address.with_endpoint(peer, 2);
            let teller = Target { address, source, server_name: None, is_sentinel };
            let source = credentials.source_of_peer(&peer, &teller);
            let login = credentials.login(&source, &peer).await;
            let password = login.as_ref().map(|login| login.password.expose());
            assert_eq!(password, expected, "{flags:?} {text} {is_sentinel}");
        }
        std::fs::remove_file(&file).unwrap();
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
