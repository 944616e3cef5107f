//! What differs between the answers of two exporters of the same subject, and which of it is known.
//!
//! A [`Side`] is what one exporter answered, in one reading or several. [`compare`] finds what
//! differs between two sides and looks each difference up in a list of [`Known`] ones with their
//! reasons. The [`Report`] is what the command `compare` prints.

mod engine;
mod known;
mod line;
mod report;
mod side;

pub use engine::{Difference, Kind, Report, compare};
pub use known::{Entry, Known, Word};
pub use line::Malformed;
pub use report::Named;
pub use side::{Family, Labels, Side};

#[cfg(test)]
mod tests;
