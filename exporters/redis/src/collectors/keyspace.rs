//! Keys per database: lines `dbN:keys=,expires=,avg_ttl=` of `INFO`.
//!
//! Read by the names of their parts, of which servers have different ones:
//! Redis 7.4 `subexpiry`, Valkey 9 `keys_with_volatile_items`, KeyDB
//! `cached_keys`, Dragonfly `hits`, `misses` and `hit_ratio`.

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial};
use common::exposition::Sink;
use common::metric::{Metric, gauge};
use hashbrown::HashSet;

use crate::replies::info::{Info, Line, index};
use crate::replies::settings::database_count;
use crate::rights::Needs;
use crate::scrape::Scrape;

/// Empty databases are exposed up to this number: a server may be set to have millions.
const MAX_EMPTY_DATABASES: u64 = 4096;

const METRICS: &[Metric<Database>] = &[
    gauge("redis_db_keys", "Keys in a database.", |db| db.keys),
    gauge("redis_db_keys_expiring", "Keys with an expiry in a database.", |db| db.expiring),
    gauge("redis_db_avg_ttl_seconds", "Mean time until the keys of a database expire.", |db| {
        db.mean_ttl_milliseconds.map(|milliseconds| milliseconds / 1000.0)
    }),
    gauge("redis_db_keys_cached", "Keys of a database that are in memory; KeyDB.", |db| db.cached),
    gauge(
        "redis_db_keys_with_expiring_items",
        "Hashes of a database with fields that have an expiry; Redis 7.4, Valkey 9.",
        |db| db.with_expiring_items,
    ),
];

/// What the server says of one database.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Database {
    keys: Option<f64>,
    expiring: Option<f64>,
    mean_ttl_milliseconds: Option<f64>,
    cached: Option<f64>,
    with_expiring_items: Option<f64>,
}

/// A database without keys, of which servers say nothing.
const EMPTY: Database = Database {
    keys: Some(0.0),
    expiring: Some(0.0),
    mean_ttl_milliseconds: None,
    cached: None,
    with_expiring_items: None,
};

/// Options of the `keyspace` collector.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Metrics")]
#[group(skip)]
pub(super) struct Options {
    /// Expose empty databases with zero keys
    #[arg(
        id = "include-metrics-for-empty-databases",
        long = "include-metrics-for-empty-databases",
        env = "REDIS_EXPORTER_INCL_METRICS_FOR_EMPTY_DATABASES",
        default_value = "true"
    )]
    includes_empty: bool,
}

