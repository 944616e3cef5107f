//! Compresses bodies, each once however many clients it goes to.

use std::sync::Mutex;

use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor};

use crate::exposition::{Pool, Pooled};
use crate::sync::lock;

/// Bodies from this size on are compressed on a blocking thread (about 1 ms of work).
const LARGE_BODY: usize = 512 * 1024;

/// Level 1 takes a third of level 6's time for a fifth more bytes; level 0,
/// which the library calls its fastest, would only wrap the body.
const LEVEL: i32 = 1;

/// Compressors at rest; one holds some 30 kB, there are as many as were ever busy at once.
#[derive(Default)]
pub(super) struct Compressors(Mutex<Vec<Compressor>>);

impl Compressors {
    /// The body as gzip; `None` if that failed.
    pub(super) async fn gzip(&self, body: Bytes, pool: &Pool) -> Option<Bytes> {
        let mut compressor = self.take();
        let target = pool.buffer();
        let compressed = if body.len() < LARGE_BODY {
            gzip(&mut compressor, &body, target)
        } else {
            let work = move || {
                let compressed = gzip(&mut compressor, &body, target);
                (compressed, compressor)
            };
            // Only a panic in the compressor is an error here.
            let (compressed, returned) = tokio::task::spawn_blocking(work).await.ok()?;
            compressor = returned;
            compressed
        };
        lock(&self.0).push(compressor);
        compressed.map(Bytes::from_owner)
    }

    fn take(&self) -> Compressor {
        lock(&self.0).pop().unwrap_or_else(|| {
            // The level is within the library's 0 to 12, so the default is never taken.
            Compressor::new(CompressionLvl::new(LEVEL).unwrap_or_default())
        })
    }
}

fn gzip(compressor: &mut Compressor, body: &[u8], mut target: Pooled) -> Option<Pooled> {
    let bound = compressor.gzip_compress_bound(body.len());
    target.buffer.reserve(bound);
    let written = target
        .buffer
        .fill(bound, |window| compressor.gzip_compress(body, window).unwrap_or_default());
    (written > 0).then_some(target)
}
