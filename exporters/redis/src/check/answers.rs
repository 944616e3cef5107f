//! What the server says to trials of rights.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::time::Instant;

use common::error::CollectError;
use redis::{Value, pipe};

use crate::rights::{Access, Right};
use crate::scrape::Scrape;
use crate::server::failure::{is_unknown, reason};
use crate::server::session::Session;

/// Trials that are sent at once.
const BATCH: usize = 500;

/// Names of one kind that are shown at most.
const MAX_SHOWN: usize = 8;

/// The answer to one trial.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    /// The right is there; whether there is anything to read, the collector's run tells.
    Granted,
    Denied(Denial),
    /// The server does not know the command.
    Unknown,
}

/// What an access list denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Denial {
    /// A command or subcommand, by its name if the server tells.
    Command(Option<String>),
    /// A key.
    Key,
    /// Something else, in the server's words.
    Other(String),
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(Some(name)) => write!(f, "may not run {name}"),
            Self::Command(None) => f.write_str("may not run a command that it calls"),
            Self::Key => f.write_str("may not read one of the keys"),
            Self::Other(words) => f.write_str(words),
        }
    }
}

/// What the words of an error deny; `None` if they are about something else.
pub(super) fn denial(words: &str) -> Option<Denial> {
    // Redis 6 has other words within scripts.
    const IN_SCRIPTS: [&str; 2] = ["ACL failure in script", "The user executing the script can't"];
    let is_denial = words.starts_with("NOPERM") || IN_SCRIPTS.iter().any(|it| words.contains(it));
    if !is_denial {
        return None;
    }
    Some(if let Some((_, rest)) = words.split_once("to run the '") {
        Denial::Command(rest.split_once('\'').map(|(name, _)| name.to_owned()))
    } else if words.contains("can't run") {
        Denial::Command(None)
    } else if words.contains("access") && words.contains(" key") {
        Denial::Key
    } else {
        Denial::Other(words.to_owned())
    })
}

/// The answers to all trials.
#[derive(Debug, Default)]
pub(super) struct Answers(HashMap<Right, Answer>);

impl Answers {
    /// Tries each of `rights` once, on a connection of its own, until `limit`.
    ///
    /// # Errors
    /// [`CollectError`] if the server cannot be reached or breaks off.
    pub(super) async fn to<'r>(
        rights: impl Iterator<Item = &'r Right>,
        scrape: &Scrape,
        limit: Instant,
    ) -> Result<Self, CollectError> {
        let mut seen = BTreeSet::new();
        // What differs only in whether it is optional is sent twice, which does no harm.
        let rights: Vec<&Right> =
            rights.filter(|right| seen.insert(format!("{right:?}"))).collect();
        let mut answers = HashMap::with_capacity(rights.len());
        let connected = scrape.dialer().connect(limit).await;
        let connection =
            connected.map_err(|failure| CollectError::query(failure.step, &failure.reason))?;
        let mut session = Session::new(connection, limit);
        for batch in rights.chunks(BATCH) {
            let mut commands = pipe();
            for right in batch {
                commands.add_command(right.trial());
            }
            let replies = session.ask_all("check", &commands).await?;
            for (right, reply) in batch.iter().zip(replies) {
                answers.insert(Right::clone(right), answer(reply));
            }
        }
        Ok(Self(answers))
    }

    /// True unless the server does not know the command.
    pub(super) fn is_known(&self, right: &Right) -> bool {
        self.0.get(right) != Some(&Answer::Unknown)
    }

    /// What of `rights` is denied, in one line.
    pub(super) fn denied(&self, rights: &[Right]) -> Option<String> {
        let mut commands = BTreeSet::new();
        let mut read = BTreeSet::new();
        let mut written = BTreeSet::new();
        let mut others = BTreeSet::new();
        for right in rights {
            match self.0.get(right) {
                // The server's name for it would be that of the command as it was renamed.
                Some(Answer::Denied(Denial::Command(_))) => drop(commands.insert(right.grant())),
                Some(Answer::Denied(Denial::Other(words))) => drop(others.insert(words.clone())),
                Some(Answer::Denied(Denial::Key)) => {
                    let Some(key) = right.key() else { continue };
                    let keys = match key.access {
                        Access::Read => &mut read,
                        Access::ReadWrite => &mut written,
                    };
                    keys.insert(String::from_utf8_lossy(&key.pattern).into_owned());
                }
                Some(Answer::Granted | Answer::Unknown) | None => {}
            }
        }
        // What may not be read may not be written, which goes without saying.
        written.retain(|pattern| !read.contains(pattern));
        let texts = [
            said("may not run ", commands),
            said("may not read keys like ", read),
            said("may not both read and write, as PFCOUNT asks for, keys like ", written),
            said("", others),
        ];
        let texts: Vec<String> = texts.into_iter().flatten().collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }

    /// The commands of `rights` if the server knows none of them.
    pub(super) fn unknown(&self, rights: &[Right]) -> Option<String> {
        if rights.is_empty() || rights.iter().any(|right| self.is_known(right)) {
            return None;
        }
        let commands = rights.iter().map(|right| right.command().to_owned()).collect();
        said("the server does not know ", commands)
    }
}

