//! Sums over connections that come and go, of which the counters never fall.

use std::collections::{BTreeMap, HashMap};

use super::Ids;
use super::client::Usage;
use crate::cgroup::parent;

/// One cgroup's connections as they were last seen, and what those that ended have used.
#[derive(Debug, Default)]
struct Account {
    clients: HashMap<String, Usage>,
    ended: Usage,
}

impl Account {
    fn sum(&self) -> Usage {
        let mut sum = self.ended.clone();
        self.clients.values().for_each(|usage| sum.add(usage));
        sum
    }
}

/// The accounts of all cgroups, by path.
#[derive(Debug, Default)]
pub(super) struct Accounts(BTreeMap<String, Account>);

impl Accounts {
    /// Enters the connections that the processes of a cgroup have now.
    pub(super) fn update(&mut self, id: &str, clients: HashMap<String, Usage>) {
        if clients.is_empty() && !self.0.contains_key(id) {
            return;
        }
        let account = self.0.entry(id.to_owned()).or_default();
        for (client, before) in std::mem::replace(&mut account.clients, clients) {
            match account.clients.get_mut(&client) {
                Some(now) => now.keep_highest(&before),
                None => account.ended.add(&before.counters()),
            }
        }
    }

    /// Closes the accounts of other cgroups than these; what is in them stays with the one above.
    pub(super) fn retain(&mut self, ids: &Ids<'_>) {
        let gone: Vec<String> =
            self.0.keys().filter(|id| !ids.contains(id.as_str())).cloned().collect();
        // The lower ones first, in the reverse order of their paths.
        for id in gone.into_iter().rev() {
            let Some(account) = self.0.remove(&id) else { continue };
            let Some(above) = parent(&id).filter(|above| ids.contains(above)) else { continue };
            self.0.entry(above.to_owned()).or_default().ended.add(&account.sum().counters());
        }
    }

    /// The sum of each cgroup, with the cgroups below it.
    pub(super) fn sums(&self) -> HashMap<&str, Usage> {
        let mut sums = HashMap::<&str, Usage>::new();
        for (id, account) in &self.0 {
            let own = account.sum();
            let mut next = Some(id.as_str());
            while let Some(id) = next {
                sums.entry(id).or_default().add(&own);
                next = parent(id);
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::{Kind, parse};
    use super::*;

    /// A connection that has used an engine for so long, and memory.
    fn used(seconds: u64, bytes: u64) -> Usage {
        let text = format!(
            "drm-driver: xe\ndrm-engine-rcs: {} ns\ndrm-memory-vram0: {bytes}\n",
            seconds * 1_000_000_000
        );
        parse(&text).good.unwrap().usage
    }

    fn enter(accounts: &mut Accounts, id: &str, clients: &[(&str, u64, u64)]) {
        let clients = clients.iter().map(|(id, seconds, bytes)| {
            let usage = used(*seconds, *bytes);
            ((*id).to_owned(), usage)
        });
        accounts.update(id, clients.collect());
    }

    fn value(accounts: &Accounts, id: &str, kind: Kind) -> Option<f64> {
        accounts.sums().get(id)?.of(kind).next().map(|(_, value)| value)
    }

    #[test]
    fn time_of_what_ends_stays_and_its_memory_does_not() {
        let mut accounts = Accounts::default();
        enter(&mut accounts, "/a", &[("1", 2, 10), ("2", 3, 20)]);
        assert_eq!(value(&accounts, "/a", Kind::Seconds), Some(5.0));
        assert_eq!(value(&accounts, "/a", Kind::Memory), Some(30.0));
        enter(&mut accounts, "/a", &[("2", 4, 15)]);
        assert_eq!(value(&accounts, "/a", Kind::Seconds), Some(6.0));
        assert_eq!(value(&accounts, "/a", Kind::Memory), Some(15.0));
        enter(&mut accounts, "/a", &[]);
        assert_eq!(value(&accounts, "/a", Kind::Seconds), Some(6.0));
        assert_eq!(value(&accounts, "/a", Kind::Memory), None);
    }

    #[test]
    fn a_counter_that_falls_stays_at_its_highest() {
        let mut accounts = Accounts::default();
        for (seconds, expected) in [(5, 5.0), (4, 5.0), (6, 6.0)] {
            enter(&mut accounts, "/a", &[("1", seconds, 1)]);
            assert_eq!(value(&accounts, "/a", Kind::Seconds), Some(expected));
        }
    }

    #[test]
    fn cgroups_hold_those_below_them_also_after_their_end() {
        let mut accounts = Accounts::default();
        enter(&mut accounts, "/a/b", &[("1", 2, 10)]);
        enter(&mut accounts, "/c", &[("2", 8, 5)]);
        let seconds = |accounts: &Accounts| {
            ["/", "/a", "/a/b", "/c"].map(|id| value(accounts, id, Kind::Seconds))
        };
        assert_eq!(seconds(&accounts), [Some(10.0), Some(2.0), Some(2.0), Some(8.0)]);
        accounts.retain(&Ids::from(["/", "/a", "/c"]));
        assert_eq!(seconds(&accounts), [Some(10.0), Some(2.0), None, Some(8.0)]);
        assert_eq!(value(&accounts, "/a", Kind::Memory), None);
        enter(&mut accounts, "/d", &[]);
        assert_eq!(accounts.0.len(), 2, "nothing is kept of those that use none");
    }
}
