//! The statement that shows how replication goes, and what its rows have in common:
//! `SHOW ALL SLAVES STATUS` (MariaDB, a row per connection), `SHOW SLAVE STATUS`, or
//! `SHOW REPLICA STATUS` (a row per channel).
//!
//! <https://mariadb.com/kb/en/show-replica-status/>

use common::collector::Release;
use common::exposition::LabelSet;

use crate::per_release::PerRelease;
use crate::server::{Cells, mariadb, mysql};

const ALL_SLAVES: &str = "SHOW ALL SLAVES STATUS";
const SLAVE: &str = "SHOW SLAVE STATUS";
const REPLICA: &str = "SHOW REPLICA STATUS";

/// Remembers which statement a version understands, so that the others are not tried at each scrape.
#[derive(Debug, Default)]
pub(crate) struct Known(PerRelease<&'static str>);

impl Known {
    /// The statement that worked with this version, or those to try, the likeliest first.
    pub(crate) fn candidates(
        &self,
        release: Release,
    ) -> impl Iterator<Item = &'static str> + use<> {
        let known = self.0.get(release);
        let others = statements(release).into_iter().filter(move |other| known != Some(*other));
        known.into_iter().chain(others)
    }

    /// Notes that `statement` works with this version.
    pub(crate) fn remember(&self, release: Release, statement: &'static str) {
        self.0.set(release, statement);
    }
}

/// MySQL keeps the older words, and with them the metric names, until it drops them in 8.4.
fn statements(release: Release) -> [&'static str; 3] {
    if release.is_covered_by(&[mysql(8, 4, 0)]) {
        [REPLICA, SLAVE, ALL_SLAVES]
    } else if release.is_covered_by(&[mariadb(10, 0, 1)]) {
        [ALL_SLAVES, SLAVE, REPLICA]
    } else {
        [SLAVE, REPLICA, ALL_SLAVES]
    }
}

/// The labels of a row's samples: which server it follows, by which channel or connection.
pub(crate) fn labels(row: Cells<'_>) -> LabelSet {
    let text = |names: &[&str]| row.named(names).unwrap_or_default();
    LabelSet::new([
        ("channel_name", text(&["Channel_Name"])),
        ("connection_name", text(&["Connection_name"])),
        ("master_host", text(&["Master_Host", "Source_Host"])),
        ("master_uuid", text(&["Master_UUID", "Source_UUID"])),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::parse_version;

    fn version(text: &str) -> Release {
        parse_version(text).unwrap()
    }

    #[test]
    fn the_statement_is_chosen_by_version_and_remembered() {
        let known = Known::default();
        let first = |text| known.candidates(version(text)).next();
        assert_eq!(first("10.11.6-MariaDB"), Some(ALL_SLAVES));
        assert_eq!(first("12.0.2-MariaDB"), Some(ALL_SLAVES));
        assert_eq!(first("8.0.36"), Some(SLAVE));
        assert_eq!(first("8.4.0"), Some(REPLICA));
        assert_eq!(first("9.1.0"), Some(REPLICA));
        assert_eq!(first("5.5.62"), Some(SLAVE));
        known.remember(version("8.4.0"), SLAVE);
        assert_eq!(first("8.4.0"), Some(SLAVE));
        assert_eq!(first("8.4.1"), Some(REPLICA));
        let candidates: Vec<_> = known.candidates(version("8.4.0")).collect();
        assert_eq!(candidates, [SLAVE, REPLICA, ALL_SLAVES]);
    }
}
