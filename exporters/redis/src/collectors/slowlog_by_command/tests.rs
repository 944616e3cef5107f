use super::*;
use crate::collectors::pushed;
use redis::Value;

/// The log as (id, time, words), the latest first.
fn log(entries: &[(i64, i64, &str)]) -> Value {
    let text = |word: &str| Value::BulkString(word.into());
    let entry = |(id, time, words): &(i64, i64, &str)| {
        let words = Value::Array(words.split(' ').map(text).collect());
        let fields = [id, time, &15_000].map(|number| Value::Int(*number));
        let further = [words, text("10.0.0.9:1"), text("hunter1")];
        Value::Array(fields.into_iter().chain(further).collect())
    };
    Value::Array(entries.iter().map(entry).collect())
}

fn info(run_id: &str, time: i64) -> Info {
    Info::new(format!(
        "# Server\r\n{run_id}server_time_usec:{time}500000\r\n# Commandstats\r\n\
         cmdstat_get:calls=1\r\ncmdstat_config|get:calls=1\r\ncmdstat_FT.SEARCH:calls=1\r\n"
    ))
}

const FIRST: &str = "run_id:a\r\n";
const SECOND: &str = "run_id:b\r\n";

impl Counts {
    fn see(&mut self, run_id: &str, time: i64, entries: &[(i64, i64, &str)]) {
        let reply = log(entries);
        let entries = entries::parse(&reply);
        assert_eq!(entries.error, None);
        self.update(&entries.good, &info(run_id, time), 3);
    }

    fn entries(&self, name: &str) -> f64 {
        self.commands.get(name).map_or(-1.0, |totals| totals.entries)
    }

    fn assert(&self, gets: f64, missed: f64) {
        let found = (self.entries("get"), self.missed);
        assert!((found.0 - gets).abs() < 0.5 && (found.1 - missed).abs() < 0.5, "{found:?}");
    }
}

#[test]
fn only_entries_after_the_first_scrape_count_and_each_once() {
    let mut counts = Counts::default();
    counts.see(FIRST, 100, &[(5, 99, "get a"), (4, 98, "get a")]);
    counts.assert(0.0, 0.0);
    counts.see(FIRST, 110, &[(6, 105, "GET b"), (5, 99, "get a"), (4, 98, "get a")]);
    counts.assert(1.0, 0.0);
    counts.see(FIRST, 120, &[(6, 105, "GET b"), (5, 99, "get a")]);
    counts.assert(1.0, 0.0);
    // Two scrapes at once: the answer of the earlier is seen after that of the later.
    counts.see(FIRST, 120, &[(7, 115, "get b")]);
    counts.see(FIRST, 119, &[(6, 105, "get b")]);
    counts.see(FIRST, 130, &[(7, 115, "get b")]);
    counts.assert(2.0, 0.0);
    let text = pushed("", |_, sink| counts.push(sink));
    assert!(text.contains("\nredis_slowlog_entries_total{cmd=\"get\"} 2\n"), "{text}");
    let seconds = "\nredis_slowlog_entries_duration_seconds_total{cmd=\"get\"} 0.03\n";
    assert!(text.contains(seconds), "{text}");
    assert!(text.contains("\nredis_slowlog_entries_missed_total 0\n"), "{text}");
}

#[test]
fn a_reset_of_the_log_loses_what_was_not_read() {
    let mut counts = Counts::default();
    counts.see(FIRST, 100, &[]);
    counts.see(FIRST, 110, &[(8, 105, "get a")]);
    counts.assert(1.0, 0.0);
    counts.see(FIRST, 120, &[]);
    counts.see(FIRST, 130, &[(11, 125, "get a")]);
    counts.assert(2.0, 2.0);
}

#[test]
fn entries_beyond_the_end_of_the_log_are_missed() {
    let mut counts = Counts::default();
    counts.see(FIRST, 100, &[(1, 90, "get a")]);
    counts.see(FIRST, 110, &[(9, 105, "get a"), (8, 105, "get a")]);
    counts.assert(2.0, 6.0);
}

