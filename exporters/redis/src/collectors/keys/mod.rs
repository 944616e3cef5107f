//! Sizes, memory and values of chosen keys: `TYPE`, `MEMORY USAGE`, and what fits the type.
//!
//! Commands go in batches, each answer to its own command, so that a key which is denied or of
//! an odd type costs itself alone. A name that was given and does not exist has size 0: to Redis
//! an emptied list and a missing one are the same. A key that goes away between `SCAN` and the
//! question has no sample.

mod check;
mod reading;

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::{Desc, Metric, gauge};

use crate::holders::Holder;
use crate::keys::{KeyChecks, wanted};
use crate::rights::{Needs, Right, to_find};
use crate::scrape::Scrape;
use check::{Check, Shared};
use reading::{Reading, Shown};

/// Keys whose names are tried at most by the command `check`.
const MAX_TRIED: usize = 1000;

const METRICS: &[Metric<Reading>] = &[
    gauge("redis_key_memory_usage_bytes", "Memory that a key takes.", |key| key.memory),
    gauge("redis_key_size", "Length of a string, or elements of a key of another type.", |key| {
        key.size
    }),
    gauge("redis_key_value", "Value of a string that is a number.", |key| match key.value {
        Some(Shown::Number(number)) => Some(number),
        _ => None,
    }),
];

const VALUE_AS_STRING: Desc<'_> =
    Desc::gauge("redis_key_value_as_string", "1, with the value of a string that is no number.");

/// Options of the `keys` collector.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Keys")]
#[group(skip)]
pub(super) struct Options {
    /// Leave out the values of keys
    #[arg(id = "disable-exporting-key-values", long = "disable-exporting-key-values")]
    hides_values: bool,
}

struct Keys(Options);

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    Ok(Box::new(Keys(Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Scrape> for Keys {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let Some(checks) = scrape.checks() else { return Ok(()) };
        if checks.keys.is_empty() && checks.single_keys.is_empty() {
            return Ok(());
        }
        let holders = scrape.holders().await?;
        let names = checks.keys.iter().filter(|key| !key.is_pattern());
        let covered = holders.cover(checks.single_keys.iter().chain(names));
        let shared = Mutex::new(Shared::new(sink, covered));
        let checked = holders.each(|holder| self.all_of(holder, checks, &shared)).await;
        let mut errors = shared.into_inner().unwrap_or_else(PoisonError::into_inner).errors;
        errors.good(checked);
        errors.into_result()
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        let checks = match scrape.checks_or_reason() {
            Ok(checks) => checks,
            Err(reason) => return reason,
        };
        let keys = wanted(&checks.keys, &checks.single_keys);
        let Some(&(_, first)) = keys.first() else {
            return Needs::not_applicable("there is no --check-keys and no --check-single-keys");
        };
        // What is asked of each key is tried with the first.
        let commands = reading::COMMANDS.iter().map(|name| Right::to(name).reading(first));
        let commands = commands.chain([
            Right::to("ARCOUNT").reading(first).if_known(),
            Right::to("GETRANGE").reading(first).with("0").with("0"),
        ]);
        let each = keys.iter().take(MAX_TRIED).flat_map(|(_, keys)| {
            [Right::to("TYPE").reading(*keys), Right::to("PFCOUNT").writing(*keys)]
        });
        let find = to_find(&keys).into_iter().chain(scrape.holders_rights());
        find.chain(commands).chain(each).collect()
    }
}

impl Keys {
    async fn all_of(
        &self,
        holder: &Holder,
        checks: &KeyChecks,
        shared: &Mutex<Shared<'_>>,
    ) -> Result<(), CollectError> {
        let session = holder.session().await?;
        let mut check = Check { session, shared, wants_values: !self.0.hides_values };
        check.all(holder, checks).await;
        Ok(())
    }
}
