//! The place of a server among several that are read together.

use std::sync::Arc;

use common::metric::Label;

use crate::replies::slots::Slots;
use crate::server::routes::Routes;

/// One of several servers that are read together.
#[derive(Clone, Debug)]
pub struct Member {
    /// Host and port as the cluster or the sentinel has them.
    pub name: String,
    /// The shard of a cluster.
    pub shard: Option<String>,
    /// The role that others believe it to have, in the words of `INFO`.
    pub role: &'static str,
    /// Slots that its primary, or it itself, serves in a cluster.
    pub slots: Option<Slots>,
    /// The other nodes of the cluster.
    pub routes: Option<Arc<Routes>>,
}

impl Member {
    /// What all its samples are labelled with; `role` is what it says of itself.
    pub fn labels<'l>(&'l self, role: Option<&'l str>) -> Vec<Label<'l>> {
        let shard = self.shard.as_deref().map(|shard| ("shard", shard));
        let role = role.filter(|role| !role.is_empty()).unwrap_or(self.role);
        [("node", self.name.as_str())].into_iter().chain(shard).chain([("role", role)]).collect()
    }
}
