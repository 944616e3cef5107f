//! The least grants, as statements that MariaDB and MySQL take alike; the names of privileges
//! differ, and are those of the server.

use std::collections::{BTreeMap, BTreeSet};

use crate::grant::Grant;

/// Lines that say how to grant `grants` to the account `user`, and no more.
pub(super) fn advice<'g>(user: &str, grants: impl Iterator<Item = &'g Grant>) -> Vec<String> {
    let grants: Vec<&Grant> = grants.collect();
    let is_needed = |grant: &&&Grant| !grants.iter().any(|other| grant.is_part_of(other));
    let mut by_object: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for grant in grants.iter().filter(is_needed) {
        by_object.entry(grant.object()).or_default().insert(grant.privilege());
    }
    if by_object.is_empty() {
        return vec![format!("{user} needs no privilege for this.")];
    }
    let mut lines = vec![format!("The least that {user} needs for this:")];
    lines.extend(by_object.into_iter().map(|(object, privileges)| {
        let privileges: Vec<&str> = privileges.into_iter().collect();
        format!("GRANT {} ON {object} TO {};", privileges.join(", "), account(user))
    }));
    lines
}

/// `user@host` in quotes; a user's name may hold a `@`.
fn account(user: &str) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"));
    match user.rsplit_once('@') {
        Some((name, host)) => format!("{}@{}", quoted(name), quoted(host)),
        None => quoted(user),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_privilege_on_everything_is_enough() {
        let grants = [
            Grant::new("SELECT", "mysql.user"),
            Grant::new("SELECT", "*.*"),
            Grant::new("SELECT", "`a`.`b`"),
        ];
        assert_eq!(advice("a@%", grants.iter())[1..], ["GRANT SELECT ON *.* TO 'a'@'%';"]);
        let grants = [Grant::new("SELECT", "sys.x"), Grant::new("SELECT", "sys.*")];
        assert_eq!(advice("a@%", grants.iter())[1..], ["GRANT SELECT ON sys.* TO 'a'@'%';"]);
    }

    #[test]
    fn privileges_on_one_object_are_one_statement() {
        let grants = [
            Grant::new("SLAVE MONITOR", "*.*"),
            Grant::new("SELECT", "performance_schema.*"),
            Grant::new("PROCESS", "*.*"),
            Grant::new("PROCESS", "*.*").silently(),
        ];
        let expected = [
            "The least that a@b@% needs for this:",
            "GRANT PROCESS, SLAVE MONITOR ON *.* TO 'a@b'@'%';",
            "GRANT SELECT ON performance_schema.* TO 'a@b'@'%';",
        ];
        assert_eq!(advice("a@b@%", grants.iter()), expected);
        assert_eq!(advice("a@%", std::iter::empty()), ["a@% needs no privilege for this."]);
        assert_eq!(account("o'x\\@localhost"), "'o''x\\\\'@'localhost'");
    }
}
