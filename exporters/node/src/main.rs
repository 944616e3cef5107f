//! The `node-exporter` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::commands::main::<node_exporter::NodeExporter>()
}
