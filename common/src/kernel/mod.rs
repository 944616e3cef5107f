//! Files that the kernel makes: below `/proc`, `/sys` and the cgroups.
//!
//! Only what two exporters read alike is here.

mod file;
mod kept;
mod root;

pub use file::KernelFile;
pub use kept::Budget;
pub use root::{Root, read_text};