#[test]
fn a_restart_begins_again_with_the_ids_and_not_with_the_counts() {
    for (before, after) in [(FIRST, SECOND), ("", "")] {
        let mut counts = Counts::default();
        counts.see(before, 100, &[(50, 99, "get a")]);
        counts.see(before, 110, &[(51, 109, "get a"), (50, 99, "get a")]);
        counts.see(after, 120, &[(1, 118, "get a"), (0, 117, "get a")]);
        counts.assert(3.0, 0.0);
        counts.see(after, 130, &[(2, 128, "get a"), (1, 118, "get a")]);
        counts.assert(4.0, 0.0);
    }
}

#[test]
fn what_another_server_has_logged_before_is_not_counted() {
    let mut counts = Counts::default();
    counts.see(FIRST, 100, &[(50, 99, "get a")]);
    counts.see(SECOND, 110, &[(70, 105, "get a"), (69, 90, "get a"), (68, 80, "get a")]);
    counts.assert(1.0, 0.0);
    counts.see(SECOND, 120, &[(71, 115, "get a"), (70, 105, "get a")]);
    counts.assert(2.0, 0.0);
}

#[test]
fn names_are_those_of_the_servers_statistics_and_nothing_that_a_client_sent() {
    let mut counts = Counts::default();
    counts.see(FIRST, 100, &[]);
    counts.see(
        FIRST,
        110,
        &[
            (6, 105, "hunter2 get a"),
            (5, 105, "CONFIG hunter3"),
            (4, 105, "get hunter4"),
            (3, 105, "ft.search idx hunter5"),
            (2, 105, "CONFIG GET hunter6"),
        ],
    );
    let text = pushed("", |_, sink| counts.push(sink));
    for line in ["get\"} 1", "FT.SEARCH\"} 1", "config|get\"} 1", "all others\"} 2"] {
        assert!(text.contains(&format!("\nredis_slowlog_entries_total{{cmd=\"{line}\n")), "{text}");
    }
    assert!(!text.contains("hunter") && !text.contains("10.0.0.9"), "{text}");
    // Names that were counted are known also after CONFIG RESETSTAT.
    let reply = log(&[(7, 111, "get a")]);
    counts.update(&entries::parse(&reply).good, &Info::new(FIRST.into()), 3);
    counts.assert(2.0, 0.0);
}

#[test]
fn commands_over_the_limit_are_summed_up() {
    let mut counts = Counts::default();
    let all = info(FIRST, 100);
    counts.update(&[], &all, 1);
    let reply = log(&[(3, 105, "get a"), (2, 105, "config get a"), (1, 105, "get a")]);
    counts.update(&entries::parse(&reply).good, &all, 1);
    assert_eq!(counts.commands.len(), 1);
    counts.assert(2.0, 0.0);
    assert_eq!(counts.others, Some(Totals { entries: 1.0, microseconds: 15_000.0 }));
}

#[test]
fn an_entry_of_another_form_costs_no_other() {
    let Value::Array(mut entries) = log(&[(1, 105, "get a")]) else { panic!("a list") };
    entries.insert(0, Value::Array(vec![Value::Int(2), Value::Nil]));
    entries.push(Value::Okay);
    let reply = Value::Array(entries);
    let parsed = entries::parse(&reply);
    assert_eq!((parsed.good.len(), parsed.good[0].id), (1, 1));
    assert_eq!(parsed.error.unwrap().to_string(), "unexpected reply");
    assert!(entries::parse(&Value::Nil).error.is_some());
    let no_words = redis::parse_redis_value(b"*1\r\n*4\r\n:1\r\n:2\r\n:3\r\n*0\r\n").unwrap();
    assert_eq!(entries::parse(&no_words).good[0].name(&HashMap::new()), None);
}

proptest::proptest! {
    #[test]
    fn any_reply_is_survived(
        text in "(\\*[0-4]\r\n|:-?[0-9]{1,19}\r\n|\\$3\r\nGET\r\n|\\$1\r\n\u{1}\r\n|\\$-1\r\n){1,12}",
        run_id in "(run_id:[ab]\r\n)?",
    ) {
        let mut counts = Counts::default();
        for _ in 0..2 {
            if let Ok(reply) = redis::parse_redis_value(text.as_bytes()) {
                counts.update(&entries::parse(&reply).good, &info(&run_id, 1), 2);
            }
            proptest::prop_assert!(counts.missed >= 0.0 && counts.commands.len() <= 2);
        }
    }
}
