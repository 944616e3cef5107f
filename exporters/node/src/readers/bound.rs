use common::failures::FailureLog;

/// How many rows are shown of what a user or a peer can make any number of.
#[derive(Debug)]
pub(crate) struct Bound {
    most: usize,
    /// What they are, for the log.
    rows: &'static str,
    /// Whether there were too many, so that this is logged once.
    too_many: FailureLog,
}

impl Bound {
    /// At most `most` of the `rows`.
    pub(crate) fn new(rows: &'static str, most: usize) -> Self {
        Self { most, rows, too_many: FailureLog::default() }
    }

    /// The number that can be shown of `found`.
    pub(crate) fn of(&self, found: usize) -> usize {
        if found <= self.most {
            self.too_many.recovered();
            return found;
        }
        if self.too_many.failed("too many") {
            let (rows, most) = (self.rows, self.most);
            tracing::warn!(rows, found, most, "there are too many: the last ones are left out");
        }
        self.most
    }

    /// Leaves the first ones, so many as can be shown.
    pub(crate) fn keep<T>(&self, found: &mut Vec<T>) {
        found.truncate(self.of(found.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ones_are_kept() {
        let bound = Bound::new("mounts", 2);
        let kept = |mut found: Vec<u8>| {
            bound.keep(&mut found);
            found
        };
        assert_eq!(kept(vec![1, 2]), [1, 2]);
        assert_eq!(kept(vec![1, 2, 3]), [1, 2]);
        assert_eq!((bound.of(0), bound.of(9)), (0, 2));
        let none = Bound::new("mounts", 0);
        assert_eq!((none.of(0), none.of(1)), (0, 0));
    }
}
