//! The slots of this node that have or do most: `CLUSTER SLOT-STATS ORDERBY`, of Valkey 8 and
//! Redis 8.2, rows of a slot and its statistics.
//!
//! Without the setting cluster-slot-stats-enabled a server has numbers of keys only.

use std::collections::BTreeMap;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError, ParseError, Partial};
use common::exposition::Sink;
use common::keyed::{Keyed, float};
use redis::{Cmd, Value, cmd};

use crate::replies::values::{find, items, pairs, text, unexpected};
use crate::rights::{Needs, Right};
use crate::scrape::Scrape;

const STATEMENT: &str = "CLUSTER SLOT-STATS";

/// The statistic that all servers have, asked for first: its answer shows which others there are.
const KEYS: &str = "key-count";

const COLUMNS: &[Keyed] = &[
    Keyed::gauge(KEYS, "redis_cluster_slot_key_count", "Keys in a slot; largest slots only."),
    Keyed::counter(
        "cpu-usec",
        "redis_cluster_slot_cpu_usec_total",
        "Microseconds of CPU time spent on a slot; busiest slots only.",
    ),
    Keyed::counter(
        "network-bytes-in",
        "redis_cluster_slot_network_bytes_in_total",
        "Bytes received for a slot; busiest slots only.",
    ),
    Keyed::counter(
        "network-bytes-out",
        "redis_cluster_slot_network_bytes_out_total",
        "Bytes sent for a slot; busiest slots only.",
    ),
    Keyed::gauge(
        "memory-bytes",
        "redis_cluster_slot_memory_bytes",
        "Memory of a slot; largest slots only; Redis.",
    ),
];

/// Options of the `slot_stats` collector.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Cluster")]
#[group(skip)]
pub(super) struct Options {
    /// Slots to show of those that have most, by each statistic
    #[arg(
        id = "collector.slot_stats.max-slots",
        long = "collector.slot_stats.max-slots",
        value_name = "N",
        default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..=16_384)
    )]
    max_slots: u16,
}

/// Values in the order of `COLUMNS`, by slot.
type Slots = BTreeMap<i64, Vec<Option<f64>>>;

