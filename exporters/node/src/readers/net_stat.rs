//! Tables below `/proc/net/stat`, the source of lnstat(8): a line of headings,
//! then one line of hexadecimal counts per CPU.

use common::error::{CollectError, ParseError, parse_number};

use super::hex::Hex;
use crate::host::Host;

/// Where the tables are, below the proc root.
pub(crate) const DIRECTORY: &str = "net/stat";

/// One table.
#[derive(Debug, PartialEq)]
pub(crate) struct Table {
    /// Names of the columns.
    pub(crate) headings: Vec<String>,
    /// Counts of each CPU, as many as there are headings.
    rows: Vec<Vec<u64>>,
}

impl Table {
    /// Reads the table called `name`, or `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read or is malformed.
    pub(crate) fn read(host: &Host, name: &str) -> Result<Option<Self>, CollectError> {
        let path = format!("{DIRECTORY}/{name}");
        let Some(text) = host.read_proc_if_present(&path)? else { return Ok(None) };
        Self::parse(&text).map(Some).map_err(|error| host.malformed_proc(&path, error))
    }

    /// Counts under a heading, CPU after CPU; empty if there is no such heading.
    pub(crate) fn column(&self, heading: &str) -> impl Iterator<Item = u64> {
        let column = self.headings.iter().position(|name| name == heading);
        let rows = self.rows.iter();
        rows.filter_map(move |row| column.and_then(|column| row.get(column)).copied())
    }

    fn parse(text: &str) -> Result<Self, ParseError> {
        let mut lines = text.lines();
        let headings: Vec<String> =
            lines.next().unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect();
        if headings.is_empty() {
            return Err(ParseError::Form("no headings".into()));
        }
        let rows: Vec<_> =
            lines.map(|line| parse_row(line, headings.len())).collect::<Result<_, _>>()?;
        if rows.is_empty() {
            return Err(ParseError::Missing { field: "line of the first CPU" });
        }
        Ok(Self { headings, rows })
    }
}

fn parse_row(line: &str, width: usize) -> Result<Vec<u64>, ParseError> {
    let words = line.split_ascii_whitespace();
    let row: Vec<u64> = words
        .map(|word| parse_number("count", Some(word)).map(|Hex(count)| count))
        .collect::<Result<_, _>>()?;
    if row.len() == width {
        Ok(row)
    } else {
        Err(ParseError::Form(format!("{} counts below {width} headings", row.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_heading() {
        let table = Table::parse("entries\t\tfound  new\n00000010 0000000a 1\n10 00000002 2\n");
        let table = table.unwrap();
        assert_eq!(table.headings, ["entries", "found", "new"]);
        assert_eq!(table.column("found").collect::<Vec<_>>(), [10, 2]);
        assert_eq!(table.column("search_restart").count(), 0);
    }

    #[test]
    fn truncated_and_malformed_tables_are_errors() {
        for text in ["", "\n1\n", "a b\n", "a b\n1\n", "a\n1 2\n", "a\nxyz\n", "a b\n1 2\n1"] {
            assert!(Table::parse(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\n]|\\PC){0,200}") {
            let _ = Table::parse(&text);
        }
    }
}
