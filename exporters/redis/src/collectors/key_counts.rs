//! Keys that match patterns, counted with `SCAN`: a key that the server names twice while it
//! changes its tables counts twice.

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::metric::Desc;

use crate::keys::{Key, Wanted};
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
        let mut session = scrape.session().await?;
        let mut errors = FirstError::default();
        let mut counts = Vec::new();
        for pattern in &checks.counts {
            // A count that was not finished would be too low, so there is none.
            let counted = count(&mut session, pattern, checks.batch_size).await;
            if let Some(count) = errors.note(counted) {
                let database = format!("db{}", pattern.database);
                let name = String::from_utf8_lossy(&pattern.name).into_owned();
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
        to_find(&patterns.collect::<Vec<_>>()).into_iter().collect()
    }
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
