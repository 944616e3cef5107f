//! Keeping what is good of many reads: a broken device or line costs its own samples,
//! and the first error is told after the others' have been pushed.

use super::CollectError;

/// The first error of many reads.
#[derive(Debug)]
pub struct FirstError<Error = CollectError>(Option<Error>);

impl<Error> Default for FirstError<Error> {
    fn default() -> Self {
        Self(None)
    }
}

impl<Error> FirstError<Error> {
    /// What a step gave, or `None` if it failed; an error is kept if it is the first.
    pub fn note<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.0.get_or_insert(error)).ok()
    }

    /// As [`Self::note`], for the read of something that may be absent.
    pub fn catch<T>(&mut self, read: Result<Option<T>, Error>) -> Option<T> {
        self.note(read).flatten()
    }

    /// The good ones of many results, in order.
    pub fn good<T>(&mut self, results: impl IntoIterator<Item = Result<T, Error>>) -> Vec<T> {
        results.into_iter().filter_map(|result| self.note(result)).collect()
    }

    /// Takes over what another thread met with.
    pub fn merge(&mut self, other: Self) {
        self.0 = self.0.take().or(other.0);
    }

    /// What the collector returns after it has pushed all samples.
    ///
    /// # Errors
    /// The first one.
    pub fn into_result(self) -> Result<(), Error> {
        self.0.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::FirstError;

    #[test]
    fn the_first_error_is_kept_beside_all_that_is_good() {
        let mut errors = FirstError::default();
        assert_eq!(errors.good([Ok(1), Err("a"), Ok(2), Err("b")]), [1, 2]);
        assert_eq!(errors.note(Ok(3)), Some(3));
        assert_eq!(errors.note::<u8>(Err("c")), None);
        assert_eq!((errors.catch(Ok(Some(4))), errors.catch::<u8>(Ok(None))), (Some(4), None));
        assert_eq!(errors.into_result(), Err("a"));
    }

    #[test]
    fn another_threads_error_comes_behind_ones_own() {
        let (mut errors, mut others) = (FirstError::default(), FirstError::default());
        errors.merge(FirstError::default());
        others.note::<u8>(Err("theirs"));
        errors.merge(others);
        assert_eq!(errors.into_result(), Err("theirs"));
        assert_eq!(FirstError::<&str>::default().into_result(), Ok(()));
    }
}
