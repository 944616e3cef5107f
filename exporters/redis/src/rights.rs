//! What a user of the server must be allowed: commands that the exporter sends, and the keys that
//! they read. Each can be tried without changing anything.

use std::collections::BTreeSet;

use redis::Cmd;

use crate::keys::Wanted;

/// What a collector needs; see [`common::collector::Needs`].
pub type Needs = common::collector::Needs<Right>;

/// The right to send a command, in a form that can be tried.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Right {
    command: &'static str,
    /// In place of the command's first word, where it was renamed.
    renamed: Option<String>,
    arguments: Vec<Vec<u8>>,
    key: Option<KeyRight>,
    is_optional: bool,
}

/// The right to use the keys that a pattern matches.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyRight {
    /// The pattern, as access lists and `SCAN` write it.
    pub pattern: Vec<u8>,
    /// What the command asks for.
    pub access: Access,
}

/// What a command may do with a key, by the server's own account of its commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// It reads.
    Read,
    /// It may write as well, as `PFCOUNT` does for a cache within the key.
    ReadWrite,
}

impl Right {
    /// The right to send a command, with its subcommand where it has some: `CONFIG GET`.
    pub fn to(command: &'static str) -> Self {
        Self { command, renamed: None, arguments: Vec::new(), key: None, is_optional: false }
    }

    /// Tries it with a further argument.
    #[must_use]
    pub fn with(mut self, argument: impl AsRef<[u8]>) -> Self {
        self.arguments.push(argument.as_ref().to_vec());
        self
    }

    /// It reads these keys; tried with their name as the next argument.
    #[must_use]
    pub fn reading(self, keys: Wanted<'_>) -> Self {
        self.using(keys, Access::Read)
    }

    /// As [`Self::reading`], for a command that asks for the right to write too.
    #[must_use]
    pub fn writing(self, keys: Wanted<'_>) -> Self {
        self.using(keys, Access::ReadWrite)
    }

    fn using(self, keys: Wanted<'_>, access: Access) -> Self {
        let (name, pattern) = match keys {
            Wanted::Named(name) => (name, escaped(name)),
            // A pattern matches itself, so that no key has to be found for the trial.
            Wanted::Matching(pattern) => (pattern, pattern.to_vec()),
        };
        Self { key: Some(KeyRight { pattern, access }), ..self.with(name) }
    }

    /// The command's first word is called this on the server.
    #[must_use]
    pub fn called(self, name: &str) -> Self {
        Self { renamed: Some(name.to_owned()), ..self }
    }

    /// A server that does not know the command is not asked for it, or its absence is no failure.
    #[must_use]
    pub fn if_known(self) -> Self {
        Self { is_optional: true, ..self }
    }

    /// The command as the server's documents write it.
    pub fn command(&self) -> &'static str {
        self.command
    }

    /// The key that it uses, if any.
    pub fn key(&self) -> Option<&KeyRight> {
        self.key.as_ref()
    }

    /// True if a server need not know the command.
    pub fn is_optional(&self) -> bool {
        self.is_optional
    }

    /// The command as access lists write it, always by its first name: `config|get`.
    pub fn grant(&self) -> String {
        self.command.to_ascii_lowercase().replacen(' ', "|", 1)
    }

    /// What is sent to try it.
    pub fn trial(&self) -> Cmd {
        let mut words = self.command.split(' ');
        let first = words.next().unwrap_or_default();
        let mut command = redis::cmd(self.renamed.as_deref().unwrap_or(first));
        for word in words {
            command.arg(word);
        }
        for argument in &self.arguments {
            command.arg(argument);
        }
        command
    }
}

/// The rights to choose the databases of keys, and to find those that patterns match.
pub fn to_find(keys: &[(u32, Wanted<'_>)]) -> Vec<Right> {
    let databases: BTreeSet<u32> = keys.iter().map(|(database, _)| *database).collect();
    let select = |database: u32| Right::to("SELECT").with(database.to_string());
    let has_pattern = keys.iter().any(|(_, keys)| matches!(keys, Wanted::Matching(_)));
    let scan = has_pattern.then(|| Right::to("SCAN").with("0").with("COUNT").with("1"));
    databases.into_iter().map(select).chain(scan).collect()
}

/// A name as a pattern that matches it alone.
fn escaped(name: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(name.len());
    for byte in name {
        if b"*?[]\\^".contains(byte) {
            pattern.push(b'\\');
        }
        pattern.push(*byte);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(right: &Right) -> String {
        String::from_utf8(right.trial().get_packed_command()).unwrap()
    }

    #[test]
    fn rights_are_tried_as_they_are_used_and_granted_by_their_first_names() {
        let right = Right::to("CONFIG GET").called("SETUP").with("maxmemory");
        assert_eq!(sent(&right), "*3\r\n$5\r\nSETUP\r\n$3\r\nGET\r\n$9\r\nmaxmemory\r\n");
        assert_eq!(right.grant(), "config|get");
        assert_eq!(Right::to("FT._LIST").grant(), "ft._list");
        assert!(right.clone().if_known().is_optional() && !right.is_optional());
    }

    #[test]
    fn names_become_patterns_that_match_nothing_else() {
        let right = Right::to("TYPE").reading(Wanted::Matching(b"app:*"));
        assert_eq!(sent(&right), "*2\r\n$4\r\nTYPE\r\n$5\r\napp:*\r\n");
        let app = KeyRight { pattern: b"app:*".to_vec(), access: Access::Read };
        assert_eq!(right.key(), Some(&app));
        let right = Right::to("PFCOUNT").writing(Wanted::Named(b"a*\\b"));
        assert_eq!(sent(&right), "*2\r\n$7\r\nPFCOUNT\r\n$4\r\na*\\b\r\n");
        let one = KeyRight { pattern: b"a\\*\\\\b".to_vec(), access: Access::ReadWrite };
        assert_eq!(right.key(), Some(&one));
    }

    #[test]
    fn only_patterns_are_looked_for() {
        let commands = |keys: &[_]| to_find(keys).iter().map(Right::grant).collect::<Vec<_>>();
        let name = Wanted::Named(b"a");
        assert_eq!(commands(&[(0, name), (3, name), (0, name)]), ["select", "select"]);
        assert_eq!(commands(&[(0, Wanted::Matching(b"a*"))]), ["select", "scan"]);
        assert!(commands(&[]).is_empty());
    }
}
