//! The `redis-exporter` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::program::main::<redis_exporter::RedisExporter>()
}
