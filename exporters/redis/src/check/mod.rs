//! The command `check`: connects, says what the server is, tries what each collector needs, and
//! prints the least entry of the access list that suffices.

mod access_list;
mod answers;
mod identity;

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::check::{Check, Finding, Report, Verdict};
use common::collector::Named;
use common::error::CollectError;
use common::exposition::{Exposition, Format, Pool};
use common::scrape::{Collectors, Outcome, Placement};

use crate::args::Args;
use crate::collectors::COLLECTORS;
use crate::replies::info::Info;
use crate::rights::{Needs, Right};
use crate::scrape::Scrape;
use crate::scraper::FAMILIES;
use crate::server::failure::Failure;
use crate::server::{Dialer, Opening};
use crate::{RedisExporter, SWITCHES, Subject};
use answers::{Answers, denial};
use identity::Identity;

/// What is tried beside the collectors: that which every scrape does first.
const CONNECTION: &str = "connection";

/// The list of the cluster's nodes.
const NODES: &str = "/discover-cluster-nodes";

/// Who belongs to a cluster, or to a sentinel's master.
const DISCOVERY: &str = "discovery";

/// The collector whose commands are its scripts' own.
const SCRIPTS: &str = "scripts";

/// The user of who gives no name.
const DEFAULT_USER: &str = "default";

/// What is said of a collector that cannot be checked.
const UNDECLARED: &str = "it does not tell what it needs, which is a defect of this program";

/// Checks the server that the flags name.
#[derive(Debug)]
struct RedisCheck {
    exporter: RedisExporter,
    matches: ArgMatches,
}

/// A part of the exporter and what it needs.
struct Part {
    name: &'static str,
    needs: Needs,
}

/// Makes the check of the server that the flags name.
///
/// # Errors
/// As for the exporter.
pub fn make(matches: &ArgMatches) -> anyhow::Result<Box<dyn Check>> {
    let exporter = RedisExporter::new(&Args::from_arg_matches(matches)?, matches)?;
    Ok(Box::new(RedisCheck { exporter, matches: matches.clone() }))
}

#[async_trait]
impl Check for RedisCheck {
    async fn check(&self, deadline: Instant) -> anyhow::Result<Report> {
        let (target, of_group) = match &self.exporter.subject {
            Some(Subject::Server(target)) => (target, None),
            Some(Subject::Group(group)) => {
                (group.seed().context("no server to check")?, Some(group.rights()))
            }
            None => bail!("--redis.addr is empty: there is no server to check"),
        };
        let server = self.exporter.servers.get(target);
        let dialer = server.dialer();
        let user = dialer.user().await;
        let Opening { result, .. } = server.open(deadline).await;
        let (exchange, info) = match result {
            Ok(opened) => opened,
            Err(failure) => return Ok(unread(&dialer, user.as_deref(), &failure)),
        };
        let identity = Identity::of(&info);
        let options = Arc::clone(&self.exporter.options);
        let scrape = Scrape::new(info, exchange, dialer.clone(), deadline, options);
        let login = user.as_deref().unwrap_or(DEFAULT_USER);
        let server = format!("{}: {identity}, logged in as {login}", dialer.address());
        let collectors = SWITCHES.build(&self.matches, COLLECTORS)?;
        let mut parts = self.parts(&dialer, &scrape, &collectors);
        let mut words = None;
        if let Some((rights, of_others)) = of_group {
            parts.push(Part { name: DISCOVERY, needs: rights.into_iter().collect() });
            words = Some(of_others.to_owned());
        }
        let answers = match Answers::to(rights(&parts), &scrape, deadline).await {
            Ok(answers) => answers,
            Err(error) => return Ok(Report { server, ..failed(&error) }),
        };
        let outcomes = run(collectors, scrape, deadline).await;
        let findings = parts.iter().map(|part| part.finding(&answers, &outcomes)).collect();
        let asks_scripts =
            parts.iter().any(|part| part.name == SCRIPTS && matches!(part.needs, Needs::Rights(_)));
        let known = rights(&parts).filter(|right| answers.is_known(right));
        let mut advice = access_list::advice(&identity, user.as_deref(), known, asks_scripts);
        advice.extend(words);
        Ok(Report { server, findings, advice })
    }
}

