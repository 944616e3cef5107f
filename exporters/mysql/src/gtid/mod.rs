//! Global transaction identifiers, pure: the positions of MariaDB and the sets of MySQL.

mod position;
mod set;

pub use position::{Position, positions};
pub use set::GtidSet;
