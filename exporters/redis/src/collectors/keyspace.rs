//! Keys per database: lines `dbN:keys=,expires=,avg_ttl=` of `INFO`.
//!
//! Read by the names of their parts, of which servers have different ones:
//! Redis 7.4 `subexpiry`, Valkey 9 `keys_with_volatile_items`, KeyDB
//! `cached_keys`, Dragonfly `hits`, `misses` and `hit_ratio`.

use std::collections::HashSet;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, ParseError};
use common::exposition::Sink;
use common::metric::{Metric, gauge};

use crate::replies::info::{Info, index, malformed_line, parts, verdict};
use crate::replies::settings::Settings;
use crate::scrape::Scrape;

/// Databases of a server that does not tell how many it has: the default of its settings.
const DEFAULT_DATABASES: u64 = 16;

/// Empty databases are exposed up to this number: a server may be set to have millions.
const MAX_EMPTY_DATABASES: u64 = 4096;

const METRICS: &[Metric<Database>] = &[
    gauge("redis_db_keys", "Keys in a database.", |db| Some(db.keys)),
    gauge("redis_db_keys_expiring", "Keys in a database that will expire.", |db| Some(db.expiring)),
    gauge("redis_db_avg_ttl_seconds", "Mean time until the keys of a database expire.", |db| {
        db.mean_ttl_milliseconds.map(|milliseconds| milliseconds / 1000.0)
    }),
    gauge("redis_db_keys_cached", "Keys of a database that are in memory; KeyDB.", |db| db.cached),
    gauge(
        "redis_db_keys_with_expiring_items",
        "Hashes of a database with fields that will expire; Redis 7.4, Valkey 9.",
        |db| db.with_expiring_items,
    ),
];

/// What is told of one database.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Database {
    keys: f64,
    expiring: f64,
    mean_ttl_milliseconds: Option<f64>,
    cached: Option<f64>,
    with_expiring_items: Option<f64>,
}

pub(super) struct Keyspace {
    /// Exposes databases without keys too.
    pub(super) includes_empty: bool,
}

#[async_trait]
impl Collector<Scrape> for Keyspace {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let info = scrape.info();
        let (mut rows, malformed) = parse(info);
        if self.includes_empty {
            // A refusal is reported by the collector of the settings.
            let settings = scrape.settings().await.ok().flatten();
            add_empty(&mut rows, database_count(info, settings));
        }
        let labelled = rows.iter().map(|(name, database)| ([("db", name.as_str())], database));
        sink.table(METRICS, labelled);
        verdict("INFO Keyspace", malformed)
    }
}

/// One row per database with keys, named `dbN`, and the first malformed line.
fn parse(info: &Info) -> (Vec<(String, Database)>, Option<ParseError>) {
    let mut rows = Vec::new();
    let mut malformed = None;
    for (field, value) in info.fields().filter(|(field, _)| index(field, "db").is_some()) {
        match parse_database(value) {
            Some(database) => rows.push((field.to_owned(), database)),
            None => drop(malformed.get_or_insert_with(|| malformed_line(field, value))),
        }
    }
    (rows, malformed)
}

fn parse_database(value: &str) -> Option<Database> {
    let (mut keys, mut expiring) = (None, None);
    let mut database = Database::default();
    for (name, text) in parts(value) {
        let slot = match name {
            "keys" => &mut keys,
            "expires" => &mut expiring,
            "avg_ttl" => &mut database.mean_ttl_milliseconds,
            "cached_keys" => &mut database.cached,
            "subexpiry" | "keys_with_volatile_items" => &mut database.with_expiring_items,
            _ => continue,
        };
        *slot = Some(text.parse().ok()?);
    }
    Some(Database { keys: keys?, expiring: expiring?, ..database })
}

/// A cluster node has one database; a sentinel has none.
fn database_count(info: &Info, settings: Option<&Settings>) -> u64 {
    if info.is_sentinel() {
        return 0;
    }
    if info.is_clustered() {
        return 1;
    }
    let told = settings.and_then(|settings| settings.get("databases")?.parse().ok());
    told.unwrap_or(DEFAULT_DATABASES)
}

