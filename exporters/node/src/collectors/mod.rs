//! The list of collectors: one line each, in alphabetical order.

mod loadavg;

use common::collector::Entry;

use crate::args::Args;
use crate::host::Host;

/// Every collector of this exporter.
pub const COLLECTORS: &[Entry<Host, Args>] =
    &[Entry::on("loadavg", "load averages", |_| Ok(Box::new(loadavg::LoadAvg)))];
