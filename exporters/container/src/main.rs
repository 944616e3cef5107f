//! The `container-exporter` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::program::main::<container_exporter::ContainerExporter>()
}
