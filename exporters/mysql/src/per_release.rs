//! What servers were found to understand, by their release.

use std::sync::Mutex;

use common::collector::Release;
use common::sync::lock;

/// Releases that are remembered at a time; one program may scrape many servers.
const MAX_RELEASES: usize = 32;

/// A value per release, so that what one server lacks is not tried on its like again.
#[derive(Debug)]
pub(crate) struct PerRelease<T>(Mutex<Vec<(Release, T)>>);

impl<T> Default for PerRelease<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> PerRelease<T> {
    /// What is known of this release.
    pub(crate) fn get(&self, release: Release) -> Option<T> {
        let known = lock(&self.0);
        known.iter().find(|(known, _)| *known == release).map(|(_, value)| value.clone())
    }

    /// Remembers `value`, in place of what was known of this release; forgets the oldest of too
    /// many.
    pub(crate) fn set(&self, release: Release, value: T) {
        let mut known = lock(&self.0);
        known.retain(|(known, _)| *known != release);
        if known.len() >= MAX_RELEASES {
            known.remove(0);
        }
        known.push((release, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::mysql;

    #[test]
    fn the_latest_releases_are_remembered() {
        let known = PerRelease::default();
        assert_eq!(known.get(mysql(8, 0, 0)), None);
        for patch in 0..=32 {
            known.set(mysql(8, 0, patch), patch);
        }
        known.set(mysql(8, 0, 32), 7);
        assert_eq!((known.get(mysql(8, 0, 0)), known.get(mysql(8, 0, 1))), (None, Some(1)));
        assert_eq!(known.get(mysql(8, 0, 32)), Some(7));
    }
}
