//! The `scrape` command: collect once, print, and tell what failed.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::exporter::ScrapeRequest;
use crate::exposition::{Exposition, Format, Pool};
use crate::scrape::Outcome;
use crate::self_metrics::SelfMetrics;
use crate::web::{Service, WebArgs};

/// Prints one scrape to stdout and a summary to stderr; fails if a collector did.
pub(super) async fn scrape(service: &Service, web: &WebArgs) -> anyhow::Result<ExitCode> {
    let format = if web.enable_openmetrics { Format::OpenMetrics } else { Format::Text };
    let started = Instant::now();
    let (exposition, outcomes) = collect(service, web, format).await?;
    let (body, rejected) = exposition.assemble(&[]);
    std::io::stdout().write_all(body.as_ref()).context("cannot write to stdout")?;
    let mut summary = summary(&outcomes, started.elapsed());
    if let Some(example) = rejected.example {
        let dropped = rejected.duplicates + rejected.conflicts;
        summary +=
            &format!("{dropped} duplicate or conflicting series dropped, such as {example}\n");
    }
    // A closed stderr is no reason to fail.
    let _ = write!(std::io::stderr(), "{summary}");
    let has_failed = outcomes.iter().any(has_failed);
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// One scrape in this process, with what an answer says of the exporter itself.
pub(super) async fn collect(
    service: &Service,
    web: &WebArgs,
    format: Format,
) -> anyhow::Result<(Exposition, Vec<Outcome>)> {
    let mut exposition = Exposition::new(format, Pool::default());
    let deadline = Instant::now() + web.scrape_timeout;
    let request = ScrapeRequest { parameters: Vec::new(), deadline };
    let outcomes = service.exporter.scrape(&request, &mut exposition).await?;
    let mut sink = exposition.sink();
    let own = SelfMetrics::new(service.build_info.clone());
    own.push(&mut sink, web.own_families(), &*service.exporter);
    exposition.add(sink);
    Ok((exposition, outcomes))
}

/// Absent hardware or features are no failure of this command.
fn has_failed(outcome: &Outcome) -> bool {
    outcome.result.as_ref().is_err_and(|error| !error.is_no_data())
}

fn summary(outcomes: &[Outcome], elapsed: Duration) -> String {
    let mut text = String::new();
    let width = outcomes.iter().map(|outcome| outcome.collector.len()).max().unwrap_or(0);
    for Outcome { collector, duration, result, malformed, .. } in outcomes {
        let milliseconds = duration.as_secs_f64() * 1000.0;
        let verdict = match result {
            Ok(()) => match malformed {
                Some(error) => format!("ok, but left out what is malformed: {error}"),
                None => "ok".to_owned(),
            },
            Err(error) if error.is_no_data() => error.to_string(),
            Err(error) => format!("FAILED: {error}"),
        };
        text += &format!("{collector:width$}  {milliseconds:9.3} ms  {verdict}\n");
    }
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
    text += &format!("{ran}, {failed} failed, {malformed}{milliseconds:.3} ms\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{CollectError, ParseError};

    #[test]
    fn the_last_line_counts_collectors_and_failures() {
        let outcome = |result| Outcome {
            collector: "cpu".into(),
            duration: Duration::ZERO,
            result,
            malformed: None,
            series: 0,
        };
        let absent = CollectError::NoData("none".into());
        let last = |outcomes: &[Outcome]| {
            let text = summary(outcomes, Duration::from_millis(2));
            text.lines().last().unwrap().to_owned()
        };
        assert_eq!(last(&[outcome(Ok(()))]), "1 collector, 0 failed, 2.000 ms");
        let outcomes = [outcome(Err(CollectError::Stuck)), outcome(Err(absent))];
        assert_eq!(last(&outcomes), "2 collectors, 1 failed, 2.000 ms");
        let odd = CollectError::parse("/proc/x".as_ref(), ParseError::Form("odd".into()));
        let odd = Outcome { malformed: Some(odd), ..outcome(Ok(())) };
        let text = summary(&[odd], Duration::ZERO);
        assert!(text.contains("ok, but left out what is malformed: /proc/x: odd\n"), "{text}");
        assert!(text.ends_with("\n1 collector, 0 failed, 1 with malformed input, 0.000 ms\n"));
    }
}
