//! Errors by which a device tells that it has no value to show.

use std::io;

use rustix::io::Errno;

/// What drivers and the kernel answer of an attribute of sysfs that has no value, now or ever. It
/// costs the sample of that attribute and nothing else: parts that are switched off, slow buses and
/// faulty sensors may answer so for as long as the machine runs.
const WITHHELD: [Errno; 16] = [
    // There is no such attribute, it may not be read, or the device has gone.
    Errno::NOENT,
    Errno::NOTDIR,
    Errno::ACCESS,
    Errno::PERM,
    Errno::NODEV,
    Errno::NXIO,
    // The driver or the firmware does not have it.
    Errno::OPNOTSUPP,
    Errno::INVAL,
    Errno::NODATA,
    Errno::NOSYS,
    // The device is asleep or busy, or what it says gets lost on the way.
    Errno::AGAIN,
    Errno::BUSY,
    Errno::IO,
    Errno::REMOTEIO,
    Errno::TIMEDOUT,
    Errno::PROTO,
];

/// True for an error by which a device tells that an attribute has no value to show.
pub fn is_withheld(error: &io::Error) -> bool {
    WITHHELD.iter().any(|known| error.raw_os_error() == Some(known.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_does_not_answer_withholds_a_value_and_a_full_table_of_files_does_not() {
        let errors = [
            Errno::AGAIN,
            Errno::BUSY,
            Errno::IO,
            Errno::INVAL,
            Errno::NODEV,
            Errno::NODATA,
            Errno::OPNOTSUPP,
            Errno::REMOTEIO,
            Errno::NXIO,
            Errno::TIMEDOUT,
        ];
        assert!(errors.into_iter().all(|error| is_withheld(&error.into())));
        for error in [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::LOOP, Errno::ISDIR] {
            assert!(!is_withheld(&error.into()), "{error:?}");
        }
        assert!(!is_withheld(&io::Error::other("larger than 1 byte")));
    }
}
