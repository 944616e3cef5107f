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

/// A way to compress bodies that one exporter has beside gzip, because the one that it replaces
/// has it: the others are spared its code.
#[derive(Clone, Copy, Debug)]
pub struct Encoding {
    /// As it stands in `Accept-Encoding`, in lower case.
    pub name: &'static str,
    /// Bytes that a body of so many may become at most.
    pub bound: fn(usize) -> usize,
    /// Compresses a body into a window of that size; says how many bytes it wrote, 0 if it failed.
    pub compress: fn(&[u8], &mut [u8]) -> usize,
}

/// Compressors at rest; one holds some 30 kB, there are as many as were ever busy at once.
#[derive(Default)]
pub(super) struct Compressors(Mutex<Vec<Compressor>>);

impl Compressors {
    /// The body as gzip; `None` if that failed.
    pub(super) async fn gzip(&self, body: Bytes, pool: &Pool) -> Option<Bytes> {
        let mut compressor = self.take();
        let (target, size) = (pool.buffer(), body.len());
        let (compressed, compressor) = run(size, move || {
            let bound = compressor.gzip_compress_bound(size);
            let compress =
                |window: &mut [u8]| compressor.gzip_compress(&body, window).unwrap_or_default();
            (fill(target, bound, compress), compressor)
        })
        .await?;
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

impl Encoding {
    /// The body in this encoding; `None` if that failed.
    pub(super) async fn encode(self, body: Bytes, pool: &Pool) -> Option<Bytes> {
        let (target, size) = (pool.buffer(), body.len());
        let work =
            move || fill(target, (self.bound)(size), |window| (self.compress)(&body, window));
        run(size, work).await?.map(Bytes::from_owner)
    }
}

/// Does the work on a body of `size` bytes, here or on a blocking thread; `None` if it panicked
/// there.
async fn run<T: Send + 'static>(
    size: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    if size < LARGE_BODY { Some(work()) } else { tokio::task::spawn_blocking(work).await.ok() }
}

fn fill(
    mut target: Pooled,
    bound: usize,
    compress: impl FnOnce(&mut [u8]) -> usize,
) -> Option<Pooled> {
    target.buffer.reserve(bound);
    let written = target.buffer.fill(bound, compress);
    (written > 0).then_some(target)
}
