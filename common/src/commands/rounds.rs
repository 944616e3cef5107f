//! Scrapes in this process, one after the other, and what is told of them.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::exporter::ScrapeRequest;
use crate::exposition::{Exposition, Format, Pool, Pooled, Rejected};
use crate::scrape::Outcome;
use crate::self_metrics::SelfMetrics;
use crate::view::{Samples, clean, clean_lines};
use crate::web::{Service, WebArgs};

/// Scrapes a service again and again.
pub(super) struct Rounds<'a> {
    service: &'a Service,
    web: &'a WebArgs,
    own: SelfMetrics,
    pool: Pool,
}

/// One scrape.
pub(super) struct Round {
    started: Instant,
    elapsed: Duration,
    outcomes: Vec<Outcome>,
    body: Pooled,
    rejected: Rejected,
}

/// Which collectors a summary names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    All,
    /// Those that failed or left something out.
    Failed,
}

impl<'a> Rounds<'a> {
    pub(super) fn new(service: &'a Service, web: &'a WebArgs) -> Self {
        let own = SelfMetrics::new(service.build_info.clone());
        Self { service, web, own, pool: Pool::default() }
    }

    /// Scrapes now, within the time that the flags allow.
    pub(super) async fn next(&self, format: Format) -> anyhow::Result<Round> {
        let Self { service, web, own, pool } = self;
        let started = Instant::now();
        let deadline = started + web.scrape_timeout;
        let mut exposition = Exposition::new(format, pool.clone());
        let request = ScrapeRequest { parameters: Vec::new(), deadline };
        let outcomes = service.exporter.scrape(&request, &mut exposition).await?;
        let mut sink = exposition.sink();
        own.push(&mut sink, web.own_families(), &*service.exporter);
        exposition.add(sink);
        let (body, rejected) = exposition.assemble(&[]);
        Ok(Round { started, elapsed: started.elapsed(), outcomes, body, rejected })
    }
}

impl Round {
    /// The whole answer.
    pub(super) fn body(&self) -> &[u8] {
        self.body.as_ref()
    }

    /// What an answer in the text format says.
    pub(super) fn samples(&self) -> Samples {
        Samples::parse(&String::from_utf8_lossy(self.body()), self.started)
    }

    /// A failure if a collector failed.
    pub(super) fn exit_code(&self) -> ExitCode {
        if self.outcomes.iter().any(has_failed) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    /// A line for each collector that `named` names.
    pub(super) fn verdicts(&self, named: Named) -> Vec<String> {
        verdicts(&self.outcomes, named)
    }

    /// These lines, what was dropped, and a line about all.
    pub(super) fn summary(&self, named: Named) -> String {
        let mut text = verdicts(&self.outcomes, named).join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        text += &total(&self.outcomes, self.elapsed);
        if let Some(example) = &self.rejected.example {
            let dropped = self.rejected.duplicates + self.rejected.conflicts;
            text +=
                &format!("{dropped} duplicate or conflicting series dropped, such as {example}\n");
        }
        clean_lines(&text).into_owned()
    }
}

/// Absent hardware or features are no failure of these commands.
fn has_failed(outcome: &Outcome) -> bool {
    outcome.result.as_ref().is_err_and(|error| !error.is_no_data())
}

fn verdicts(outcomes: &[Outcome], named: Named) -> Vec<String> {
    let width = outcomes.iter().map(|outcome| outcome.collector.len()).max().unwrap_or(0);
    let is_named = |outcome: &&Outcome| {
        named == Named::All || has_failed(outcome) || outcome.malformed.is_some()
    };
    let line = |Outcome { collector, duration, result, malformed, .. }: &Outcome| {
        let milliseconds = duration.as_secs_f64() * 1000.0;
        let verdict = match result {
            Ok(()) => match malformed {
                Some(error) => format!("ok, but left out what is malformed: {error}"),
                None => "ok".to_owned(),
            },
            Err(error) if error.is_no_data() => error.to_string(),
            Err(error) => format!("FAILED: {error}"),
        };
        clean(&format!("{collector:width$}  {milliseconds:9.3} ms  {verdict}")).into_owned()
    };
    outcomes.iter().filter(is_named).map(line).collect()
}

fn total(outcomes: &[Outcome], elapsed: Duration) -> String {
    let failed = outcomes.iter().filter(|outcome| has_failed(outcome)).count();
    let ran = if let [_] = outcomes {
        "1 collector".into()
    } else {
        format!("{} collectors", outcomes.len())
    };
    let malformed = match outcomes.iter().filter(|outcome| outcome.malformed.is_some()).count() {
        0 => String::new(),
        count => format!("{count} with malformed input, "),
    };
    let milliseconds = elapsed.as_secs_f64() * 1000.0;
    format!("{ran}, {failed} failed, {malformed}{milliseconds:.3} ms\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{CollectError, ParseError};

    fn outcome(result: Result<(), CollectError>) -> Outcome {
        Outcome::new("cpu", Duration::ZERO, result)
    }

    fn odd(text: &str) -> CollectError {
        CollectError::parse("/proc/x".as_ref(), ParseError::Form(text.to_owned()))
    }

    #[test]
    fn the_last_line_counts_collectors_and_failures() {
        let absent = CollectError::NoData("none".into());
        let last = |outcomes: &[Outcome]| total(outcomes, Duration::from_millis(2));
        assert_eq!(last(&[outcome(Ok(()))]), "1 collector, 0 failed, 2.000 ms\n");
        let outcomes = [outcome(Err(CollectError::Stuck)), outcome(Err(absent))];
        assert_eq!(last(&outcomes), "2 collectors, 1 failed, 2.000 ms\n");
        let odd = Outcome { malformed: Some(odd("odd").into()), ..outcome(Ok(())) };
        assert_eq!(last(&[odd]), "1 collector, 0 failed, 1 with malformed input, 2.000 ms\n");
    }

    #[test]
    fn failures_are_told_apart_from_absence_and_fit_for_a_terminal() {
        let outcomes = [
            outcome(Ok(())),
            outcome(Err(CollectError::NoData("none".into()))),
            Outcome { malformed: Some(odd("odd").into()), ..outcome(Ok(())) },
            outcome(Err(CollectError::query("SELECT", &"\u{1b}[31mred\nline"))),
        ];
        assert_eq!(verdicts(&outcomes, Named::All).len(), 4);
        let failed = verdicts(&outcomes, Named::Failed);
        assert!(
            failed[0].ends_with("ok, but left out what is malformed: /proc/x: odd"),
            "{failed:?}"
        );
        assert!(failed[1].contains("FAILED: ") && failed.len() == 2, "{failed:?}");
        assert!(!failed.concat().contains(|c: char| c.is_control()), "{failed:?}");
    }
}
