use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::view::Samples;

use super::*;

/// An answer in which each line is a sample of a family of its name.
fn samples(lines: &str, after: u64, start: Instant) -> Samples {
    let mut families = BTreeMap::<&str, String>::new();
    for line in lines.lines() {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = families.entry(name).or_insert_with(|| format!("# TYPE {name} untyped\n"));
        *family += &format!("{line}\n");
    }
    let text: String = families.into_values().collect();
    Samples::parse(&text, start + Duration::from_secs(after))
}

fn shown(before: &str, now: &str) -> Vec<String> {
    let start = Instant::now();
    let (before, now) = (samples(before, 0, start), samples(now, 2, start));
    let matches = Command::new("test").get_matches_from(["test"]);
    let tables = make(&matches, &Reading::new(&before, &now));
    tables.iter().flat_map(|table| table.lines(None)).collect()
}

const STEADY: &str = r#"node_uname_info{domainname="(none)",machine="x86_64",nodename="box",release="6.1.0",sysname="Linux",version="1"} 1
node_time_seconds 1000000
node_boot_time_seconds 726400
node_load1 0.5
node_load5 1.25
node_load15 2
node_memory_MemTotal_bytes 8589934592
node_memory_MemAvailable_bytes 6442450944
node_memory_SwapTotal_bytes 0
node_memory_SwapFree_bytes 0
node_procs_running 3
node_procs_blocked 1
node_filefd_allocated 2048
node_filefd_maximum 9.223372036854775807e18
node_filesystem_size_bytes{device="/dev/sda1",fstype="ext4",mountpoint="/"} 1000
node_filesystem_free_bytes{device="/dev/sda1",fstype="ext4",mountpoint="/"} 500
node_filesystem_avail_bytes{device="/dev/sda1",fstype="ext4",mountpoint="/"} 300
node_filesystem_files{device="/dev/sda1",fstype="ext4",mountpoint="/"} 10
node_filesystem_files_free{device="/dev/sda1",fstype="ext4",mountpoint="/"} 9
node_filesystem_readonly{device="/dev/sda1",fstype="ext4",mountpoint="/"} 1
node_filesystem_size_bytes{device="/dev/sda1",fstype="ext4",mountpoint="/bind"} 1000
node_filesystem_size_bytes{device="tmpfs",fstype="tmpfs",mountpoint="/odd\nESC[2J"} 4096
node_filesystem_free_bytes{device="tmpfs",fstype="tmpfs",mountpoint="/odd\nESC[2J"} 4096
node_filesystem_avail_bytes{device="tmpfs",fstype="tmpfs",mountpoint="/odd\nESC[2J"} 4096
node_filesystem_device_error{device="nfs:/x",device_error="stuck",fstype="nfs",mountpoint="/mnt"} 1
node_hwmon_temp_celsius{chip="platform_coretemp_0",sensor="temp1"} 55.5
node_hwmon_temp_crit_celsius{chip="platform_coretemp_0",sensor="temp1"} 100
node_hwmon_chip_names{chip="platform_coretemp_0",chip_name="coretemp"} 1
node_hwmon_sensor_label{chip="platform_coretemp_0",label="Package",sensor="temp1"} 1
node_thermal_zone_temp{type="acpitz",zone="0"} 40
node_systemd_unit_state{name="cron.service",state="failed",type="simple"} 0
node_systemd_unit_state{name="web.service",state="failed",type="simple"} 1
node_md_degraded{device="md0"} 1
"#;

