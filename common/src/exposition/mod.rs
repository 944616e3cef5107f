//! The two text formats: collectors push samples into a [`Sink`], an
//! [`Exposition`] puts the sinks of one scrape together into a body.

mod blocks;
mod body;
mod buffer;
mod family;
mod merge;
mod naming;
mod number;
mod percentiles;
mod pool;
mod sink;
mod syntax;

pub use body::{Exposition, Rejected, SinkSource};
pub use buffer::Buffer;
pub use family::Family;
pub use percentiles::Percentiles;
pub use pool::Pool;
pub(crate) use pool::Pooled;
pub use sink::{MAX_SERIES, Sink};
pub(crate) use syntax::unquote;
pub use syntax::{LabelSet, Labels};

/// A text format of the exposition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text format 0.0.4, what the reference exporters answer.
    #[default]
    Text,
    /// OpenMetrics 1.0.0, or 0.0.1 to a client that asked for that or for no version.
    OpenMetrics,
}
