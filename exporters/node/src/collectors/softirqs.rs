//! Softirqs by CPU and kind: `/proc/softirqs`, Documentation/filesystems/proc.rst of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, parse_number};
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;
use crate::readers::cpu_columns;

const FUNCTIONS: Desc<'_> = Desc::counter(
    "node_softirqs_functions_total",
    "Softirqs that each CPU has serviced since boot, by kind.",
);

#[derive(Debug, Default)]
pub(super) struct Softirqs;

#[async_trait]
impl Collector<Host> for Softirqs {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host.proc("softirqs")?;
        let malformed = |error| text.blame(error);
        let (cpus, rows) = cpu_columns::parse(&text).map_err(malformed)?;
        let mut errors = FirstError::default();
        let samples = rows.flat_map(|(kind, row)| {
            let counts = cpus.iter().zip(parse_row(row, &mut errors));
            counts.filter_map(move |(cpu, count)| Some(([("cpu", &**cpu), ("type", kind)], count?)))
        });
        sink.samples(&FUNCTIONS, samples);
        errors.into_result().map_err(malformed)
    }
}

/// The count of each CPU; `None` for a malformed one.
fn parse_row(row: &str, errors: &mut FirstError<ParseError>) -> Vec<Option<f64>> {
    let counts = row.split_ascii_whitespace();
    let counts = counts.map(|count| errors.note(parse_number::<u64>("count", Some(count))));
    counts.map(|count| count.map(|count| count as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::error::Partial;

    #[test]
    fn a_row_has_a_count_for_each_cpu() {
        let parse = |row| {
            let mut errors = FirstError::default();
            let counts = parse_row(row, &mut errors);
            errors.beside(counts)
        };
        assert_eq!(parse("     7    3"), Partial::whole(vec![Some(7.0), Some(3.0)]));
        assert_eq!(parse(""), Partial::whole(vec![]));
        let row = parse("1 x 3");
        assert_eq!(row.good, [Some(1.0), None, Some(3.0)]);
        assert!(row.error.is_some());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(CPU0 CPU1\n)?([ -~\n]|\\PC){0,200}") {
            if let Ok((_, rows)) = cpu_columns::parse(&text) {
                let mut errors = FirstError::default();
                let _ = rows.map(|(_, row)| parse_row(row, &mut errors)).count();
            }
        }
    }
}