/// What has grown by so much for each second.
fn counters(seconds: u32) -> String {
    let [cpu, idle] = [0.5, 1.5].map(|rate| 100.0 + rate * f64::from(seconds));
    let count = |rate: u32| 7 + rate * seconds;
    format!(
        "node_cpu_seconds_total{{cpu=\"0\",mode=\"user\"}} {cpu}\n\
         node_cpu_seconds_total{{cpu=\"0\",mode=\"idle\"}} {idle}\n\
         node_pressure_cpu_waiting_seconds_total {cpu}\n\
         node_disk_reads_completed_total{{device=\"sda\"}} {}\n\
         node_disk_writes_completed_total{{device=\"sda\"}} {}\n\
         node_disk_read_bytes_total{{device=\"sda\"}} {}\n\
         node_disk_written_bytes_total{{device=\"sda\"}} {}\n\
         node_disk_io_time_seconds_total{{device=\"sda\"}} {cpu}\n\
         node_network_receive_bytes_total{{device=\"eth0\"}} {}\n\
         node_network_transmit_bytes_total{{device=\"eth0\"}} {}\n\
         node_network_receive_errs_total{{device=\"eth0\"}} {}\n\
         node_network_transmit_errs_total{{device=\"eth0\"}} {}\n\
         node_network_receive_bytes_total{{device=\"lo\"}} {}\n",
        count(10),
        count(20),
        count(1024),
        count(4096),
        count(2048),
        count(512),
        count(1),
        count(2),
        count(0),
    )
}

#[test]
fn the_host_is_told_in_a_few_tables() {
    let steady = STEADY.replace("ESC", "\u{1b}");
    let lines = shown(&(steady.clone() + &counters(0)), &(steady + &counters(2)));
    assert_eq!(
        lines,
        [
            "Host        box Linux 6.1.0 x86_64",
            "Up for      3 d 4 h",
            "Load        0.50 1.25 2.00 in 1, 5 and 15 min, 1 CPU",
            "CPU         25.0 % busy (user 25.0)",
            "Memory      2.0 GiB of 8.0 GiB in use (25.0 %)",
            "Swap        none",
            "Processes   3 running, 1 blocked",
            "Open files  2048",
            "Pressure    something waits: cpu 50.0 %",
            r"FILE SYSTEM         TYPE        SIZE   USED  AVAILABLE  USED %  INODES %",
            r"/                   ext4 ro   1000 B  500 B      300 B    62.5      10.0",
            r"/odd\u{a}\u{1b}[2J  tmpfs    4.0 KiB    0 B    4.0 KiB     0.0         -",
            "DISK   READ/s  WRITTEN/s  READS/s  WRITES/s  BUSY %",
            "sda   1.0 KiB    4.0 KiB       10        20    50.0",
            "INTERFACE  STATE  RECEIVED/s  SENT/s  ERRORS/s  DROPPED/s",
            "eth0                 2.0 KiB   512 B         3          -",
            "lo                       0 B       -         -          -",
            "SENSOR            CELSIUS  CRITICAL",
            "coretemp Package     55.5       100",
            "TROUBLE                          WHERE",
            "failed unit                      web.service",
            "array without all its disks      md0",
            "file system that cannot be read  /mnt stuck",
        ]
    );
}

#[test]
fn what_is_not_there_is_left_out() {
    assert_eq!(shown("", ""), Vec::<String>::new());
    // A first sample alone gives no rates, and no zeros in their place.
    let lines = shown("", &counters(2));
    assert!(
        lines.contains(&"sda        -          -        -         -       -".into()),
        "{lines:?}"
    );
    assert!(!lines.iter().any(|line| line.starts_with("CPU")), "{lines:?}");
    // An old kernel does not say what is available; a counter that began anew has no rate.
    let old = "node_memory_MemTotal_bytes 1024\nnode_memory_MemFree_bytes 256\n\
               node_memory_Buffers_bytes 128\nnode_memory_Cached_bytes 128\n\
               node_thermal_zone_temp{type=\"acpitz\",zone=\"0\"} 40\n";
    let lines = shown(&counters(9), &(old.to_owned() + &counters(2)));
    assert!(lines.contains(&"Memory  512 B of 1.0 KiB in use (50.0 %)".into()), "{lines:?}");
    assert!(lines.contains(&"acpitz 0       40         -".into()), "{lines:?}");
    assert!(
        lines.contains(&"sda        -          -        -         -       -".into()),
        "{lines:?}"
    );
}

#[test]
fn there_are_no_more_rows_than_fit_on_a_screen() {
    let disk = |number| format!("node_disk_reads_completed_total{{device=\"sd{number}\"}} 1\n");
    let disks: String = (0..30).map(disk).collect();
    let lines = shown(&disks, &disks);
    assert_eq!(lines.len(), 1 + MOST + 1);
    assert_eq!(lines[MOST + 1], "... and 18 more disks");
}
