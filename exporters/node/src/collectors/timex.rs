//! How the kernel disciplines its clock: adjtimex(2), which is used to read only.
//!
//! Called through rtime-clock, whose safe call gives every field: rustix and nix have
//! no such call, and clock-steering keeps most of the fields to itself.

use std::io;

use async_trait::async_trait;
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::metric::{Metric, counter, gauge};
use rtime_clock::adjtime::{Timex, adjtimex};

use crate::host::Host;

/// What the call returns while the clock is not synchronised.
const TIME_ERROR: i32 = 5;

/// Bit of the status: offset and jitter are in nanoseconds, not microseconds.
const STA_NANO: i32 = 0x2000;

/// Frequencies are parts per million with a binary fraction of 16 bits.
const FREQUENCY_UNITS: f64 = 1_000_000.0 * 65_536.0;

const MICROSECONDS: f64 = 1e6;
const NANOSECONDS: f64 = 1e9;

const METRICS: &[Metric<Reading>] = &[
    gauge("node_timex_sync_status", "1 if the clock is synchronised, else 0.", |r| {
        Some(if r.state == TIME_ERROR { 0.0 } else { 1.0 })
    }),
    gauge("node_timex_offset_seconds", "Offset between clock and reference, in seconds.", |r| {
        Some(r.seconds(r.timex.0.offset as f64))
    }),
    gauge(
        "node_timex_frequency_adjustment_ratio",
        "Frequency adjustment of the clock, as a ratio.",
        |r| Some(1.0 + r.timex.0.freq as f64 / FREQUENCY_UNITS),
    ),
    gauge("node_timex_maxerror_seconds", "Largest error possible, in seconds.", |r| {
        Some(r.timex.0.maxerror as f64 / MICROSECONDS)
    }),
    gauge("node_timex_estimated_error_seconds", "Estimate of the error, in seconds.", |r| {
        Some(r.timex.0.esterror as f64 / MICROSECONDS)
    }),
    gauge("node_timex_status", "Bits of the clock's status.", |r| {
        Some(f64::from(r.timex.0.status))
    }),
    gauge("node_timex_loop_time_constant", "Time constant of the phase-locked loop.", |r| {
        Some(r.timex.0.constant as f64)
    }),
    gauge("node_timex_tick_seconds", "Time between two ticks of the clock, in seconds.", |r| {
        Some(r.timex.0.tick as f64 / MICROSECONDS)
    }),
    gauge("node_timex_pps_frequency_hertz", "Frequency of the pulse per second.", |r| {
        Some(r.timex.0.ppsfreq as f64 / FREQUENCY_UNITS)
    }),
    gauge("node_timex_pps_jitter_seconds", "Jitter of the pulse per second, in seconds.", |r| {
        Some(r.seconds(r.timex.0.jitter as f64))
    }),
    gauge("node_timex_pps_shift_seconds", "Interval between calibrations, as a shift.", |r| {
        Some(f64::from(r.timex.0.shift))
    }),
    gauge("node_timex_pps_stability_hertz", "Mean change of that frequency.", |r| {
        Some(r.timex.0.stabil as f64 / FREQUENCY_UNITS)
    }),
    counter("node_timex_pps_jitter_total", "Pulses with more jitter than is allowed.", |r| {
        Some(r.timex.0.jitcnt as f64)
    }),
    counter("node_timex_pps_calibration_total", "Intervals of calibration.", |r| {
        Some(r.timex.0.calcnt as f64)
    }),
    counter("node_timex_pps_error_total", "Failed calibrations.", |r| {
        Some(r.timex.0.errcnt as f64)
    }),
    counter("node_timex_pps_stability_exceeded_total", "Calibrations too far apart.", |r| {
        Some(r.timex.0.stbcnt as f64)
    }),
    gauge(
        "node_timex_tai_offset_seconds",
        "Offset between atomic time (TAI) and UTC, in seconds.",
        |r| Some(f64::from(r.timex.0.tai)),
    ),
];

/// What the call returned and filled in.
struct Reading {
    state: i32,
    timex: Timex,
}

impl Reading {
    fn seconds(&self, time: f64) -> f64 {
        let is_nano = self.timex.0.status & STA_NANO != 0;
        time / if is_nano { NANOSECONDS } else { MICROSECONDS }
    }
}

#[derive(Debug, Default)]
pub(super) struct ClockDiscipline;

#[async_trait]
impl Collector<Host> for ClockDiscipline {
    async fn collect(&self, _: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        // No bit of its modes is set, so that nothing is.
        let mut timex = Timex::new();
        let state = adjtimex(&mut timex).map_err(|error| refused(&error))?;
        sink.row(METRICS, &Reading { state, timex });
        Ok(())
    }
}

/// Sandboxes in which the clock cannot be set may forbid the call altogether.
fn refused(error: &io::Error) -> CollectError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            CollectError::NoData("the system call adjtimex is not permitted".into())
        }
        _ => CollectError::query("adjtimex", error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::testing;

    fn exposed(state: i32, timex: Timex) -> String {
        testing::exposed(|sink| sink.row(METRICS, &Reading { state, timex }))
    }

    #[test]
    fn units_become_seconds_and_ratios() {
        let mut timex = Timex::new();
        timex.0.offset = -1500;
        timex.0.jitter = 250;
        timex.0.freq = 65_536_000_000;
        timex.0.maxerror = 500_000;
        timex.0.tick = 10_000;
        timex.0.tai = 37;
        timex.0.status = 1;
        let text = exposed(0, timex);
        for line in [
            "node_timex_sync_status 1",
            "node_timex_offset_seconds -0.0015",
            "node_timex_pps_jitter_seconds 0.00025",
            "node_timex_frequency_adjustment_ratio 2",
            "node_timex_maxerror_seconds 0.5",
            "node_timex_tick_seconds 0.01",
            "node_timex_tai_offset_seconds 37",
            "node_timex_status 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn the_status_tells_nanoseconds_and_the_result_a_free_running_clock() {
        let mut timex = Timex::new();
        timex.0.offset = 1500;
        timex.0.status = STA_NANO;
        let text = exposed(TIME_ERROR, timex);
        assert!(text.contains("node_timex_offset_seconds 1.5e-6\n"), "{text}");
        assert!(text.contains("node_timex_sync_status 0\n"), "{text}");
    }

    #[test]
    fn a_forbidden_call_is_no_data_and_any_other_failure_an_error() {
        let error = |number| refused(&io::Error::from_raw_os_error(number));
        assert!(error(rustix::io::Errno::PERM.raw_os_error()).is_no_data());
        assert!(!error(rustix::io::Errno::NOSYS.raw_os_error()).is_no_data());
    }
}
