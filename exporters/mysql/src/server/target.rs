//! What a request asks for: an account, and perhaps a server that is not the account's.

use std::fmt;

use crate::account::{Address, CLIENT};

/// A server by the section with its account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Section of the option file.
    pub section: String,
    /// The server, if another one than the section says.
    pub address: Option<Address>,
}

impl Default for Target {
    /// The server that flags and `[client]` name.
    fn default() -> Self {
        Self { section: CLIENT.into(), address: None }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Some(address) if self.section == CLIENT => address.fmt(f),
            Some(address) => write!(f, "{address} [{}]", self.section),
            None => write!(f, "[{}]", self.section),
        }
    }
}
