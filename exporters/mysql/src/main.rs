//! The `mysql-exporter` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::program::main::<mysql_exporter::MysqlExporter>()
}
