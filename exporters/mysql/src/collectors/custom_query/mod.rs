//! Queries of the user's own, from files. Not in the reference; Percona's fork has them.
//!
//! One after the other on one connection, in read-only transactions, each with a time of its
//! own. One that fails costs no other.

mod kept;
mod samples;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, ParseError};
use common::exposition::Sink;
use common::metric::{Metric, gauge};

use crate::custom::Query;
use crate::grant::Needs;
use crate::scrape::Scrape;
use crate::server::QueryError;
use kept::{Kept, is_fresh};
use samples::Samples;

/// The flag that names a file; giving one turns the collector on.
pub(super) const FILE: &str = "collect.custom_query.file";

const RUNS: &[Metric<Answer>] = &[
    gauge(
        "mysql_custom_query_age_seconds",
        "Time since the last run of a query from a file.",
        |answer| Some(answer.asked.elapsed().as_secs_f64()),
    ),
    gauge(
        "mysql_custom_query_duration_seconds",
        "Time that the last run of a query from a file took.",
        |answer| Some(answer.took.as_secs_f64()),
    ),
    gauge(
        "mysql_custom_query_success",
        "1 if the last run of a query from a file succeeded, else 0.",
        |answer| Some(f64::from(u8::from(answer.result.is_ok()))),
    ),
];

/// What errors are about.
const ORIGIN: &str = "custom queries";

/// `ER_EMPTY_QUERY`.
const EMPTY_QUERY: u16 = 1065;

/// Part of the scrape's time that queries may take, so that what they gave is still shown.
const SHARE: f64 = 0.9;

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// File of queries, as the README describes it; turns the collector on; may be repeated
    #[arg(id = FILE, long = FILE, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Runs the queries that were read last; it belongs to one server.
#[derive(Debug, Default)]
struct CustomQuery {
    kept: Kept,
}

/// One run of a query.
#[derive(Debug)]
struct Answer {
    asked: Instant,
    took: Duration,
    result: Result<Samples, QueryError>,
    /// What of the answer was left out.
    malformed: Option<ParseError>,
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    ensure!(!files(matches)?.is_empty(), "--collect.custom_query needs --{FILE}");
    Ok(Box::<CustomQuery>::default())
}

/// The files that flags name.
pub(super) fn files(matches: &ArgMatches) -> anyhow::Result<Vec<PathBuf>> {
    Ok(Options::from_arg_matches(matches)?.files)
}

#[async_trait]
impl Collector<Scrape> for CustomQuery {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let now = Instant::now();
        let share = scrape.deadline().saturating_duration_since(now).mul_f64(SHARE);
        let queries = scrape.queries();
        let mut answers = self.kept.of(queries);
        let mut due: Vec<usize> = (0..queries.len()).collect();
        due.retain(|index| {
            let is_fresh = |answer: &Arc<Answer>| is_fresh(answer, queries[*index].interval, now);
            !answers[*index].as_ref().is_some_and(is_fresh)
        });
        // Where the time is short it is another one's turn each time.
        due.sort_by_key(|index| answers[*index].as_ref().map(|answer| answer.asked));
        for index in due {
            if Instant::now() >= now + share {
                break;
            }
            let answer = ask(&queries[index], scrape, now + share).await;
            answers[index] = Some(Arc::new(answer));
        }
        let result = push(queries, &answers, sink);
        self.kept.keep(queries, answers);
        result
    }

    /// What the queries read is their authors' to know.
    fn needs(&self, _: &Scrape) -> Needs {
        Needs::nothing_more()
    }
}

async fn ask(query: &Query, scrape: &Scrape, deadline: Instant) -> Answer {
    let asked = Instant::now();
    let deadline = query.timeout.map_or(deadline, |timeout| deadline.min(asked + timeout));
    let answer = scrape.query_of_user(&query.statement, query.rows, deadline).await;
    let took = asked.elapsed();
    let (result, malformed) = match answer {
        Ok(table) => {
            let (samples, malformed) = samples::read(query, &table);
            (Ok(samples), malformed)
        }
        // The whole statement is in a comment for newer servers than this one.
        Err(QueryError::Refused { code: EMPTY_QUERY, .. }) => (Ok(Vec::new()), None),
        Err(error) => (Err(error), None),
    };
    Answer { asked, took, result, malformed }
}

fn push(
    queries: &[Query],
    answers: &[Option<Arc<Answer>>],
    sink: &mut Sink,
) -> Result<(), CollectError> {
    let asked = || {
        let pairs = queries.iter().zip(answers);
        pairs.filter_map(|(query, answer)| Some((query, answer.as_deref()?)))
    };
    let (mut failed, mut malformed) = (Vec::new(), Vec::new());
    for (query, answer) in asked() {
        match &answer.result {
            Ok(samples) => samples::push(query, samples, sink),
            Err(error) => failed.push(format!("{}: {error}", query.name)),
        }
        malformed.extend(answer.malformed.as_ref().map(|error| format!("{}: {error}", query.name)));
    }
    if asked().count() < queries.len() {
        failed.push("the time was too short for all of them".to_owned());
    }
    let runs = asked();
    sink.table(RUNS, runs.map(|(query, answer)| ([("query", query.name.as_str())], answer)));
    match (failed.is_empty(), malformed.is_empty()) {
        (true, true) => Ok(()),
        (true, false) => {
            Err(CollectError::malformed(ORIGIN, ParseError::Form(malformed.join("; "))))
        }
        (false, _) => {
            failed.append(&mut malformed);
            Err(CollectError::query(ORIGIN, &failed.join("; ")))
        }
    }
}
#[cfg(test)]
mod tests;
