//! Bytes that wait in the queues of all UDP sockets: `/proc/net/udp` and `udp6`, proc_pid_net(5).

use async_trait::async_trait;
use common::collector::Collector;
use common::error::{CollectError, FirstError};
use common::exposition::Sink;
use common::kernel::sockets::{self, Socket};
use common::metric::Desc;

use crate::host::Host;

const QUEUES: Desc<'_> =
    Desc::gauge("node_udp_queues", "Bytes waiting in the queues of UDP sockets.");

/// File and value of the label `ip`.
const FILES: [(&str, &str); 2] = [("net/udp", "v4"), ("net/udp6", "v6")];

/// Sums over the sockets of one file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Queues {
    sent_bytes: u64,
    received_bytes: u64,
}

impl Queues {
    fn of(sockets: &[Socket<'_>]) -> Self {
        sockets.iter().fold(Self::default(), |sum, socket| Self {
            sent_bytes: sum.sent_bytes.wrapping_add(socket.transmit_bytes),
            received_bytes: sum.received_bytes.wrapping_add(socket.receive_bytes),
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct UdpQueues;

#[async_trait]
impl Collector<Host> for UdpQueues {
    async fn collect(&self, host: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let (mut found, mut errors) = (Vec::new(), FirstError::default());
        for (file, ip) in FILES {
            if let Some(text) = errors.catch(host.table_if_present(file, sockets::UDP_LINE_BYTES)) {
                // A sum that lacks a line would be wrong.
                let sockets =
                    text.parse(|text| sockets::parse(text).collect::<Result<Vec<_>, _>>());
                found.extend(errors.note(sockets).map(|sockets| (ip, Queues::of(&sockets))));
            }
        }
        let mut family = sink.family(&QUEUES);
        for (ip, queues) in &found {
            family.sample(&[("ip", *ip), ("queue", "rx")], queues.received_bytes as f64);
            family.sample(&[("ip", *ip), ("queue", "tx")], queues.sent_bytes as f64);
        }
        errors.into_result()?;
        if found.is_empty() {
            return Err(CollectError::NoData("no UDP in the kernel".into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_of_all_sockets_are_summed() {
        let socket = |transmit_bytes, receive_bytes| Socket {
            state: 7,
            transmit_bytes,
            receive_bytes,
            last: "0",
        };
        let sum = Queues::of(&[socket(1, 0x200), socket(2, 0xff)]);
        assert_eq!(sum, Queues { sent_bytes: 3, received_bytes: 0x2ff });
        let wrapped = Queues::of(&[socket(u64::MAX, 0), socket(2, 0)]);
        assert_eq!(wrapped, Queues { sent_bytes: 1, received_bytes: 0 });
        assert_eq!(Queues::of(&[]), Queues::default());
    }
}
