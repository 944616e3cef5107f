//! Files that the kernel makes: below `/proc`, `/sys` and the cgroups.
//!
//! Only what two exporters read alike is here.

mod file;
mod hex;
mod kept;
pub mod mountinfo;
pub mod net_dev;
pub mod pressure;
mod root;
pub mod sockets;
mod space;
mod text;
mod withheld;

pub use file::KernelFile;
pub use hex::Hex;
pub use kept::Budget;
pub use root::{Root, read_text};
pub use space::block_bytes;
pub use text::{lines, split, split_once, words};
pub use withheld::is_withheld;

/// Units per second of CPU times in `/proc` and in `cpuacct.stat`: USER_HZ, 100 on every Linux.
pub const USER_HZ: f64 = 100.0;
