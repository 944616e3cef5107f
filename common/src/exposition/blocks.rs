//! The label blocks of one family, by which samples that come twice are found.

use std::hash::BuildHasher;
use std::ops::Range;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Places of the blocks in the text of a sink.
#[derive(Default)]
pub(super) struct Blocks {
    /// For as long as each is behind the one before it in byte order, which most collectors keep
    /// to: then none can come twice.
    ascending: Vec<Range<usize>>,
    /// All of them, if they are in another order.
    seen: Option<Box<Seen>>,
}

/// Blocks with their hashes.
#[derive(Default)]
struct Seen {
    blocks: HashTable<(u64, Range<usize>)>,
    hasher: DefaultHashBuilder,
}

impl Blocks {
    /// For the next family.
    pub(super) fn forget(&mut self) {
        self.ascending.clear();
        // Clearing an empty table would touch its memory too.
        if let Some(seen) = &mut self.seen
            && !seen.blocks.is_empty()
        {
            seen.blocks.clear();
        }
    }

    /// True if the block of `text` at `labels` is the first of its kind.
    pub(super) fn is_new(&mut self, text: &[u8], labels: Range<usize>) -> bool {
        if self.seen.as_ref().is_none_or(|seen| seen.blocks.is_empty()) {
            let last = self.ascending.last();
            if last.is_none_or(|last| text[last.clone()] < text[labels.clone()]) {
                self.ascending.push(labels);
                return true;
            }
        }
        self.is_unseen(text, labels)
    }

    #[inline(never)]
    fn is_unseen(&mut self, text: &[u8], labels: Range<usize>) -> bool {
        let Seen { blocks, hasher } = &mut **self.seen.get_or_insert_default();
        let mut is_unseen = |labels: Range<usize>| {
            let block = &text[labels.clone()];
            let hash = hasher.hash_one(block);
            let is_same =
                |(h, range): &(u64, Range<usize>)| *h == hash && text[range.clone()] == *block;
            if blocks.find(hash, is_same).is_some() {
                return false;
            }
            blocks.insert_unique(hash, (hash, labels), |(h, _)| *h);
            true
        };
        for earlier in self.ascending.drain(..) {
            is_unseen(earlier);
        }
        is_unseen(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_new_once_in_a_family_whatever_the_order() {
        let text = b"abcab";
        let mut blocks = Blocks::default();
        for _ in 0..2 {
            let is_new: Vec<bool> =
                [0, 1, 2, 3, 0, 4].map(|start| blocks.is_new(text, start..start + 1)).into();
            assert_eq!(is_new, [true, true, true, false, false, false]);
            blocks.forget();
        }
    }
}
