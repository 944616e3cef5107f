//! How the kernel heads what it says of a zone of memory: `Node 0, zone   Normal`.

/// Node, zone and the rest of the line, or `None` if it is no such heading.
pub(crate) fn split_heading(line: &str) -> Option<(&str, &str, &str)> {
    let (node, rest) = line.strip_prefix("Node ")?.split_once(", zone ")?;
    let rest = rest.trim_start();
    let (zone, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let is_number = !node.is_empty() && node.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !zone.is_empty()).then_some((node, zone, rest))
}

#[cfg(test)]
mod tests {
    use super::split_heading;

    #[test]
    fn headings_name_node_and_zone() {
        assert_eq!(split_heading("Node 0, zone      DMA"), Some(("0", "DMA", "")));
        assert_eq!(split_heading("Node 11, zone   Normal 1 2"), Some(("11", "Normal", "1 2")));
        for line in ["", "Node", "Node 0, zone ", "Node x, zone DMA", "  pages free 1"] {
            assert_eq!(split_heading(line), None, "{line:?}");
        }
    }
}
