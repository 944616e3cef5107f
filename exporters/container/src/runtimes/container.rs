//! A container as a runtime describes it, whichever runtime it is.

/// What the runtime knows of a container and the cgroup files do not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Container {
    /// The runtime, as in the label of `container_runtime_up`.
    pub runtime: &'static str,
    /// Name, without the slash that Docker's API puts before it.
    pub name: String,
    /// Image, as it was asked for.
    pub image: String,
    /// Label names and values in order of the names.
    pub labels: Vec<(String, String)>,
    /// Path of the cgroup that it has while it runs, below the hierarchy's root.
    pub cgroup: String,
    /// First process; `None` once it has ended.
    pub pid: Option<i64>,
    /// What it is doing; `None` if the runtime does not report it.
    pub status: Option<Status>,
    /// Unix time of creation.
    pub created_seconds: Option<f64>,
    /// Unix time of the last start.
    pub started_seconds: Option<f64>,
    /// Unix time of the last end.
    pub finished_seconds: Option<f64>,
    /// Exit code of the last process that ended; `None` before the first end.
    pub last_exit_code: Option<i64>,
    /// How often the runtime has restarted it.
    pub restarts: Option<i64>,
    /// How often the runtime reported that the kernel killed a process due to lack of memory.
    pub oom_kills: u64,
    /// Result of the health check; `None` if it is unknown.
    pub health: Option<Health>,
    /// Ports, in order.
    pub ports: Vec<Port>,
    /// Volumes, in order of where they are.
    pub volumes: Vec<Mount>,
    /// The network is another container's, which reports it.
    pub has_foreign_network: bool,
    /// The kind of its network: `bridge`, `host`, `none`, `container` for another one's, or the name
    /// of a network; empty if it is unknown.
    pub network_mode: String,
    /// Its labels are none of those that are to be shown.
    pub is_unwanted: bool,
    /// Weight in the competition for CPU time that was asked for, on the scale of cgroup v1.
    pub cpu_shares: Option<i64>,
    /// Bytes of memory that were asked to be left to it.
    pub memory_reservation: Option<i64>,
    /// Host path of the writable layer, where the storage driver reports it.
    pub layer: Option<String>,
}

impl Container {
    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        const PAIR: usize = size_of::<(String, String)>();
        let labels = self.labels.iter().map(|(name, value)| name.len() + value.len() + PAIR);
        let ports = self.ports.iter().map(|port| {
            let Port { container, protocol, host_ip, host } = port;
            let texts = [container, protocol, host_ip, host];
            size_of::<Port>() + texts.iter().map(|text| text.len()).sum::<usize>()
        });
        let volumes = self
            .volumes
            .iter()
            .map(|mount| size_of::<Mount>() + mount.destination.len() + mount.volume.len());
        let texts =
            self.name.len() + self.image.len() + self.cgroup.len() + self.network_mode.len();
        let layer = self.layer.as_ref().map_or(0, String::len);
        size_of::<Self>()
            + texts
            + layer
            + labels.sum::<usize>()
            + ports.sum::<usize>()
            + volumes.sum::<usize>()
    }

    /// True if it has the network of the host, and with it the host's traffic.
    pub fn has_host_network(&self) -> bool {
        self.network_mode == "host"
    }

    /// Takes over from an earlier description what a new one does not repeat.
    pub(crate) fn inherit(&mut self, earlier: &Self) {
        self.last_exit_code = self.last_exit_code.or(earlier.last_exit_code);
        self.oom_kills = self.oom_kills.max(earlier.oom_kills);
    }
}

/// What a container is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has never been started.
    Created,
    /// Its process runs.
    Running,
    /// Its processes are frozen.
    Paused,
    /// Its process has ended and will be started again.
    Restarting,
    /// It is being removed.
    Removing,
    /// Its process has ended.
    Exited,
    /// It could not be removed.
    Dead,
}

