//! Softirqs by CPU and kind: `/proc/softirqs`, Documentation/filesystems/proc.rst of the kernel.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError, Partial, parse_number};
use common::exposition::Sink;
use common::metric::Desc;

use crate::host::Host;
use crate::readers::cpu_columns;

const FUNCTIONS: Desc<'_> = Desc::counter(
    "node_softirqs_functions_total",
    "Softirqs that each CPU has serviced since boot, by kind.",
);

#[derive(Debug)]
pub(super) struct Softirqs;

#[async_trait]
impl Collector<Host> for Softirqs {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let text = host.read_proc("softirqs")?;
        let malformed = |error| host.malformed_proc("softirqs", error);
        let (cpus, rows) = cpu_columns::parse(&text).map_err(malformed)?;
        let rows = rows.map(parse_row).collect::<Partial<_, _>>();
        let mut family = sink.family(&FUNCTIONS);
        for (kind, counts) in &rows.good {
            for (cpu, count) in cpus.iter().zip(counts) {
                family.sample(&[("cpu", &**cpu), ("type", *kind)], *count as f64);
            }
        }
        rows.map_error(malformed).finish()
    }
}

fn parse_row<'a>((kind, row): (&'a str, &str)) -> Result<(&'a str, Vec<u64>), ParseError> {
    let counts = row.split_ascii_whitespace().map(|count| parse_number("count", Some(count)));
    Ok((kind, counts.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_kinds() {
        assert_eq!(parse_row(("NET_TX", "     7    3")), Ok(("NET_TX", vec![7, 3])));
        assert_eq!(parse_row(("HI", "")), Ok(("HI", vec![])));
        assert!(parse_row(("HI", "1 x")).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(CPU0 CPU1\n)?([ -~\n]|\\PC){0,200}") {
            if let Ok((_, rows)) = cpu_columns::parse(&text) {
                let _ = rows.map(parse_row).collect::<Partial<_, _>>();
            }
        }
    }
}
