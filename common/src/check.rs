//! What the command `check` finds out: per collector whether it works on the connected server,
//! what is denied, and the least rights that suffice.

use std::fmt;
use std::time::Instant;

use async_trait::async_trait;

use crate::error::CollectError;
use crate::scrape::Outcome;

/// Tries an exporter's collectors on its server.
#[async_trait]
pub trait Check: Send + Sync {
    /// Connects and tries; ends at `deadline` at the latest.
    ///
    /// A server that cannot be read is a finding, not an error.
    ///
    /// # Errors
    /// There is nothing to check.
    async fn check(&self, deadline: Instant) -> anyhow::Result<Report>;
}

/// What came of a check, in the form in which it is printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The server and who is logged in there, in one line; empty if it cannot be read.
    pub server: String,
    /// What was tried, in the order of the table.
    pub findings: Vec<Finding>,
    /// The least rights that suffice, and how to give them; lines without their ends.
    pub advice: Vec<String>,
}

/// What came of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A collector's name, or what else was tried.
    pub subject: String,
    /// What came of it.
    pub verdict: Verdict,
}

/// Whether a part works; texts are one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Works,
    /// It does, but for malformed input that is left out.
    WorksInPart(String),
    /// There is nothing to read here, and why.
    NotApplicable(String),
    /// The server refuses it, and what it refuses.
    Denied(String),
    /// It does not, and why.
    Failed(String),
}

impl Verdict {
    /// How a collector fared; `denial` says what the words of a refusal deny, if they are about
    /// rights.
    pub fn of(outcome: &Outcome, denial: impl Fn(&str) -> Option<String>) -> Self {
        let error = match (&outcome.result, &outcome.malformed) {
            (Ok(()), None) => return Self::Works,
            (Ok(()), Some(error)) => return Self::WorksInPart(error.to_string()),
            (Err(error), _) => error,
        };
        match &**error {
            CollectError::NoData(reason) => Self::NotApplicable(reason.clone()),
            CollectError::Query { statement, message } => match denial(message) {
                Some(denied) => Self::Denied(format!("{statement}: {denied}")),
                None => Self::Failed(error.to_string()),
            },
            _ => Self::Failed(error.to_string()),
        }
    }

    /// True unless something is to be mended.
    pub fn is_good(&self) -> bool {
        !matches!(self, Self::Denied(_) | Self::Failed(_))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Works => f.write_str("ok"),
            Self::WorksInPart(error) => {
                write!(f, "ok, but left out what is malformed: {error}")
            }
            Self::NotApplicable(reason) => write!(f, "not applicable: {reason}"),
            Self::Denied(what) => write!(f, "DENIED: {what}"),
            Self::Failed(reason) => write!(f, "FAILED: {reason}"),
        }
    }
}

impl Report {
    /// True if nothing is to be mended.
    pub fn all_works(&self) -> bool {
        self.findings.iter().all(|finding| finding.verdict.is_good())
    }

    fn count(&self, is_counted: impl Fn(&Verdict) -> bool) -> usize {
        self.findings.iter().filter(|finding| is_counted(&finding.verdict)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.server.is_empty() {
            writeln!(f, "{}\n", self.server)?;
        }
        let width = self.findings.iter().map(|finding| finding.subject.chars().count()).max();
        let width = width.unwrap_or_default();
        for Finding { subject, verdict } in &self.findings {
            writeln!(f, "{subject:width$}  {verdict}")?;
        }
        let works = self.count(|v| matches!(v, Verdict::Works | Verdict::WorksInPart(_)));
        let absent = self.count(|v| matches!(v, Verdict::NotApplicable(_)));
        let denied = self.count(|v| matches!(v, Verdict::Denied(_)));
        let failed = self.count(|v| matches!(v, Verdict::Failed(_)));
        writeln!(f, "\n{works} ok, {absent} not applicable, {denied} denied, {failed} failed")?;
        if !self.advice.is_empty() {
            writeln!(f)?;
        }
        self.advice.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verdicts: &[(&str, Verdict)]) -> Report {
        let finding = |(subject, verdict): &(&str, Verdict)| Finding {
            subject: (*subject).into(),
            verdict: verdict.clone(),
        };
        Report {
            server: "Server 1.2 at host:1".into(),
            findings: verdicts.iter().map(finding).collect(),
            advice: vec!["GRANT all".into()],
        }
    }

    #[test]
    fn the_table_has_a_line_for_each_part_and_counts_them() {
        let whole = report(&[
            ("cpu", Verdict::Works),
            ("memory", Verdict::WorksInPart("odd".into())),
            ("disk", Verdict::NotApplicable("none".into())),
            ("net", Verdict::Denied("READ".into())),
            ("load", Verdict::Failed("timed out".into())),
        ]);
        let expected = "\
Server 1.2 at host:1

cpu     ok
memory  ok, but left out what is malformed: odd
disk    not applicable: none
net     DENIED: READ
load    FAILED: timed out

2 ok, 1 not applicable, 1 denied, 1 failed

GRANT all
";
        assert_eq!(whole.to_string(), expected);
    }

    #[test]
    fn refusals_are_told_from_other_failures() {
        let verdict = |error: CollectError| {
            let outcome = Outcome::new("a", std::time::Duration::ZERO, Err(error));
            Verdict::of(&outcome, |words| words.strip_prefix("NO ").map(str::to_owned))
        };
        let denied = verdict(CollectError::query("SHOW", &"NO rights"));
        assert_eq!(denied, Verdict::Denied("SHOW: rights".into()));
        let failed = verdict(CollectError::query("SHOW", &"timed out"));
        assert_eq!(failed, Verdict::Failed("SHOW: timed out".into()));
        let absent = verdict(CollectError::NoData("none".into()));
        assert_eq!(absent, Verdict::NotApplicable("none".into()));
        assert!(matches!(verdict(CollectError::Stuck), Verdict::Failed(_)));
    }

    #[test]
    fn absence_is_nothing_to_mend() {
        let good = [("a", Verdict::Works), ("b", Verdict::NotApplicable("none".into()))];
        assert!(report(&good).all_works());
        for bad in [Verdict::Denied("x".into()), Verdict::Failed("x".into())] {
            assert!(!report(&[("a", Verdict::Works), ("b", bad)]).all_works());
        }
    }
}
