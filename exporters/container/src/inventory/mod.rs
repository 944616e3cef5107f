//! Which cgroups are shown.

mod scope;

pub use scope::ScopeArgs;
