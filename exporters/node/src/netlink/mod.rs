//! Netlink, netlink(7): questions to the kernel about the network namespace that
//! this program runs in, and what its answers are made of.
//!
//! A [`Connection`] sends a [`Request`] and gives the answer message by message,
//! [`Attributes`] takes a message apart, and a [`Family`] is a part of the kernel
//! that is asked by generic netlink. No answer is waited for without end, and
//! whatever is cut off or out of form is an error.

mod attributes;
mod connection;
mod generic;
mod link;
mod link_modes;
mod link_stats;
mod message;

pub(crate) use attributes::{Attribute, Attributes, bytes_at, hardware_address, ip_address, split};
pub(crate) use connection::{Answer, Connection};
pub(crate) use generic::Family;
pub(crate) use link::{Link, names};
pub(crate) use link_modes::{Duplex, LinkModes, link_modes};
pub(crate) use link_stats::{LINK_METRICS, LinkStat, LinkStats};
pub(crate) use message::Request;

#[cfg(test)]
pub(crate) mod sample {
    //! Messages as the kernel builds them.

    use super::Attribute;
    pub(crate) use super::link::tests::message as link;

    /// One attribute with its header.
    pub(crate) fn attribute(attribute: Attribute, value: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        attribute.put(value, &mut bytes);
        bytes
    }
}
