//! The files of queries, which are read again while the program runs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use common::sync::lock;

use super::{Query, read};

/// The queries of all files that were named at the start.
#[derive(Debug)]
pub struct Files {
    paths: Vec<PathBuf>,
    known: Mutex<Arc<[Query]>>,
}

impl Default for Files {
    fn default() -> Self {
        Self { paths: Vec::new(), known: Mutex::new(Arc::default()) }
    }
}

impl Files {
    /// Reads the files.
    ///
    /// # Errors
    /// As for [`read`].
    pub fn read(paths: Vec<PathBuf>) -> anyhow::Result<Self> {
        let known = Mutex::new(read(&paths)?.into());
        Ok(Self { paths, known })
    }

    /// Reads the files again; what was known stays if one of them is of no use. False if there
    /// are none.
    ///
    /// # Errors
    /// As for [`read`].
    pub fn reload(&self) -> anyhow::Result<bool> {
        if self.paths.is_empty() {
            return Ok(false);
        }
        let queries = read(&self.paths)?;
        let mut known = lock(&self.known);
        if known[..] != queries {
            tracing::info!(queries = queries.len(), "the files of queries have changed");
            *known = queries.into();
        }
        Ok(true)
    }

    /// The queries that were read last.
    pub fn queries(&self) -> Arc<[Query]> {
        Arc::clone(&lock(&self.known))
    }
}
