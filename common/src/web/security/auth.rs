//! Names and passwords.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::sync::Semaphore;

use super::config::Password;
use crate::sync::lock;

/// Results kept of each kind. Good ones are apart, so that guesses do not push them out.
const MAX_RESULTS: usize = 100;

/// How long a request may wait for those before it to be checked.
const PATIENCE: Duration = Duration::from_secs(10);

/// Stands in for the hash of an unknown user; the cost goes before it.
const NOBODY: &str = "QyTd7d0n3Iy.u1gVjOO.hO4VLQ4aQ6H8bmCYfAxq1u6Ghrf2nRvXO";

/// What became of a request's name and password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    Bad,
    /// Too many are waiting to be checked.
    Busy,
}

/// Checks names and passwords, and remembers what it found.
#[derive(Debug)]
pub(super) struct Logins {
    /// Two keys that nobody knows: together 128 bits stand for name, hash and password, so that
    /// no password is kept.
    keys: [RandomState; 2],
    good: Mutex<HashSet<[u64; 2]>>,
    bad: Mutex<HashSet<[u64; 2]>>,
    /// One bcrypt at a time: guesses must not take all processors.
    turn: Arc<Semaphore>,
}

impl Default for Logins {
    fn default() -> Self {
        Self {
            keys: [RandomState::new(), RandomState::new()],
            good: Mutex::default(),
            bad: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
        }
    }
}

impl Logins {
    fn digest(&self, value: &impl Hash) -> [u64; 2] {
        [self.keys[0].hash_one(value), self.keys[1].hash_one(value)]
    }

    /// Checks the value of the header `Authorization`.
    pub(super) async fn check(
        &self,
        users: &BTreeMap<String, Password>,
        header: Option<&HeaderValue>,
    ) -> Verdict {
        let Some((user, password)) = header.and_then(parse) else { return Verdict::Bad };
        let known = users.get(&user);
        let hash = match known {
            Some(Password::Plain(expected)) => {
                // Digests under unknown keys tell nothing about where the texts differ.
                let is_good =
                    self.digest(&expected.expose().as_bytes()) == self.digest(&password.as_slice());
                return if is_good { Verdict::Good } else { Verdict::Bad };
            }
            Some(Password::Bcrypt(hash)) => hash.expose().to_owned(),
            None => nobody(users),
        };
        let digest = self.digest(&(known.is_some(), &user, &hash, password.as_slice()));
        if let Some(verdict) = self.remembered(digest) {
            return verdict;
        }
        let turn = Arc::clone(&self.turn).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout(PATIENCE, turn).await else { return Verdict::Busy };
        // It may have been checked while this one waited.
        if let Some(verdict) = self.remembered(digest) {
            return verdict;
        }
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            bcrypt::verify(&password, &hash).unwrap_or(false)
        });
        let is_good = work.await.unwrap_or(false) && known.is_some();
        remember(if is_good { &self.good } else { &self.bad }, digest);
        if is_good { Verdict::Good } else { Verdict::Bad }
    }

    fn remembered(&self, digest: [u64; 2]) -> Option<Verdict> {
        if lock(&self.good).contains(&digest) {
            return Some(Verdict::Good);
        }
        lock(&self.bad).contains(&digest).then_some(Verdict::Bad)
    }
}

fn remember(results: &Mutex<HashSet<[u64; 2]>>, digest: [u64; 2]) {
    let mut results = lock(results);
    if results.len() >= MAX_RESULTS {
        // The order of a set is as good as random.
        let some: Vec<_> = results.iter().take(MAX_RESULTS / 10).copied().collect();
        for digest in some {
            results.remove(&digest);
        }
    }
    results.insert(digest);
}

/// A hash that costs as much as the dearest of the users.
fn nobody(users: &BTreeMap<String, Password>) -> String {
    let cost = |password: &Password| match password {
        Password::Bcrypt(hash) => hash.expose().get(4..6)?.parse().ok(),
        Password::Plain(_) => None,
    };
    let cost: u32 = users.values().filter_map(cost).max().unwrap_or(4);
    format!("$2b${cost:02}${NOBODY}")
}

