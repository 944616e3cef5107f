//! A bound on the rows that a collector shows.

use clap::{Arg, ArgMatches, Command, value_parser};
use common::exposition::Sink;
use common::failures::OddityLog;
use common::metric::Desc;

/// There is no sample unless rows are left out.
const CUT: Desc<'_> = Desc::gauge(
    "mysql_exporter_collector_rows_left_out",
    "1 if the server has more rows than a collector's flag allows, so that some are left out.",
);

/// The flag of a collector's bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BoundFlag {
    /// Name of the collector.
    pub(crate) collector: &'static str,
    /// Name of the flag.
    pub(crate) flag: &'static str,
    /// How many rows there are at most if the flag is not given.
    pub(crate) default: &'static str,
}

impl BoundFlag {
    /// Adds the flag.
    pub(crate) fn add(self, command: Command) -> Command {
        let arg = Arg::new(self.flag)
            .long(self.flag)
            .value_name("N")
            .default_value(self.default)
            .value_parser(value_parser!(usize))
            .help("Rows shown at most; 0 is no bound")
            .help_heading("Collector options");
        command.arg(arg)
    }

    /// The bound that the flag gives.
    pub(crate) fn bound(self, matches: &ArgMatches) -> Bound {
        let max_rows = matches.get_one(self.flag).copied().unwrap_or_default();
        Bound::new(max_rows, self.collector, self.flag)
    }
}

/// How many rows a collector shows at most, and what is said if there are more.
#[derive(Debug)]
pub(crate) struct Bound {
    max_rows: usize,
    collector: &'static str,
    flag: &'static str,
    cuts: OddityLog,
}

impl Bound {
    /// `max_rows` rows of `collector`, as `flag` says; 0 is no bound.
    pub(crate) fn new(max_rows: usize, collector: &'static str, flag: &'static str) -> Self {
        Self { max_rows, collector, flag, cuts: OddityLog::default() }
    }

    /// The bound, if there is one.
    pub(crate) fn max_rows(&self) -> Option<usize> {
        (self.max_rows > 0).then_some(self.max_rows)
    }

    /// What the statement says of it: one row more shows that there are more.
    pub(crate) fn limit(&self) -> Option<String> {
        self.max_rows().map(|max_rows| format!("LIMIT {}", max_rows.saturating_add(1)))
    }

    /// Drops the rows beyond the bound, and says so.
    pub(crate) fn cut<Row>(&self, rows: &mut Vec<Row>, sink: &mut Sink) {
        if let Some(max_rows) = self.max_rows()
            && rows.len() > max_rows
        {
            rows.truncate(max_rows);
            self.report(sink);
        }
    }

    /// Says that rows are left out: in the log once, in the answer each time.
    pub(crate) fn report(&self, sink: &mut Sink) {
        if self.cuts.is_new(self.flag) {
            let Self { max_rows, collector, flag, .. } = self;
            tracing::warn!(collector, max_rows, "more rows than --{flag}: some are left out");
        }
        let label = format!("collect.{}", self.collector);
        sink.samples(&CUT, [([("collector", label)], 1.0)]);
    }
}

#[cfg(test)]
mod tests {
    use common::testing;

    use super::*;

    fn left(bound: &Bound, count: usize) -> (usize, bool) {
        let mut rows: Vec<usize> = (0..count).collect();
        let text = testing::exposed(|sink| bound.cut(&mut rows, sink));
        let sample = "mysql_exporter_collector_rows_left_out{collector=\"collect.t\"} 1\n";
        assert_eq!(text.contains(sample), !text.is_empty(), "{text}");
        (rows.len(), text.is_empty())
    }

    #[test]
    fn rows_beyond_the_bound_are_left_out_and_shown_to_be() {
        let bound = Bound::new(2, "t", "collect.t.max_rows");
        assert_eq!(bound.limit().as_deref(), Some("LIMIT 3"));
        assert_eq!((left(&bound, 2), left(&bound, 3)), ((2, true), (2, false)));
        let none = Bound::new(0, "t", "collect.t.max_rows");
        assert_eq!((none.limit(), left(&none, 9)), (None, (9, true)));
    }
}
