//! The `redis-exporter` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::commands::main::<redis_exporter::RedisExporter>()
}