impl Status {
    /// Every status with its name in Docker's API.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Created, "created"),
        (Self::Dead, "dead"),
        (Self::Exited, "exited"),
        (Self::Paused, "paused"),
        (Self::Removing, "removing"),
        (Self::Restarting, "restarting"),
        (Self::Running, "running"),
    ];
}

/// Result of a health check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// The container has no health check.
    Unchecked,
    /// There is no result yet.
    Starting,
    /// The last check succeeded.
    Healthy,
    /// So many checks in a row have failed that the container counts as unhealthy.
    Unhealthy,
}

impl Health {
    /// Every result with its name in Docker's API.
    pub const RESULTS: [(Self, &'static str); 3] =
        [(Self::Healthy, "healthy"), (Self::Starting, "starting"), (Self::Unhealthy, "unhealthy")];
}

/// A port that a container listens on, as its image or its user says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// Number inside the container.
    pub container: String,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// Address on the host; empty if the port is not published.
    pub host_ip: String,
    /// Number on the host; empty if the port is not published.
    pub host: String,
}

/// A volume that a container has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mount {
    /// Where the container has it.
    pub destination: String,
    /// Its name.
    pub volume: String,
    /// The container may not write there.
    pub is_read_only: bool,
}

/// A port that others may be neighbours of: protocol, address, number inside and on the host.
type Numbered<'a> = (&'a str, &'a str, u16, Option<u16>);

/// Ports with neighbours put together: those of one protocol and address, of which the host has
/// neighbours too or none, are one port whose numbers are ranges such as `49152-65535`.
pub(crate) fn port_ranges(ports: &[Port]) -> Vec<Port> {
    let mut numbered: Vec<Numbered<'_>> = Vec::new();
    let mut shown = Vec::new();
    for port in ports {
        let host = port.host.parse().ok();
        match port.container.parse() {
            Ok(container) if host.is_some() || port.host.is_empty() => {
                numbered.push((&port.protocol, &port.host_ip, container, host));
            }
            _ => shown.push(port.clone()),
        }
    }
    numbered.sort_unstable();
    let is_next = |one: &Numbered<'_>, other: &Numbered<'_>| {
        let next = |number: u16| number.checked_add(1);
        (one.0, one.1) == (other.0, other.1)
            && next(one.2) == Some(other.2)
            && one.3.map(next) == other.3.map(Some)
    };
    for neighbours in numbered.chunk_by(is_next) {
        let (Some(first), Some(last)) = (neighbours.first(), neighbours.last()) else { continue };
        let range = |first: u16, last: u16| {
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        };
        shown.push(Port {
            container: range(first.2, last.2),
            host: first.3.zip(last.3).map(|(first, last)| range(first, last)).unwrap_or_default(),
            host_ip: first.1.to_owned(),
            protocol: first.0.to_owned(),
        });
    }
    shown
}

/// Unix time of a date in RFC 3339, in whole seconds as in the reference; the year 1
/// means never.
pub(crate) fn unix_seconds(text: &str) -> Option<f64> {
    let time: jiff::Timestamp = text.parse().ok()?;
    (time.as_second() > 0).then(|| time.as_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    #[test]
    fn dates_are_whole_seconds_after_1970() {
        assert_eq!(unix_seconds("2026-11-24T04:49:08.069746327Z"), Some(1_795_495_748.0));
        for text in ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "", "yesterday"] {
            assert_eq!(unix_seconds(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_last_end_and_the_kills_outlive_a_restart() {
        let ended = Container { last_exit_code: Some(137), oom_kills: 2, ..Container::default() };
        let mut restarted = Container { status: Some(Status::Running), ..Container::default() };
        restarted.inherit(&ended);
        assert_eq!((restarted.last_exit_code, restarted.oom_kills), (Some(137), 2));
        let mut ended_again = Container { last_exit_code: Some(0), ..Container::default() };
        ended_again.inherit(&ended);
        assert_eq!(ended_again.last_exit_code, Some(0));
    }

    proptest! {
        #[test]
        fn no_date_panics(text in "([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]*Z?)?.*") {
            let _ = unix_seconds(&text);
        }
    }
}
