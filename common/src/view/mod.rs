//! What the metrics say now, as tables for people: samples read back from an answer's text, rates
//! from two of them, units, columns.
//!
//! A program makes its [`Table`]s of a [`Reading`]; [`list`] is the one of every series. Whatever
//! is in a name or a label, no control character reaches the terminal: [`clean`].

mod clean;
mod list;
mod samples;
mod subjects;
mod table;
pub mod units;

pub use clean::{clean, clean_lines};
pub use list::list;
pub use samples::{Reading, Sample, Samples};
pub use subjects::{Subject, subjects};
pub(crate) use table::cut;
pub use table::{Column, Table};
