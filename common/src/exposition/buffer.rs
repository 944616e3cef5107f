//! A byte buffer for text that is assembled from thousands of very short pieces.

use std::ops::Range;

/// Up to this size a buffer grows by doubling: more would stay in the heap of
/// each thread that has once held it.
const GROWN_BYTES: usize = 128 * 1024;

/// Up to this size a buffer whose size is known takes just that, and is worth keeping.
const EXACT_BYTES: usize = 512 * 1024;

/// Beyond that it takes so much address space at once. Zeros from the kernel are
/// no memory until they are written to, and a block of more than 32 MiB goes back
/// to the kernel when it is freed, while glibc may keep a smaller one in the heap
/// of each thread (`M_MMAP_THRESHOLD` in mallopt(3)).
const LARGE_BYTES: usize = 33 * 1024 * 1024;

/// Grows by doubling, keeps its memory when cleared, and copies short pieces inline.
///
/// musl's `memcpy` costs 15–48 ns a call whatever the length; a metric line is
/// some ten pieces of a few bytes. Pieces up to 32 bytes are therefore copied
/// by fixed-size moves that overlap in the middle, which never call it.
#[derive(Debug, Default)]
pub struct Buffer {
    /// Initialised up to its own length; only `..len` is content.
    bytes: Vec<u8>,
    len: usize,
}

impl Buffer {
    /// Number of content bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True without content.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The content.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Bytes of memory held, used or not.
    pub fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Makes room for `count` bytes behind the content and no more, if there is not yet so much.
    pub(crate) fn reserve(&mut self, count: usize) {
        let end = self.len + count;
        if end > self.bytes.len() {
            self.resize(end, EXACT_BYTES);
        }
    }

    /// Drops the content and keeps the memory.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Drops all content from `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Appends one byte.
    #[inline]
    pub fn push(&mut self, byte: u8) {
        self.window(1)[0] = byte;
        self.len += 1;
    }

    /// Appends `piece`.
    #[inline]
    pub fn put(&mut self, piece: &[u8]) {
        let count = piece.len();
        let target = self.window(count);
        match count {
            0..=3 => {
                for (to, from) in target.iter_mut().zip(piece) {
                    *to = *from;
                }
            }
            4..=7 => copy_ends::<4>(target, piece),
            8..=15 => copy_ends::<8>(target, piece),
            16..=32 => copy_ends::<16>(target, piece),
            _ => target.copy_from_slice(piece),
        }
        self.len += count;
    }

    /// Appends pieces of any length, for all of which room is made once.
    #[inline]
    pub(crate) fn put_all<const N: usize>(&mut self, pieces: [&[u8]; N]) {
        let count = pieces.iter().map(|piece| piece.len()).sum();
        let mut rest = self.window(count);
        for piece in pieces {
            let (target, others) = rest.split_at_mut(piece.len());
            target.copy_from_slice(piece);
            rest = others;
        }
        self.len += count;
    }

    /// Appends a part of the content once more.
    pub(crate) fn put_again(&mut self, part: Range<usize>) {
        let count = part.len();
        self.window(count);
        self.bytes.copy_within(part, self.len);
        self.len += count;
    }

    /// Lets `write` fill up to `most` bytes behind the content; it returns how many it wrote.
    pub(crate) fn fill(&mut self, most: usize, write: impl FnOnce(&mut [u8]) -> usize) -> usize {
        let written = write(self.window(most)).min(most);
        self.len += written;
        written
    }

    /// The next `count` bytes behind the content, to be written.
    #[inline]
    fn window(&mut self, count: usize) -> &mut [u8] {
        let end = self.len + count;
        if end > self.bytes.len() {
            self.grow(end);
        }
        &mut self.bytes[self.len..end]
    }

    #[cold]
    fn grow(&mut self, needed: usize) {
        self.resize(needed.max(self.bytes.len() * 2).max(4096), GROWN_BYTES);
    }

    fn resize(&mut self, size: usize, most: usize) {
        if size <= most {
            self.bytes.resize(size, 0);
            return;
        }
        // Into new memory, of which only that is touched which the content needs.
        let mut bytes = vec![0; size.max(LARGE_BYTES)];
        bytes[..self.len].copy_from_slice(&self.bytes[..self.len]);
        self.bytes = bytes;
    }
}

/// Copies N..=2N bytes as two moves of N bytes from both ends.
#[inline]
fn copy_ends<const N: usize>(target: &mut [u8], piece: &[u8]) {
    let tail = piece.len() - N;
    target[..N].copy_from_slice(&piece[..N]);
    target[tail..].copy_from_slice(&piece[tail..][..N]);
}

impl std::fmt::Write for Buffer {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.put(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_every_length_arrive_whole() {
        let source: Vec<u8> = (0..=255).collect();
        let mut buffer = Buffer::default();
        let mut expected = Vec::new();
        for length in 0..200 {
            buffer.put(&source[..length]);
            expected.extend_from_slice(&source[..length]);
        }
        assert_eq!(buffer.as_slice(), expected);
    }

    #[test]
    fn pieces_that_are_put_together_arrive_in_their_order() {
        let mut buffer = Buffer::default();
        buffer.put_all([b"a", b"", &[b'b'; 5000], b"cd"]);
        buffer.put_all([]);
        buffer.put_again(5001..5003);
        assert_eq!(buffer.as_slice(), [b"a", &[b'b'; 5000][..], b"cdcd"].concat());
    }

    #[test]
    fn clearing_keeps_the_memory() {
        let mut buffer = Buffer::default();
        buffer.put(&[7; 10_000]);
        let held = buffer.capacity();
        buffer.clear();
        assert!(buffer.is_empty());
        assert_eq!(buffer.capacity(), held);
    }

    #[test]
    fn content_survives_every_growth() {
        let mut buffer = Buffer::default();
        let piece: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        let mut sizes = vec![0];
        while buffer.len() <= GROWN_BYTES {
            buffer.put(&piece);
            if sizes.last() != Some(&buffer.capacity()) {
                sizes.push(buffer.capacity());
            }
        }
        assert!(buffer.as_slice().chunks(piece.len()).all(|chunk| chunk == piece));
        assert!(sizes.len() > 3 && sizes.last() == Some(&LARGE_BYTES), "{sizes:?}");
    }
}
