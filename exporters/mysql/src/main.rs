//! The `mysql-exporter` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    common::commands::main::<mysql_exporter::MysqlExporter>()
}
