//! Generic netlink, Documentation/userspace-api/netlink/intro.rst of the kernel:
//! parts of the kernel that are found by name.

use common::error::{FirstError, ParseError};
use rustix::io::Errno;
use rustix::net::netlink::GENERIC;

use super::attributes::{Attribute, Attributes, split};
use super::connection::{Answer, Connection, NetlinkError};
use super::message::Request;

// From include/uapi/linux/genetlink.h.
const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const FAMILY_ID: Attribute = Attribute::new(1, "CTRL_ATTR_FAMILY_ID");
const FAMILY_NAME: Attribute = Attribute::new(2, "CTRL_ATTR_FAMILY_NAME");
const HEADER_BYTES: usize = 4;

/// The families asked here all count their protocol as version 1.
const VERSION: u8 = 1;

/// A family of the kernel and the connection to it.
#[derive(Debug)]
pub(crate) struct Family {
    connection: Connection,
    id: u16,
}

impl Family {
    /// Looks a family up; `None` if the kernel has none of that name.
    ///
    /// # Errors
    /// As [`Connection::ask`].
    pub(crate) fn open(name: &str) -> Result<Option<Self>, NetlinkError> {
        let mut connection = Connection::open(Some(GENERIC))?;
        let name = [name.as_bytes(), b"\0"].concat();
        let header = [CTRL_CMD_GETFAMILY, VERSION, 0, 0];
        let request = Request::one("generic netlink CTRL_CMD_GETFAMILY", GENL_ID_CTRL, &header)
            .with(FAMILY_NAME, &name);
        match connection.ask(&request, parse_id) {
            Ok(ids) => Ok(ids.good.first().map(|id| Self { connection, id: *id })),
            Err(error) if error.is_refusal(Errno::NOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Starts a request for everything that a command gives. The name is for errors.
    pub(crate) fn dump(&self, name: &'static str, command: u8) -> Request {
        Request::dump(name, self.id, &[command, VERSION, 0, 0])
    }

    /// As [`Connection::ask`], with the attributes of each message.
    ///
    /// # Errors
    /// As [`Connection::ask`].
    pub(crate) fn ask<T>(
        &mut self,
        request: &Request,
        parse: impl Fn(Attributes<'_>) -> Result<T, ParseError>,
    ) -> Answer<Vec<T>> {
        self.ask_in_part(request, |attributes, _| parse(attributes))
    }

    /// As [`Connection::ask_in_part`], with the attributes of each message.
    ///
    /// # Errors
    /// As [`Connection::ask`].
    pub(crate) fn ask_in_part<T>(
        &mut self,
        request: &Request,
        parse: impl Fn(Attributes<'_>, &mut FirstError<ParseError>) -> Result<T, ParseError>,
    ) -> Answer<Vec<T>> {
        self.connection
            .ask_in_part(request, |payload, errors| parse(split(payload, HEADER_BYTES)?.1, errors))
    }
}

fn parse_id(payload: &[u8]) -> Result<u16, ParseError> {
    let (_, attributes) = split(payload, HEADER_BYTES)?;
    let id = attributes.number(FAMILY_ID)?;
    id.and_then(|id| u16::try_from(id).ok()).ok_or(ParseError::Missing { field: "family number" })
}

#[cfg(test)]
mod tests {
    use super::super::sample::attribute;
    use super::*;

    #[test]
    fn the_number_of_a_family_is_read() {
        let id = attribute(FAMILY_ID, &21_u16.to_ne_bytes());
        assert_eq!(parse_id(&[vec![1, 2, 0, 0], id].concat()), Ok(21));
        assert!(parse_id(&[1, 2, 0, 0]).is_err() && parse_id(&[1]).is_err());
    }

    #[test]
    fn the_kernel_knows_its_controller_and_no_nonsense() {
        assert_eq!(Family::open("nlctrl").unwrap().unwrap().id, GENL_ID_CTRL);
        assert!(Family::open("nonsense").unwrap().is_none());
    }
}
