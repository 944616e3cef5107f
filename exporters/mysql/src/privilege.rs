//! Which privileges statements need, by server and version.

use common::collector::Release;
use common::error::{CollectError, excerpt};

use crate::grant::{Grant, Needs};
use crate::server::{QueryError, mariadb};

/// `ER_VIEW_INVALID`: the account lacks a privilege on what is behind a view.
const VIEW_INVALID: u16 = 1356;

/// A privilege that the account needs for a statement.
#[derive(Clone, Copy, Debug)]
pub struct Privilege<'a> {
    /// Its names by the first release that has them, the newest release of a product first.
    names: &'static [(Release, &'static str)],
    /// Its name on all other releases.
    otherwise: &'static str,
    /// What it is granted on.
    object: &'a str,
    /// What else it is granted on, as it is read behind that.
    behind: Option<&'static str>,
    /// Without it the server leaves rows out and tells no error.
    is_silent: bool,
}

impl Privilege<'static> {
    /// Threads of others, and the state of InnoDB.
    pub const PROCESS: Self = Self::global(&[], "PROCESS");

    /// Tables of the performance schema.
    pub const PERFORMANCE_SCHEMA: Self = Self::select("performance_schema.*");

    /// Views of the sys schema, which read the performance schema in the account's name.
    pub const SYS: Self = Self { behind: Some("performance_schema.*"), ..Self::select("sys.*") };

    /// Tables, which are invisible in the information schema without any privilege on them.
    pub const TABLES: Self = Self::select("*.*").silently();

    /// The state of a replica.
    pub const REPLICA_STATUS: Self = Self::global(
        &[(mariadb(10, 5, 9), "SLAVE MONITOR"), (mariadb(10, 5, 2), "REPLICATION SLAVE ADMIN")],
        "REPLICATION CLIENT",
    );

    /// The list of binary logs.
    pub const BINARY_LOGS: Self =
        Self::global(&[(mariadb(10, 5, 2), "BINLOG MONITOR")], "REPLICATION CLIENT");

    /// The list of replicas that have registered.
    pub const REPLICAS: Self =
        Self::global(&[(mariadb(10, 5, 2), "REPLICATION MASTER ADMIN")], "REPLICATION SLAVE");

    const fn global(names: &'static [(Release, &'static str)], otherwise: &'static str) -> Self {
        Self { names, otherwise, object: "*.*", behind: None, is_silent: false }
    }
}

impl<'a> Privilege<'a> {
    /// To read a table, which is named and quoted as in SQL.
    pub const fn select(table: &'a str) -> Self {
        Self { names: &[], otherwise: "SELECT", object: table, behind: None, is_silent: false }
    }

    /// Without it the server leaves rows out and tells no error.
    #[must_use]
    pub const fn silently(self) -> Self {
        Self { is_silent: true, ..self }
    }

    /// What `GRANT` calls it on a server of this release.
    pub fn name(&self, release: Release) -> &'static str {
        let known = self.names.iter().find(|(since, _)| release.is_covered_by(&[*since]));
        known.map_or(self.otherwise, |(_, name)| name)
    }

    /// What has to be granted on a server of this release.
    pub fn on(&self, release: Release) -> Needs {
        let grant = |object| {
            let grant = Grant::new(self.name(release), object);
            if self.is_silent { grant.silently() } else { grant }
        };
        [self.object].into_iter().chain(self.behind).map(grant).collect()
    }

    /// The failure of `statement`, with the privilege to grant if one is missing.
    pub fn explain(&self, statement: &str, error: &QueryError, release: Release) -> CollectError {
        let statement = shortened(statement);
        let is_invalid_view = matches!(error, QueryError::Refused { code: VIEW_INVALID, .. });
        if !error.is_about_privileges() && !is_invalid_view {
            return CollectError::query(statement, error);
        }
        let (name, object) = (self.name(release), self.object);
        let behind = self.behind.map(|object| format!(" and on {object}")).unwrap_or_default();
        let message = format!("{error}; GRANT {name} ON {object}{behind} to the exporter's user");
        CollectError::query(statement, &message)
    }
}

/// A statement as it is named in messages: of a long one only what it reads from.
pub(crate) fn shortened(statement: &str) -> String {
    const LONGEST: usize = 64;
    let table = statement.rsplit_once(" FROM ").and_then(|(_, rest)| rest.split(' ').next());
    match table {
        Some(table) if statement.len() > LONGEST => format!("SELECT … FROM {table}"),
        _ => excerpt(statement),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::parse_version;

    fn name(privilege: &Privilege<'_>, version: &str) -> &'static str {
        privilege.name(parse_version(version).unwrap())
    }

    #[test]
    fn privileges_have_the_name_of_the_release() {
        for (version, status, logs, replicas) in [
            ("10.11.6-MariaDB", "SLAVE MONITOR", "BINLOG MONITOR", "REPLICATION MASTER ADMIN"),
            (
                "10.5.8-MariaDB",
                "REPLICATION SLAVE ADMIN",
                "BINLOG MONITOR",
                "REPLICATION MASTER ADMIN",
            ),
            ("10.4.1-MariaDB", "REPLICATION CLIENT", "REPLICATION CLIENT", "REPLICATION SLAVE"),
            ("8.4.3", "REPLICATION CLIENT", "REPLICATION CLIENT", "REPLICATION SLAVE"),
        ] {
            assert_eq!(name(&Privilege::REPLICA_STATUS, version), status, "{version}");
            assert_eq!(name(&Privilege::BINARY_LOGS, version), logs, "{version}");
            assert_eq!(name(&Privilege::REPLICAS, version), replicas, "{version}");
            assert_eq!(name(&Privilege::PROCESS, version), "PROCESS");
        }
    }

    #[test]
    fn a_missing_privilege_is_named_and_no_other_failure_is() {
        let refused = |code| QueryError::Refused { code, message: "Access denied".into() };
        let table = Privilege::select("`a``b`.`c`");
        let release = parse_version("11.4.5-MariaDB").unwrap();
        assert_eq!(
            table.explain("SELECT 1", &refused(1142), release).to_string(),
            "SELECT 1: Access denied (error 1142); GRANT SELECT ON `a``b`.`c` to the exporter's user"
        );
        let user = Privilege::select("mysql.user");
        assert!(
            user.explain("SELECT 1", &refused(1044), release).to_string().contains("mysql.user")
        );
        let view = Privilege::SYS.explain("sys.x", &refused(1356), release).to_string();
        assert!(view.ends_with(
            "; GRANT SELECT ON sys.* and on performance_schema.* to the exporter's user"
        ));
        let other = user.explain("SELECT 1", &refused(1205), release).to_string();
        assert_eq!(other, "SELECT 1: Access denied (error 1205)");
    }

    #[test]
    fn long_statements_are_named_by_what_they_read_from() {
        let long = format!("SELECT {} FROM a.b WHERE c", "x, ".repeat(40));
        assert_eq!(shortened(&long), "SELECT … FROM a.b");
        assert_eq!(shortened("SELECT a FROM b WHERE c"), "SELECT a FROM b WHERE c");
        assert_eq!(shortened(&"SHOW ".repeat(40)).len(), 64);
    }
}
