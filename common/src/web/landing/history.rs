//! How long the scrapes of the last hour took, as a line.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// Scrapes within this time are one point: the longest of them.
const STEP: Duration = Duration::from_secs(30);

/// Points in an hour.
const POINTS: usize = 120;

/// Points without a scrape that interrupt the line.
const GAP: u64 = 6;

/// Height of the picture, of which the line leaves some at both edges.
const HEIGHT: f64 = 40.0;
const EDGE: f64 = 4.0;

/// Durations of the last hour.
#[derive(Clone, Debug)]
pub(super) struct History {
    start: Instant,
    /// In order of time, each at its number of steps since the start.
    points: Vec<Point>,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    step: u64,
    seconds: f32,
    has_failed: bool,
}

impl History {
    pub(super) fn new(start: Instant) -> Self {
        Self { start, points: Vec::new() }
    }

    fn step(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.start).as_secs() / STEP.as_secs()
    }

    /// Notes a scrape that ends `now`.
    pub(super) fn note(&mut self, now: Instant, duration: Duration, has_failed: bool) {
        let (step, seconds) = (self.step(now), duration.as_secs_f32());
        if let Some(last) = self.points.last_mut()
            && last.step == step
        {
            last.seconds = last.seconds.max(seconds);
            last.has_failed |= has_failed;
            return;
        }
        if self.points.len() == POINTS {
            self.points.remove(0);
        }
        self.points.push(Point { step, seconds, has_failed });
    }

    /// The line as a picture, with its words for those who do not see it.
    pub(super) fn picture(&self, now: Instant) -> String {
        let oldest = (self.step(now) + 1).saturating_sub(POINTS as u64);
        let points: Vec<Point> =
            self.points.iter().copied().filter(|point| point.step >= oldest).collect();
        let most = points.iter().map(|point| point.seconds).fold(0.0, f32::max);
        let failed = points.iter().filter(|point| point.has_failed).count();
        let words = match points.last() {
            None => "No scrapes in the last hour".to_owned(),
            Some(last) => {
                let (last, most) = (seconds(last.seconds), seconds(most));
                let failures = match failed {
                    0 => String::new(),
                    1 => ", with failures in one half minute".to_owned(),
                    count => format!(", with failures in {count} half minutes"),
                };
                format!("Scrapes of the last hour: {last} lately, {most} at most{failures}")
            }
        };
        // The right edge is now, also before there is an hour to be shown.
        let newest = self.step(now);
        let x = |point: &Point| (POINTS as u64 - 1).saturating_sub(newest - point.step);
        let y = |point: &Point| {
            let share = if most > 0.0 { f64::from(point.seconds / most) } else { 0.0 };
            HEIGHT - EDGE - share * (HEIGHT - 2.0 * EDGE)
        };
        let (mut line, mut dots) = (String::new(), String::new());
        let mut before: Option<u64> = None;
        for point in &points {
            let is_next = before.is_some_and(|before| point.step - before <= GAP);
            before = Some(point.step);
            // A line of no length is a dot where no other point follows.
            let (word, end) = if is_next { ('L', "") } else { ('M', "h0") };
            // Writing to a string does not fail.
            let _ = write!(line, "{word}{} {:.1}{end}", x(point), y(point));
            if point.has_failed {
                let _ = write!(dots, "M{} {:.1}h0", x(point), y(point));
            }
        }
        format!(
            "<figure><svg class=\"history\" viewBox=\"-3 0 {width} {HEIGHT}\" role=\"img\" \
             aria-label=\"{words}\" preserveAspectRatio=\"none\"><path d=\"{line}\"/>\
             <path class=\"failed\" d=\"{dots}\"/></svg><figcaption>{words}</figcaption></figure>\n",
            width = POINTS + 5,
        )
    }
}

/// A duration as people read it.
pub(super) fn seconds(seconds: f32) -> String {
    let milliseconds = seconds * 1000.0;
    match milliseconds {
        under if under < 10.0 => format!("{milliseconds:.1} ms"),
        under if under < 1000.0 => format!("{milliseconds:.0} ms"),
        _ => format!("{seconds:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, minutes: u64) -> Instant {
        start + Duration::from_mins(minutes)
    }

    #[test]
    fn the_last_hour_is_drawn_and_no_more_is_kept() {
        let start = Instant::now();
        let mut history = History::new(start);
        for second in 0..4 * 3600 {
            let now = start + Duration::from_secs(second);
            history.note(now, Duration::from_millis(second / 3600), false);
        }
        assert_eq!(history.points.len(), POINTS);
        let picture = history.picture(at(start, 4 * 60));
        assert!(picture.contains("3.0 ms lately, 3.0 ms at most\""), "{picture}");
        assert_eq!(picture.matches('L').count(), POINTS - 2, "{picture}");
        // Two hours later there is nothing to draw.
        let picture = history.picture(at(start, 6 * 60));
        assert!(picture.contains("No scrapes in the last hour") && picture.contains("d=\"\""));
    }

    #[test]
    fn gaps_interrupt_the_line_and_failures_are_marked() {
        let start = Instant::now();
        let mut history = History::new(start);
        for (minute, milliseconds, has_failed) in
            [(0, 500, false), (1, 1500, true), (10, 20, false)]
        {
            history.note(at(start, minute), Duration::from_millis(milliseconds), has_failed);
        }
        let picture = history.picture(at(start, 11));
        assert!(picture.contains("d=\"M97 25.3h0L99 4.0M117 35.6h0\""), "{picture}");
        assert!(picture.contains("<path class=\"failed\" d=\"M99 4.0h0\"/>"), "{picture}");
        assert!(picture.contains("20 ms lately, 1.5 s at most, with failures in one half minute"));
    }
}
