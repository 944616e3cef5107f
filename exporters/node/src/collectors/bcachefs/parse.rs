//! Files of several lines.

use common::error::{FirstError, ParseError, Partial, parse_number};

use crate::readers::size_units;

/// A line of a table.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) values: Vec<f64>,
}

/// Bytes that a device read or wrote.
#[derive(Debug, PartialEq)]
pub(super) struct Io {
    pub(super) operation: &'static str,
    pub(super) kind: String,
    pub(super) bytes: f64,
}

/// The lines of a table without those that are blank and its header.
pub(super) fn lines(text: &str, has_header: bool) -> Result<Vec<String>, ParseError> {
    if has_header && text.is_empty() {
        return Err(ParseError::Form("no header".into()));
    }
    // The header of `btree_write_stats` starts with blanks, which are gone here.
    let lines = text.lines().skip(usize::from(has_header));
    let lines = lines.filter(|line| !line.trim().is_empty());
    Ok(lines.map(ToOwned::to_owned).collect())
}

/// A line of a table with that many values behind its name.
pub(super) fn row(line: &str, columns: usize) -> Result<Row, ParseError> {
    let mut words = line.split_ascii_whitespace();
    let name = words.next().unwrap_or_default().trim_end_matches(':').to_owned();
    let values = words.take(columns).map(size_units::bcachefs).collect::<Result<Vec<_>, _>>()?;
    if values.len() < columns {
        return Err(ParseError::Missing { field: "column" });
    }
    Ok(Row { name, values })
}

/// The count since the file system was made.
pub(super) fn counter(text: &str) -> Result<f64, ParseError> {
    let mut lines = text.lines();
    let count = lines.find_map(|line| line.strip_prefix("since filesystem creation:"));
    size_units::bcachefs(count.ok_or(ParseError::Missing { field: "count since creation" })?)
}

/// Lines `kind: bytes` below the lines `read:` and `write:`.
pub(super) fn io_done(text: &str) -> Partial<Vec<Io>, ParseError> {
    let (mut done, mut errors) = (Vec::new(), FirstError::default());
    let mut operation = None;
    if !text.lines().any(|line| matches!(line.trim(), "read:" | "write:")) {
        return Partial::failed(ParseError::Form("neither reads nor writes".into()));
    }
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_suffix(':') {
            operation = ["read", "write"].into_iter().find(|name| *name == section);
        } else if let Some(operation) = operation
            && let Some((kind, bytes)) = errors.catch(pair(line))
        {
            done.push(Io { operation, kind, bytes });
        }
    }
    errors.beside(done)
}

/// The first of two sections: errors since the file system was made, not since they were reset.
pub(super) fn io_errors(text: &str) -> Partial<Vec<(String, f64)>, ParseError> {
    let mut lines = text.lines();
    if !lines.any(|line| line.starts_with("IO errors since filesystem creation")) {
        return Partial::failed(ParseError::Missing { field: "errors since creation" });
    }
    let lines = lines.take_while(|line| !line.starts_with("IO errors since "));
    let errors = lines.filter_map(|line| pair(line.trim()).transpose());
    errors.collect()
}

/// The word in brackets, if the kernel lists all states and marks one.
pub(super) fn chosen(state: &str) -> &str {
    let marked = state.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    marked.map_or(state, |(chosen, _)| chosen)
}

/// `kind: number`; `None` for other lines.
fn pair(line: &str) -> Result<Option<(String, f64)>, ParseError> {
    let Some((kind, number)) = line.split_once(':') else { return Ok(None) };
    let number: u64 = parse_number("count", Some(number.trim()))?;
    Ok(Some((kind.trim().to_owned(), number as f64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Result<Row, ParseError>> {
        let lines = lines(text, true).unwrap();
        lines.iter().map(|line| row(line, 2)).collect()
    }

    #[test]
    fn tables_have_a_header_and_named_lines() {
        let text = "type    compressed    uncompressed    average extent size\n\
            lz4     542k          1.50G           112k\nincompressible  405 405 8k\n\n";
        let lz4 = Row { name: "lz4".into(), values: vec![555_008.0, 1_610_612_736.0] };
        let rest = Row { name: "incompressible".into(), values: vec![405.0, 405.0] };
        assert_eq!(rows(text), [Ok(lz4), Ok(rest)]);
        let writes = Row { name: "initial".into(), values: vec![19088.0, 110_592.0] };
        assert_eq!(rows("\tnr\tsize\ninitial:  19088  108k\n"), [Ok(writes)]);
    }

    #[test]
    fn a_malformed_line_of_a_table_loses_only_itself() {
        let rows = rows("head\nlz4 x 1\nzstd 1 2\nshort 1\n");
        assert!(rows[0].is_err() && rows[1].is_ok() && rows[2].is_err());
        assert!(lines("", true).is_err());
        assert_eq!(lines("", false), Ok(vec![]));
    }

    #[test]
    fn counters_are_those_since_creation() {
        let text = "since mount:                   1\nsince filesystem creation:     1.32 TiB\n";
        assert_eq!(counter(text), Ok(1_451_355_348_664.0));
        for text in ["", "since mount: 1\n", "since filesystem creation:\n"] {
            assert!(counter(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn io_is_told_by_operation_and_kind() {
        let text = "sb: 1\nread:\nsb          :        3989504\nbtree       :     4411097088\n\
            write:\nsb          :        31417344\n";
        let io = |operation, kind: &str, bytes| Io { operation, kind: kind.into(), bytes };
        let expected = vec![
            io("read", "sb", 3_989_504.0),
            io("read", "btree", 4_411_097_088.0),
            io("write", "sb", 31_417_344.0),
        ];
        assert_eq!(io_done(text), Partial::whole(expected));
        let done = io_done("read:\nsb: x\nbtree: 7\n");
        assert_eq!(done.good, [io("read", "btree", 7.0)], "a malformed line costs only itself");
        assert!(done.error.is_some());
        assert!(io_done("").error.is_some());
    }

    #[test]
    fn errors_are_those_since_creation() {
        let text = "IO errors since filesystem creation\n  read:    197346\n  write:   0\n\
            IO errors since 8 y ago\n  read:    5\n";
        let expected = vec![("read".into(), 197_346.0), ("write".into(), 0.0)];
        assert_eq!(io_errors(text), Partial::whole(expected));
        let errors = io_errors("IO errors since filesystem creation\n read: many\n write: 7\n");
        assert_eq!(errors.good, [("write".into(), 7.0)], "a malformed line costs only itself");
        assert!(errors.error.is_some());
        assert!(io_errors("read: 1\n").error.is_some());
    }

    #[test]
    fn the_state_may_be_marked_in_a_list() {
        assert_eq!(chosen("rw"), "rw");
        assert_eq!(chosen("rw [ro] evacuating spare"), "ro");
        assert_eq!(chosen("[rw"), "[rw");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(read:|since filesystem creation:|IO errors since |[a-z0-9.k\\[\\]: \n]|\\PC){0,60}") {
            let _ = (lines(&text, true), row(&text, 2), counter(&text), io_done(&text));
            let _ = (io_errors(&text), chosen(&text));
        }
    }
}
