//! What a collector is, and the list that an exporter keeps of them.

use async_trait::async_trait;

use crate::error::CollectError;
use crate::exposition::Sink;

/// One subject of one exporter: turns a source into metric families.
///
/// A collector knows nothing of HTTP, text formats, timing or other
/// collectors. It holds configuration and no mutable state, documented caches
/// excepted, because scrapes may overlap.
#[async_trait]
pub trait Collector<Source: ?Sized + Sync>: Send + Sync {
    /// Reads `source` once and pushes the samples into `sink`.
    ///
    /// What was pushed before an error stays in the answer.
    ///
    /// # Errors
    /// [`CollectError::NoData`] if the target lacks the feature; any other
    /// variant is a failure of this collector alone.
    async fn collect(&self, source: &Source, sink: &mut Sink) -> Result<(), CollectError>;
}

/// A collector with its name.
pub type Named<Source> = (&'static str, Box<dyn Collector<Source>>);

/// Makes a collector from the exporter's arguments.
pub type Build<Source, Args> = fn(&Args) -> anyhow::Result<Box<dyn Collector<Source>>>;

/// One line of an exporter's list of collectors.
pub struct Entry<Source: ?Sized + 'static, Args: 'static> {
    /// Suffix of the collector's switch and value of the `collector` label.
    pub name: &'static str,
    /// What it exposes, for `--help`.
    pub summary: &'static str,
    /// Runs unless switched off.
    pub enabled_by_default: bool,
    /// Makes the collector; fails on a bad argument.
    pub build: Build<Source, Args>,
}

impl<Source: ?Sized, Args> Entry<Source, Args> {
    /// A collector that runs unless switched off.
    pub const fn on(name: &'static str, summary: &'static str, build: Build<Source, Args>) -> Self {
        Self { name, summary, enabled_by_default: true, build }
    }

    /// A collector that runs only if switched on.
    pub const fn off(
        name: &'static str,
        summary: &'static str,
        build: Build<Source, Args>,
    ) -> Self {
        Self { name, summary, enabled_by_default: false, build }
    }
}

impl<Source: ?Sized, Args> std::fmt::Debug for Entry<Source, Args> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry")
            .field("name", &self.name)
            .field("enabled_by_default", &self.enabled_by_default)
            .finish_non_exhaustive()
    }
}
