//! The `node-exporter` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::program::main::<node_exporter::NodeExporter>()
}
