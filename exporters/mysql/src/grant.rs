//! Privileges of an account: those that are needed, and those that `SHOW GRANTS` lists.

use std::fmt;

/// What a collector needs; see [`common::collector::Needs`].
pub type Needs = common::collector::Needs<Grant>;

/// A privilege on an object, as `GRANT` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    privilege: &'static str,
    object: String,
    is_silent: bool,
}

/// Names of one privilege: MariaDB has taken several for each.
const ALIASES: &[&[&str]] = &[
    &["SLAVE MONITOR", "REPLICA MONITOR"],
    &["BINLOG MONITOR", "REPLICATION CLIENT"],
    &["REPLICATION SLAVE ADMIN", "REPLICATION REPLICA ADMIN"],
    &["REPLICATION SLAVE", "REPLICATION REPLICA"],
];

impl Grant {
    /// A privilege on an object, which is named and quoted as in SQL, or `*.*`.
    pub fn new(privilege: &'static str, object: &str) -> Self {
        Self { privilege, object: object.to_owned(), is_silent: false }
    }

    /// Without it the server leaves rows out and tells no error.
    #[must_use]
    pub fn silently(self) -> Self {
        Self { is_silent: true, ..self }
    }

    /// The privilege's name.
    pub fn privilege(&self) -> &'static str {
        self.privilege
    }

    /// What it is granted on.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// True if who has `other` needs this no more.
    pub fn is_part_of(&self, other: &Self) -> bool {
        let (part, whole) = (unquoted(&self.object), unquoted(&other.object));
        self.privilege == other.privilege && part != whole && covers(&whole, &part)
    }

    /// True if its lack is no error.
    pub fn is_silent(&self) -> bool {
        self.is_silent
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ON {}", self.privilege, self.object)
    }
}

/// What an account has, by `SHOW GRANTS`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// Names of privileges, and an object without quotes.
    held: Vec<(Vec<String>, String)>,
    has_roles: bool,
}

impl Granted {
    /// Reads the lines of the answer. They may hold the hash of a password: only privileges and
    /// objects are kept.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut granted = Self::default();
        for line in lines {
            let Some(rest) = line.strip_prefix("GRANT ") else { continue };
            let held = rest.split_once(" ON ").and_then(|(names, rest)| {
                let object = rest.split_once(" TO ")?.0;
                let names = names.split(',').map(|name| name.trim().to_owned()).collect();
                Some((names, unquoted(object)))
            });
            match held {
                Some(held) => granted.held.push(held),
                None => granted.has_roles = true,
            }
        }
        granted
    }

    /// True if the account has the privilege, or has roles of which this does not tell.
    pub fn may_have(&self, grant: &Grant) -> bool {
        self.has_roles || self.has(grant)
    }

    /// True if the account itself has the privilege.
    pub fn has(&self, grant: &Grant) -> bool {
        let object = unquoted(&grant.object);
        let same = ALIASES.iter().find(|names| names.contains(&grant.privilege));
        let is_it = |name: &str| {
            name == grant.privilege
                || matches!(name, "ALL" | "ALL PRIVILEGES")
                || same.is_some_and(|names| names.contains(&name))
        };
        self.held
            .iter()
            .any(|(names, on)| names.iter().any(|name| is_it(name)) && covers(on, &object))
    }
}

/// True if a grant on `held` is one on `object`: on the same, its database, or everything.
fn covers(held: &str, object: &str) -> bool {
    let of_database = held.strip_suffix(".*").zip(object.split_once('.'));
    held == "*.*"
        || held == object
        || of_database.is_some_and(|(held, (database, _))| held == database)
}

fn unquoted(object: &str) -> String {
    // Patterns of databases escape what would stand for any character.
    object.replace(['`', '\\'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(lines: &[&str]) -> Granted {
        Granted::parse(lines.iter().copied())
    }

    #[test]
    fn privileges_count_by_all_their_names_and_on_all_that_holds_the_object() {
        let granted = granted(&[
            "GRANT PROCESS, BINLOG MONITOR ON *.* TO `e`@`%` IDENTIFIED BY PASSWORD '*1F' WITH \
             MAX_USER_CONNECTIONS 3",
            "GRANT SELECT ON `performance\\_schema`.* TO `e`@`%`",
            "GRANT ALL PRIVILEGES ON `own`.`table` TO `e`@`%`",
        ]);
        let has = |privilege, object| granted.has(&Grant::new(privilege, object));
        assert!(has("PROCESS", "*.*") && has("REPLICATION CLIENT", "*.*"));
        assert!(has("SELECT", "performance_schema.*"));
        assert!(has("SELECT", "performance_schema.threads") && has("SELECT", "`own`.`table`"));
        assert!(!has("SLAVE MONITOR", "*.*") && !has("SELECT", "*.*"));
        assert!(!has("SELECT", "own.other") && !has("SELECT", "mysql.user"));
        assert!(!format!("{granted:?}").contains("1F"));
    }

    #[test]
    fn roles_may_give_anything() {
        let granted = granted(&["GRANT USAGE ON *.* TO `e`@`%`", "GRANT `watcher` TO `e`@`%`"]);
        let process = Grant::new("PROCESS", "*.*");
        assert!(granted.may_have(&process) && !granted.has(&process));
        assert!(process.clone().silently().is_silent() && !process.is_silent());
    }

    proptest::proptest! {
        #[test]
        fn any_answer_is_survived(line in "(GRANT |ON |TO |[A-Z`.*, ]){0,12}") {
            let granted = Granted::parse([line.as_str()]);
            let _ = granted.has(&Grant::new("SELECT", "a.b"));
        }
    }
}
