//! Static descriptions of metric families and tables that turn rows into samples.

/// Type of a metric family, as its `# TYPE` line declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that only grows until the target restarts.
    Counter,
    /// A value that may go up and down.
    Gauge,
    /// Cumulative buckets with `_sum` and `_count`.
    Histogram,
    /// Quantiles with `_sum` and `_count`.
    Summary,
    /// A value whose nature is unknown (`untyped` in text 0.0.4, `unknown` in OpenMetrics).
    Untyped,
}

/// Name, help text and kind of one family.
///
/// The name is the reference exporter's, verbatim and complete: no suffix is
/// ever added to it or taken from it in a sample line.
#[derive(Clone, Copy, Debug)]
pub struct Desc<'a> {
    /// Full metric name, `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    pub name: &'a str,
    /// Help text of one line; escaped by the writer.
    pub help: &'a str,
    /// Type of the family.
    pub kind: Kind,
    /// The help text is known to hold nothing to be escaped. Tables know it when the program is
    /// compiled: to look at each help text of each scrape was 2 % of its instructions.
    pub(crate) is_plain: bool,
}

impl<'a> Desc<'a> {
    /// Describes a family that is made anew for each scrape: its help text is looked at when it is
    /// written.
    pub const fn new(name: &'a str, help: &'a str, kind: Kind) -> Self {
        Self { name, help, kind, is_plain: false }
    }

    const fn fixed(name: &'a str, help: &'a str, kind: Kind) -> Self {
        Self { name, help, kind, is_plain: is_plain(help) }
    }

    /// Describes a counter.
    pub const fn counter(name: &'a str, help: &'a str) -> Self {
        Self::fixed(name, help, Kind::Counter)
    }

    /// Describes a gauge.
    pub const fn gauge(name: &'a str, help: &'a str) -> Self {
        Self::fixed(name, help, Kind::Gauge)
    }

    /// Describes a histogram.
    pub const fn histogram(name: &'a str, help: &'a str) -> Self {
        Self::fixed(name, help, Kind::Histogram)
    }

    /// Describes a summary.
    pub const fn summary(name: &'a str, help: &'a str) -> Self {
        Self::fixed(name, help, Kind::Summary)
    }

    /// Describes an untyped family.
    pub const fn untyped(name: &'a str, help: &'a str) -> Self {
        Self::fixed(name, help, Kind::Untyped)
    }
}

/// True if no format escapes anything in this help text.
pub(crate) const fn is_plain(help: &str) -> bool {
    let bytes = help.as_bytes();
    let mut place = 0;
    while place < bytes.len() {
        if matches!(bytes[place], b'\\' | b'\n' | b'"') {
            return false;
        }
        place += 1;
    }
    true
}

/// One line of a collector's table: a family and how a row gives its value.
#[derive(Clone, Copy, Debug)]
pub struct Metric<Row> {
    /// The family that the samples belong to.
    pub desc: Desc<'static>,
    /// Value of one row in the family's unit; `None` means that the row has no such sample.
    pub value: fn(&Row) -> Option<f64>,
}

/// A table line for a counter.
pub const fn counter<Row>(
    name: &'static str,
    help: &'static str,
    value: fn(&Row) -> Option<f64>,
) -> Metric<Row> {
    Metric { desc: Desc::counter(name, help), value }
}

/// A table line for a gauge.
pub const fn gauge<Row>(
    name: &'static str,
    help: &'static str,
    value: fn(&Row) -> Option<f64>,
) -> Metric<Row> {
    Metric { desc: Desc::gauge(name, help), value }
}

/// A label: name and value. Names are static or already sanitised; values are any UTF-8.
pub type Label<'a> = (&'a str, &'a str);

/// Replaces every character that a metric or label name may not hold by `_`.
///
/// Colons are replaced too: they are reserved for recording rules.
pub fn sanitize_name(name: &str) -> String {
    let mut clean: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if clean.starts_with(|c: char| c.is_ascii_digit()) {
        clean.insert(0, '_');
    }
    clean
}

/// Makes one `_` of every run of characters that a metric name may not hold, with the
/// underscores around it.
///
/// For a part of a name: a digit in front stays.
pub fn squeeze_name(part: &str) -> String {
    let characters: Vec<char> = part.chars().collect();
    let runs = characters.chunk_by(|a, b| a.is_ascii_alphanumeric() == b.is_ascii_alphanumeric());
    let mut clean = String::with_capacity(part.len());
    for run in runs {
        if run.iter().all(|c| c.is_ascii_alphanumeric() || *c == '_') {
            clean.extend(run);
        } else {
            clean.push('_');
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::{sanitize_name, squeeze_name};

    #[test]
    fn sanitising_leaves_only_legal_characters() {
        assert_eq!(sanitize_name("com.docker/é-x"), "com_docker___x");
        assert_eq!(sanitize_name("9lives"), "_9lives");
        assert_eq!(sanitize_name("already_fine"), "already_fine");
    }

    #[test]
    fn squeezing_makes_one_underscore_of_a_run() {
        assert_eq!(squeeze_name("fs.file-nr"), "fs_file_nr");
        assert_eq!(squeeze_name("dram 0 - é_x"), "dram_0_x");
        assert_eq!(squeeze_name("a__b_-.c."), "a__b_c_");
        assert_eq!(squeeze_name(""), "");
    }
}
