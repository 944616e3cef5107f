//! Members of a group of MySQL servers as numbers: `replication_group_members`. Not in the
//! reference, whose `perf_schema.replication_group_members` has state and role as labels, so
//! that each change makes a new series.
//!
//! <https://dev.mysql.com/doc/refman/8.4/en/performance-schema-replication-group-members-table.html>

use async_trait::async_trait;
use common::collector::{Collector, Release};
use common::error::{CollectError, ParseError};
use common::exposition::{LabelSet, Sink};
use common::metric::{Desc, Metric, gauge};

use crate::grant::Needs;
use crate::privilege::Privilege;
use crate::scrape::Scrape;
use crate::server::{Cells, Table, mysql};

/// What is read.
const MEMBERS: &str = "performance_schema.replication_group_members";

/// The role of a member is known from MySQL 8.0.2 on.
const STATEMENT: &str = "SELECT *, MEMBER_ID = @@server_uuid AS IS_SELF \
     FROM performance_schema.replication_group_members";

/// MySQL has the table from this release on, MariaDB has none.
pub(super) const SINCE: &[Release] = &[mysql(5, 7, 2)];

const STATE: Desc<'_> = Desc::gauge(
    "mysql_group_replication_member_state",
    "1 for the state that a member of the group is in, 0 for all others.",
);
const PRIMARY: Desc<'_> = Desc::gauge(
    "mysql_group_replication_member_primary",
    "1 if a member of the group is primary, else 0.",
);

const GROUP: &[Metric<Group>] = &[
    gauge(
        "mysql_group_replication_members",
        "Members of the group that this server is in.",
        |group| Some(group.members),
    ),
    gauge(
        "mysql_group_replication_members_online",
        "Members of the group that this server sees online.",
        |group| Some(group.online),
    ),
    gauge(
        "mysql_group_replication_primaries_online",
        "Members of the group that are primary and online.",
        |group| group.primaries,
    ),
    gauge(
        "mysql_group_replication_self_online",
        "1 if this server is online in its group, else 0.",
        |group| Some(group.is_self_online),
    ),
];

const ONLINE: &str = "ONLINE";
const STATES: [&str; 5] = ["ERROR", "OFFLINE", ONLINE, "RECOVERING", "UNREACHABLE"];

/// The members in sum.
struct Group {
    members: f64,
    online: f64,
    /// `None` where the server does not tell roles.
    primaries: Option<f64>,
    is_self_online: f64,
}

#[derive(Debug)]
pub(super) struct GroupReplication;

#[async_trait]
impl Collector<Scrape> for GroupReplication {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let privilege = Privilege::select(MEMBERS);
        let table = scrape.query_if_present(STATEMENT, &privilege).await?;
        if table.rows().next().is_none() {
            return Err(CollectError::NoData("group replication is not installed".into()));
        }
        push(&table, sink).map_err(|error| table.malformed(error))
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        Privilege::select(MEMBERS).on(scrape.release())
    }
}

fn push(table: &Table, sink: &mut Sink) -> Result<(), ParseError> {
    for field in ["MEMBER_ID", "MEMBER_STATE"] {
        if table.position(field).is_none() {
            return Err(ParseError::Missing { field });
        }
    }
    // A server that is in no group has a row without an id.
    let members =
        table.rows().filter(|row| row.named(&["MEMBER_ID"]).is_some_and(|id| !id.is_empty()));
    let members: Vec<Cells<'_>> = members.collect();
    let online = || members.iter().filter(|row| text(**row, "MEMBER_STATE") == ONLINE);
    let has_roles = table.position("MEMBER_ROLE").is_some();
    let group = Group {
        members: members.len() as f64,
        online: online().count() as f64,
        primaries: has_roles.then(|| online().filter(|row| is_primary(**row)).count() as f64),
        is_self_online: f64::from(u8::from(online().any(|row| text(*row, "IS_SELF") == "1"))),
    };
    sink.row(GROUP, &group);
    push_members(&members, has_roles, sink)
}

fn push_members(members: &[Cells<'_>], has_roles: bool, sink: &mut Sink) -> Result<(), ParseError> {
    let labelled: Vec<(LabelSet, Cells<'_>)> =
        members.iter().map(|row| (labels(*row), *row)).collect();
    let mut family = sink.family(&STATE);
    let mut unknown = None;
    for (labels, row) in &labelled {
        let state = text(*row, "MEMBER_STATE");
        for known in STATES {
            let value = f64::from(u8::from(known == state));
            family.sample(&(labels, [("state", known)]), value);
        }
        if !STATES.contains(&state) {
            unknown = Some(ParseError::form("no state of a member", state));
        }
    }
    drop(family);
    if has_roles {
        let roles =
            labelled.iter().map(|(labels, row)| (labels, f64::from(u8::from(is_primary(*row)))));
        sink.samples(&PRIMARY, roles);
    }
    unknown.map_or(Ok(()), Err)
}

fn labels(row: Cells<'_>) -> LabelSet {
    LabelSet::new([
        ("channel_name", text(row, "CHANNEL_NAME")),
        ("member_host", text(row, "MEMBER_HOST")),
        ("member_id", text(row, "MEMBER_ID")),
        ("member_port", text(row, "MEMBER_PORT")),
    ])
}

fn text<'a>(row: Cells<'a>, column: &str) -> &'a str {
    row.named(&[column]).unwrap_or_default()
}

