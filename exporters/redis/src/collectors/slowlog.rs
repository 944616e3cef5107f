//! The slow log: `SLOWLOG LEN` and `SLOWLOG GET 1`, whose entries are
//! (id, Unix time, microseconds, arguments, …).

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::metric::{Desc, Metric, gauge};
use redis::{Value, cmd};

use crate::replies::values::unexpected_from;
use crate::rights::{Needs, Right};
use crate::scrape::Scrape;

const LENGTH: Desc<'_> = Desc::gauge("redis_slowlog_length", "Entries in the slow log.");

/// Both are 0 while the log is empty, as in the reference.
const METRICS: &[Metric<Entry>] = &[
    gauge("redis_slowlog_last_id", "Id of the latest entry in the slow log.", |entry| {
        Some(entry.id)
    }),
    gauge(
        "redis_last_slow_execution_duration_seconds",
        "Time that the latest command in the slow log took.",
        |entry| Some(entry.microseconds / 1e6),
    ),
];

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Entry {
    id: f64,
    microseconds: f64,
}

pub(super) struct SlowLog;

#[async_trait]
impl Collector<Scrape> for SlowLog {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        if scrape.info().is_sentinel() {
            return Ok(());
        }
        let (mut length, mut latest) = (cmd("SLOWLOG"), cmd("SLOWLOG"));
        length.arg("LEN");
        latest.arg("GET").arg(1);
        // Proxies and Tile38 have no slow log.
        let (length, latest) = tokio::join!(
            scrape.ask_if_known("SLOWLOG LEN", &length),
            scrape.ask_if_known("SLOWLOG GET", &latest)
        );
        // Either may be refused while the other is not.
        let mut errors = FirstError::default();
        let length = errors.catch(length);
        if let Some(length) = length.and_then(|reply| errors.note(parse_length(&reply))) {
            sink.value(&LENGTH, length);
        }
        let latest = errors.catch(latest);
        if let Some(entry) = latest.and_then(|reply| errors.note(parse_latest(&reply))) {
            sink.row(METRICS, &entry);
        }
        errors.into_result()
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        if scrape.info().is_sentinel() {
            return Needs::not_applicable("a sentinel has no slow log");
        }
        let commands = [Right::to("SLOWLOG LEN"), Right::to("SLOWLOG GET").with("1")];
        commands.map(Right::if_known).into_iter().collect()
    }
}

fn parse_length(reply: &Value) -> Result<f64, CollectError> {
    number(reply).ok_or_else(|| unexpected_from("SLOWLOG LEN"))
}

fn parse_latest(reply: &Value) -> Result<Entry, CollectError> {
    let Value::Array(entries) = reply else { return Err(unexpected_from("SLOWLOG GET")) };
    match entries.as_slice() {
        [] => Ok(Entry::default()),
        [Value::Array(entry), ..] => {
            let field = |index: usize| entry.get(index).and_then(number);
            let entry = field(0).zip(field(2)).map(|(id, microseconds)| Entry { id, microseconds });
            entry.ok_or_else(|| unexpected_from("SLOWLOG GET"))
        }
        _ => Err(unexpected_from("SLOWLOG GET")),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Value {
        redis::parse_redis_value(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_latest_entry_is_read() {
        let entry = reply(
            "*1\r\n*6\r\n:14\r\n:1309448221\r\n:15000\r\n*1\r\n$4\r\nping\r\n$0\r\n\r\n$0\r\n\r\n",
        );
        let expected = Entry { id: 14.0, microseconds: 15_000.0 };
        assert_eq!(parse_latest(&entry).unwrap(), expected);
        let old = reply("*1\r\n*4\r\n:14\r\n:1309448221\r\n:15000\r\n*1\r\n$4\r\nping\r\n");
        assert_eq!(parse_latest(&old).unwrap(), expected, "before Redis 4");
        assert!((parse_length(&reply(":3\r\n")).unwrap() - 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn an_empty_log_is_zero() {
        assert_eq!(parse_latest(&reply("*0\r\n")).unwrap(), Entry::default());
    }

    #[test]
    fn other_replies_are_errors() {
        for text in ["+OK\r\n", "$-1\r\n", "*1\r\n:1\r\n", "*1\r\n*2\r\n:1\r\n:2\r\n"] {
            assert!(parse_latest(&reply(text)).is_err(), "{text:?}");
            assert!(parse_length(&reply("+OK\r\n")).is_err());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_reply_is_survived(text in "(\\*[0-3]\r\n|:[0-9]{1,3}\r\n|\\$-1\r\n){1,6}") {
            if let Ok(reply) = redis::parse_redis_value(text.as_bytes()) {
                let _ = (parse_latest(&reply), parse_length(&reply));
            }
        }
    }
}