/// Name and password of `Basic` credentials.
fn parse(header: &HeaderValue) -> Option<(String, Vec<u8>)> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
    let colon = memchr::memchr(b':', &decoded)?;
    let user = String::from_utf8(decoded[..colon].to_vec()).ok()?;
    Some((user, decoded[colon + 1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::secret::Secret;

    fn header(user: &str, password: &str) -> HeaderValue {
        let encoded = BASE64_STANDARD.encode(format!("{user}:{password}"));
        HeaderValue::from_str(&format!("Basic {encoded}")).unwrap()
    }

    fn users(names: &[(&str, &str)]) -> BTreeMap<String, Password> {
        let user = |(name, password): &(&str, &str)| {
            let hash = bcrypt::hash_with_salt(password, 8, [7; 16]).unwrap();
            let hash = hash.format_for_version(bcrypt::Version::TwoY);
            ((*name).to_owned(), Password::Bcrypt(Secret::new(hash)))
        };
        names.iter().map(user).collect()
    }

    #[tokio::test]
    async fn only_the_name_with_its_password_is_good() {
        let users = users(&[("alice", "one"), ("bob", "two:with colon")]);
        let logins = Logins::default();
        for (user, password, verdict) in [
            ("alice", "one", Verdict::Good),
            ("bob", "two:with colon", Verdict::Good),
            ("alice", "two:with colon", Verdict::Bad),
            ("carol", "one", Verdict::Bad),
            ("", "", Verdict::Bad),
            ("alice", "", Verdict::Bad),
        ] {
            // The second answer is remembered.
            for _ in 0..2 {
                let header = header(user, password);
                assert_eq!(logins.check(&users, Some(&header)).await, verdict, "{user}");
            }
        }
        for odd in ["", "Basic", "Basic !!!", "Bearer YWxpY2U6b25l", "Basic YWxpY2U="] {
            let header = HeaderValue::from_static(odd);
            assert_eq!(logins.check(&users, Some(&header)).await, Verdict::Bad, "{odd}");
        }
        assert_eq!(logins.check(&users, None).await, Verdict::Bad);
    }

    #[tokio::test]
    async fn a_remembered_result_of_one_name_is_none_of_another() {
        // Joined without a separator, name, hash and password of the two would be alike.
        let users = users(&[("a", "secret")]);
        let Some(Password::Bcrypt(hash)) = users.get("a") else { panic!() };
        let logins = Logins::default();
        assert_eq!(logins.check(&users, Some(&header("a", "secret"))).await, Verdict::Good);
        let joined = format!("a{}", hash.expose());
        assert_eq!(logins.check(&users, Some(&header(&joined, "secret"))).await, Verdict::Bad);
        let tail = format!("{}secret", hash.expose());
        assert_eq!(logins.check(&users, Some(&header("a", &tail))).await, Verdict::Bad);
    }

    #[tokio::test]
    async fn an_unknown_name_costs_as_much_as_a_wrong_password() {
        let users = users(&[("alice", "one")]);
        assert!(nobody(&users).starts_with("$2b$08$") && nobody(&users).len() == 60);
        let logins = Logins::default();
        let mut times = [Duration::MAX; 2];
        for round in 0..12 {
            for (index, user) in ["alice", "carol"].into_iter().enumerate() {
                let header = header(user, &format!("guess {round}"));
                let started = Instant::now();
                assert_eq!(logins.check(&users, Some(&header)).await, Verdict::Bad);
                times[index] = times[index].min(started.elapsed());
            }
        }
        let ratio = times[1].as_secs_f64() / times[0].as_secs_f64();
        assert!((0.5..2.0).contains(&ratio), "{times:?}");
    }

    #[test]
    fn results_are_bounded() {
        let results = Mutex::default();
        for index in 0..1000 {
            remember(&results, [index, index]);
        }
        assert!(lock(&results).len() <= MAX_RESULTS && lock(&results).contains(&[999, 999]));
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_survived(text in "([Bb]asic )?[A-Za-z0-9+/=: \\t\\x80-\\xff]{0,200}") {
            if let Ok(header) = HeaderValue::from_bytes(text.as_bytes()) {
                let parsed = parse(&header);
                proptest::prop_assert!(parsed.is_none_or(|(user, _)| user.len() < text.len()));
            }
        }

        #[test]
        fn what_a_client_encodes_comes_back(user in "[^:]{0,40}", password in ".{0,80}") {
            let parsed = parse(&header(&user, &password));
            proptest::prop_assert_eq!(parsed, Some((user, password.into_bytes())));
        }
    }
}
