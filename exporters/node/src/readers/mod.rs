//! What several collectors read alike.

/// Devices of sysfs that show each value in a file of its own: tables of such files.
pub(crate) mod attributes;
/// How many rows are shown at most, with one line in the log.
pub(crate) mod bound;
/// Columns of `/proc/interrupts` and `/proc/softirqs`, one for each CPU.
pub(crate) mod cpu_columns;
/// Lists of CPUs in `/sys/devices/system/cpu`.
pub(crate) mod cpu_list;
/// Numbers in hexadecimal digits, as below `/proc/net`.
/// Lines of `/proc/meminfo` and of the `meminfo` of NUMA nodes.
pub(crate) mod meminfo;
/// Headings of zones in `/proc/buddyinfo` and `/proc/zoneinfo`.
pub(crate) mod memory_zone;
/// Tables of `/proc/net/stat`.
pub(crate) mod net_stat;
/// Names of NVMe devices.
pub(crate) mod nvme;
/// Single numbers of `/proc/sys`.
pub(crate) mod proc_sys;
/// Sizes with the letter of a binary unit, as in `/sys/fs/bcache` and `/sys/fs/bcachefs`.
pub(crate) mod size_units;
/// Counters of `/proc/net/rpc`.
pub(crate) mod sunrpc;

use common::metric::Desc;

/// From sysfs in the cpufreq collector, from `/proc/cpuinfo` in the cpu collector.
pub(crate) const CPU_FREQUENCY: Desc<'_> =
    Desc::gauge("node_cpu_frequency_hertz", "Frequency that a CPU runs at.");

/// The kernel counts disks in sectors of 512 bytes, whatever the disk's own are.
pub(crate) const SECTOR_BYTES: f64 = 512.0;
