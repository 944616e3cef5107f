//! Files of which each line stands for itself: a bad line costs itself, not the others.

use common::error::{FirstError, ParseError};

/// The good rows in order, and what was wrong with the first of the others.
#[derive(Debug)]
pub(crate) struct Rows<Row> {
    pub(crate) good: Vec<Row>,
    pub(crate) verdict: Result<(), ParseError>,
}

impl<Row> Rows<Row> {
    /// Has an error that calls itself `complaint` if there was no row at all.
    pub(crate) fn not_empty(mut self, complaint: &str) -> Self {
        if self.good.is_empty() && self.verdict.is_ok() {
            self.verdict = Err(ParseError::Form(complaint.to_owned()));
        }
        self
    }
}

impl<Row> FromIterator<Result<Row, ParseError>> for Rows<Row> {
    fn from_iter<I: IntoIterator<Item = Result<Row, ParseError>>>(rows: I) -> Self {
        let mut errors = FirstError::default();
        let good = errors.good(rows);
        Self { good, verdict: errors.into_result() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_rows_and_the_first_error_stay() {
        let bad = |text: &str| Err(ParseError::Form(text.into()));
        let rows: Rows<u8> = [Ok(1), bad("first"), Ok(2), bad("second")].into_iter().collect();
        assert_eq!(rows.good, [1, 2]);
        assert_eq!(rows.not_empty("nothing").verdict, Err(ParseError::Form("first".into())));
    }

    #[test]
    fn no_row_can_be_an_error() {
        let rows: Rows<u8> = std::iter::empty().collect();
        assert_eq!(rows.verdict, Ok(()));
        assert_eq!(rows.not_empty("nothing").verdict, Err(ParseError::Form("nothing".into())));
    }
}
