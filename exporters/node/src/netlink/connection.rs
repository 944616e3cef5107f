//! A netlink socket and the errors that it can have.

use std::cell::Cell;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use common::error::{CollectError, FirstError, ParseError, Partial};
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::netdevice::index_to_name;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto,
    socket_with,
};

use super::attributes::bytes_at;
use super::message::{Messages, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, Request};

/// The kernel sends at most this much at once.
const RECEIVE_BYTES: usize = 32 * 1024;

thread_local! {
    /// Room for a datagram that the next connection of this thread takes over: blocks of this
    /// size make the allocator tidy up whenever one is freed.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The kernel answers at once; this only bounds one that does not.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an answer holds, without the messages that were malformed; or why there is no answer.
pub(crate) type Answer<T> = Result<Partial<T>, NetlinkError>;

/// A request that failed as a whole.
#[derive(Debug)]
pub(crate) struct NetlinkError {
    request: &'static str,
    cause: Cause,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    /// The socket failed. `ENOBUFS`: the kernel had more to say than the socket could hold.
    #[error("{0}")]
    Socket(#[from] Errno),
    #[error("no answer after {} s", PATIENCE.as_secs())]
    TimedOut,
    #[error("refused: {0}")]
    Refused(io::Error),
    #[error(transparent)]
    Malformed(#[from] ParseError),
}

impl NetlinkError {
    /// True if the kernel refused the request with this error.
    pub(crate) fn is_refusal(&self, errno: Errno) -> bool {
        let Cause::Refused(error) = &self.cause else { return false };
        error.raw_os_error() == Some(errno.raw_os_error())
    }
}

impl From<NetlinkError> for CollectError {
    fn from(NetlinkError { request, cause }: NetlinkError) -> Self {
        match cause {
            Cause::Malformed(source) => Self::Parse { origin: request.to_owned(), source },
            cause => Self::query(request, &cause),
        }
    }
}

/// A socket of the kernel's. Requests follow one another.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: OwnedFd,
    sequence: u32,
    datagram: Vec<u8>,
}

impl Connection {
    /// Connects to one part of the kernel; `None` is the network stack, rtnetlink(7).
    ///
    /// # Errors
    /// There is no such part, or no socket can be opened.
    pub(crate) fn open(protocol: Option<Protocol>) -> Result<Self, NetlinkError> {
        let open = || {
            let (raw, flags) = (SocketType::RAW, SocketFlags::CLOEXEC);
            let socket = socket_with(AddressFamily::NETLINK, raw, flags, protocol)?;
            set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
            Ok(socket)
        };
        let socket = open().map_err(|errno: Errno| NetlinkError {
            request: "netlink socket",
            cause: errno.into(),
        })?;
        let mut datagram = ROOM.take();
        datagram.clear();
        datagram.reserve(RECEIVE_BYTES);
        Ok(Self { socket, sequence: 0, datagram })
    }

    /// Asks, and gives the payload of each message of the answer to `parse`.
    ///
    /// # Errors
    /// The kernel refuses, does not answer, or its answer is cut off.
    pub(crate) fn ask<T>(
        &mut self,
        request: &Request,
        parse: impl Fn(&[u8]) -> Result<T, ParseError>,
    ) -> Answer<Vec<T>> {
        self.ask_in_part(request, |payload, _| parse(payload))
    }

    /// As [`Self::ask`], for messages that may be malformed in part: what `parse` finds wrong with
    /// a message that it makes something of goes to the errors that it is given.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) fn ask_in_part<T>(
        &mut self,
        request: &Request,
        parse: impl Fn(&[u8], &mut FirstError<ParseError>) -> Result<T, ParseError>,
    ) -> Answer<Vec<T>> {
        let (mut rows, mut errors) = (Vec::new(), FirstError::default());
        let each = |payload: &[u8]| {
            let row = parse(payload, &mut errors);
            rows.extend(errors.note(row));
        };
        self.exchange(request, each)
            .map_err(|cause| NetlinkError { request: request.name, cause })?;
        let origin = |source| CollectError::Parse { origin: request.name.to_owned(), source };
        Ok(errors.beside(rows).map_error(origin))
    }

    /// Name of the network device of this number; `None` if it has gone.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(crate) fn device_name(&self, index: u32) -> Result<Option<String>, NetlinkError> {
        match index_to_name(&self.socket, index) {
            Ok(name) => Ok(Some(name)),
            Err(Errno::NODEV) => Ok(None),
            Err(errno) => Err(NetlinkError { request: "SIOCGIFNAME", cause: errno.into() }),
        }
    }

    fn exchange(&mut self, request: &Request, mut each: impl FnMut(&[u8])) -> Result<(), Cause> {
        self.sequence = self.sequence.wrapping_add(1);
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(&self.socket, &request.encode(self.sequence), SendFlags::empty(), &kernel)?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            self.datagram.clear();
            match recv(&self.socket, spare_capacity(&mut self.datagram), RecvFlags::TRUNC) {
                Ok((_, length)) if length > self.datagram.len() => {
                    let cut_off = format!("datagram of {length} bytes is cut off");
                    return Err(ParseError::Form(cut_off).into());
                }
                Ok(_) if read(&self.datagram, self.sequence, &mut each)? => return Ok(()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Cause::TimedOut)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        ROOM.set(std::mem::take(&mut self.datagram));
    }
}

/// Passes the messages of a datagram on to `each`; true if it holds the end of the answer.
///
/// Messages of other sequence numbers are late answers to requests that were given up.
fn read(datagram: &[u8], sequence: u32, mut each: impl FnMut(&[u8])) -> Result<bool, Cause> {
    for message in Messages(datagram) {
        let message = message?;
        match message.kind {
            _ if message.sequence != sequence => {}
            NLMSG_NOOP => {}
            // Old kernels end a dump without a verdict.
            NLMSG_DONE if message.payload.is_empty() => return Ok(true),
            NLMSG_DONE | NLMSG_ERROR => {
                return match i32::from_ne_bytes(bytes_at(message.payload, 0)?) {
                    0 => Ok(true),
                    code => Err(Cause::Refused(io::Error::from_raw_os_error(code.wrapping_neg()))),
                };
            }
            _ => each(message.payload),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::reply;
    use super::*;

    fn payloads(datagram: &[u8]) -> Result<(bool, Vec<Vec<u8>>), Cause> {
        let mut payloads = Vec::new();
        let is_last = read(datagram, 7, |payload| payloads.push(payload.to_vec()))?;
        Ok((is_last, payloads))
    }

    #[test]
    fn an_answer_ends_with_a_message_that_says_so() {
        let row = reply(16, 7, b"row");
        assert_eq!(payloads(&row).unwrap(), (false, vec![b"row".to_vec()]));
        for end in [
            reply(NLMSG_DONE, 7, &[0; 4]),
            reply(NLMSG_DONE, 7, b""),
            reply(NLMSG_ERROR, 7, &[0; 20]),
        ] {
            let (is_last, rows) = payloads(&[row.clone(), end].concat()).unwrap();
            assert!(is_last && rows.len() == 1);
        }
        assert_eq!(payloads(&reply(16, 6, b"late")).unwrap(), (false, vec![]));
        assert_eq!(payloads(&reply(NLMSG_DONE, 6, &[0; 4])).unwrap(), (false, vec![]));
    }

    #[test]
    fn refusals_in_either_form_are_errors() {
        for kind in [NLMSG_ERROR, NLMSG_DONE] {
            let cause = payloads(&reply(kind, 7, &(-1_i32).to_ne_bytes())).unwrap_err();
            let error = NetlinkError { request: "RTM_GETLINK", cause };
            assert!(error.is_refusal(Errno::PERM) && !error.is_refusal(Errno::NOENT));
            let error = CollectError::from(error).to_string();
            assert!(error.starts_with("RTM_GETLINK: refused: Operation not permitted"), "{error}");
        }
        assert!(matches!(payloads(&reply(NLMSG_ERROR, 7, b"")), Err(Cause::Malformed(_))));
    }

    #[test]
    fn malformed_rows_cost_only_themselves() {
        let mut connection = Connection::open(None).unwrap();
        let request = super::super::Link::request(false);
        let rows = connection.ask(&request, |_| Ok(())).unwrap();
        assert!(!rows.good.is_empty() && rows.error.is_none());
        let refuse = |_: &[u8]| Err::<(), _>(ParseError::Form("odd".into()));
        let rows = connection.ask(&request, refuse).unwrap();
        assert!(rows.good.is_empty());
        assert_eq!(rows.error.unwrap().to_string(), "rtnetlink RTM_GETLINK: odd");
    }

    #[test]
    fn the_kernel_refuses_what_it_does_not_know() {
        let mut connection = Connection::open(None).unwrap();
        let error = connection.ask(&Request::one("odd", 0x7fff, &[0; 16]), |_| Ok(())).unwrap_err();
        assert!(error.is_refusal(Errno::OPNOTSUPP), "{error:?}");
    }

    #[test]
    fn a_silent_kernel_is_not_waited_for_without_end() {
        let mut connection = Connection::open(None).unwrap();
        let soon = Duration::from_millis(10);
        set_socket_timeout(&connection.socket, Timeout::Recv, Some(soon)).unwrap();
        let request = Request::dump("silence", NLMSG_NOOP, &[]);
        let error = connection.ask(&request, |_| Ok(())).unwrap_err();
        assert_eq!(CollectError::from(error).to_string(), "silence: no answer after 5 s");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, sequence: u32, code: i32) {
            let _ = read(&bytes, sequence, |_| {});
            let _ = payloads(&reply(NLMSG_ERROR, 7, &code.to_ne_bytes()));
        }
    }
}
