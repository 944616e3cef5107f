//! Tables below `/proc/net/stat`, the source of lnstat(8): a line of headings,
//! then one line of hexadecimal counts per CPU.

use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::kernel::{Hex, KernelFile, lines, words};

use crate::host::Host;

/// Where the tables are, below the proc root.
pub(crate) const DIRECTORY: &str = "net/stat";

/// One table.
#[derive(Debug, PartialEq)]
pub(crate) struct Table<'a> {
    /// Names of the columns.
    pub(crate) headings: Vec<&'a str>,
    /// Counts of each CPU after those of the one before it, as many as there are headings; `None`
    /// for those that are malformed.
    counts: Vec<Option<u64>>,
}

/// The file of the table called `name`, or `None` if there is none.
///
/// # Errors
/// It cannot be read.
pub(crate) fn open<'a>(host: &'a Host, name: &str) -> Result<Option<KernelFile<'a>>, CollectError> {
    host.proc_if_present(format!("{DIRECTORY}/{name}"))
}

impl<'a> Table<'a> {
    /// Counts under a heading, CPU after CPU; empty if there is no such heading.
    pub(crate) fn column(&self, heading: &str) -> impl Iterator<Item = Option<u64>> {
        let column = self.headings.iter().position(|name| *name == heading);
        let rows = self.counts.chunks_exact(self.headings.len().max(1));
        rows.filter_map(move |row| column.and_then(|column| row.get(column)).copied())
    }

    /// Reads the text of a table. A malformed line keeps its place, which is the number of its CPU.
    pub(crate) fn parse(text: &'a str) -> Partial<Self, ParseError> {
        let mut errors = FirstError::default();
        let mut lines = lines(text);
        let headings: Vec<&str> = words(lines.next().unwrap_or_default()).collect();
        let mut counts = Vec::new();
        if headings.is_empty() {
            errors.keep(ParseError::Form("no headings".into()));
            return errors.beside(Self { headings, counts });
        }
        for line in lines {
            let (start, width) = (counts.len(), headings.len());
            for word in words(line) {
                let count = errors.note(parse_number("count", Some(word)));
                counts.push(count.map(|Hex(count)| count));
            }
            let found = counts.len() - start;
            if found != width {
                errors.keep(ParseError::Form(format!("{found} counts below {width} headings")));
                counts.truncate(start);
                counts.resize(start + width, None);
            }
        }
        if counts.is_empty() {
            errors.keep(ParseError::Missing { field: "line of the first CPU" });
        }
        errors.beside(Self { headings, counts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_heading() {
        let table = Table::parse("entries\t\tfound  new\n00000010 0000000a 1\n10 00000002 2\n");
        let table = table.good;
        assert_eq!(table.headings, ["entries", "found", "new"]);
        assert_eq!(table.column("found").collect::<Vec<_>>(), [Some(10), Some(2)]);
        assert_eq!(table.column("search_restart").count(), 0);
    }

    #[test]
    fn truncated_and_malformed_tables_are_errors() {
        for text in ["", "\n1\n", "a b\n", "a b\n1\n", "a\n1 2\n", "a\nxyz\n", "a b\n1 2\n1"] {
            assert!(Table::parse(text).error.is_some(), "{text:?}");
        }
    }

    #[test]
    fn malformed_counts_cost_only_themselves_and_keep_their_cpu() {
        let table = Table::parse("a b\n1 x\n1\n3 4\n").good;
        assert_eq!(table.column("a").collect::<Vec<_>>(), [Some(1), None, Some(3)]);
        assert_eq!(table.column("b").collect::<Vec<_>>(), [None, None, Some(4)]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\n]|\\PC){0,200}") {
            let _ = Table::parse(&text);
        }
    }
}
