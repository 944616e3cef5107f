//! Facts about tables that the server has to open for them, read a portion at a time.
//!
//! MariaDB opens each table of which `information_schema.tables` is to show rows and sizes: some
//! milliseconds of work, and a place in the cache of open tables, which other sessions lose. The
//! names alone cost a listing of folders. So the names are read in each scrape, but no more than
//! so many tables are opened; of the others the facts of an earlier scrape are shown.

mod memory;
mod names;

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use clap::{Arg, ArgMatches, Command, value_parser};
use common::error::CollectError;
use common::exposition::Sink;

use crate::privilege::Privilege;
use crate::scrape::Scrape;
use crate::server::{Table, mariadb};
use crate::tabular::{Bound, BoundFlag};

use memory::Memories;
pub(super) use names::Name;
use names::{names, range};

pub(super) const TABLES: &str = "information_schema.tables";
/// Tables that one statement opens.
const PORTION: usize = 250;

/// Part of a scrape's time after which no further portion is begun.
const SHARE_OF_TIME: f64 = 0.6;

/// The flags of a scan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScanFlags {
    /// How many tables are shown at most.
    pub(super) max_rows: BoundFlag,
    /// How many tables are opened at most.
    pub(super) opened: &'static str,
}

impl ScanFlags {
    /// Adds the flags.
    pub(crate) fn add(self, command: Command) -> Command {
        let opened = Arg::new(self.opened)
            .long(self.opened)
            .value_name("N")
            .default_value("1000")
            .value_parser(value_parser!(usize))
            .help(
                "Tables that one scrape makes the server open at most; of the others the values \
                 of an earlier scrape are shown; 0 is no bound",
            )
            .help_heading("Collector options");
        self.max_rows.add(command).arg(opened)
    }
}

/// What is read of each table.
#[async_trait]
pub(super) trait Reader: Send + Sync {
    /// Facts about one table.
    type Facts: Send + Sync;

    /// Reads the tables that `range` selects; `names` are theirs.
    async fn read(
        &self,
        scrape: &Scrape,
        range: &str,
        names: &[Name],
    ) -> Result<Vec<(Name, Self::Facts)>, CollectError>;
}

/// What a scan found.
#[derive(Debug)]
pub(super) struct Scanned<Facts> {
    /// Names of all tables, in the server's order.
    pub(super) names: Vec<Name>,
    /// What is known of them, in that order.
    pub(super) facts: Vec<Arc<Facts>>,
    /// Why some could not be read.
    pub(super) error: Option<CollectError>,
}

/// Reads tables, and remembers what was read of those that are not read in this scrape.
#[derive(Debug)]
pub(super) struct Scan<Facts> {
    bound: Bound,
    opened: usize,
    memories: Memories<Facts>,
}

impl<Facts: Send + Sync> Scan<Facts> {
    pub(super) fn new(flags: ScanFlags, matches: &ArgMatches) -> Self {
        let opened: usize = matches.get_one(flags.opened).copied().unwrap_or_default();
        let opened = if opened == 0 { usize::MAX } else { opened };
        Self { bound: flags.max_rows.bound(matches), opened, memories: Memories::default() }
    }

    /// Reads the tables that `condition` selects with `reader`.
    ///
    /// # Errors
    /// The names cannot be read.
    pub(super) async fn run<R: Reader<Facts = Facts>>(
        &self,
        scrape: &Scrape,
        condition: &str,
        reader: &R,
        sink: &mut Sink,
    ) -> Result<Scanned<Facts>, CollectError> {
        let begun = Instant::now();
        let time = scrape.deadline().saturating_duration_since(begun).mul_f64(SHARE_OF_TIME);
        let limit = self.bound.limit().unwrap_or_default();
        let statement = format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME FROM {TABLES} WHERE {condition} \
             ORDER BY TABLE_SCHEMA, TABLE_NAME {limit}"
        );
        let mut names = names(&ask(scrape, TABLES, statement.trim_end()).await?);
        self.bound.cut(&mut names, sink);
        let memory = self.memories.of(scrape.server());
        let mut error = names.is_empty().then(|| {
            // Tables on which the account has no privilege are not there.
            let reason = format!("{TABLES} shows no table; the account may lack SELECT ON *.*");
            CollectError::NoData(reason)
        });
        for portion in memory.portions(&names, self.opened, PORTION) {
            if begun.elapsed() >= time {
                break;
            }
            let read = reader.read(scrape, &range(portion), portion).await;
            // Also after an error: others are to have their turn in the next scrape.
            memory.passed(portion);
            match read {
                Ok(facts) => memory.learn(portion, facts),
                Err(failure) => {
                    error = Some(failure);
                    break;
                }
            }
        }
        let facts = memory.facts(&names);
        Ok(Scanned { names, facts, error })
    }
}

/// Asks something about tables; a table that is locked is not waited for where the server can.
pub(super) async fn ask(
    scrape: &Scrape,
    table: &str,
    statement: &str,
) -> Result<Table, CollectError> {
    let waits = !scrape.release().is_covered_by(&[mariadb(10, 3, 0)]);
    let setting = if waits { "" } else { "SET STATEMENT lock_wait_timeout = 0 FOR " };
    scrape.query_table(table, &format!("{setting}{statement}"), &Privilege::TABLES).await
}
