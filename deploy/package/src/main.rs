//! Writes the manual pages and the completions of the four exporters, for packages and archives:
//!
//! ```text
//! cargo run -p package-docs -- --release 0.1.0 FOLDER
//! ```
//!
//! They are made from the commands that the programs parse, by a program of their own, so that
//! the exporters do not grow by it.

mod completions;
mod manual;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Parser;
use common::commands::Program;

/// Write the manual pages and completions of the exporters
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder to write to, made where it is missing
    folder: PathBuf,
    /// Version that the pages name
    #[arg(long, value_name = "VERSION", default_value = env!("CARGO_PKG_VERSION"))]
    release: String,
    /// Seconds since 1970: the date that the pages name; without it they name none
    #[arg(long, value_name = "SECONDS", env = "SOURCE_DATE_EPOCH")]
    date: Option<i64>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    write::<node_exporter::NodeExporter>(&arguments)?;
    write::<container_exporter::ContainerExporter>(&arguments)?;
    write::<redis_exporter::RedisExporter>(&arguments)?;
    write::<mysql_exporter::MysqlExporter>(&arguments)
}

/// Writes the files of one program, each below the folder that its reader looks into.
fn write<P: Program>(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = &arguments.folder;
    let date = arguments.date.map(day).transpose()?.unwrap_or_default();
    let page = manual::page::<P>(&arguments.release, &date)?;
    save(&folder.join("man").join(format!("{}.1", P::NAME)), &page)?;
    for (path, script) in completions::scripts::<P>()? {
        save(&folder.join(path), script.as_bytes())?;
    }
    Ok(())
}

/// The day, in UTC, of a time in seconds since 1970.
fn day(seconds: i64) -> anyhow::Result<String> {
    let time = jiff::Timestamp::from_second(seconds).context("the date")?;
    Ok(time.strftime("%Y-%m-%d").to_string())
}

fn save(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().context("a file without a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_day_in_utc() {
        assert_eq!(day(1_700_000_000).unwrap(), "2023-11-14");
        assert_eq!(day(86_399).unwrap(), "1970-01-01");
        assert!(day(i64::MAX).is_err());
    }
}
