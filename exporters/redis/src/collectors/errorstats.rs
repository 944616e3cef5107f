//! Error replies by kind: section Errorstats of `INFO` (Redis 6.2), lines `errorstat_<kind>:count=`.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError, Partial};
use common::exposition::Sink;
use common::metric::Desc;

use crate::replies::info::Info;
use crate::rights::Needs;
use crate::scrape::Scrape;

const ERRORS: Desc<'_> =
    Desc::counter("redis_errors_total", "Error replies, by the first word of the error.");

pub(super) struct ErrorStats;

#[async_trait]
impl Collector<Scrape> for ErrorStats {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let rows = parse(scrape.info());
        sink.samples(&ERRORS, rows.good.iter().map(|(kind, count)| ([("err", *kind)], *count)));
        rows.map_error(|error| CollectError::malformed("INFO Errorstats", error)).finish()
    }

    fn needs(&self, _: &Scrape) -> Needs {
        Needs::nothing_more()
    }
}

/// Kind and count of each error, beside what was malformed first.
fn parse(info: &Info) -> Partial<Vec<(&str, f64)>, ParseError> {
    info.named_lines("Errorstats", "errorstat_")
        .map(|(kind, line)| {
            let count = line.number("count")?.ok_or_else(|| line.malformed())?;
            Ok((kind, count))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(lines: &str) -> Info {
        Info::new(format!("# Errorstats\r\n{lines}# Keyspace\r\nerrorstat_no:count=1\r\n"))
    }

    #[test]
    fn errors_are_counted_by_kind() {
        let info = info("errorstat_ERR:count=1\r\nerrorstat_NOPERM:count=12\r\n");
        assert_eq!(parse(&info), Partial::whole(vec![("ERR", 1.0), ("NOPERM", 12.0)]));
        assert_eq!(parse(&Info::new(String::new())), Partial::whole(vec![]));
    }

    #[test]
    fn kinds_may_hold_the_signs_of_the_format() {
        let info = info("errorstat_My_Err=x,:count=3\r\n");
        assert_eq!(parse(&info), Partial::whole(vec![("My_Err=x,", 3.0)]));
    }

    #[test]
    fn scripts_make_kinds_of_any_signs() {
        let info = info("errorstat_日本:count=1\r\nerrorstat_\"q\\uote\":count=2\r\n");
        let text = common::testing::exposed(|sink| {
            sink.samples(&ERRORS, parse(&info).good.iter().map(|(kind, n)| ([("err", *kind)], *n)));
        });
        assert!(text.contains("\nredis_errors_total{err=\"日本\"} 1\n"), "{text}");
        assert!(text.contains("{err=\"\\\"q\\\\uote\\\"\"} 2\n"), "{text}");
    }

    #[test]
    fn a_malformed_line_is_reported_and_costs_no_other() {
        for line in ["errorstat_A:", "errorstat_A:count=", "errorstat_A:number=1"] {
            let info = info(&format!("{line}\r\nerrorstat_B:count=2\r\n"));
            let Partial { good, error } = parse(&info);
            assert_eq!(good, [("B", 2.0)], "{line}");
            assert!(error.is_some(), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(lines in "(errorstat_[A-Z]{0,3}:[a-z=,0-9é]{0,20}\n)*") {
            let _ = parse(&info(&lines));
        }
    }
}
