//! What an exporter offers to the server and to the `scrape` command.

use std::time::Instant;

use async_trait::async_trait;

use crate::exposition::Exposition;
use crate::scrape::Outcome;

/// Answers scrapes of one kind of target.
#[async_trait]
pub trait Exporter: Send + Sync + 'static {
    /// Reads the target once and adds its samples to `exposition`.
    ///
    /// A target that is down is no error: the exporter says so in its `…_up` family.
    ///
    /// # Errors
    /// [`Refusal`] if the request itself makes no sense.
    async fn scrape(
        &self,
        request: &ScrapeRequest,
        exposition: &mut Exposition,
    ) -> Result<Vec<Outcome>, Refusal>;

    /// What is read, for people: without any secret. `None` if there is nothing.
    fn target(&self) -> Option<String> {
        None
    }

    /// Reads again the files that may change while the exporter runs, such as those with
    /// passwords; false if there are none. It may block.
    ///
    /// # Errors
    /// A file that cannot be used, with the reason; what was read before then holds.
    fn reload(&self) -> anyhow::Result<bool> {
        Ok(false)
    }

    /// Bytes received and sent in the network namespace of this process, if a scrape has just
    /// read them: then they are not read once more for `process_network_*`.
    fn network_octets(&self) -> Option<[f64; 2]> {
        None
    }
}

/// What a client asked for.
#[derive(Clone, Debug)]
pub struct ScrapeRequest {
    /// Query parameters, decoded, in order.
    pub parameters: Vec<(String, String)>,
    /// When the answer must be ready.
    pub deadline: Instant,
}

impl ScrapeRequest {
    /// All values of the parameter `name`, in order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.parameters.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A request that is answered with status 400 and this text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);
