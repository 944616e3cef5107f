//! The command `check`: connects, says what the server is, runs the collectors, and prints the
//! least grants that suffice.

mod statements;

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use clap::ArgMatches;
use common::check::{Check, Finding, Report, Verdict};
use common::collector::{Named, Release};
use common::error::CollectError;
use common::exposition::{Exposition, Format, Pool};
use common::scrape::{Collectors, Outcome, Placement};

use crate::collectors::COLLECTORS;
use crate::grant::{Grant, Granted, Needs};
use crate::scrape::Scrape;
use crate::self_metrics::{CONNECTION, FAMILIES};
use crate::server::{Target, is_denial};
use crate::{MysqlExporter, SWITCHES};

/// What is said of a collector that cannot be checked.
const UNDECLARED: &str = "it does not tell what it needs, which is a defect of this program";

/// Checks the server that flags and option file name.
#[derive(Debug)]
struct MysqlCheck {
    exporter: MysqlExporter,
    matches: ArgMatches,
}

/// A collector and what it needs.
struct Part {
    name: &'static str,
    /// The server has what it reads.
    is_supported: bool,
    needs: Needs,
}

/// Makes the check of the server that flags and option file name.
///
/// # Errors
/// As for the exporter.
pub fn make(matches: &ArgMatches) -> anyhow::Result<Box<dyn Check>> {
    let environment = |name: &str| std::env::var(name).ok();
    let exporter = MysqlExporter::from_matches(matches, Box::new(environment))?;
    Ok(Box::new(MysqlCheck { exporter, matches: matches.clone() }))
}

#[async_trait]
impl Check for MysqlCheck {
    async fn check(&self, deadline: Instant) -> anyhow::Result<Report> {
        let target = Target::default();
        let address = match self.exporter.accounts.account(&target.section, None) {
            Ok(account) => account.address,
            Err(error) => return Ok(unread(String::new(), &format!("{error:#}"))),
        };
        let scraped = self.exporter.server(&target);
        let query_timeout = scraped.scraper.query_timeout();
        let scrape = match Scrape::open(&scraped.server, query_timeout, deadline).await {
            Ok(scrape) => scrape.with_queries(&self.exporter.queries),
            Err(error) => return Ok(unread(address.to_string(), &error.to_string())),
        };
        let release = scrape.release();
        let (user, granted) = match login(&scrape).await {
            Ok(login) => login,
            Err(error) => return Ok(unread(format!("{address}: {release}"), &error.to_string())),
        };
        let collectors = SWITCHES.build(&self.matches, COLLECTORS)?;
        let parts: Vec<Part> =
            collectors.iter().map(|named| Part::new(named, &scrape, release)).collect();
        let outcomes = run(collectors, scrape).await;
        let connected = Finding { subject: CONNECTION.to_owned(), verdict: Verdict::Works };
        let findings = parts.iter().zip(&outcomes);
        let findings = findings.map(|(part, outcome)| part.finding(outcome, &granted));
        let findings: Vec<Finding> = std::iter::once(connected).chain(findings).collect();
        // What has nothing to read needs nothing.
        let is_absent = |finding: &Finding| matches!(finding.verdict, Verdict::NotApplicable(_));
        let needed = parts.iter().zip(findings.iter().skip(1));
        let needed = needed.filter(|(_, finding)| !is_absent(finding));
        let advice = statements::advice(&user, needed.flat_map(|(part, _)| part.grants()));
        let server = format!("{address}: {release}, logged in as {user}");
        Ok(Report { server, findings, advice })
    }
}

/// The account as the server knows it, and its privileges: any account may ask for these.
async fn login(scrape: &Scrape) -> Result<(String, Granted), CollectError> {
    let user = scrape.query("SELECT CURRENT_USER()").await?;
    let user = user.rows().next().and_then(|row| row.at(0)).unwrap_or_default().to_owned();
    let grants = scrape.query("SHOW GRANTS").await?;
    Ok((user, Granted::parse(grants.rows().filter_map(|row| row.at(0)))))
}

async fn run(collectors: Vec<Named<Scrape>>, scrape: Scrape) -> Vec<Outcome> {
    let collectors = Collectors::new(Placement::Reactor, FAMILIES, collectors);
    let collectors = collectors.with_release(Scrape::release);
    let mut exposition = Exposition::new(Format::Text, Pool::default());
    let deadline = scrape.deadline();
    collectors.run(Arc::new(scrape), |_| true, deadline, &mut exposition).await
}

impl Part {
    fn new(named: &Named<Scrape>, scrape: &Scrape, release: Release) -> Self {
        let is_supported = named.since.is_empty() || release.is_covered_by(named.since);
        Self { name: named.name, is_supported, needs: named.collector.needs(scrape) }
    }

    fn grants(&self) -> &[Grant] {
        match &self.needs {
            Needs::Rights(grants) if self.is_supported => grants,
            _ => &[],
        }
    }

    fn finding(&self, outcome: &Outcome, granted: &Granted) -> Finding {
        let denial = |words: &str| is_denial(words).then(|| words.to_owned());
        let ran = Verdict::of(outcome, denial);
        let lacks = |is_lacking: &dyn Fn(&&Grant) -> bool| {
            let grants = self.grants().iter().filter(is_lacking);
            grants.map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let missing = lacks(&|grant| !granted.has(grant));
        let unseen = lacks(&|grant| grant.is_silent() && !granted.may_have(grant));
        let verdict = match (&ran, &self.needs) {
            (_, Needs::Undeclared) => Verdict::Failed(UNDECLARED.to_owned()),
            // What is missing is known by name; otherwise the server's words tell.
            (Verdict::Denied(_), _) if !missing.is_empty() => {
                Verdict::Denied(format!("lacks {missing}"))
            }
            (Verdict::Denied(_) | Verdict::Failed(_), _) => ran,
            _ if !unseen.is_empty() => {
                Verdict::Denied(format!("lacks {unseen}, without which rows are left out"))
            }
            (Verdict::Works, Needs::NotApplicable(reason)) => {
                Verdict::NotApplicable(reason.clone())
            }
            _ => ran,
        };
        Finding { subject: self.name.to_owned(), verdict }
    }
}

/// The report on a server that cannot be asked.
fn unread(server: String, error: &str) -> Report {
    let verdict = Verdict::Failed(error.to_owned());
    let finding = Finding { subject: CONNECTION.to_owned(), verdict };
    Report { server, findings: vec![finding], advice: Vec::new() }
}
