//! Sinks and body buffers that outlive a scrape, so that the next one allocates nothing.

use std::sync::{Arc, Mutex};

use super::Format;
use super::buffer::Buffer;
use super::merge::Place;
use super::sink::Sink;
use crate::sync::lock;

/// Sinks and buffers held for reuse at most: one for each collector of the largest exporter.
const KEPT: usize = 96;

/// Bytes held for reuse at most, in sinks and in buffers each: one giant scrape
/// must not hold its memory for ever.
const KEPT_BYTES: usize = 4 * 1024 * 1024;

/// A shared stock of sinks and buffers.
#[derive(Clone, Debug, Default)]
pub struct Pool(Arc<Stock>);

#[derive(Debug, Default)]
struct Stock {
    #[expect(clippy::vec_box, reason = "as they come from and go to an exposition")]
    sinks: Mutex<Vec<Box<Sink>>>,
    buffers: Mutex<Vec<Buffer>>,
    /// In which order the last scrape had its families.
    order: Mutex<Vec<Place>>,
}

impl Pool {
    /// An empty sink for `format`. Collectors have numbers: each gets one that it has used before,
    /// if there is one. Otherwise all sinks would grow to the size of the largest in time.
    pub(super) fn sink(&self, format: Format, collector: Option<usize>) -> Box<Sink> {
        let used = {
            let mut sinks = lock(&self.0.sinks);
            let position = sinks.iter().rposition(|sink| sink.collector == collector);
            position.map(|position| sinks.swap_remove(position))
        };
        let mut sink = used.unwrap_or_default();
        sink.reset(format);
        sink.collector = collector;
        sink
    }

    /// Takes a sink back, unless it has no memory to keep.
    pub(super) fn return_sink(&self, sink: Box<Sink>) {
        if sink.capacity() == 0 {
            return;
        }
        let mut sinks = lock(&self.0.sinks);
        let held: usize = sinks.iter().map(|sink| sink.capacity()).sum();
        if sinks.len() < KEPT && held + sink.capacity() <= KEPT_BYTES {
            sinks.push(sink);
        }
    }

    /// The order that the last scrape left behind.
    pub(super) fn take_order(&self) -> Vec<Place> {
        std::mem::take(&mut lock(&self.0.order))
    }

    /// Leaves an order for the next scrape.
    pub(super) fn return_order(&self, order: Vec<Place>) {
        *lock(&self.0.order) = order;
    }

    /// An empty buffer that comes back to this pool when dropped.
    pub(crate) fn buffer(&self) -> Pooled {
        let mut buffer = lock(&self.0.buffers).pop().unwrap_or_default();
        buffer.clear();
        Pooled { buffer, pool: self.clone() }
    }
}

/// A buffer of a pool; as the owner of a response body it returns when the body has been sent.
#[derive(Debug)]
pub(crate) struct Pooled {
    pub(crate) buffer: Buffer,
    pool: Pool,
}

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        self.buffer.as_slice()
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let mut buffers = lock(&self.pool.0.buffers);
        let held: usize = buffers.iter().map(Buffer::capacity).sum();
        if buffers.len() < KEPT && held + self.buffer.capacity() <= KEPT_BYTES {
            buffers.push(std::mem::take(&mut self.buffer));
        }
    }
}
