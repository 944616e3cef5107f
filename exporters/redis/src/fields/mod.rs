//! Fields of `INFO`, and of answers in its form, that are plain numbers: one family each, found
//! by the field's name.

mod counters;
mod gauges;
mod labelled;

use std::sync::{LazyLock, Mutex};

use common::error::{FirstError, ParseError};
use common::exposition::Sink;
use common::keyed::Keyed;
use common::metric::{Desc, sanitize_name};
use common::sync::lock;
use hashbrown::HashMap;

use crate::replies::info::{number, value};
pub(crate) use counters::COUNTERS;
pub(crate) use gauges::GAUGES;
use labelled::Labelled;

/// The fields of both tables. A search in two sorted ones took 8 % of the instructions of a scrape.
static BY_NAME: LazyLock<HashMap<&str, &Keyed>> =
    LazyLock::new(|| GAUGES.iter().chain(COUNTERS).map(|known| (known.key, known)).collect());

/// Fields about the cluster are exposed even where no table knows them.
const CLUSTER_PREFIX: &str = "cluster_";
const UNKNOWN_HELP: &str = "A field of INFO about the cluster.";
/// Such fields that are shown at most; servers have a few dozen of them.
pub(crate) const MAX_UNKNOWN: usize = 1000;

/// The known fields of the last answer, in its order: servers keep to it, and to compare a field
/// with the one that comes next costs less than to look for it.
#[derive(Debug, Default)]
pub(crate) struct Order(Mutex<Vec<&'static Keyed>>);

/// Pushes all fields that are known, in any order; notes which should be a number and is not.
pub(crate) fn push<'a>(
    fields: impl Iterator<Item = (&'a str, &'a str)>,
    order: &Order,
    errors: &mut FirstError<ParseError>,
    sink: &mut Sink,
) {
    let mut labelled = Labelled::default();
    let mut unknown = 0;
    let mut order = lock(&order.0);
    let mut next = 0;
    for (field, text) in fields {
        if let Some(known) = find(field, &mut order, &mut next) {
            push_known(known, text, errors, sink);
        } else if labelled.take(field, text, errors) {
            // It is pushed with the others of its kind.
        } else if field.starts_with(CLUSTER_PREFIX)
            && let Some(value) = number(text)
        {
            unknown += 1;
            if unknown > MAX_UNKNOWN {
                errors
                    .keep(ParseError::form("more fields about the cluster than are shown", field));
                continue;
            }
            let name = format!("redis_{}", sanitize_name(field));
            sink.value(&Desc::gauge(&name, UNKNOWN_HELP), value);
        }
    }
    labelled.push(sink);
}

/// What is known of a field that is likely to be the one at `next`; notes that it was there.
fn find(field: &str, order: &mut Vec<&'static Keyed>, next: &mut usize) -> Option<&'static Keyed> {
    let known = match order.get(*next) {
        Some(known) if known.key == field => known,
        _ => {
            let known = BY_NAME.get(field)?;
            // A field that comes again and again takes no more place.
            if *next < BY_NAME.len() {
                order.truncate(*next);
                order.push(known);
            }
            known
        }
    };
    *next += 1;
    Some(known)
}

/// Pushes the field that `known` describes, or notes that it is no number.
pub(crate) fn push_known(
    known: &Keyed,
    text: &str,
    errors: &mut FirstError<ParseError>,
    sink: &mut Sink,
) {
    if let Some(value) = errors.catch(value(known, text)) {
        sink.value(&known.desc, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_in_one_table() {
        assert_eq!(BY_NAME.len(), GAUGES.len() + COUNTERS.len());
    }

    #[test]
    fn the_order_of_the_last_answer_changes_nothing() {
        let mut order = Vec::new();
        for fields in [
            &["uptime_in_seconds", "x", "connected_clients", "used_memory"][..],
            &["uptime_in_seconds", "connected_clients", "x", "used_memory"],
            &["used_memory", "connected_clients", "connected_clients"],
            &["x", "connected_clients"],
            &["connected_clients"; 1000],
        ] {
            let mut next = 0;
            for field in fields {
                let found = find(field, &mut order, &mut next).map(|known| known.key);
                assert_eq!(found, Some(*field).filter(|field| *field != "x"), "{fields:?}");
            }
            assert!(order.len() <= BY_NAME.len());
        }
    }
}
