//! The list of collectors: one line each, in alphabetical order.

mod global_status;
mod global_variables;
mod slave_status;

use common::collector::Entry;

use crate::scrape::Scrape;

/// Every collector of this exporter.
pub const COLLECTORS: &[Entry<Scrape>] = &[
    Entry::on("global_status", "SHOW GLOBAL STATUS", |_| Ok(Box::new(global_status::GlobalStatus))),
    Entry::on("global_variables", "SHOW GLOBAL VARIABLES", |_| {
        Ok(Box::new(global_variables::GlobalVariables))
    }),
    Entry::on("slave_status", "replication, as this server's replica threads report it", |_| {
        Ok(Box::new(slave_status::SlaveStatus))
    }),
];
