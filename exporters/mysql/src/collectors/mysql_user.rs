//! Limits and privileges of accounts: `mysql.user`, a row per account.
//!
//! <https://mariadb.com/kb/en/mysql-user-table/>

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, ParseError};
use common::exposition::Sink;

use crate::columns::{Column, Label, push_columns};
use crate::grant::Needs;
use crate::privilege::Privilege;
use crate::scrape::Scrape;

const LABELS: &[Label] = &[Label::of("mysql_user", "User"), Label::of("hostmask", "Host")];

const LIMITS: &[Column] = &[
    Column::gauge(
        "max_questions",
        "mysql_mysql_max_questions",
        "Statements that an account may run per hour; 0 for any number.",
    ),
    Column::gauge(
        "max_updates",
        "mysql_mysql_max_updates",
        "Changes that an account may make per hour; 0 for any number.",
    ),
    Column::gauge(
        "max_connections",
        "mysql_mysql_max_connections",
        "Times that an account may connect per hour; 0 for any number.",
    ),
    Column::gauge(
        "max_user_connections",
        "mysql_mysql_max_user_connections",
        "Connections that an account may have at a time; 0 for any number, -1 for none.",
    ),
];

/// A column of `Y` and `N`.
macro_rules! privilege {
    ($name:literal, $allows:literal) => {
        Column::gauge(
            concat!($name, "_priv"),
            concat!("mysql_mysql_", $name, "_priv"),
            concat!("1 if an account has the privilege ", $allows, " everywhere, else 0."),
        )
        .read_by(yes_or_no)
    };
}

const PRIVILEGES: &[Column] = &[
    privilege!("select", "SELECT"),
    privilege!("insert", "INSERT"),
    privilege!("update", "UPDATE"),
    privilege!("delete", "DELETE"),
    privilege!("create", "CREATE"),
    privilege!("drop", "DROP"),
    privilege!("reload", "RELOAD"),
    privilege!("shutdown", "SHUTDOWN"),
    privilege!("process", "PROCESS"),
    privilege!("file", "FILE"),
    privilege!("grant", "GRANT OPTION"),
    privilege!("references", "REFERENCES"),
    privilege!("index", "INDEX"),
    privilege!("alter", "ALTER"),
    privilege!("show_db", "SHOW DATABASES"),
    privilege!("super", "SUPER"),
    privilege!("create_tmp_table", "CREATE TEMPORARY TABLES"),
    privilege!("lock_tables", "LOCK TABLES"),
    privilege!("execute", "EXECUTE"),
    privilege!("repl_slave", "REPLICATION SLAVE"),
    privilege!("repl_client", "REPLICATION CLIENT"),
    privilege!("create_view", "CREATE VIEW"),
    privilege!("show_view", "SHOW VIEW"),
    privilege!("create_routine", "CREATE ROUTINE"),
    privilege!("alter_routine", "ALTER ROUTINE"),
    privilege!("create_user", "CREATE USER"),
    privilege!("event", "EVENT"),
    privilege!("trigger", "TRIGGER"),
    privilege!("create_tablespace", "CREATE TABLESPACE"),
];

fn yes_or_no(text: &str) -> Result<Option<f64>, ParseError> {
    match text {
        "Y" => Ok(Some(1.0)),
        "N" => Ok(Some(0.0)),
        _ => Err(ParseError::form("neither Y nor N", text)),
    }
}

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Also show which privileges each account has
    #[arg(id = "collect.mysql.user.privileges", long = "collect.mysql.user.privileges")]
    privileges: bool,
}

#[derive(Debug)]
struct MysqlUser {
    statement: String,
    columns: Vec<Column>,
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    let Options { privileges } = Options::from_arg_matches(matches)?;
    let privileges = if privileges { PRIVILEGES } else { &[] };
    Ok(Box::new(MysqlUser {
        statement: statement(privileges),
        columns: [LIMITS, privileges].concat(),
    }))
}

/// Names the columns that are shown: the others hold hashes of passwords.
fn statement(privileges: &[Column]) -> String {
    let columns = LIMITS.iter().chain(privileges).map(Column::key);
    let columns: Vec<&str> = ["User", "Host"].into_iter().chain(columns).collect();
    format!("SELECT {} FROM mysql.user", columns.join(", "))
}

#[async_trait]
impl Collector<Scrape> for MysqlUser {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let privilege = Privilege::select("mysql.user");
        let table = scrape.query_with(&self.statement, &privilege).await?;
        push_columns(&table, LABELS, &self.columns, sink)
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        Privilege::select("mysql.user").on(scrape.release())
    }
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;
    use crate::server::Table;

    #[test]
    fn only_what_is_shown_is_read() {
        assert_eq!(
            statement(&[]),
            "SELECT User, Host, max_questions, max_updates, max_connections, \
             max_user_connections FROM mysql.user"
        );
        let all = statement(PRIVILEGES);
        assert!(all.contains(", select_priv, ") && all.contains(", create_tablespace_priv FROM"));
        assert_eq!(PRIVILEGES.len(), 29);
        assert!(!all.contains("authentication") && !all.contains("assword") && !all.contains('*'));
    }

    #[test]
    fn limits_may_be_negative_and_privileges_are_one_or_zero() {
        // MariaDB's -1 forbids connections; roles have no host.
        let table = Table::of(
            &["User", "Host", "max_questions", "max_user_connections", "Select_priv", "Super_priv"],
            &[
                &[Some("app"), Some("10.%"), Some("0"), Some("-1"), Some("Y"), Some("N")],
                &[Some("role"), Some(""), Some("5"), Some("0"), Some(""), Some("N")],
            ],
        );
        let mut sink = Sink::default();
        let columns = [LIMITS, PRIVILEGES].concat();
        let error = push_columns(&table, LABELS, &columns, &mut sink).unwrap_err();
        let (app, role) =
            ("{mysql_user=\"app\",hostmask=\"10.%\"}", "{mysql_user=\"role\",hostmask=\"\"}");
        assert_eq!(
            testing::samples(&sink),
            [
                format!("mysql_mysql_max_questions{app} 0"),
                format!("mysql_mysql_max_questions{role} 5"),
                format!("mysql_mysql_max_user_connections{app} -1"),
                format!("mysql_mysql_max_user_connections{role} 0"),
                format!("mysql_mysql_select_priv{app} 1"),
                format!("mysql_mysql_super_priv{app} 0"),
                format!("mysql_mysql_super_priv{role} 0"),
            ]
        );
        assert!(error.to_string().contains("select_priv"), "{error}");
    }
}
