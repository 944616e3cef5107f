//! The page at `/`: what this is, which version, where the metrics are, and how the scrapes go.

mod history;
mod page;
mod status;

pub(super) use page::Page;
pub(super) use status::Status;

/// What the landing page says.
#[derive(Clone, Debug)]
pub struct Landing {
    /// Heading, such as `Node Exporter`.
    pub title: &'static str,
    /// One sentence below it.
    pub description: &'static str,
    /// Further links: path, text.
    pub links: Vec<(String, String)>,
    /// What the exporter itself shows below, as HTML; empty for nothing. A script
    /// finds the path of the metrics in the attribute `data-metrics` of the body.
    pub content: &'static str,
}
