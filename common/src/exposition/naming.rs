//! How the families of a scrape are named and labelled.

use std::sync::Arc;

use super::syntax::LabelSet;

/// What all sinks of a scrape have in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Naming {
    /// What the names of families begin with, and are to begin with instead.
    pub(super) namespace: Option<Namespace>,
    /// Come before the labels of every sample.
    pub(super) common_labels: Option<LabelSet>,
}

/// A first word of names and its replacement, both with the underscore behind them.
#[derive(Clone, Debug)]
pub(super) struct Namespace {
    pub(super) from: &'static str,
    pub(super) to: Arc<str>,
}

impl Namespace {
    /// The new beginning of a name, or of a series, if it has the old one.
    pub(super) fn rename(&self, name: &str) -> Option<String> {
        name.strip_prefix(self.from).map(|rest| format!("{}{rest}", self.to))
    }
}

/// The labels that come before those of every sample, if there are any.
#[inline]
pub(super) fn common_labels(naming: Option<&Arc<Naming>>) -> Option<&LabelSet> {
    naming?.common_labels.as_ref()
}
