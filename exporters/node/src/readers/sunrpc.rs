//! Counters of the kernel's RPC programs: `/proc/net/rpc/*`, nfsstat(8).
//!
//! Lines of a name and numbers; a `procN` line starts with how many numbers follow.

use common::error::{CollectError, FirstError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::kernel::KernelFile;
use common::metric::Desc;

/// Procedures of NFS version 2 in the order of their numbers, RFC 1094.
pub(crate) const V2: &[&str] = &[
    "Null", "GetAttr", "SetAttr", "Root", "Lookup", "ReadLink", "Read", "WrCache", "Write",
    "Create", "Remove", "Rename", "Link", "SymLink", "MkDir", "RmDir", "ReadDir", "FsStat",
];

/// Procedures of NFS version 3 in the order of their numbers, RFC 1813.
pub(crate) const V3: &[&str] = &[
    "Null",
    "GetAttr",
    "SetAttr",
    "Lookup",
    "Access",
    "ReadLink",
    "Read",
    "Write",
    "Create",
    "MkDir",
    "SymLink",
    "MkNod",
    "Remove",
    "RmDir",
    "Rename",
    "Link",
    "ReadDir",
    "ReadDirPlus",
    "FsStat",
    "FsInfo",
    "PathConf",
    "Commit",
];

/// A family of one sample: line, column behind the line's name, family.
pub(crate) type Count = (&'static str, usize, Desc<'static>);

/// A family of one sample a column: line, family, key of the label, its values with their columns.
pub(crate) type Counts =
    (&'static str, Desc<'static>, &'static str, &'static [(&'static str, usize)]);

/// A line of requests by method.
#[derive(Debug)]
pub(crate) struct Requests {
    pub(crate) line: &'static str,
    /// Version of NFS.
    pub(crate) proto: &'static str,
    /// Methods in the order of the line; an empty name is not exposed.
    pub(crate) methods: &'static [&'static str],
    /// How many of the methods at the start are not exposed.
    pub(crate) skipped: usize,
    /// Columns that every kernel has; those that an older one lacks count as 0.
    pub(crate) least: usize,
}

/// The file of one program.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    file: &'a KernelFile<'a>,
    lines: Vec<Line<'a>>,
}

/// Name and columns of a line.
type Line<'a> = (&'a str, Vec<&'a str>);

impl<'a> Program<'a> {
    /// Divides `file` into lines.
    ///
    /// # Errors
    /// There is none of the lines that `expected` names.
    pub(crate) fn new(file: &'a KernelFile<'a>, expected: &[&str]) -> Result<Self, CollectError> {
        let lines = file.parse(|text| parse(text, expected))?;
        Ok(Self { file, lines })
    }

    /// Pushes families of single counts.
    pub(crate) fn push(&self, table: &[Count], sink: &mut Sink, errors: &mut FirstError) {
        for (line, column, desc) in table {
            if let Some(value) = errors.catch(self.count(line, *column)) {
                sink.value(desc, value);
            }
        }
    }

    /// Pushes families of several counts of one line.
    pub(crate) fn push_labelled(&self, table: &[Counts], sink: &mut Sink, errors: &mut FirstError) {
        for (line, desc, key, columns) in table {
            let samples = columns.iter().filter_map(|(label, column)| {
                let value = errors.catch(self.count(line, *column))?;
                Some(([(*key, *label)], value))
            });
            sink.samples(desc, samples);
        }
    }

    /// Pushes the requests by method; `extra` is a line of one number that is a method of version 4.
    pub(crate) fn push_requests(
        &self,
        desc: &Desc<'_>,
        table: &[Requests],
        extra: Option<(&str, &str)>,
        sink: &mut Sink,
        errors: &mut FirstError,
    ) {
        let mut family = sink.family(desc);
        for requests in table {
            let Some(columns) = self.line(requests.line) else { continue };
            let counts = calls(columns, requests).map_error(|error| self.malformed(error));
            let counts = requests.methods.iter().zip(errors.take(counts));
            for (method, count) in counts.skip(requests.skipped) {
                if let (false, Some(count)) = (method.is_empty(), count) {
                    family.sample(&[("method", *method), ("proto", requests.proto)], count);
                }
            }
        }
        if let Some((line, method)) = extra
            && let Some(count) = errors.catch(self.count(line, 0))
        {
            family.sample(&[("method", method), ("proto", "4")], count);
        }
    }

    fn line(&self, name: &str) -> Option<&[&str]> {
        let line = self.lines.iter().find(|(key, _)| *key == name);
        line.map(|(_, columns)| columns.as_slice())
    }

    /// A column of a line; `None` if the kernel has no such line.
    fn count(&self, line: &str, column: usize) -> Result<Option<f64>, CollectError> {
        let Some(columns) = self.line(line) else { return Ok(None) };
        let count = parse_number::<u64>("count", columns.get(column).copied());
        count.map(|count| Some(count as f64)).map_err(|error| self.malformed(error))
    }

    fn malformed(&self, error: ParseError) -> CollectError {
        self.file.blame(error)
    }
}

/// The lines; what a line means is looked into only when it is asked for, as
/// newer kernels add lines, and columns that are no whole numbers.
fn parse<'a>(text: &'a str, expected: &[&str]) -> Result<Vec<Line<'a>>, ParseError> {
    let lines: Vec<Line<'a>> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            Some((words.next()?, words.collect()))
        })
        .collect();
    if lines.iter().any(|(name, _)| expected.contains(name)) {
        Ok(lines)
    } else {
        Err(ParseError::Form("none of the expected lines".into()))
    }
}

