//! What is remembered of the tables of each server.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, Weak};

use common::sync::lock;

use super::names::Name;
use crate::server::Server;

/// A memory per server, for as long as the server is scraped.
#[derive(Debug)]
pub(super) struct Memories<Facts>(Mutex<Vec<OfServer<Facts>>>);

type OfServer<Facts> = (Weak<Server>, Arc<Memory<Facts>>);

impl<Facts> Default for Memories<Facts> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Facts> Memories<Facts> {
    /// The memory of `server`.
    pub(super) fn of(&self, server: &Arc<Server>) -> Arc<Memory<Facts>> {
        let mut memories = lock(&self.0);
        memories.retain(|(server, _)| server.strong_count() > 0);
        let is_it = |(known, _): &&OfServer<Facts>| known.as_ptr() == Arc::as_ptr(server);
        if let Some((_, memory)) = memories.iter().find(is_it) {
            return Arc::clone(memory);
        }
        let memory = Arc::new(Memory::default());
        memories.push((Arc::downgrade(server), Arc::clone(&memory)));
        memory
    }
}

/// What was read of tables, and where the next scrape goes on.
#[derive(Debug)]
pub(super) struct Memory<Facts>(Mutex<State<Facts>>);

#[derive(Debug)]
struct State<Facts> {
    facts: HashMap<Name, Arc<Facts>>,
    last: Option<Name>,
}

impl<Facts> Default for Memory<Facts> {
    fn default() -> Self {
        Self(Mutex::new(State { facts: HashMap::new(), last: None }))
    }
}

impl<Facts> Memory<Facts> {
    /// The `count` tables whose turn it is, in portions of neighbours.
    pub(super) fn portions<'a>(
        &self,
        names: &'a [Name],
        count: usize,
        size: usize,
    ) -> Vec<&'a [Name]> {
        if names.len() <= count {
            return names.chunks(size).collect();
        }
        let last = lock(&self.0).last.clone();
        let position = last.and_then(|last| names.iter().position(|name| *name == last));
        let start = position.map_or(0, |position| (position + 1) % names.len());
        let (earlier, later) = names.split_at(start);
        let later = &later[..later.len().min(count)];
        let earlier = &earlier[..earlier.len().min(count - later.len())];
        later.chunks(size).chain(earlier.chunks(size)).collect()
    }

    /// The turn of these is over.
    pub(super) fn passed(&self, portion: &[Name]) {
        lock(&self.0).last = portion.last().cloned();
    }

    /// Remembers what was read of the tables of `portion`; those without facts have none any more.
    pub(super) fn learn(&self, portion: &[Name], facts: Vec<(Name, Facts)>) {
        let mut state = lock(&self.0);
        for name in portion {
            state.facts.remove(name);
        }
        state.facts.extend(facts.into_iter().map(|(name, facts)| (name, Arc::new(facts))));
    }

    /// What is known of the tables of these names, in their order; all others are forgotten.
    pub(super) fn facts(&self, names: &[Name]) -> Vec<Arc<Facts>> {
        let mut state = lock(&self.0);
        if state.facts.len() > names.len() {
            let known: HashSet<&Name> = names.iter().collect();
            state.facts.retain(|name, _| known.contains(name));
        }
        names.iter().filter_map(|name| state.facts.get(name).map(Arc::clone)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: usize) -> Name {
        Name { schema: "s".into(), table: number.to_string() }
    }

    fn turns(memory: &Memory<usize>, names: &[Name], count: usize) -> Vec<Vec<String>> {
        let portions = memory.portions(names, count, 2);
        if let Some(last) = portions.last() {
            memory.passed(last);
        }
        let tables = |portion: &&[Name]| portion.iter().map(|name| name.table.clone()).collect();
        portions.iter().map(tables).collect()
    }

    #[test]
    fn each_table_has_its_turn() {
        let names: Vec<Name> = (0..5).map(name).collect();
        let memory = Memory::default();
        assert_eq!(turns(&memory, &names, 3), [vec!["0", "1"], vec!["2"]]);
        assert_eq!(turns(&memory, &names, 3), [vec!["3", "4"], vec!["0"]]);
        assert_eq!(turns(&memory, &names, 3), [vec!["1", "2"], vec!["3"]]);
        assert_eq!(turns(&memory, &names, 5), [vec!["0", "1"], vec!["2", "3"], vec!["4"]]);
        // The table that was the last is gone.
        assert_eq!(turns(&memory, &names[..4], 1), [["0"]]);
        assert!(turns(&memory, &[], 3).is_empty());
    }

    #[test]
    fn facts_stay_until_the_table_is_read_again_or_gone() {
        let memory = Memory::default();
        let names: Vec<Name> = (0..3).map(name).collect();
        memory.learn(&names[..2], vec![(name(0), 10), (name(1), 11)]);
        assert_eq!(memory.facts(&names), [10.into(), 11.into()]);
        memory.learn(&names[1..], vec![(name(2), 12)]);
        assert_eq!(memory.facts(&names), [10.into(), 12.into()]);
        assert_eq!(memory.facts(&names[2..]), [12.into()]);
        assert_eq!(memory.facts(&names), [12.into()], "forgotten");
    }
}