fn is_primary(row: Cells<'_>) -> bool {
    text(row, "MEMBER_ROLE") == "PRIMARY"
}

#[cfg(test)]
mod tests {
    use common::testing;
    use proptest::prelude::*;

    use super::*;

    /// MySQL 5.7's columns; 8.0 adds the role, the version and the communication stack.
    const OLD: &[&str] =
        &["CHANNEL_NAME", "MEMBER_ID", "MEMBER_HOST", "MEMBER_PORT", "MEMBER_STATE", "IS_SELF"];
    const NEW: &[&str] = &[
        "CHANNEL_NAME",
        "MEMBER_ID",
        "MEMBER_HOST",
        "MEMBER_PORT",
        "MEMBER_STATE",
        "MEMBER_ROLE",
        "MEMBER_VERSION",
        "MEMBER_COMMUNICATION_STACK",
        "IS_SELF",
    ];

    fn pushed(columns: &[&str], rows: &[&[&str]]) -> (Vec<String>, Option<String>) {
        let rows: Vec<Vec<Option<&str>>> =
            rows.iter().map(|row| row.iter().map(|cell| Some(*cell)).collect()).collect();
        let rows: Vec<&[Option<&str>]> = rows.iter().map(Vec::as_slice).collect();
        let mut sink = Sink::default();
        let error = push(&Table::of(columns, &rows), &mut sink).err();
        (testing::samples(&sink), error.map(|error| error.to_string()))
    }

    fn member<'a>(id: &'a str, state: &'a str, role: &'a str, is_self: &'a str) -> [&'a str; 9] {
        ["group_replication_applier", id, id, "3306", state, role, "8.4.0", "XCom", is_self]
    }

    #[test]
    fn members_are_counted_and_each_has_a_state_and_a_role() {
        let (samples, error) = pushed(
            NEW,
            &[
                &member("a", "ONLINE", "PRIMARY", "0"),
                &member("b", "RECOVERING", "SECONDARY", "1"),
                &member("c", "UNREACHABLE", "SECONDARY", "0"),
            ],
        );
        assert_eq!(
            samples[..4],
            [
                "mysql_group_replication_members 3",
                "mysql_group_replication_members_online 1",
                "mysql_group_replication_primaries_online 1",
                "mysql_group_replication_self_online 0",
            ]
        );
        let labels = "channel_name=\"group_replication_applier\",member_host=\"b\",member_id=\"b\",\
                      member_port=\"3306\"";
        let state = |state| format!("mysql_group_replication_member_state{{{labels},state={state}");
        assert!(samples.contains(&state("\"RECOVERING\"} 1")), "{samples:?}");
        assert!(samples.contains(&state("\"ONLINE\"} 0")), "{samples:?}");
        assert!(samples.contains(&format!("mysql_group_replication_member_primary{{{labels}}} 0")));
        assert_eq!((samples.len(), error), (4 + 15 + 3, None));
    }

    #[test]
    fn mysql_5_7_tells_no_roles() {
        let row = ["group_replication_applier", "a", "db1", "3306", "ONLINE", "1"];
        let (samples, error) = pushed(OLD, &[&row]);
        assert_eq!((samples.len(), error), (3 + 5, None));
        assert!(samples.contains(&"mysql_group_replication_self_online 1".to_owned()));
    }

    #[test]
    fn a_server_in_no_group_is_offline() {
        let row = ["group_replication_applier", "", "", "", "OFFLINE", "", "", "", "0"];
        let (samples, error) = pushed(NEW, &[&row]);
        assert_eq!(
            samples,
            [
                "mysql_group_replication_members 0",
                "mysql_group_replication_members_online 0",
                "mysql_group_replication_primaries_online 0",
                "mysql_group_replication_self_online 0",
            ]
        );
        assert_eq!(error, None);
    }

    #[test]
    fn a_state_that_is_not_foreseen_is_reported() {
        let (samples, error) = pushed(NEW, &[&member("a", "SLEEPING", "PRIMARY", "1")]);
        assert_eq!(samples.len(), 4 + 5 + 1);
        assert_eq!(error.as_deref(), Some("no state of a member: \"SLEEPING\""));
        let (samples, error) = pushed(&["MEMBER_ID"], &[&["a"]]);
        assert_eq!((samples.len(), error.as_deref()), (0, Some("MEMBER_STATE is missing")));
    }

    proptest! {
        #[test]
        fn any_row_is_survived(cell in "ONLINE|PRIMARY|(?s).{0,12}") {
            let (samples, _) = pushed(NEW, &[&[cell.as_str(); 9]]);
            prop_assert!(samples.len() >= 4);
        }
    }
}
