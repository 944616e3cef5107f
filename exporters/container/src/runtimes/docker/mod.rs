//! Docker's API: names, images, labels, times and health of its containers.
//! Podman has the same API.
//!
//! One task keeps a [`Snapshot`] up to date; scrapes read it without asking the daemon.

mod bounded;
mod client;
mod containers;
mod endpoint;
mod events;
mod follow;
mod inspection;
mod inspections;
mod listing;
mod schedule;
mod snapshot;
mod stream;
mod transport;
mod volumes;
mod watcher;

pub use endpoint::{Certificates, Endpoint};
pub use follow::Follow;
pub use snapshot::{Engine, Size, Snapshot, State};
pub use volumes::Volume;
pub use watcher::Watcher;
