//! Sums over threads that come and go, which never fall.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::AddAssign;

use crate::cgroup::parent;

/// What the scheduler did with one thread or several.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Times {
    pub(super) run_seconds: f64,
    pub(super) wait_seconds: f64,
    pub(super) periods: f64,
}

impl AddAssign for Times {
    fn add_assign(&mut self, other: Self) {
        self.run_seconds += other.run_seconds;
        self.wait_seconds += other.wait_seconds;
        self.periods += other.periods;
    }
}

/// One cgroup's threads as they were last seen, and the sum of those that ended.
#[derive(Debug, Default)]
struct Account {
    threads: HashMap<u32, Times>,
    ended: Times,
}

impl Account {
    fn sum(&self) -> Times {
        let mut sum = self.ended;
        self.threads.values().for_each(|times| sum += *times);
        sum
    }
}

/// The accounts of all cgroups, by path.
#[derive(Debug, Default)]
pub(super) struct Accounts(BTreeMap<String, Account>);

impl Accounts {
    /// Enters the threads that a cgroup has now.
    pub(super) fn update(&mut self, id: &str, threads: HashMap<u32, Times>) {
        if !self.0.contains_key(id) {
            self.0.insert(id.to_owned(), Account::default());
        }
        let Some(account) = self.0.get_mut(id) else { return };
        for (thread, before) in std::mem::replace(&mut account.threads, threads) {
            // One that ran less than before is another thread under the same number.
            let now = account.threads.get(&thread);
            if now.is_none_or(|now| now.run_seconds < before.run_seconds) {
                account.ended += before;
            }
        }
    }

    /// Closes the accounts of other cgroups than these; what is in them stays with the one above.
    pub(super) fn retain(&mut self, ids: &HashSet<&str>) {
        let gone: Vec<String> =
            self.0.keys().filter(|id| !ids.contains(id.as_str())).cloned().collect();
        // The lower ones first, in the reverse order of their paths.
        for id in gone.into_iter().rev() {
            let Some(account) = self.0.remove(&id) else { continue };
            if let Some(above) = parent(&id).and_then(|parent| self.0.get_mut(parent)) {
                above.ended += account.sum();
            }
        }
    }

    /// The sum of each cgroup, with the cgroups below it.
    pub(super) fn sums(&self) -> HashMap<&str, Times> {
        let mut sums = HashMap::<&str, Times>::new();
        for (id, account) in &self.0 {
            let own = account.sum();
            let mut next = Some(id.as_str());
            while let Some(id) = next {
                *sums.entry(id).or_default() += own;
                next = parent(id);
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(seconds: f64) -> Times {
        Times { run_seconds: seconds, wait_seconds: 0.0, periods: 1.0 }
    }

    fn seconds(accounts: &Accounts, id: &str) -> Option<f64> {
        accounts.sums().get(id).map(|times| times.run_seconds)
    }

    #[test]
    fn cgroups_hold_those_below_them() {
        let mut accounts = Accounts::default();
        accounts.update("/", HashMap::from([(1, ran(1.0))]));
        accounts.update("/a", HashMap::new());
        accounts.update("/a/b", HashMap::from([(2, ran(2.0)), (3, ran(4.0))]));
        accounts.update("/ab", HashMap::from([(4, ran(8.0))]));
        let sums = ["/", "/a", "/a/b", "/ab"].map(|id| seconds(&accounts, id));
        assert_eq!(sums, [Some(15.0), Some(6.0), Some(6.0), Some(8.0)]);
    }

    #[test]
    fn threads_that_end_and_numbers_that_return_stay_in_the_sum() {
        let mut accounts = Accounts::default();
        accounts.update("/a", HashMap::from([(1, ran(1.0)), (2, ran(2.0))]));
        accounts.update("/a", HashMap::from([(2, ran(3.0))]));
        assert_eq!(seconds(&accounts, "/a"), Some(4.0));
        accounts.update("/a", HashMap::from([(2, ran(0.5))]));
        assert_eq!(seconds(&accounts, "/a"), Some(4.5));
    }

    #[test]
    fn a_cgroup_that_ends_leaves_its_sum_to_the_one_above() {
        let mut accounts = Accounts::default();
        for id in ["/", "/a", "/a/b", "/a/b/c"] {
            accounts.update(id, HashMap::from([(1, ran(1.0))]));
        }
        accounts.retain(&HashSet::from(["/", "/a"]));
        assert_eq!(seconds(&accounts, "/a"), Some(3.0));
        assert_eq!(seconds(&accounts, "/"), Some(4.0));
        assert_eq!(seconds(&accounts, "/a/b"), None);
    }
}
