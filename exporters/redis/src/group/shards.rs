//! Names of a cluster's shards, which stay when another node becomes the primary.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::replies::nodes::Node;

/// The shards that nodes were in when they were last seen, by the nodes' ids.
#[derive(Debug, Default)]
pub(super) struct Shards(HashMap<String, String>);

impl Shards {
    /// The shard of each node, in their order: the id that servers have for it from 7.2 on. Older
    /// ones have none; there it is the least of the ids of its nodes when it was first seen.
    pub(super) fn assign(&mut self, nodes: &[Node<'_>]) -> Vec<String> {
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, node) in nodes.iter().enumerate() {
            let root = node.primary.filter(|id| nodes.iter().any(|node| node.id == *id));
            groups.entry(root.unwrap_or(node.id)).or_default().push(index);
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        let serves =
            |root: &str| nodes.iter().any(|node| node.id == root && node.slots.count() > 0);
        // Those that serve slots choose first: what has lost them to a new primary goes with it.
        groups.sort_by_key(|(root, _)| !serves(root));
        let mut shards = vec![String::new(); nodes.len()];
        let mut taken = BTreeSet::new();
        for (root, members) in groups {
            let mut shard = self.name(root, &members, nodes);
            if serves(root) && !taken.insert(shard.clone()) {
                root.clone_into(&mut shard);
            }
            for index in members {
                shards[index].clone_from(&shard);
            }
        }
        let ids = nodes.iter().map(|node| node.id.to_owned());
        self.0 = ids.zip(shards.iter().cloned()).collect();
        shards
    }

    fn name(&self, root: &str, members: &[usize], nodes: &[Node<'_>]) -> String {
        let members = || members.iter().filter_map(|index| nodes.get(*index));
        let told = members().find_map(|node| node.shard);
        let known = || self.0.get(root).or_else(|| members().find_map(|node| self.0.get(node.id)));
        let least = || members().map(|node| node.id).min().unwrap_or(root);
        told.map_or_else(|| known().map_or_else(|| least().to_owned(), Clone::clone), Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replies::nodes::parse;

    fn assign(shards: &mut Shards, text: &str) -> Vec<String> {
        shards.assign(&parse(text).good)
    }

    const BEFORE: &str = "\
b h:1@2 master - 0 0 1 connected 0-8191
a h:2@2 slave b 0 0 1 connected
c h:3@2 master - 0 0 1 connected 8192-16383
d h:4@2 slave c 0 0 1 connected
";

    #[test]
    fn a_shard_keeps_its_name_when_its_primary_changes() {
        let mut shards = Shards::default();
        assert_eq!(assign(&mut shards, BEFORE), ["a", "a", "c", "c"]);
        let failed = "\
b h:1@2 master,fail - 0 0 1 disconnected
a h:2@2 master - 0 0 2 connected 0-8191
c h:3@2 master,fail - 0 0 1 disconnected
d h:4@2 master - 0 0 2 connected 8192-16383
";
        assert_eq!(assign(&mut shards, failed), ["a", "a", "c", "c"]);
        // The former primary is replaced by a new node.
        let replaced = "\
e h:5@2 slave d 0 0 2 connected
a h:2@2 master - 0 0 2 connected 0-8191
d h:4@2 master - 0 0 2 connected 8192-16383
";
        assert_eq!(assign(&mut shards, replaced), ["c", "a", "c"]);
        assert_eq!(shards.0.len(), 3, "nodes that are gone are forgotten");
    }

    #[test]
    fn a_node_that_serves_slots_of_its_own_is_a_shard_of_its_own() {
        let mut shards = Shards::default();
        assign(&mut shards, BEFORE);
        let split = "\
b h:1@2 master - 0 0 3 connected 0-99
a h:2@2 master - 0 0 2 connected 100-8191
c h:3@2 master - 0 0 1 connected 8192-16383
d h:4@2 slave c 0 0 1 connected
";
        assert_eq!(assign(&mut shards, split), ["b", "a", "c", "c"]);
        assert_eq!(assign(&mut shards, split), ["b", "a", "c", "c"]);
    }

    #[test]
    fn servers_that_have_ids_for_shards_are_believed() {
        let text = "\
b h:1@2,,shard-id=s1 master - 0 0 1 connected 0-8191
a h:2@2,,shard-id=s1 slave b 0 0 1 connected
x h:9@2 slave gone 0 0 1 connected
";
        assert_eq!(assign(&mut Shards::default(), text), ["s1", "s1", "x"]);
    }
}
