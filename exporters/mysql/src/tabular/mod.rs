//! Collectors of one table of the server each: a [`View`] says which columns become which
//! families, [`Tabular`] is the collector that it makes.

mod absence;
mod cut;
mod view;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::{LabelSet, Sink};

use crate::columns::{Strip, labelled};
use crate::grant::Needs;
use crate::per_release::PerRelease;
use crate::scrape::Scrape;
use crate::server::{Cells, QueryError, Table};

pub(crate) use absence::why_empty;
pub(crate) use cut::{Bound, BoundFlag};
pub use view::View;

/// `ER_BAD_FIELD_ERROR`: the server does not know a column.
const UNKNOWN_COLUMN: u16 = 1054;

/// The collector of a [`View`].
///
/// It remembers which of the columns a release has, so that only the first statement to a
/// server that lacks some is in vain.
#[derive(Debug)]
pub struct Tabular {
    view: View,
    /// What comes behind the table in the statement.
    tail: String,
    /// Columns that are computed.
    expressions: Vec<(&'static str, String)>,
    strip: Option<Strip>,
    bound: Option<Bound>,
    /// The statement with the columns that a release has, if it lacks some.
    known: PerRelease<String>,
}

impl Tabular {
    /// The collector of `view` as it is.
    pub fn new(view: &View) -> Self {
        Self {
            view: *view,
            tail: view.tail.to_owned(),
            expressions: Vec::new(),
            strip: None,
            bound: None,
            known: PerRelease::default(),
        }
    }

    /// Another tail than that of the view.
    #[must_use]
    pub fn with_tail(self, tail: String) -> Self {
        Self { tail, ..self }
    }

    /// The column `key` is what `expression` says.
    #[must_use]
    pub fn computing(mut self, key: &'static str, expression: String) -> Self {
        self.expressions.push((key, expression));
        self
    }

    /// The texts of `label` are shown without `prefix`.
    #[must_use]
    pub fn stripping(self, label: &'static str, prefix: String) -> Self {
        Self { strip: Some(Strip { label, prefix }), ..self }
    }

    /// No more rows than `bound` allows are shown.
    #[must_use]
    pub(crate) fn bounded(self, bound: Bound) -> Self {
        Self { bound: Some(bound), ..self }
    }

    /// The rows as the server has them now.
    ///
    /// # Errors
    /// [`CollectError::NoData`] if the server lacks the table or all of its columns;
    /// [`CollectError::Query`] if it refuses.
    pub(crate) async fn read(&self, scrape: &Scrape) -> Result<Table, CollectError> {
        let release = scrape.release();
        let known = self.known.get(release);
        let statement = known.unwrap_or_else(|| self.statement(&self.view.keys()));
        match scrape.try_query(&statement).await {
            Err(QueryError::Refused { code: UNKNOWN_COLUMN, .. }) => {}
            answer => return self.explained(scrape, answer),
        }
        let probe = format!("SELECT * FROM {} LIMIT 0", self.view.table);
        let probed = self.explained(scrape, scrape.try_query(&probe).await)?;
        let mut keys = self.view.keys();
        keys.retain(|key| probed.position(key).is_some());
        if keys.is_empty() {
            return Err(CollectError::NoData(format!("{}: other columns", self.view.table)));
        }
        let statement = self.statement(&keys);
        let table = self.explained(scrape, scrape.try_query(&statement).await)?;
        self.known.set(release, statement);
        Ok(table)
    }

    /// Rows with their labels.
    ///
    /// # Errors
    /// [`CollectError::NoData`] if the server lacks a column that is a label.
    pub(crate) fn rows<'a>(
        &self,
        table: &'a Table,
    ) -> Result<Vec<(LabelSet, Cells<'a>)>, CollectError> {
        labelled(table, self.view.labels, self.strip.as_ref())
            .map_err(|error| CollectError::NoData(format!("{}: {error}", self.view.table)))
    }

    /// Drops the rows beyond the bound, and says so.
    pub(crate) fn cut<Row>(&self, rows: &mut Vec<Row>, sink: &mut Sink) {
        if let Some(bound) = &self.bound {
            bound.cut(rows, sink);
        }
    }

    fn statement(&self, keys: &[&str]) -> String {
        let select = |key: &&str| match self.expressions.iter().find(|(name, _)| name == key) {
            Some((_, expression)) => format!("{expression} AS {key}"),
            None => (*key).to_owned(),
        };
        let selected: Vec<String> = keys.iter().map(select).collect();
        let limit = self.bound.as_ref().and_then(Bound::limit);
        let mut statement = format!("SELECT {} FROM {}", selected.join(", "), self.view.table);
        for part in [Some(self.tail.as_str()), limit.as_deref()].into_iter().flatten() {
            if !part.is_empty() {
                statement = format!("{statement} {part}");
            }
        }
        statement
    }

    fn explained(
        &self,
        scrape: &Scrape,
        answer: Result<Table, QueryError>,
    ) -> Result<Table, CollectError> {
        answer.map_err(|error| scrape.explain(self.view.table, &error, &self.view.privilege))
    }
}

#[async_trait]
impl Collector<Scrape> for Tabular {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let table = self.read(scrape).await?;
        let mut rows = self.rows(&table)?;
        self.cut(&mut rows, sink);
        self.view.push(&table, &rows, sink)?;
        // Sums of no rows are a row of NULL.
        if sink.is_empty() {
            return why_empty(scrape, self.view.table, self.view.switch).await;
        }
        Ok(())
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        self.view.privilege.on(scrape.release())
    }
}

#[cfg(test)]
mod tests;
