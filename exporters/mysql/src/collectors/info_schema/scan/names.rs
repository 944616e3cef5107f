//! Names of tables, and the conditions that select some of them.

use crate::literal::literal;
use crate::server::{Cells, Table};

/// A table's schema and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub(crate) schema: String,
    pub(crate) table: String,
}

impl Name {
    /// The name of the table that a row is about.
    pub(crate) fn of(row: Cells<'_>) -> Option<Self> {
        let schema = row.named(&["TABLE_SCHEMA"])?.to_owned();
        Some(Self { schema, table: row.named(&["TABLE_NAME"])?.to_owned() })
    }
}

/// The names in an answer, in its order.
pub(super) fn names(table: &Table) -> Vec<Name> {
    table.rows().filter_map(Name::of).collect()
}

/// The condition that selects the tables from the first to the last of `names`, which are in the
/// server's order. It is about nothing but names, so that MariaDB opens no other table.
pub(super) fn range(names: &[Name]) -> String {
    let (Some(first), Some(last)) = (names.first(), names.last()) else { return "FALSE".into() };
    let (schema, table) = (literal(&first.schema), literal(&first.table));
    let from =
        format!("(TABLE_SCHEMA > {schema} OR (TABLE_SCHEMA = {schema} AND TABLE_NAME >= {table}))");
    let (schema, table) = (literal(&last.schema), literal(&last.table));
    let to =
        format!("(TABLE_SCHEMA < {schema} OR (TABLE_SCHEMA = {schema} AND TABLE_NAME <= {table}))");
    if first.schema == last.schema {
        // Makes the server list one folder only.
        return format!("TABLE_SCHEMA = {schema} AND {from} AND {to}");
    }
    format!("{from} AND {to}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(schema: &str, table: &str) -> Name {
        Name { schema: schema.into(), table: table.into() }
    }

    #[test]
    fn a_range_has_all_between_two_names() {
        assert_eq!(
            range(&[name("a", "x"), name("b", "it's")]),
            "(TABLE_SCHEMA > 'a' OR (TABLE_SCHEMA = 'a' AND TABLE_NAME >= 'x')) AND \
             (TABLE_SCHEMA < 'b' OR (TABLE_SCHEMA = 'b' AND TABLE_NAME <= _utf8mb4 X'69742773'))"
        );
        assert!(range(&[name("a", "x")]).starts_with("TABLE_SCHEMA = 'a' AND (TABLE_SCHEMA > "));
        assert_eq!(range(&[]), "FALSE");
    }

    #[test]
    fn rows_without_a_name_are_none() {
        let rows: &[&[Option<&str>]] = &[&[Some("a"), Some("x")], &[Some("a"), None]];
        let table = Table::of(&["TABLE_SCHEMA", "TABLE_NAME"], rows);
        assert_eq!(names(&table), [name("a", "x")]);
        assert_eq!(names(&Table::of(&["a"], &[&[None]])), []);
    }
}