fn add_empty(rows: &mut Vec<(String, Database)>, count: u64) {
    let present: HashSet<u64> = rows.iter().filter_map(|(name, _)| index(name, "db")).collect();
    let empty = (0..count.min(MAX_EMPTY_DATABASES)).filter(|number| !present.contains(number));
    rows.extend(empty.map(|number| (format!("db{number}"), Database::default())));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(line: &str) -> Database {
        let (rows, malformed) = parse_line(line);
        assert_eq!(malformed, None, "{line}");
        assert_eq!(rows.len(), 1, "{line}");
        rows[0].1
    }

    fn parse_line(line: &str) -> (Vec<(String, Database)>, Option<ParseError>) {
        parse(&Info::new(format!("# Keyspace\r\n{line}\r\n")))
    }

    const TWO_KEYS: Database = Database {
        keys: 2.0,
        expiring: 1.0,
        mean_ttl_milliseconds: Some(1500.0),
        cached: None,
        with_expiring_items: None,
    };

    #[test]
    fn parts_are_read_by_name_whatever_the_server() {
        assert_eq!(database("db0:keys=2,expires=1,avg_ttl=1500"), TWO_KEYS, "Redis 7.0");
        let old = Database { mean_ttl_milliseconds: None, ..TWO_KEYS };
        assert_eq!(database("db0:keys=2,expires=1"), old, "Redis 2.8");
        let hashes = Database { with_expiring_items: Some(4.0), ..TWO_KEYS };
        assert_eq!(database("db0:keys=2,expires=1,avg_ttl=1500,subexpiry=4"), hashes, "Redis 7.4");
        assert_eq!(
            database("db0:keys=2,expires=1,avg_ttl=1500,keys_with_volatile_items=4"),
            hashes,
            "Valkey 9"
        );
        let cached = Database { cached: Some(3.0), ..TWO_KEYS };
        assert_eq!(database("db0:keys=2,expires=1,avg_ttl=1500,cached_keys=3"), cached, "KeyDB");
        let dragonfly = "db0:keys=2,expires=1,hits=8,misses=9,hit_ratio=47.05,avg_ttl=1500";
        assert_eq!(database(dragonfly), TWO_KEYS, "Dragonfly");
    }

    #[test]
    fn malformed_lines_are_reported_and_others_are_no_databases() {
        for line in ["db0:keys=2", "db0:", "db0:keys=x,expires=1", "db0:keys=1,expires=1,avg_ttl="]
        {
            let (rows, malformed) = parse_line(line);
            assert!(rows.is_empty() && malformed.is_some(), "{line}");
        }
        for line in ["db0_distrib_strings_sizes:1=1", "dbx:keys=1,expires=1", "db0 keys=1", ""] {
            assert_eq!(parse_line(line), (vec![], None), "{line}");
        }
    }

    #[test]
    fn a_comment_inside_the_section_hides_no_database() {
        let (rows, _) =
            parse_line("# Last DBSIZE SCAN time: Fri Jan  5 10:00:00 2024\r\ndb0:keys=1,expires=0");
        assert_eq!(rows.len(), 1);
    }

    #[test]
    fn empty_databases_are_added_up_to_the_count() {
        let mut rows = vec![("db1".to_owned(), TWO_KEYS), ("db7".to_owned(), TWO_KEYS)];
        add_empty(&mut rows, 3);
        let names: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["db1", "db7", "db0", "db2"]);
        assert_eq!(rows[2].1, Database::default());
        let mut none = Vec::new();
        add_empty(&mut none, u64::MAX);
        assert_eq!(none.len() as u64, MAX_EMPTY_DATABASES);
    }

    #[test]
    fn the_count_depends_on_the_kind_of_server() {
        let count = |text: &str, settings: Option<&Settings>| {
            database_count(&Info::new(text.into()), settings)
        };
        let four = Settings::of(&["databases", "4"]);
        assert_eq!(count("redis_mode:standalone", Some(&four)), 4);
        assert_eq!(count("redis_mode:standalone", None), DEFAULT_DATABASES);
        assert_eq!(count("cluster_enabled:1", Some(&four)), 1);
        assert_eq!(count("redis_mode:sentinel", None), 0);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(line in "db[0-9]{0,20}:[a-z_=,.0-9é]{0,30}") {
            let _ = parse_line(&line);
        }
    }
}
