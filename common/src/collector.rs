//! What a collector is, and the list that an exporter keeps of them.

use std::fmt;

use async_trait::async_trait;
use clap::{ArgMatches, Command};

use crate::error::CollectError;
use crate::exposition::Sink;

/// One subject of one exporter: turns a source into metric families.
///
/// A collector knows nothing of HTTP, text formats, timing or other
/// collectors. It holds configuration and no mutable state, documented caches
/// excepted, because scrapes may overlap.
///
/// The trait is asynchronous also for collectors that only read files: some exporters have
/// both kinds, and the box around a future costs less than a microsecond per collector.
#[async_trait]
pub trait Collector<Source: ?Sized + Sync>: Send + Sync {
    /// Reads `source` once and pushes the samples into `sink`.
    ///
    /// What was pushed before an error stays in the answer.
    ///
    /// # Errors
    /// [`CollectError::NoData`] if the target lacks the feature. [`CollectError::Parse`] if
    /// some of the content was malformed: a failure only if nothing was pushed, counted and
    /// logged once otherwise. Any other variant is a failure of this collector alone.
    async fn collect(&self, source: &Source, sink: &mut Sink) -> Result<(), CollectError>;

    /// What [`Self::collect`] would ask of `source`, for the command `check`. Every collector of
    /// a [`Guarded`] source says so, which a test of its exporter makes sure of.
    fn needs(&self, _source: &Source) -> Needs<Source::Right>
    where
        Source: Guarded,
    {
        Needs::Undeclared
    }
}

/// A source whose server grants its users rights.
pub trait Guarded {
    /// One thing that a collector has to be allowed.
    type Right: Send;
}

/// What a collector needs of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needs<Right> {
    /// It does not say.
    Undeclared,
    /// It has nothing to read there, or was not asked to, and why.
    NotApplicable(String),
    /// These rights; none beside what every scrape needs if empty.
    Rights(Vec<Right>),
}

impl<Right> Needs<Right> {
    /// Nothing beside what every scrape needs.
    pub const fn nothing_more() -> Self {
        Self::Rights(Vec::new())
    }

    /// There is nothing to read, and why.
    pub fn not_applicable(reason: &str) -> Self {
        Self::NotApplicable(reason.to_owned())
    }
}

impl<Right> FromIterator<Right> for Needs<Right> {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        Self::Rights(rights.into_iter().collect())
    }
}

/// A collector as a scrape runs it.
pub struct Named<Source: ?Sized> {
    /// Its entry's name.
    pub name: &'static str,
    /// The oldest releases of the target that have what it reads; empty for all.
    pub since: &'static [Release],
    /// What reads the source.
    pub collector: Box<dyn Collector<Source>>,
}

/// A release of the software that is asked, such as MariaDB 10.5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// Name of the software.
    pub product: &'static str,
    /// Major, minor and patch, compared in this order.
    pub number: (u32, u32, u32),
}

impl Release {
    /// True if this release is one of `since` or came after one of them.
    pub fn is_covered_by(self, since: &[Self]) -> bool {
        since.iter().any(|first| first.product == self.product && first.number <= self.number)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor, patch) = self.number;
        write!(f, "{} {major}.{minor}.{patch}", self.product)
    }
}

/// Makes a collector from the command line.
pub type Factory<Source> = fn(&ArgMatches) -> anyhow::Result<Box<dyn Collector<Source>>>;

/// One line of an exporter's list of collectors.
pub struct Entry<Source: ?Sized + 'static> {
    /// Suffix of the collector's switch and value of the `collector` label.
    pub name: &'static str,
    /// What it exposes, for `--help`.
    pub summary: &'static str,
    /// Runs unless switched off.
    pub enabled_by_default: bool,
    /// The oldest releases of the target that have what it reads; empty for all.
    pub since: &'static [Release],
    /// Flags of the reference exporter that switch it on as well; see [`Entry::turned_on_by`].
    pub turned_on_by: &'static [&'static str],
    /// Adds the collector's own flags.
    pub flags: fn(Command) -> Command,
    /// Makes the collector; fails on a bad flag.
    pub build: Factory<Source>,
}

impl<Source: ?Sized> Entry<Source> {
    /// A collector that runs unless switched off.
    pub const fn on(name: &'static str, summary: &'static str, build: Factory<Source>) -> Self {
        let flags = |command| command;
        Self {
            name,
            summary,
            enabled_by_default: true,
            since: &[],
            turned_on_by: &[],
            flags,
            build,
        }
    }

    /// A collector that runs only if switched on.
    pub const fn off(name: &'static str, summary: &'static str, build: Factory<Source>) -> Self {
        Self { enabled_by_default: false, ..Self::on(name, summary, build) }
    }

    /// It has flags of its own, which `flags` adds: the `augment_args` of its options.
    #[must_use]
    pub const fn with_flags(self, flags: fn(Command) -> Command) -> Self {
        Self { flags, ..self }
    }

    /// Any of these flags, by their ids, switches it on too: an on/off flag that is true, or
    /// another one that is given. Its own switch, if given, goes before them.
    #[must_use]
    pub const fn turned_on_by(self, flags: &'static [&'static str]) -> Self {
        Self { turned_on_by: flags, ..self }
    }

    /// It reads what only these releases of the target and later ones have. On an older one, or
    /// another product, it has no data.
    #[must_use]
    pub const fn since(self, since: &'static [Release]) -> Self {
        Self { since, ..self }
    }

    /// The collector that the command line asks for.
    ///
    /// # Errors
    /// What the collector says of a bad flag.
    pub fn build(&self, matches: &ArgMatches) -> anyhow::Result<Named<Source>> {
        let collector = (self.build)(matches)?;
        Ok(Named { name: self.name, since: self.since, collector })
    }
}

impl<Source: ?Sized> fmt::Debug for Entry<Source> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("name", &self.name)
            .field("enabled_by_default", &self.enabled_by_default)
            .finish_non_exhaustive()
    }
}

impl<Source: ?Sized> fmt::Debug for Named<Source> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Named").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Release;

    #[test]
    fn releases_are_compared_within_their_product() {
        let release = |product, number| Release { product, number };
        let since = [release("MySQL", (8, 0, 2)), release("MariaDB", (10, 5, 0))];
        assert!(release("MariaDB", (10, 11, 1)).is_covered_by(&since));
        assert!(release("MySQL", (8, 0, 2)).is_covered_by(&since));
        assert!(!release("MySQL", (5, 7, 44)).is_covered_by(&since));
        assert!(!release("Other", (99, 0, 0)).is_covered_by(&since));
        assert_eq!(since[0].to_string(), "MySQL 8.0.2");
    }
}
