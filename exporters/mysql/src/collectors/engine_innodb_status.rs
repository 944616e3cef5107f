//! What only InnoDB's monitor says: `SHOW ENGINE INNODB STATUS`, one text.
//!
//! <https://mariadb.com/kb/en/show-engine-innodb-status/>

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError};
use common::exposition::Sink;
use common::metric::{Metric, gauge};

use crate::grant::Needs;
use crate::privilege::Privilege;
use crate::scrape::Scrape;

const STATEMENT: &str = "SHOW ENGINE INNODB STATUS";

const METRICS: &[Metric<Monitor>] = &[
    gauge(
        "mysql_engine_innodb_queries_inside_innodb",
        "Statements that InnoDB is at work on.",
        |monitor| monitor.queries_inside,
    ),
    gauge(
        "mysql_engine_innodb_queries_in_queue",
        "Statements that wait to enter InnoDB.",
        |monitor| monitor.queries_queued,
    ),
    gauge(
        "mysql_engine_innodb_read_views_open_inside_innodb",
        "Consistent snapshots that are open in InnoDB.",
        |monitor| monitor.read_views,
    ),
];

/// Numbers of the monitor's section on row operations; servers have some of them only.
#[derive(Debug, Default, PartialEq)]
struct Monitor {
    queries_inside: Option<f64>,
    queries_queued: Option<f64>,
    read_views: Option<f64>,
}

#[derive(Debug)]
pub(super) struct EngineInnodbStatus;

#[async_trait]
impl Collector<Scrape> for EngineInnodbStatus {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let table = scrape.query_if_present(STATEMENT, &Privilege::PROCESS).await?;
        let Some(row) = table.rows().next() else {
            return Err(CollectError::NoData("the server has no InnoDB".into()));
        };
        let text = row.named(&["Status"]);
        let text = text.ok_or_else(|| table.malformed(ParseError::Missing { field: "Status" }))?;
        let monitor = parse(text);
        if monitor == Monitor::default() {
            return Err(CollectError::NoData("InnoDB's monitor shows none of the numbers".into()));
        }
        sink.row(METRICS, &monitor);
        Ok(())
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        Privilege::PROCESS.on(scrape.release())
    }
}

/// The lines that are known; any other text is passed over.
fn parse(text: &str) -> Monitor {
    let mut monitor = Monitor::default();
    for line in text.lines() {
        if let Some(views) = number_before(line, " read views open inside InnoDB") {
            monitor.read_views = Some(views);
        } else if let Some((inside, queued)) = line.split_once(", ")
            && let Some(inside) = number_before(inside, " queries inside InnoDB")
        {
            monitor.queries_inside = Some(inside);
            monitor.queries_queued = number_before(queued, " queries in queue");
        }
    }
    monitor
}

fn number_before(line: &str, words: &str) -> Option<f64> {
    let number = line.trim().strip_suffix(words)?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| number.parse().ok())?
}

#[cfg(test)]
mod tests {
    use common::testing;
    use proptest::prelude::*;

    use super::*;

    const MYSQL_5_7: &str = "\
=====================================
2024-02-29 12:00:00 0x7f INNODB MONITOR OUTPUT
--------------
ROW OPERATIONS
--------------
3 queries inside InnoDB, 11 queries in queue
2 read views open inside InnoDB
Process ID=1, Main thread ID=140, state: sleeping
Number of rows inserted 1, updated 0, deleted 0, read 9
----------------------------
END OF INNODB MONITOR OUTPUT
";

    #[test]
    fn both_lines_are_read() {
        let monitor = parse(MYSQL_5_7);
        let samples = testing::exposed(|sink| sink.row(METRICS, &monitor));
        let samples: Vec<&str> = samples.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "mysql_engine_innodb_queries_inside_innodb 3",
                "mysql_engine_innodb_queries_in_queue 11",
                "mysql_engine_innodb_read_views_open_inside_innodb 2",
            ]
        );
    }

    #[test]
    fn mariadb_has_but_the_read_views() {
        let text = "--------------\nROW OPERATIONS\n--------------\n0 read views open inside \
                    InnoDB\nstate: sleeping\n";
        assert_eq!(parse(text), Monitor { read_views: Some(0.0), ..Monitor::default() });
        assert_eq!(parse(""), Monitor::default());
    }

    #[test]
    fn statements_that_look_like_it_are_no_numbers() {
        for line in [
            "UPDATE t SET a = '1 read views open inside InnoDB'",
            "-1 read views open inside InnoDB",
            " read views open inside InnoDB",
            "x queries inside InnoDB, 1 queries in queue",
            "1 queries inside InnoDB",
        ] {
            assert_eq!(parse(line), Monitor::default(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(?s).{0,80}") {
            let _ = parse(&text);
        }

        #[test]
        fn likely_text_is_survived(
            lines in prop::collection::vec("[-0-9]{0,25}( queries inside InnoDB,| read views open inside InnoDB)[ 0-9a-zI]{0,20}", 0..4),
        ) {
            let monitor = parse(&lines.join("\n"));
            prop_assert!(monitor.read_views.is_none_or(|views| views >= 0.0));
        }
    }
}
