//! What the four exporters share.
//!
//! The path of one scrape:
//!
//! 1. [`web`] accepts the request, chooses format and compression.
//! 2. The [`exporter::Exporter`] opens its source and starts its collectors.
//! 3. [`scrape`] runs them under one deadline, each isolated from the others.
//! 4. A [`collector::Collector`] reads the source, parses, and pushes samples of
//!    the families that its table of [`metric`]s describes into a sink.
//! 5. The sink writes text at once; [`exposition`] sorts the families of all
//!    sinks into one body, which is compressed once and sent with its length.
//! 6. [`self_metrics`] adds the exporter's own figures.
//!
//! [`commands`] is what the `main` functions call, [`cli`] reads their arguments.

pub mod cli;
pub mod collector;
pub mod commands;
pub mod error;
pub mod exporter;
pub mod exposition;
pub mod failures;
pub mod filter;
pub mod kernel;
pub mod keyed;
pub mod logging;
pub mod metric;
pub mod scrape;
pub mod secret;
pub mod self_metrics;
pub mod sync;
pub mod targets;
pub mod version;
pub mod web;
