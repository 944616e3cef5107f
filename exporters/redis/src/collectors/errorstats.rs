//! Error replies by kind: section Errorstats of `INFO` (Redis 6.2), lines `errorstat_<kind>:count=`.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError};
use common::exposition::Sink;
use common::metric::Desc;

use crate::replies::info::{Info, malformed_line, parts, verdict};
use crate::scrape::Scrape;

const ERRORS: Desc<'_> =
    Desc::counter("redis_errors_total", "Error replies, by the first word of the error.");

pub(super) struct ErrorStats;

#[async_trait]
impl Collector<Scrape> for ErrorStats {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let (rows, malformed) = parse(scrape.info());
        sink.samples(&ERRORS, rows.into_iter().map(|(kind, count)| ([("err", kind)], count)));
        verdict("INFO Errorstats", malformed)
    }
}

/// Kind and count of each error, and the first malformed line.
fn parse(info: &Info) -> (Vec<(&str, f64)>, Option<ParseError>) {
    let mut rows = Vec::new();
    let mut malformed = None;
    for (field, value) in info.section("Errorstats") {
        let Some(kind) = field.strip_prefix("errorstat_") else { continue };
        let count = parts(value).find(|(name, _)| *name == "count");
        match count.and_then(|(_, count)| count.parse().ok()) {
            Some(count) => rows.push((kind, count)),
            None => drop(malformed.get_or_insert_with(|| malformed_line(field, value))),
        }
    }
    (rows, malformed)
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
        assert_eq!(parse(&info), (vec![("ERR", 1.0), ("NOPERM", 12.0)], None));
        assert_eq!(parse(&Info::new(String::new())), (vec![], None));
    }

    #[test]
    fn a_malformed_line_is_reported_and_costs_no_other() {
        for line in ["errorstat_A:", "errorstat_A:count=", "errorstat_A:number=1"] {
            let info = info(&format!("{line}\r\nerrorstat_B:count=2\r\n"));
            let (rows, malformed) = parse(&info);
            assert_eq!(rows, [("B", 2.0)], "{line}");
            assert!(malformed.is_some(), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(lines in "(errorstat_[A-Z]{0,3}:[a-z=,0-9é]{0,20}\n)*") {
            let _ = parse(&info(&lines));
        }
    }
}
