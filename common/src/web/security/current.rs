//! What the files say now: looked at before each request and each handshake, read again only
//! when one of them has changed.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;

use super::{ConfigError, Settings, config};
use crate::failures::{Change, FailureLog};
use crate::sync::lock;

/// How long to wait for the file system before going on with what is known.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the settings come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    File(PathBuf),
    Fixed(Arc<Settings>),
}

/// The state after the last look.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    /// An error is answered to all requests until the file is mended.
    pub(super) settings: Result<Arc<Settings>, ConfigError>,
    /// The last that could be made.
    pub(super) tls: Option<Arc<ServerConfig>>,
}

#[derive(Debug)]
pub(super) struct Current {
    /// One look at a time: a file system that hangs holds one thread, not all.
    looking: Arc<tokio::sync::Mutex<Files>>,
    snapshot: Arc<Mutex<Snapshot>>,
}

/// What tells that a file has changed; `None` if there is none.
type Stamp = Option<(u64, u64, u64, i64, i64, i64, i64)>;

#[derive(Debug)]
struct Files {
    source: Source,
    stamps: Vec<(PathBuf, Stamp)>,
    failures: FailureLog,
}

fn stamp(path: &Path) -> Stamp {
    let data = std::fs::metadata(path).ok()?;
    let (modified, changed) = (data.mtime(), data.ctime());
    let (modified_ns, changed_ns) = (data.mtime_nsec(), data.ctime_nsec());
    Some((data.dev(), data.ino(), data.size(), modified, modified_ns, changed, changed_ns))
}

impl Source {
    fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Fixed(_) => None,
        }
    }

    fn settings(&self) -> Result<Arc<Settings>, ConfigError> {
        match self {
            Self::File(path) => config::read(path).map(Arc::new),
            Self::Fixed(settings) => Ok(Arc::clone(settings)),
        }
    }

    /// The settings with TLS, and the stamps of all files from before they were read.
    #[expect(clippy::type_complexity, reason = "two results that may fail apart")]
    fn read(
        &self,
    ) -> (
        Vec<(PathBuf, Stamp)>,
        Result<Arc<Settings>, ConfigError>,
        Result<Option<Arc<ServerConfig>>, ConfigError>,
    ) {
        let of = |error: ConfigError| error.of(self.path());
        let mut stamps: Vec<_> =
            self.path().map(|path| (path.to_path_buf(), stamp(path))).into_iter().collect();
        let settings = match self.settings().map_err(of) {
            Ok(settings) => settings,
            Err(error) => return (stamps, Err(error.clone()), Err(error)),
        };
        stamps.extend(settings.files().into_iter().map(|path| {
            let stamp = stamp(&path);
            (path, stamp)
        }));
        let tls = settings.tls.as_ref().map(|tls| tls.load().map_err(of)).transpose();
        (stamps, Ok(settings), tls)
    }
}

impl Files {
    /// Reads again if a file has changed.
    fn look(&mut self, snapshot: &Mutex<Snapshot>) {
        if self.stamps.iter().all(|(path, before)| stamp(path) == *before) {
            return;
        }
        let (mut stamps, settings, tls) = self.source.read();
        if settings.is_err() {
            // A certificate that changes meanwhile is seen with the mended file.
            stamps.truncate(1);
        }
        self.stamps = stamps;
        let result = match &tls {
            Ok(None) if lock(snapshot).tls.is_some() => {
                let key = "tls_server_config";
                Err(ConfigError::new(key, "TLS cannot be switched off without a restart")
                    .of(self.source.path()))
            }
            result => result.as_ref().map(|_| ()).map_err(Clone::clone),
        };
        match self.failures.note(&result) {
            Change::New => {
                let error = result.err().map(|error| error.to_string()).unwrap_or_default();
                tracing::error!(error, "web configuration cannot be used");
            }
            Change::Same => {}
            Change::Recovered | Change::Quiet => tracing::info!("web configuration read again"),
        }
        let mut snapshot = lock(snapshot);
        snapshot.settings = settings;
        // Only what was on at the start: a listener without TLS asks for none.
        if let (true, Ok(Some(tls))) = (snapshot.tls.is_some(), tls) {
            snapshot.tls = Some(tls);
        }
    }
}

impl Current {
    /// Reads all files.
    pub(super) fn load(source: Source) -> Result<(Self, Arc<Settings>), ConfigError> {
        let (stamps, settings, tls) = source.read();
        let settings = settings?;
        let snapshot = Snapshot { settings: Ok(Arc::clone(&settings)), tls: tls? };
        let files = Files { source, stamps, failures: FailureLog::default() };
        let current = Self {
            looking: Arc::new(tokio::sync::Mutex::new(files)),
            snapshot: Arc::new(Mutex::new(snapshot)),
        };
        Ok((current, settings))
    }

    /// Looks at the files, away from the reactor, and says what holds now.
    pub(super) async fn refresh(&self) -> Snapshot {
        let look = async {
            let mut files = Arc::clone(&self.looking).lock_owned().await;
            if files.stamps.is_empty() {
                return;
            }
            let snapshot = Arc::clone(&self.snapshot);
            // A panic has been logged where it happened; what was known holds.
            let _ = tokio::task::spawn_blocking(move || files.look(&snapshot)).await;
        };
        if tokio::time::timeout(PATIENCE, look).await.is_err() {
            tracing::warn!("the files of the web configuration do not answer");
        }
        lock(&self.snapshot).clone()
    }
}
