//! Units of statfs(2).

/// Bytes of one of the blocks that statfs(2) counts, from its `f_frsize` and `f_bsize`.
///
/// The latter is only the best size of a transfer: virtiofs and network file systems give much more
/// than the fragments in which they count. Old file systems fill in nothing else.
pub fn block_bytes(fragment: f64, transfer: f64) -> f64 {
    if fragment > 0.0 { fragment } else { transfer }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_fragments_and_only_without_these_transfers() {
        for (fragment, transfer, expected) in [
            (512.0, 131_072.0, 512.0),
            (4096.0, 1_048_576.0, 4096.0),
            (4096.0, 512.0, 4096.0),
            (0.0, 2048.0, 2048.0),
        ] {
            let bytes = Some(block_bytes(fragment, transfer));
            assert_eq!(bytes, Some(expected), "{fragment} {transfer}");
        }
    }
}
