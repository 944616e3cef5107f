//! Golden text of every kind in both formats, hostile label values included.

use common::exposition::{Format, LabelSet, Sink};
use common::metric::Desc;

fn written(format: Format, write: impl Fn(&mut Sink)) -> String {
    let mut sink = Sink::new(format);
    write(&mut sink);
    String::from_utf8_lossy(sink.text()).into_owned()
}

#[test]
fn each_kind_has_its_form_in_both_formats() {
    let write = |sink: &mut Sink| {
        sink.value(&Desc::counter("c_total", "C."), 1.0);
        sink.value(&Desc::counter("odd", "Counter without suffix."), 2.0);
        sink.value(&Desc::gauge("g_total", "Gauge with suffix."), 0.5);
        sink.value(&Desc::untyped("u", "U."), 1e300);
        let mut family = sink.family(&Desc::histogram("h", "H."));
        family.histogram(&[("x", "1")], [(1.0, 1), (2.5, 3)], 4.5, 4);
        drop(family);
        sink.family(&Desc::summary("s", "S.")).summary(&[], [(0.5, 1.5), (99.0, 7.0)], 10.0, 2);
    };
    assert_eq!(
        written(Format::Text, write),
        "# HELP c_total C.\n# TYPE c_total counter\nc_total 1\n\
         # HELP odd Counter without suffix.\n# TYPE odd counter\nodd 2\n\
         # HELP g_total Gauge with suffix.\n# TYPE g_total gauge\ng_total 0.5\n\
         # HELP u U.\n# TYPE u untyped\nu 1e+300\n\
         # HELP h H.\n# TYPE h histogram\n\
         h_bucket{x=\"1\",le=\"1\"} 1\nh_bucket{x=\"1\",le=\"2.5\"} 3\n\
         h_bucket{x=\"1\",le=\"+Inf\"} 4\nh_sum{x=\"1\"} 4.5\nh_count{x=\"1\"} 4\n\
         # HELP s S.\n# TYPE s summary\n\
         s{quantile=\"0.5\"} 1.5\ns{quantile=\"99\"} 7\ns_sum 10\ns_count 2\n"
    );
    assert_eq!(
        written(Format::OpenMetrics, write),
        "# HELP c C.\n# TYPE c counter\nc_total 1\n\
         # HELP odd Counter without suffix.\n# TYPE odd unknown\nodd 2\n\
         # HELP g_total Gauge with suffix.\n# TYPE g_total gauge\ng_total 0.5\n\
         # HELP u U.\n# TYPE u unknown\nu 1e+300\n\
         # HELP h H.\n# TYPE h histogram\n\
         h_bucket{x=\"1\",le=\"1.0\"} 1\nh_bucket{x=\"1\",le=\"2.5\"} 3\n\
         h_bucket{x=\"1\",le=\"+Inf\"} 4\nh_sum{x=\"1\"} 4.5\nh_count{x=\"1\"} 4\n\
         # HELP s S.\n# TYPE s summary\n\
         s{quantile=\"0.5\"} 1.5\ns{quantile=\"99.0\"} 7\ns_sum 10\ns_count 2\n"
    );
}

#[test]
fn hostile_labels_and_help_are_escaped() {
    let write = |sink: &mut Sink| {
        let mut family = sink.family(&Desc::gauge("g", "a\\b\n\"c\""));
        family.sample(&[("l", "q\"b\\n\nr\rz\0\u{fffd}")], f64::NAN);
        family.sample(&[("l", "")], f64::NEG_INFINITY);
    };
    let samples = "g{l=\"q\\\"b\\\\n\\nr\rz\0\u{fffd}\"} NaN\ng{l=\"\"} -Inf\n";
    assert_eq!(
        written(Format::Text, write),
        format!("# HELP g a\\\\b\\n\"c\"\n# TYPE g gauge\n{samples}")
    );
    assert_eq!(
        written(Format::OpenMetrics, write),
        format!("# HELP g a\\\\b\\n\\\"c\\\"\n# TYPE g gauge\n{samples}")
    );
}

#[test]
fn timestamps_are_milliseconds_or_seconds() {
    let write = |sink: &mut Sink| {
        sink.family(&Desc::gauge("g", "G.")).sample_at(&(), 1.0, 1_700_000_000_123);
    };
    assert!(written(Format::Text, write).ends_with("g 1 1700000000123\n"));
    assert!(written(Format::OpenMetrics, write).ends_with("g 1 1700000000.123\n"));
}

#[test]
fn an_empty_family_leaves_no_trace() {
    assert_eq!(written(Format::Text, |sink| drop(sink.family(&Desc::gauge("g", "G.")))), "");
}

#[test]
fn duplicates_are_dropped_in_every_kind() {
    let write = |sink: &mut Sink| {
        let base = LabelSet::new([("a", "1")]);
        let mut family = sink.family(&Desc::gauge("g", "G."));
        family.sample(&[("a", "1"), ("b", "2")], 1.0);
        family.sample(&(&base, [("b", "2")]), 2.0);
        family.sample(&(&base, [("b", "3")]), 3.0);
        drop(family);
        let mut family = sink.family(&Desc::histogram("h", "H."));
        family.histogram(&[], [(1.0, 1)], 1.0, 1);
        family.histogram(&[], [(1.0, 1)], 1.0, 1);
    };
    assert_eq!(
        written(Format::Text, write),
        "# HELP g G.\n# TYPE g gauge\ng{a=\"1\",b=\"2\"} 1\ng{a=\"1\",b=\"3\"} 3\n\
         # HELP h H.\n# TYPE h histogram\n\
         h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n"
    );
}