struct Keyspace(Options);

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    Ok(Box::new(Keyspace(Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Scrape> for Keyspace {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        if scrape.is_copy() {
            return Ok(());
        }
        let info = scrape.info();
        let mut rows = parse(info);
        if self.0.includes_empty {
            // A refusal is reported by the collector of the settings.
            let settings = scrape.settings().await.ok().flatten();
            add_empty(&mut rows.good, database_count(info, settings));
        }
        // As the reference has them; labels in byte order are not looked for twice.
        rows.good.sort_by(|(one, _), (other, _)| one.cmp(other));
        let labelled = rows.good.iter().map(|(name, database)| ([("db", name.as_str())], database));
        sink.table(METRICS, labelled);
        rows.map_error(|error| CollectError::malformed("INFO Keyspace", error)).finish()
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        if scrape.info().is_sentinel() {
            return Needs::not_applicable("a sentinel has no databases");
        }
        // For the number of the databases, which a cluster's node has one of.
        let is_counting = self.0.includes_empty && !scrape.info().is_clustered();
        scrape.settings_right().into_iter().filter(|_| is_counting).collect()
    }
}

/// One row per database with keys, named `dbN`, beside what was malformed first.
fn parse(info: &Info) -> Partial<Vec<(String, Database)>, ParseError> {
    let mut errors = FirstError::default();
    let mut rows = Vec::new();
    for (field, value) in info.fields().filter(|(field, _)| index(field, "db").is_some()) {
        let line = Line::new(field, value);
        let mut number = |name| errors.catch(line.number(name));
        let database = Database {
            keys: number("keys"),
            expiring: number("expires"),
            mean_ttl_milliseconds: number("avg_ttl"),
            cached: number("cached_keys"),
            with_expiring_items: number("subexpiry").or(number("keys_with_volatile_items")),
        };
        if database == Database::default() {
            errors.keep(line.malformed());
        } else {
            rows.push((field.to_owned(), database));
        }
    }
    errors.beside(rows)
}

fn add_empty(rows: &mut Vec<(String, Database)>, count: u64) {
    let present: HashSet<u64> = rows.iter().filter_map(|(name, _)| index(name, "db")).collect();
    let empty = (0..count.min(MAX_EMPTY_DATABASES)).filter(|number| !present.contains(number));
    let name = |number| ["db", itoa::Buffer::new().format(number)].concat();
    rows.extend(empty.map(|number: u64| (name(number), EMPTY)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(line: &str) -> Database {
        let Partial { good, error } = parse_line(line);
        assert_eq!((good.len(), error), (1, None), "{line}");
        good[0].1
    }

    fn parse_line(line: &str) -> Partial<Vec<(String, Database)>, ParseError> {
        parse(&Info::new(format!("# Keyspace\r\n{line}\r\n")))
    }

    const TWO_KEYS: Database = Database {
        keys: Some(2.0),
        expiring: Some(1.0),
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
        for line in ["db0:", "db0:keys=x", "db0:keys,expires", "db0:size=1"] {
            let Partial { good, error } = parse_line(line);
            assert!(good.is_empty() && error.is_some(), "{line}");
        }
        for line in ["db0_distrib_strings_sizes:1=1", "dbx:keys=1,expires=1", "db0 keys=1", ""] {
            assert_eq!(parse_line(line), Partial::whole(vec![]), "{line}");
        }
    }

    #[test]
    fn a_malformed_part_costs_no_other() {
        let Partial { good, error } = parse_line("db0:keys=2,expires=?,avg_ttl=1500,a,b=c");
        assert_eq!(good, [("db0".to_owned(), Database { expiring: None, ..TWO_KEYS })]);
        assert_eq!(error.unwrap().to_string(), "expires of db0 is no number: \"?\"");
        let keys = Database { keys: Some(2.0), ..Database::default() };
        assert_eq!(parse_line("db0:keys=2"), Partial::whole(vec![("db0".to_owned(), keys)]));
    }

    #[test]
    fn a_comment_inside_the_section_hides_no_database() {
        let Partial { good, error } =
            parse_line("# Last DBSIZE SCAN time: Fri Jan  5 10:00:00 2024\r\ndb0:keys=1,expires=0");
        assert_eq!((good.len(), error), (1, None));
    }

    #[test]
    fn kvrocks_tells_of_its_scans_in_the_section() {
        for comments in [
            "# WARN: DBSIZE SCAN never performed yet\r\n\
             # Last DBSIZE SCAN time: Thu Jan  1 00:00:00 1970",
            "# Last scan db time: Mon Jan 1 00:00:00 2024",
        ] {
            let rows = parse_line(&format!(
                "{comments}\r\ndb0:keys=7,expires=2,avg_ttl=0,expired=1\r\nsequence:11945\r\n\
                 used_percent: 0%"
            ));
            let db = Database {
                keys: Some(7.0),
                expiring: Some(2.0),
                mean_ttl_milliseconds: Some(0.0),
                ..Database::default()
            };
            assert_eq!(rows, Partial::whole(vec![("db0".to_owned(), db)]), "{comments}");
        }
    }

    #[test]
    fn a_cluster_of_several_databases_shows_those_it_has() {
        let info = Info::new(
            "# Cluster\r\ncluster_enabled:1\r\n# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n\
             db3:keys=2,expires=1,avg_ttl=9"
                .into(),
        );
        let mut rows = parse(&info).good;
        add_empty(&mut rows, database_count(&info, None));
        let names: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["db0", "db3"]);
    }

    #[test]
    fn empty_databases_are_added_up_to_the_count() {
        let mut rows = vec![("db1".to_owned(), TWO_KEYS), ("db7".to_owned(), TWO_KEYS)];
        add_empty(&mut rows, 3);
        let names: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["db1", "db7", "db0", "db2"]);
        assert_eq!(rows[2].1, EMPTY);
        let mut none = Vec::new();
        add_empty(&mut none, u64::MAX);
        assert_eq!(none.len() as u64, MAX_EMPTY_DATABASES);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(line in "db[0-9]{0,20}:[a-z_=,.0-9é]{0,30}") {
            let _ = parse_line(&line);
        }
    }
}
