//! Size of the snapshot, by the file that the settings name: of use where the exporter sees the
//! server's disk.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use clap::{ArgMatches, Command};
use common::cli::on_off_flag;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::Desc;
use tokio::sync::Semaphore;

use crate::replies::settings::Settings;
use crate::rights::Needs;
use crate::scrape::Scrape;

/// The reference's flag for this collector.
pub(super) const FLAG: &str = "include-rdb-file-size-metric";

const SIZE: Desc<'_> = Desc::gauge(
    "redis_rdb_current_size_bytes",
    "Size of the snapshot's file on the exporter's own disk; 0 if there is none.",
);

struct RdbFile {
    /// One look at the disk at a time: a disk that hangs must not cost a thread per scrape.
    turn: Arc<Semaphore>,
}

pub(super) fn flags(command: Command) -> Command {
    command.next_help_heading("Metrics").arg(on_off_flag(
        FLAG,
        "REDIS_EXPORTER_INCL_RDB_FILE_SIZE_METRIC",
        "Expose the size of the snapshot on the exporter's own disk, as collector.rdb_file does",
    ))
}

#[expect(clippy::unnecessary_wraps, reason = "the form of all collectors")]
pub(super) fn build(_: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Scrape>>> {
    Ok(Box::new(RdbFile { turn: Arc::new(Semaphore::new(1)) }))
}

#[async_trait]
impl Collector<Scrape> for RdbFile {
    async fn collect(&self, scrape: &Scrape, sink: &mut Sink) -> Result<(), CollectError> {
        let Some(path) = scrape.settings().await?.and_then(path) else { return Ok(()) };
        let turn = Arc::clone(&self.turn).try_acquire_owned().map_err(|_| CollectError::Stuck)?;
        let looking = tokio::task::spawn_blocking(move || {
            let size = size(&path);
            drop(turn);
            size.map_err(|error| CollectError::read(path, error))
        });
        let size = looking.await.map_err(|error| CollectError::Panic(error.to_string()))??;
        if let Some(size) = size {
            sink.value(&SIZE, size);
        }
        Ok(())
    }

    fn needs(&self, scrape: &Scrape) -> Needs {
        scrape.settings_right().map_or_else(|reason| reason, |right| [right].into_iter().collect())
    }
}

/// The file that `dir` and `dbfilename` name. A name that leads elsewhere is not followed.
fn path(settings: &Settings) -> Option<PathBuf> {
    let name = Path::new(settings.get("dbfilename")?);
    let mut parts = name.components();
    let is_plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
    is_plain.then(|| Some(Path::new(settings.get("dir")?).join(name))).flatten()
}

/// Bytes of the file, 0 if there is none; `None` if it is no file.
fn size(path: &Path) -> io::Result<Option<f64>> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len() as f64)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(0.0)),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_name_is_looked_for() {
        let path = |name| path(&Settings::of(&["dir", "/var/lib/redis", "dbfilename", name]));
        assert_eq!(path("dump.rdb"), Some("/var/lib/redis/dump.rdb".into()));
        for name in ["", ".", "..", "../a", "/etc/shadow", "a/b"] {
            assert_eq!(path(name), None, "{name}");
        }
        assert_eq!(super::path(&Settings::of(&["dir", "/"])), None);
    }

    #[test]
    fn the_size_is_that_of_the_file() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert!(size(&file).unwrap().is_some_and(|size| size > 0.0));
        assert_eq!(size(&file.with_file_name("no-such-file")).unwrap(), Some(0.0));
        assert_eq!(size(file.parent().unwrap()).unwrap(), None, "a folder");
        assert!(size(&file.join("below-a-file")).is_err());
    }
}
