//! Partial success: a broken device, row or line costs its own samples, and the first error
//! is reported after the others' have been pushed.

use super::{CollectError, ParseError};

/// What many reads gave: the good part, and the first error among the rest.
///
/// The only shape of partial success in this workspace. Whoever gets one shows `good`
/// and hands `error` on, through [`FirstError::take`] or as its own result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the error must be handed on"]
pub struct Partial<T, E = CollectError> {
    /// All that could be read, in order.
    pub good: T,
    /// What was wrong first with the rest; `None` if nothing was.
    pub error: Option<E>,
}

impl<T, E> Partial<T, E> {
    /// A whole success.
    pub const fn whole(good: T) -> Self {
        Self { good, error: None }
    }

    /// Nothing but an error.
    pub fn failed(error: E) -> Self
    where
        T: Default,
    {
        Self { good: T::default(), error: Some(error) }
    }

    /// Changes the good part.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Partial<U, E> {
        Partial { good: change(self.good), error: self.error }
    }

    /// Changes the error, such as into one that names the file.
    pub fn map_error<F>(self, change: impl FnOnce(E) -> F) -> Partial<T, F> {
        Partial { good: self.good, error: self.error.map(change) }
    }

    /// What is to be returned once the good part has been pushed.
    ///
    /// # Errors
    /// The error, if there is one.
    pub fn finish(self) -> Result<(), E> {
        self.error.map_or(Ok(()), Err)
    }
}

impl<Row> Partial<Vec<Row>, ParseError> {
    /// Has the error `complaint` if there was neither a row nor an error.
    pub fn not_empty(mut self, complaint: &str) -> Self {
        if self.good.is_empty() && self.error.is_none() {
            self.error = Some(ParseError::Form(complaint.to_owned()));
        }
        self
    }
}

impl<Row, E> FromIterator<Result<Row, E>> for Partial<Vec<Row>, E>
where
    E: Fault,
{
    fn from_iter<I: IntoIterator<Item = Result<Row, E>>>(rows: I) -> Self {
        let mut errors = FirstError::default();
        let good = errors.good(rows);
        errors.beside(good)
    }
}

/// An error of which one kind may matter more than another.
pub trait Fault {
    /// True if this error is reported in place of one that came before it.
    fn outranks(&self, earlier: &Self) -> bool;
}

impl Fault for ParseError {
    fn outranks(&self, _: &Self) -> bool {
        false
    }
}

/// Collects the first error of many reads.
#[derive(Debug)]
pub struct FirstError<E = CollectError>(Option<E>);

impl<E> Default for FirstError<E> {
    fn default() -> Self {
        Self(None)
    }
}

impl<E> From<Result<(), E>> for FirstError<E> {
    fn from(result: Result<(), E>) -> Self {
        Self(result.err())
    }
}

impl<E: Fault> FirstError<E> {
    /// Keeps `error` if it is the first, or outranks the one before.
    pub fn keep(&mut self, error: E) {
        if self.0.as_ref().is_none_or(|earlier| error.outranks(earlier)) {
            self.0 = Some(error);
        }
    }

    /// What a step gave, or `None` if it failed.
    pub fn note<T>(&mut self, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.keep(error)).ok()
    }

    /// As [`Self::note`], for the read of something that may be absent.
    pub fn catch<T>(&mut self, read: Result<Option<T>, E>) -> Option<T> {
        self.note(read).flatten()
    }

    /// The good part of a partial success.
    pub fn take<T>(&mut self, partial: Partial<T, E>) -> T {
        if let Some(error) = partial.error {
            self.keep(error);
        }
        partial.good
    }

    /// The good ones of many results, in order.
    pub fn good<T>(&mut self, results: impl IntoIterator<Item = Result<T, E>>) -> Vec<T> {
        let mut good = Vec::new();
        for result in results {
            if let Some(value) = self.note(result) {
                if good.is_empty() {
                    // Most files have more rows than the four that a vector begins with, and
                    // each time it grows all that are there are copied.
                    good.reserve(16);
                }
                good.push(value);
            }
        }
        good
    }
}

impl<E> FirstError<E> {
    /// `good` with the error that was kept.
    pub fn beside<T>(self, good: T) -> Partial<T, E> {
        Partial { good, error: self.0 }
    }

    /// What is to be returned once all samples have been pushed.
    ///
    /// # Errors
    /// The error that was kept.
    pub fn into_result(self) -> Result<(), E> {
        self.0.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn bad(text: &str) -> ParseError {
        ParseError::Form(text.into())
    }

    #[test]
    fn good_rows_and_the_first_error_stay() {
        let rows: Partial<Vec<u8>, _> =
            [Ok(1), Err(bad("first")), Ok(2), Err(bad("second"))].into_iter().collect();
        assert_eq!(rows, Partial { good: vec![1, 2], error: Some(bad("first")) });
        assert_eq!(rows.clone().not_empty("nothing"), rows);
        assert_eq!(rows.finish(), Err(bad("first")));
    }

    #[test]
    fn no_row_can_be_an_error() {
        let rows: Partial<Vec<u8>, ParseError> = std::iter::empty().collect();
        assert_eq!(rows, Partial::whole(Vec::new()));
        assert_eq!(rows.not_empty("nothing").error, Some(bad("nothing")));
        let rows = Partial::<Vec<u8>, _>::failed(bad("first"));
        assert_eq!(rows.clone().not_empty("nothing"), rows);
        assert_eq!(rows, Partial { good: Vec::new(), error: Some(bad("first")) });
    }

    #[test]
    fn the_first_error_is_kept_beside_all_that_is_good() {
        let mut errors = FirstError::default();
        assert_eq!(errors.good([Ok(1), Err(bad("a")), Ok(2), Err(bad("b"))]), [1, 2]);
        assert_eq!(errors.note(Ok(3)), Some(3));
        assert_eq!(errors.note::<u8>(Err(bad("c"))), None);
        assert_eq!((errors.catch(Ok(Some(4))), errors.catch::<u8>(Ok(None))), (Some(4), None));
        assert_eq!(errors.take(Partial { good: 5, error: Some(bad("d")) }), 5);
        assert_eq!(errors.beside(6), Partial { good: 6, error: Some(bad("a")) });
    }

    #[test]
    fn a_source_that_cannot_be_read_outranks_malformed_content() {
        let read = || CollectError::read("/proc/b", io::Error::from(io::ErrorKind::Other));
        let parse = || CollectError::parse("/proc/a".as_ref(), bad("odd"));
        let absent = || CollectError::NoData("none".into());
        for (order, expected) in [
            ([parse(), read()], "cannot read /proc/b"),
            ([read(), parse()], "cannot read /proc/b"),
            ([absent(), parse()], "/proc/a: odd"),
            ([parse(), absent()], "/proc/a: odd"),
        ] {
            let mut errors = FirstError::default();
            for error in order {
                errors.keep(error);
            }
            let error = errors.into_result().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
