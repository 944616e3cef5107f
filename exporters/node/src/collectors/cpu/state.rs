//! The last times seen of each CPU, so that no counter ever falls.

/// A CPU's idle time falls this far only when the CPU was taken away and brought back.
const HOTPLUG_IDLE_SECONDS: f64 = 3.0;

/// Times of one CPU in seconds: eight modes, then the guests' two.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CpuTimes {
    pub(super) number: String,
    pub(super) seconds: [f64; 10],
}

const IDLE: usize = 3;

/// Times of all CPUs.
#[derive(Debug, Default)]
pub(super) struct Times(Vec<CpuTimes>);

impl Times {
    pub(super) fn iter(&self) -> impl Iterator<Item = &CpuTimes> {
        self.0.iter()
    }

    /// Takes over `now`, except for those times that have fallen: idle and
    /// iowait do so by a few ticks on tickless kernels. CPUs that are gone are
    /// forgotten, and one that came back starts afresh.
    pub(super) fn update(&mut self, mut now: Vec<CpuTimes>) {
        for cpu in &mut now {
            let Some(last) = self.0.iter().find(|last| last.number == cpu.number) else { continue };
            if last.seconds[IDLE] - cpu.seconds[IDLE] >= HOTPLUG_IDLE_SECONDS {
                continue;
            }
            for (second, last) in cpu.seconds.iter_mut().zip(last.seconds) {
                *second = second.max(last);
            }
        }
        self.0 = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(number: &str, user: f64, idle: f64) -> CpuTimes {
        let mut seconds = [0.0; 10];
        (seconds[0], seconds[IDLE]) = (user, idle);
        CpuTimes { number: number.into(), seconds }
    }

    #[test]
    fn small_steps_back_are_ignored_field_by_field() {
        let mut state = Times::default();
        state.update(vec![times("0", 10.0, 100.0)]);
        state.update(vec![times("0", 11.0, 99.9)]);
        assert_eq!(state.0, [times("0", 11.0, 100.0)]);
    }

    #[test]
    fn a_cpu_that_came_back_starts_anew() {
        let mut state = Times::default();
        state.update(vec![times("0", 10.0, 100.0), times("1", 10.0, 100.0)]);
        state.update(vec![times("0", 1.0, 2.0)]);
        assert_eq!(state.0, [times("0", 1.0, 2.0)]);
    }
}