/// One count for each method, from the columns of a `procN` line; `None` for a malformed one.
fn calls(columns: &[&str], requests: &Requests) -> Partial<Vec<Option<f64>>, ParseError> {
    let counts = match split_length(columns, requests) {
        Ok(counts) => counts.iter().take(requests.methods.len()),
        Err(error) => return Partial::failed(error),
    };
    let mut errors = FirstError::default();
    let mut counts: Vec<Option<f64>> = counts
        .map(|count| errors.note(parse_number::<u64>("requests", Some(count))))
        .map(|count| count.map(|count| count as f64))
        .collect();
    counts.resize(requests.methods.len(), Some(0.0));
    errors.beside(counts)
}

/// The counts behind the column that says how many they are.
fn split_length<'a, 'c>(
    columns: &'c [&'a str],
    requests: &Requests,
) -> Result<&'c [&'a str], ParseError> {
    let (length, counts) = columns.split_first().ok_or(ParseError::Missing { field: "length" })?;
    let length: usize = parse_number("length", Some(length))?;
    if length != counts.len() || length < requests.least {
        let line = requests.line;
        return Err(ParseError::Form(format!(
            "{line}: {length} columns announced, {} found",
            counts.len()
        )));
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUESTS: Requests = Requests {
        line: "proc4",
        proto: "4",
        methods: &["Null", "", "Read"],
        skipped: 0,
        least: 2,
    };

    fn calls_of(text: &str) -> Partial<Vec<Option<f64>>, ParseError> {
        calls(&text.split(' ').collect::<Vec<_>>(), &REQUESTS)
    }

    #[test]
    fn lines_are_a_name_and_columns() {
        let lines = parse("net 70 70 69 45\n\nth 8 0 0.000\nnew\n", &["net"]).unwrap();
        assert_eq!(lines[0], ("net", vec!["70", "70", "69", "45"]));
        assert_eq!(lines[2], ("new", vec![]));
        assert!(parse("", &["net"]).is_err());
        assert!(parse("networks 1\n", &["net"]).is_err());
    }

    #[test]
    fn requests_are_as_many_as_methods() {
        let whole = |counts: [f64; 3]| Partial::whole(counts.map(Some).into());
        assert_eq!(calls_of("3 1 2 5"), whole([1.0, 2.0, 5.0]));
        assert_eq!(calls_of("4 1 2 5 6"), whole([1.0, 2.0, 5.0]));
        assert_eq!(calls_of("2 1 2"), whole([1.0, 2.0, 0.0]), "an older kernel");
    }

    #[test]
    fn truncated_and_malformed_requests_are_errors() {
        for text in ["", "x", "3 1 2", "1 7", "2 1 x", "2 1 -1", "99999999999999999999 1"] {
            assert!(calls_of(text).error.is_some(), "{text:?}");
        }
    }

    #[test]
    fn a_malformed_count_costs_only_its_method() {
        assert_eq!(calls_of("3 1 x 5").good, [Some(1.0), None, Some(5.0)]);
        assert_eq!(calls_of("3 1 2").good, [], "which one is missing is not known");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([0-9 ]|proc4|\n|\\PC){0,60}") {
            for (_, columns) in parse(&text, &["proc4"]).unwrap_or_default() {
                let _ = calls(&columns, &REQUESTS);
            }
        }
    }
}
