//! Sinks and body buffers that outlive a scrape, so that the next one allocates nothing.

use std::sync::{Arc, Mutex};

use super::Format;
use super::buffer::Buffer;
use super::merge::Place;
use super::sink::Sink;
use crate::sync::lock;

/// Sinks held for reuse at most: two for each collector of the largest exporter.
const KEPT_SINKS: usize = 192;

/// Buffers held for reuse at most.
const KEPT_BUFFERS: usize = 96;

/// Bytes held for reuse at most, in sinks and in buffers each: one giant scrape
/// must not hold its memory for ever.
const KEPT_BYTES: usize = 4 * 1024 * 1024;

/// A shared stock of sinks and buffers.
#[derive(Clone, Debug, Default)]
pub struct Pool(Arc<Stock>);

#[derive(Debug, Default)]
struct Stock {
    sinks: Mutex<Sinks>,
    buffers: Mutex<Vec<Buffer>>,
    /// In which order the last scrape had its families.
    order: Mutex<Vec<Place>>,
}

/// Sinks by the collector that used them: to look through all of them for each collector took
/// 2 % of the time of a scrape.
#[derive(Debug, Default)]
struct Sinks {
    #[expect(clippy::vec_box, reason = "as they come from and go to an exposition")]
    by_collector: Vec<Vec<Box<Sink>>>,
    count: usize,
    bytes: usize,
}

impl Sinks {
    /// Where those of a collector are, or those that belong to none.
    fn place(collector: Option<usize>) -> usize {
        collector.map_or(0, |number| number + 1)
    }

    fn take(&mut self, collector: Option<usize>) -> Option<Box<Sink>> {
        let sink = self.by_collector.get_mut(Self::place(collector))?.pop()?;
        self.count -= 1;
        self.bytes -= sink.capacity();
        Some(sink)
    }

    fn keep(&mut self, sink: Box<Sink>) {
        let bytes = self.bytes + sink.capacity();
        if self.count == KEPT_SINKS || bytes > KEPT_BYTES {
            return;
        }
        let place = Self::place(sink.collector);
        if place >= self.by_collector.len() {
            self.by_collector.resize_with(place + 1, Vec::new);
        }
        self.by_collector[place].push(sink);
        self.count += 1;
        self.bytes = bytes;
    }
}

impl Pool {
    /// An empty sink for `format`. Collectors have numbers: each gets one that it has used before,
    /// if there is one. Otherwise all sinks would grow to the size of the largest in time.
    pub(super) fn sink(&self, format: Format, collector: Option<usize>) -> Box<Sink> {
        let used = lock(&self.0.sinks).take(collector);
        let mut sink = used.unwrap_or_default();
        sink.reset(format);
        sink.collector = collector;
        sink
    }

    /// Takes a sink back, unless it is one that no collector has and that holds no memory.
    pub(super) fn return_sink(&self, sink: Box<Sink>) {
        if sink.collector.is_some() || sink.capacity() > 0 {
            lock(&self.0.sinks).keep(sink);
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
        if buffers.len() < KEPT_BUFFERS && held + self.buffer.capacity() <= KEPT_BYTES {
            buffers.push(std::mem::take(&mut self.buffer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(mut sink: Box<Sink>, bytes: usize) -> Box<Sink> {
        sink.text.put(&vec![b'x'; bytes]);
        sink
    }

    #[test]
    fn a_collector_gets_a_sink_that_it_has_used() {
        let pool = Pool::default();
        for (collector, bytes) in [(Some(7), 5000), (Some(0), 60_000), (None, 20_000)] {
            pool.return_sink(written(pool.sink(Format::Text, collector), bytes));
        }
        for (collector, bytes) in [(None, 20_000), (Some(0), 60_000), (Some(7), 5000)] {
            let sink = pool.sink(Format::OpenMetrics, collector);
            assert!((bytes..3 * bytes).contains(&sink.capacity()), "{collector:?}");
            assert!(sink.text().is_empty() && sink.format() == Format::OpenMetrics);
        }
        for collector in [None, Some(0), Some(5), Some(7), Some(70)] {
            assert_eq!(pool.sink(Format::Text, collector).capacity(), 0, "{collector:?}");
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let pool = Pool::default();
        for (bytes, most) in [(100_000, KEPT_BYTES / 100_000), (1, KEPT_SINKS)] {
            let sinks: Vec<_> = (0..2 * KEPT_SINKS)
                .map(|number| written(pool.sink(Format::Text, Some(number % 3)), bytes))
                .collect();
            for sink in sinks {
                pool.return_sink(sink);
            }
            let kept = lock(&pool.0.sinks);
            let counted: usize = kept.by_collector.iter().map(Vec::len).sum();
            assert_eq!(counted, kept.count);
            assert!((1..=most).contains(&kept.count), "{} of {most}", kept.count);
            let bytes: usize = kept.by_collector.iter().flatten().map(|sink| sink.capacity()).sum();
            assert_eq!(bytes, kept.bytes);
            assert!(bytes <= KEPT_BYTES);
        }
    }
}
