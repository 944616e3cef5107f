//! Keys that match patterns, counted with `SCAN`: a key that the server names twice while it
//! changes its tables counts twice.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::metric::Desc;

use crate::holders::Holder;
use crate::keys::{Key, KeyChecks, Wanted};
use crate::rights::{Needs, to_find};
use crate::scrape::Scrape;
use crate::server::session::{Cursor, Session};

const COUNT: Desc<'_> = Desc::gauge("redis_keys_count", "Keys that match a pattern.");

pub(super) struct KeyCounts;

#[async_trait]
impl Collector<Scrape> for KeyCounts {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let Some(checks) = scrape.checks() else { return Ok(()) };
        if checks.counts.is_empty() {
            return Ok(());
        }
        let holders = scrape.holders().await?;
        holders.check_complete()?;
        let found = holders.each(|holder| count_all(holder, checks)).await;
        // A count without one of the servers would be too low.
        let found = found.into_iter().collect::<Result<Vec<_>, _>>()?;
        let count = found.len();
        let mut found: Vec<_> = found.into_iter().map(Vec::into_iter).collect();
        let mut errors = FirstError::default();
        let mut counts = Vec::new();
        for pattern in &checks.counts {
            let parts = errors.good(found.iter_mut().filter_map(Iterator::next));
            // A count that was not finished would be too low, so there is none.
            if parts.len() == count {
                let database = format!("db{}", pattern.database);
                let name = String::from_utf8_lossy(&pattern.name).into_owned();
                let count: usize = parts.into_iter().sum();
                counts.push(([("db", database), ("key", name)], count as f64));
            }
        }
        sink.samples(&COUNT, counts);
        errors.into_result()
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        let checks = match scrape.checks_or_reason() {
            Ok(checks) if checks.counts.is_empty() => {
                return Needs::not_applicable("there is no --count-keys");
            }
            Ok(checks) => checks,
            Err(reason) => return reason,
        };
        let patterns = checks.counts.iter().map(|key| (key.database, Wanted::Matching(&key.name)));
        let find = to_find(&patterns.collect::<Vec<_>>());
        find.into_iter().chain(scrape.holders_rights()).collect()
    }
}

/// The keys of one server that match, for each pattern.
async fn count_all(
    holder: &Holder,
    checks: &KeyChecks,
) -> Result<Vec<Result<usize, CollectError>>, CollectError> {
    let mut session = holder.session().await?;
    let mut counts = Vec::with_capacity(checks.counts.len());
    for pattern in &checks.counts {
        counts.push(count(&mut session, pattern, checks.batch_size).await);
    }
    Ok(counts)
}

async fn count(
    session: &mut Session,
    pattern: &Key,
    batch_size: u32,
) -> Result<usize, CollectError> {
    session.select(pattern.database).await?;
    let (mut cursor, mut count) = (Cursor::default(), 0);
    while let Some(names) = session.scan(&mut cursor, &pattern.name, batch_size).await? {
        count += names.len();
    }
    Ok(count)
}
