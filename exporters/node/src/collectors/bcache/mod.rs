//! Block caches: `/sys/fs/bcache`, Documentation/admin-guide/bcache.rst of the kernel.

mod tables;

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;

use crate::host::Host;
use crate::readers::attributes::{Table, number_after};
use tables::{BACKING, CACHE, PRIORITY, SET, WRITEBACK};

const DIRECTORY: &str = "fs/bcache";

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Also read how caches are used; expensive, because the kernel scans all buckets
    #[arg(id = "collector.bcache.priorityStats", long = "collector.bcache.priorityStats")]
    pub priority_stats: bool,
}

#[derive(Debug)]
pub(super) struct Bcache {
    priority_stats: bool,
}

impl Bcache {
    pub(super) fn new(options: &Options) -> Self {
        Self { priority_stats: options.priority_stats }
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Bcache::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for Bcache {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut tables = Tables {
            sets: Table::new(SET, ["uuid"]),
            backing: Table::new(BACKING, ["backing_device", "uuid"]),
            writeback: Table::new(WRITEBACK, ["backing_device", "uuid"]),
            caches: Table::new(CACHE, ["cache_device", "uuid"]),
            priority: Table::new(PRIORITY, ["cache_device", "uuid"]),
        };
        let mut errors = FirstError::default();
        let names = host.list_sys(DIRECTORY)?.unwrap_or_default();
        for uuid in names.iter().filter(|name| name.contains('-')) {
            tables.read(host, uuid, self.priority_stats, &mut errors);
        }
        tables.push(sink);
        errors.into_result()
    }
}

struct Tables {
    sets: Table<1>,
    backing: Table<2>,
    writeback: Table<2>,
    caches: Table<2>,
    priority: Table<2>,
}

impl Tables {
    /// Reads a set of caches and its devices.
    fn read(&mut self, host: &Host, uuid: &str, priority_stats: bool, errors: &mut FirstError) {
        let set = format!("{DIRECTORY}/{uuid}/");
        self.sets.read(host, &set, [uuid], errors);
        for device in errors.catch(host.list_sys(&set)).unwrap_or_default() {
            let (prefix, labels) = (format!("{set}{device}/"), [&*device, uuid]);
            if number_after(&device, "bdev").is_some() {
                self.backing.read(host, &prefix, labels, errors);
                let file = format!("{prefix}writeback_rate_debug");
                self.writeback.read_lines(host, &file, labels, errors);
            } else if number_after(&device, "cache").is_some() {
                self.caches.read(host, &prefix, labels, errors);
                if priority_stats {
                    let file = format!("{prefix}priority_stats");
                    self.priority.read_lines(host, &file, labels, errors);
                }
            }
        }
    }

    fn push(&self, sink: &mut Sink) {
        self.sets.push(sink);
        for table in [&self.backing, &self.writeback, &self.caches, &self.priority] {
            table.push(sink);
        }
    }
}
