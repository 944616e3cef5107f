//! Turns an assembled body into a response: whole, with its length, compressed once if asked.

use std::sync::Mutex;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor};

use crate::exposition::Pool;
use crate::exposition::Pooled;
use crate::sync::lock;

/// Bodies from this size on are compressed on a blocking thread (about 1 ms of work).
const LARGE_BODY: usize = 512 * 1024;

/// Level 1 takes a third of level 6's time for a fifth more bytes; level 0,
/// which the library calls its fastest, would only wrap the body.
const LEVEL: i32 = 1;

/// Compressors at rest; one holds some 30 kB, there are as many as were ever busy at once.
#[derive(Default)]
pub(super) struct Compressors(Mutex<Vec<Compressor>>);

/// Builds the response with status 200.
pub(super) async fn respond(
    body: Pooled,
    content_type: &'static str,
    compressors: Option<&Compressors>,
    pool: &Pool,
) -> Response {
    let (body, is_compressed) = match compressors {
        Some(compressors) => compressors.compress(body, pool).await,
        None => (body, false),
    };
    let mut response = Response::new(Body::from(Bytes::from_owner(body)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if is_compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

impl Compressors {
    /// The body compressed, or as it was if that failed.
    async fn compress(&self, body: Pooled, pool: &Pool) -> (Pooled, bool) {
        let mut compressor = self.take();
        let target = pool.buffer();
        let result = if body.as_ref().len() < LARGE_BODY {
            gzip(&mut compressor, body, target)
        } else {
            let work = move || {
                let result = gzip(&mut compressor, body, target);
                (result, compressor)
            };
            match tokio::task::spawn_blocking(work).await {
                Ok((result, returned)) => {
                    compressor = returned;
                    result
                }
                // Only a panic in the compressor leads here; an empty scrape is better than none.
                Err(_) => return (pool.buffer(), false),
            }
        };
        self.put_back(compressor);
        result
    }

    fn take(&self) -> Compressor {
        let mut idle = lock(&self.0);
        idle.pop().unwrap_or_else(|| {
            // The level is within the library's 0 to 12, so the default is never taken.
            Compressor::new(CompressionLvl::new(LEVEL).unwrap_or_default())
        })
    }

    fn put_back(&self, compressor: Compressor) {
        lock(&self.0).push(compressor);
    }
}

fn gzip(compressor: &mut Compressor, body: Pooled, mut target: Pooled) -> (Pooled, bool) {
    let bound = compressor.gzip_compress_bound(body.as_ref().len());
    target.buffer.reserve(bound);
    let written = target
        .buffer
        .fill(bound, |window| compressor.gzip_compress(body.as_ref(), window).unwrap_or_default());
    if written > 0 { (target, true) } else { (body, false) }
}