struct SlotStats(Options);

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    Ok(Box::new(SlotStats(Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Scrape> for SlotStats {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        // A replica has the slots of its primary.
        if !scrape.info().is_clustered() || scrape.is_copy() {
            return Ok(());
        }
        let Some(reply) = scrape.ask_if_known(STATEMENT, &self.command(KEYS)).await? else {
            return Ok(());
        };
        let mut errors = FirstError::default();
        let malformed = |error| CollectError::malformed(STATEMENT, error);
        let mut slots = errors.take(parse(&reply).map_error(malformed));
        // An order by what a server does not count would be an error.
        for (index, column) in COLUMNS.iter().enumerate().skip(1) {
            let is_counted = slots.values().any(|row| row.get(index).copied().flatten().is_some());
            if is_counted {
                let answer = scrape.ask_now(STATEMENT, &self.command(column.key)).await;
                if let Some(reply) = errors.note(answer) {
                    slots.extend(errors.take(parse(&reply).map_error(malformed)));
                }
            }
        }
        push(&slots, sink);
        errors.into_result()
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        if !scrape.info().is_clustered() {
            return Needs::not_applicable("the server is no node of a cluster");
        }
        let order = ["ORDERBY", KEYS, "LIMIT", "1"];
        let right = order.iter().fold(Right::to(STATEMENT), Right::with);
        [right.if_known()].into_iter().collect()
    }
}

impl SlotStats {
    /// Asks for the slots that have most of `statistic`.
    fn command(&self, statistic: &str) -> Cmd {
        let mut command = cmd("CLUSTER");
        command.arg("SLOT-STATS").arg("ORDERBY").arg(statistic);
        command.arg("LIMIT").arg(self.0.max_slots).arg("DESC");
        command
    }
}

fn push(slots: &Slots, sink: &mut Sink) {
    let rows = slots.iter().map(|(slot, row)| ([("slot", slot.to_string())], row.as_slice()));
    sink.columns(COLUMNS, rows);
}

/// The slots of a reply, beside what was malformed first.
fn parse(reply: &Value) -> Partial<Slots, ParseError> {
    let Some(rows) = items(reply) else { return Partial::failed(unexpected()) };
    let mut errors = FirstError::default();
    let mut slots = Slots::new();
    for row in rows {
        match items(row) {
            Some([Value::Int(slot @ 0..=16_383), statistics]) => {
                slots.insert(*slot, parse_row(*slot, statistics, &mut errors));
            }
            _ => errors.keep(unexpected()),
        }
    }
    errors.beside(slots)
}

/// Values of a slot; what is no number costs its own sample.
fn parse_row(
    slot: i64,
    statistics: &Value,
    errors: &mut FirstError<ParseError>,
) -> Vec<Option<f64>> {
    let Some(statistics) = pairs(statistics) else {
        errors.keep(unexpected());
        return Vec::new();
    };
    let value = |column: &Keyed| {
        let value = find(&statistics, column.key)?;
        let number = text(value).and_then(|text| float(&text).ok());
        let complaint = || ParseError::Form(format!("{} of slot {slot} is no number", column.key));
        errors.catch(number.ok_or_else(complaint))
    };
    COLUMNS.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::pushed;

    fn row(slot: i64, statistics: &str) -> Value {
        Value::Array(vec![Value::Int(slot), crate::collectors::reply_of(statistics)])
    }

    #[test]
    fn slots_have_the_statistics_that_the_server_counts() {
        let reply = Value::Array(vec![
            row(12, "key-count 13 cpu-usec 2500 network-bytes-in 7 network-bytes-out 8 new 1"),
            row(9, "key-count 4 memory-bytes 4096"),
        ]);
        let slots = parse(&reply);
        assert_eq!(slots.error, None);
        let text = pushed("", |_, sink| push(&slots.good, sink));
        for line in [
            "\nredis_cluster_slot_key_count{slot=\"12\"} 13\n",
            "\nredis_cluster_slot_key_count{slot=\"9\"} 4\n",
            "\nredis_cluster_slot_cpu_usec_total{slot=\"12\"} 2500\n",
            "\nredis_cluster_slot_network_bytes_in_total{slot=\"12\"} 7\n",
            "\nredis_cluster_slot_network_bytes_out_total{slot=\"12\"} 8\n",
            "\nredis_cluster_slot_memory_bytes{slot=\"9\"} 4096\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert_eq!(text.matches("{slot=").count(), 6, "{text}");
    }

    #[test]
    fn numbers_and_maps_are_read_too() {
        let reply = b"*1\r\n*2\r\n:5\r\n%1\r\n+key-count\r\n:3\r\n";
        let slots = parse(&redis::parse_redis_value(reply).unwrap());
        assert_eq!(slots.good[&5][0], Some(3.0));
        assert_eq!(parse(&Value::Array(vec![])), Partial::whole(Slots::new()));
    }

    #[test]
    fn what_is_malformed_costs_itself_alone() {
        let good = || row(1, "key-count 4 cpu-usec 5");
        let odd = row(2, "key-count x cpu-usec 7");
        let Partial { good: slots, error } = parse(&Value::Array(vec![odd, good()]));
        assert_eq!((slots[&2][0], slots[&2][1], slots[&1][0]), (None, Some(7.0), Some(4.0)));
        assert_eq!(error.unwrap().to_string(), "key-count of slot 2 is no number");
        for odd in [row(16_384, "key-count 1"), row(-1, "key-count 1"), Value::Nil] {
            let Partial { good: slots, error } = parse(&Value::Array(vec![odd, good()]));
            assert!(slots.len() == 1 && error.is_some());
        }
        assert!(parse(&Value::Okay).error.is_some());
    }

    proptest::proptest! {
        #[test]
        fn any_reply_is_survived(text in "(\\*[0-3]\r\n|:-?[0-9]{1,6}\r\n|\\+key-count\r\n|\\$-1\r\n){1,9}") {
            if let Ok(reply) = redis::parse_redis_value(text.as_bytes()) {
                pushed("", |_, sink| push(&parse(&reply).good, sink));
            }
        }
    }
}
