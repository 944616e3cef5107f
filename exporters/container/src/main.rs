//! The `container-exporter` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::commands::main::<container_exporter::ContainerExporter>()
}
