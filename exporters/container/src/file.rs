//! Reads kernel files.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// Largest file that is read. `/proc/1/mountinfo` of a host with 10,000
/// containers has some 10 MB; more is no kernel's doing.
const MAX_FILE_BYTES: usize = 32 * 1024 * 1024;

/// Room for the first read; most kernel files fit.
const FIRST_READ_BYTES: usize = 4 * 1024;

/// Replaces `content` by that of the file at `path`, relative to `directory`,
/// with as few system calls as can be: kernel files have no size to ask for.
pub(crate) fn read_into(directory: impl AsFd, path: &str, content: &mut Vec<u8>) -> io::Result<()> {
    content.clear();
    let file =
        rustix::fs::openat(directory, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    content.reserve(FIRST_READ_BYTES);
    loop {
        match rustix::io::read(&file, rustix::buffer::spare_capacity(content)) {
            Ok(0) => return Ok(()),
            Ok(_) if content.len() > MAX_FILE_BYTES => {
                return Err(io::Error::other(format!("larger than {MAX_FILE_BYTES} bytes")));
            }
            Ok(_) if content.len() == content.capacity() => content.reserve(content.len()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// True for what the kernel says of a file that is not, no longer, or not for this kind of cgroup there.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    let absences = [Errno::NOENT, Errno::NODEV, Errno::SRCH, Errno::NOTDIR, Errno::OPNOTSUPP];
    absences.iter().any(|absence| error.raw_os_error() == Some(absence.raw_os_error()))
}
