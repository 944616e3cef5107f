//! Keeping what is good of many reads: one bad device must not cost the others.

use common::error::{CollectError, ParseError};

/// The good ones in order, and the first error among the others.
pub(crate) fn salvage<Good, Error>(
    results: impl IntoIterator<Item = Result<Good, Error>>,
) -> (Vec<Good>, Result<(), Error>) {
    let mut outcome = Ok(());
    let keep = |result: Result<Good, Error>| match result {
        Ok(good) => Some(good),
        Err(error) => {
            if outcome.is_ok() {
                outcome = Err(error);
            }
            None
        }
    };
    let good = results.into_iter().filter_map(keep).collect();
    (good, outcome)
}

/// The value of a read, if there is one; the first error of many reads is kept in `outcome`.
pub(super) fn keep<T>(
    read: Result<Option<T>, CollectError>,
    outcome: &mut Result<(), CollectError>,
) -> Option<T> {
    read.unwrap_or_else(|error| {
        if outcome.is_ok() {
            *outcome = Err(error);
        }
        None
    })
}

/// An error if a file is empty that the kernel always fills.
pub(super) fn not_empty(text: &str) -> Result<(), ParseError> {
    if text.is_empty() { Err(ParseError::Form("the file is empty".into())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::salvage;

    #[test]
    fn the_first_error_is_kept_beside_all_that_is_good() {
        assert_eq!(salvage([Ok(1), Err("a"), Ok(2), Err("b")]), (vec![1, 2], Err("a")));
        assert_eq!(salvage::<u8, ()>([Ok(1)]), (vec![1], Ok(())));
    }
}