impl RedisCheck {
    /// The connection, the collectors, and what else is asked for, in the order of the table.
    fn parts(&self, dialer: &Dialer, scrape: &Scrape, collectors: &[Named<Scrape>]) -> Vec<Part> {
        let mut parts =
            vec![Part { name: CONNECTION, needs: dialer.rights().into_iter().collect() }];
        parts.extend(
            collectors
                .iter()
                .map(|named| Part { name: named.name, needs: named.collector.needs(scrape) }),
        );
        if self.exporter.discovery.is_some() {
            let needs = nodes_needs(scrape.info());
            parts.push(Part { name: NODES, needs });
        }
        parts
    }
}

fn nodes_needs(info: &Info) -> Needs {
    if info.is_clustered() {
        [Right::to("CLUSTER NODES")].into_iter().collect()
    } else {
        Needs::not_applicable("the server is no node of a cluster")
    }
}

impl Part {
    fn rights(&self) -> &[Right] {
        match &self.needs {
            Needs::Rights(rights) => rights,
            Needs::Undeclared | Needs::NotApplicable(_) => &[],
        }
    }

    /// What came of the trials goes before what came of the run, which shows one refusal alone.
    fn finding(&self, answers: &Answers, outcomes: &[Outcome]) -> Finding {
        let outcome = outcomes.iter().find(|outcome| *outcome.collector == *self.name);
        let ran = outcome.map_or(Verdict::Works, verdict);
        let verdict = if let Some(what) = answers.denied(self.rights()) {
            Verdict::Denied(what)
        } else if matches!(self.needs, Needs::Undeclared) {
            Verdict::Failed(UNDECLARED.to_owned())
        } else if !ran.is_good() {
            ran
        } else if let Needs::NotApplicable(reason) = &self.needs {
            Verdict::NotApplicable(reason.clone())
        } else if let Some(what) = answers.unknown(self.rights()) {
            Verdict::NotApplicable(what)
        } else {
            ran
        };
        Finding { subject: self.name.to_owned(), verdict }
    }
}

/// All rights that the parts need, some of them perhaps more than once.
fn rights(parts: &[Part]) -> impl Iterator<Item = &Right> {
    parts.iter().flat_map(Part::rights)
}

/// One scrape, of which nothing is kept but how the collectors fared.
async fn run(collectors: Vec<Named<Scrape>>, scrape: Scrape, deadline: Instant) -> Vec<Outcome> {
    let collectors = Collectors::new(Placement::Reactor, FAMILIES, collectors);
    let mut exposition = Exposition::new(Format::Text, Pool::default());
    collectors.run(Arc::new(scrape), |_| true, deadline, &mut exposition).await
}

fn verdict(outcome: &Outcome) -> Verdict {
    Verdict::of(outcome, |words| denial(words).map(|denial| denial.to_string()))
}

/// The report on a server that answers, but not to the trials.
fn failed(error: &CollectError) -> Report {
    let finding =
        Finding { subject: CONNECTION.to_owned(), verdict: Verdict::Failed(error.to_string()) };
    Report { findings: vec![finding], ..Report::default() }
}

/// The report on a server that cannot be read at all.
fn unread(dialer: &Dialer, user: Option<&str>, failure: &Failure) -> Report {
    let denied = denial(&failure.reason);
    let advice = denied.iter().map(|_| {
        let user = access_list::word(user.unwrap_or(DEFAULT_USER).as_bytes());
        format!("Every scrape begins with INFO; allow it first: ACL SETUSER {user} +info")
    });
    let advice = advice.collect();
    let verdict = match denied {
        Some(denial) => Verdict::Denied(format!("{}: {denial}", failure.step)),
        None => Verdict::Failed(failure.to_string()),
    };
    let finding = Finding { subject: CONNECTION.to_owned(), verdict };
    Report { server: dialer.address().to_string(), findings: vec![finding], advice }
}
