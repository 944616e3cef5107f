//! Calls and time per command: section Commandstats of `INFO`, lines
//! `cmdstat_<command>:calls=,usec=,usec_per_call=,rejected_calls=,failed_calls=`, and behind these
//! `slowlog_count=,slowlog_time_ms_sum=,slowlog_time_ms_max=` where a command was slow.

use common::error::{FirstError, ParseError, Partial};

use super::info::{Info, decimal};

/// How often a command was called, and how long that took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Calls {
    /// Calls that ran.
    pub count: Option<f64>,
    /// Microseconds that they took.
    pub microseconds: Option<f64>,
    /// Calls that were refused before they ran; since Redis 6.2.
    pub rejected: Option<f64>,
    /// Calls that ran and failed; since Redis 6.2.
    pub failed: Option<f64>,
    /// Calls that went into the slow log; since Redis 8.8, absent where there were none.
    pub slow: Option<f64>,
    /// Milliseconds that these took.
    pub slow_milliseconds: Option<f64>,
}

/// One row per command (`config|get` for a subcommand), beside what was malformed first.
pub fn parse(info: &Info) -> Partial<Vec<(&str, Calls)>, ParseError> {
    let mut errors = FirstError::default();
    let mut rows = Vec::new();
    for (command, line) in info.named_lines("Commandstats", "cmdstat_") {
        let mut calls = Calls::default();
        for (part, text) in line.parts() {
            let number = match part {
                "calls" => &mut calls.count,
                "usec" => &mut calls.microseconds,
                "rejected_calls" => &mut calls.rejected,
                "failed_calls" => &mut calls.failed,
                "slowlog_count" => &mut calls.slow,
                "slowlog_time_ms_sum" => &mut calls.slow_milliseconds,
                _ => continue,
            };
            let parsed = decimal(text).ok_or_else(|| line.malformed_part(part, text));
            *number = number.or(errors.note(parsed));
        }
        if calls == Calls::default() {
            errors.keep(line.malformed());
        } else {
            rows.push((command, calls));
        }
    }
    errors.beside(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(lines: &str) -> Info {
        Info::new(format!("# Commandstats\r\n{lines}"))
    }

    const ONE: Calls = Calls {
        count: Some(1.0),
        microseconds: Some(7.0),
        rejected: None,
        failed: None,
        slow: None,
        slow_milliseconds: None,
    };

    #[test]
    fn subcommands_and_refusals_are_read() {
        let info = info(
            "cmdstat_config|get:calls=1,usec=7,usec_per_call=7.00,rejected_calls=2,\
             failed_calls=3\r\n",
        );
        let row = Calls { rejected: Some(2.0), failed: Some(3.0), ..ONE };
        assert_eq!(parse(&info), Partial::whole(vec![("config|get", row)]));
    }

    #[test]
    fn redis_6_0_has_neither_refusals_nor_failures() {
        let info = info("cmdstat_get:calls=1,usec=7,usec_per_call=7.00\r\n");
        assert_eq!(parse(&info), Partial::whole(vec![("get", ONE)]));
    }

    #[test]
    fn redis_8_8_tells_what_was_slow() {
        let info = info(
            "cmdstat_scan:calls=1,usec=7,usec_per_call=28.74,slowlog_count=1,\
             slowlog_time_ms_sum=10.20,slowlog_time_ms_max=10.20\r\n",
        );
        let row = Calls { slow: Some(1.0), slow_milliseconds: Some(10.2), ..ONE };
        assert_eq!(parse(&info), Partial::whole(vec![("scan", row)]));
    }

    #[test]
    fn an_http_request_that_redis_6_0_took_for_a_command_is_one() {
        let info = info("cmdstat_host::calls=1,usec=7,usec_per_call=7.00\r\n");
        assert_eq!(parse(&info), Partial::whole(vec![("host", ONE)]));
    }

    #[test]
    fn a_part_that_is_no_number_costs_no_other() {
        let info = info("cmdstat_a:calls=1,usec=x,failed_calls=3\r\ncmdstat_b:calls=1,usec=7\r\n");
        let Partial { good, error } = parse(&info);
        let a = Calls { microseconds: None, failed: Some(3.0), ..ONE };
        assert_eq!(good, [("a", a), ("b", ONE)]);
        assert_eq!(error.unwrap().to_string(), "usec of cmdstat_a is no number: \"x\"");
    }

    #[test]
    fn an_http_request_counts_as_a_command() {
        let info = info(
            "cmdstat_get:calls=4,usec=40,usec_per_call=10.00\r\n\
             cmdstat_host::calls=1,usec=7,usec_per_call=7.00\r\n\
             cmdstat_x-forwarded-for::calls=1,usec=7,usec_per_call=7.00\r\n",
        );
        let get = Calls { count: Some(4.0), microseconds: Some(40.0), ..Calls::default() };
        let rows = vec![("get", get), ("host", ONE), ("x-forwarded-for", ONE)];
        assert_eq!(parse(&info), Partial::whole(rows));
    }

    #[test]
    fn a_malformed_line_is_reported_and_costs_no_other() {
        for line in ["cmdstat_a:", "cmdstat_a:calls", "cmdstat_a:calls=x,usec="] {
            let info = info(&format!("{line}\r\ncmdstat_b:calls=1,usec=7\r\n"));
            let Partial { good, error } = parse(&info);
            assert_eq!(good, [("b", ONE)], "{line}");
            assert!(error.unwrap().to_string().contains("cmdstat_a"), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(lines in "(cmdstat_[a-z|]{0,3}:[a-z_=,0-9é]{0,20}\n)*") {
            let _ = parse(&info(&lines));
        }
    }
}