fn said(what: &str, names: BTreeSet<String>) -> Option<String> {
    let more = names.len().saturating_sub(MAX_SHOWN);
    let shown: Vec<String> = names.into_iter().take(MAX_SHOWN).collect();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    (!shown.is_empty()).then(|| format!("{what}{}{more}", shown.join(", ")))
}

fn answer(reply: Value) -> Answer {
    let Err(error) = reply.extract_error() else { return Answer::Granted };
    let words = reason(&error);
    if is_unknown(&words) {
        return Answer::Unknown;
    }
    denial(&words).map_or(Answer::Granted, Answer::Denied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Wanted;

    fn answer_to(line: &str) -> Answer {
        answer(redis::parse_redis_value(format!("{line}\r\n").as_bytes()).unwrap())
    }

    #[test]
    fn refusals_of_several_versions_are_understood() {
        let command = |name: Option<&str>| Some(Denial::Command(name.map(str::to_owned)));
        for (words, expected) in [
            (
                "NOPERM User ex has no permissions to run the 'config|get' command",
                command(Some("config|get")),
            ),
            (
                "NOPERM this user has no permissions to run the 'config' command or its subcommand",
                command(Some("config")),
            ),
            ("NOPERM No permissions to access a key", Some(Denial::Key)),
            (
                "NOPERM this user has no permissions to access one of the keys used as arguments",
                Some(Denial::Key),
            ),
            (
                "EVAL: ERR ACL failure in script: User ex has no permissions to run the 'dbsize' \
                 command script: 1f, on @user_script:1.",
                command(Some("dbsize")),
            ),
            (
                "ERR Error running script (call to f_1): @user_script:1: The user executing the \
                 script can't run this command or subcommand",
                command(None),
            ),
            ("NOPERM not for you", Some(Denial::Other("NOPERM not for you".into()))),
            ("ERR no such key", None),
            ("NOAUTH Authentication required.", None),
        ] {
            assert_eq!(denial(words), expected, "{words}");
        }
    }

    #[test]
    fn a_right_is_there_whatever_else_the_server_answers() {
        for line in ["+OK", ":3", "$-1", "-ERR no such key", "-WRONGTYPE Operation against a key"] {
            assert_eq!(answer_to(line), Answer::Granted, "{line}");
        }
        assert_eq!(answer_to("-ERR unknown command 'ARCOUNT', with args"), Answer::Unknown);
        assert_eq!(
            answer_to("-NOPERM No permissions to access a key"),
            Answer::Denied(Denial::Key)
        );
    }

    #[test]
    fn what_is_denied_is_said_once_and_cut() {
        let key = Wanted::Matching(b"app:*");
        let rights = [
            Right::to("CONFIG GET").with("a"),
            Right::to("CONFIG GET").with("b"),
            Right::to("TYPE").reading(key),
            Right::to("PFCOUNT").writing(key),
            Right::to("PFCOUNT").writing(Wanted::Named(b"k")),
            Right::to("INFO"),
        ];
        let command = Answer::Denied(Denial::Command(None));
        let key = Answer::Denied(Denial::Key);
        let given = [&command, &command, &key, &key, &key, &Answer::Granted].map(Answer::clone);
        let answers = Answers(rights.iter().cloned().zip(given).collect());
        let expected = "may not run config|get; may not read keys like app:*; may not both read and \
                        write, as PFCOUNT asks for, keys like k";
        assert_eq!(answers.denied(&rights).as_deref(), Some(expected));
        assert_eq!(answers.denied(&rights[5..]), None);
        let many = (0..12).map(|n| format!("{n:02}")).collect();
        assert_eq!(said("no ", many).unwrap(), "no 00, 01, 02, 03, 04, 05, 06, 07 and 4 more");
    }

    #[test]
    fn a_collector_is_unknown_where_all_its_commands_are() {
        let rights = [Right::to("FT._LIST").if_known(), Right::to("FT.INFO").if_known()];
        let unknown = rights.iter().map(|right| (right.clone(), Answer::Unknown)).collect();
        let answers = Answers(unknown);
        let words = answers.unknown(&rights).unwrap();
        assert_eq!(words, "the server does not know FT.INFO, FT._LIST");
        assert_eq!(answers.unknown(&[]), None);
        assert_eq!(answers.unknown(&[Right::to("INFO")]), None);
    }
}
