//! What the unit tests of collectors look at: the text that is in a sink, and what people are shown.

use std::time::{Duration, Instant};

use clap::Command;

use crate::commands::MakeTables;
use crate::exposition::Sink;
use crate::view::{Reading, Samples};

/// Everything that `push` writes to an empty sink, in the text format.
///
/// ```
/// use common::metric::Desc;
/// let text = common::testing::exposed(|sink| sink.value(&Desc::gauge("a", "A."), 1.0));
/// assert_eq!(text, "# HELP a A.\n# TYPE a gauge\na 1\n");
/// ```
pub fn exposed(push: impl FnOnce(&mut Sink)) -> String {
    let mut sink = Sink::default();
    push(&mut sink);
    text(&sink)
}

/// Everything in a sink.
pub fn text(sink: &Sink) -> String {
    String::from_utf8_lossy(sink.text()).into_owned()
}

/// The samples in a sink, one line each, in the order in which they were pushed.
pub fn samples(sink: &Sink) -> Vec<String> {
    text(sink).lines().filter(|line| !line.starts_with('#')).map(ToOwned::to_owned).collect()
}

/// The tables that a program shows of two answers without headers, the second of them two seconds
/// after the first.
pub fn tables(make: MakeTables, before: &str, now: &str) -> Vec<String> {
    let start = Instant::now();
    let text = |lines: &str| -> String {
        let with_type = lines.lines().map(|line| {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            format!("# TYPE {name} untyped\n{line}\n")
        });
        with_type.collect()
    };
    let before = Samples::parse(&text(before), start);
    let now = Samples::parse(&text(now), start + Duration::from_secs(2));
    let matches = Command::new("test").get_matches_from(["test"]);
    let tables = make(&matches, &Reading::new(&before, &now));
    tables.iter().flat_map(|table| table.lines(None)).collect()
}
