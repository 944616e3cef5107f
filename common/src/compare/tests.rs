//! Whole comparisons, from text to report.

use proptest::prelude::*;

use super::*;

fn side(readings: &[&str]) -> Side {
    let mut side = Side::default();
    for text in readings {
        side.add(text, false).unwrap();
    }
    side
}

const OLD: &str = "# HELP a x\n# TYPE a gauge\na{d=\"1\",gone=\"x\"} 1\na{d=\"2\"} 2\n\
                   # TYPE b counter\nb 1\n# TYPE only_old gauge\nonly_old 1\nsame{e=\"\"} 5 1700\n";
const NEW: &str = "# TYPE a gauge\na{d=\"1\",e=\"y\"} 1\na{d=\"3\",e=\"y\"} 3\n# TYPE b gauge\nb 2\n\
                   # TYPE only_new gauge\nonly_new 1\nsame 5\n";

fn found(known: &str) -> (Vec<String>, Report) {
    let known = Known::parse(known).unwrap();
    let report = compare(&side(&[OLD, OLD]), &side(&[NEW, NEW]), &known);
    let one = |one: &Difference| format!("{:?} {} {}", one.kind, one.family, one.detail);
    let without = report.explained(false).map(one).collect();
    (without, report)
}

#[test]
fn every_kind_of_difference_is_found() {
    let (without, report) = found("");
    let expected = [
        "MissingFamily only_old gauge, 1 series",
        "ExtraFamily only_new gauge, 1 series",
        "Type b counter there, gauge here",
        "MissingLabel a gone",
        "ExtraLabel a e",
        "MissingSeries a {d=\"2\"}",
        "ExtraSeries a {d=\"3\"}",
        "Value b 1 there, 2 here",
    ];
    assert_eq!(without, expected);
    assert_eq!(report.same, 1, "an empty label and a time do not count");
}

#[test]
fn each_can_have_a_reason() {
    let all = "peer only_old # r1\nours only_* # r2\ntype b # r3\npeer-label a g* # r4\n\
               label a e # r5\nseries a d=2 # r6\nseries a d=3 # r7\nvalue b # r8\n";
    let (without, report) = found(all);
    assert_eq!(without, [""; 0]);
    let reasons: Vec<&str> =
        report.differences.iter().map(|one| one.reason.as_deref().unwrap()).collect();
    assert_eq!(reasons, ["r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8"]);
    // The whole family, with its labels.
    let (without, _) =
        found("series a # r\nvalue b # r\ntype b # r\npeer only* # r\nours only* # r");
    assert_eq!(without, [""; 0]);
    // What is small; NaN is not.
    let known = Known::parse("about a # small").unwrap();
    let small = |old: &str, new: &str| {
        let report = compare(&side(&[old; 2]), &side(&[new; 2]), &known);
        report.explained(true).count()
    };
    let (one, other) = ("a 1\n", "a 11\n");
    assert_eq!((small(one, other), small("a 1000\n", "a 1250\n")), (1, 1));
    assert_eq!(
        (small(one, "a 12\n"), small("a 1000\n", "a 1251\n"), small(one, "a NaN\n")),
        (0, 0, 0)
    );
    // Whether all of its series are known ones.
    let known = Known::parse("series a d=lo # loopback").unwrap();
    let missing = |text: &str| {
        let report = compare(&side(&[text]), &side(&["b 1\n"]), &known);
        report.differences[1].reason.clone().or(report.differences[0].reason.clone())
    };
    assert_eq!(missing("a{d=\"lo\"} 1\n"), Some("loopback".into()));
    assert_eq!(missing("a{d=\"lo\"} 1\na{d=\"eth0\"} 1\n"), None);
    let known = Known::parse("series a # they differ").unwrap();
    let report = compare(&side(&["a 1\n"]), &side(&["b 1\n"]), &known);
    assert_eq!(report.explained(false).count(), 2, "{report:?}");
}

#[test]
fn only_what_lasts_on_one_side_is_compared() {
    let known = Known::default();
    let count =
        |old: &[&str], new: &[&str]| compare(&side(old), &side(new), &known).differences.len();
    // Both change: nothing can be said.
    assert_eq!(count(&["a 1\n", "a 2\n"], &["a 5\n", "a 6\n"]), 0);
    // One is constant, and the other never there.
    assert_eq!(count(&["a 1\n", "a 1\n"], &["a 5\n", "a 6\n"]), 1);
    assert_eq!(count(&["a 5\n", "a 6\n"], &["a 1\n", "a 1\n"]), 1);
    // It was once there.
    assert_eq!(count(&["a 1\n", "a 1\n"], &["a 1\n", "a 6\n"]), 0);
    assert_eq!(count(&["a NaN\n", "a NaN\n"], &["a NaN\n", "a NaN\n"]), 0);
    // A series that comes or goes.
    let comes = ["a{b=\"1\"} 1\n", "a{b=\"1\"} 1\na{b=\"2\"} 2\n"];
    assert_eq!(count(&["a{b=\"1\"} 1\n"; 2], &comes), 0);
    assert_eq!(count(&comes, &["a{b=\"1\"} 1\n"; 2]), 0);
    // One reading: information alone.
    assert_eq!(count(&["a 1\na_info{v=\"1\"} 1\n"], &["a 2\na_info{v=\"2\"} 1\n"; 2]), 2);
}

#[test]
fn series_that_only_other_labels_tell_apart_are_not_compared() {
    let old = "a{c=\"0\",k=\"x\"} 1\na{c=\"1\",k=\"x\"} 2\n";
    let report = compare(&side(&[old; 2]), &side(&["a{k=\"x\"} 3\n"; 2]), &Known::default());
    let kinds: Vec<Kind> = report.differences.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [Kind::MissingLabel]);
}

#[test]
fn both_formats_have_the_same_names_and_types() {
    let text = "# TYPE c_total counter\nc_total 1\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\n\
                h_sum 3\nh_count 2\nu 1\n# TYPE s_info gauge\ns_info{v=\"1\"} 1\n";
    let openmetrics = "# TYPE c counter\n# UNIT c seconds\nc_total 1.0 # {t=\"a\"} 1 2.5\nc_created 9\n\
        # TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\nh_created 1.5\n\
        # TYPE u unknown\nu 1 1700.5\n# TYPE s info\ns_info{v=\"1\"} 1\n# EOF\n";
    let (text, openmetrics) = (side(&[text; 2]), side(&[openmetrics; 2]));
    let report = compare(&text, &openmetrics, &Known::default());
    assert_eq!((report.differences, report.same), (Vec::new(), 4));
    assert!(openmetrics.is_openmetrics && !text.is_openmetrics);
    let mut cut = Side::default();
    let error = cut.add("# TYPE u unknown\nu 1\n", true).unwrap_err();
    assert_eq!(error.to_string(), "line 2: the answer is cut off: no # EOF");
}

#[test]
fn what_is_malformed_is_named_by_its_line() {
    for (text, reason) in [
        ("a", "a name without a value"),
        ("a x", "the value is no number"),
        ("a 1 2 3", "expected nothing but a time behind the value"),
        ("<html> 1", "the name of the metric is malformed"),
        ("a{b=1} 1", "a label without quotes"),
        ("a{b=\"1} 1", "a quote is not closed"),
        ("a{b=\"1\" c=\"2\"} 1", "expected a comma or a brace behind a label"),
        ("a{b=\"1\",b=\"2\"} 1", "a label comes twice"),
        ("a{b} 1", "a label without a value"),
        ("# TYPE a number", "there is no such type"),
        ("# EOF\na 1", "something follows the end"),
        ("ok 1", "a series comes twice"),
    ] {
        let error = Side::default().add(&format!("ok 1\n{text}\n"), false).unwrap_err();
        assert_eq!(error.reason, reason, "{text}");
        assert!(error.line >= 2);
    }
}

#[test]
fn lenient_where_formats_are() {
    let text =
        "  a { b = \"1\\n\\\"\" , c=\"\\\\\", }\t1e3 \r\n{\"odd.name\",\"k.k\"=\"v\"} +Inf\n";
    let side = side(&[text]);
    let labels = |of: &str| side.families[of].series.keys().next().unwrap().1.clone();
    assert_eq!(labels("a")["b"], "1\n\"");
    assert_eq!(labels("a")["c"], "\\");
    assert_eq!(labels("odd.name")["k.k"], "v");
}

#[test]
fn a_report_reads_well_and_keeps_terminals_safe() {
    let (_, report) = found("peer only_old # it is gone\n");
    let (old, new) = (side(&[OLD, OLD]), side(&[NEW]));
    let text = report.text(("http://old", &old), ("this program", &new));
    for line in [
        "old  http://old: 4 families, 5 series, 2 readings",
        "new  this program: 4 families, 5 series, one reading",
        "Extra families: only the new exporter has them",
        "  only_new  gauge, 1 series",
        "Known differences, by reason",
        "  it is gone",
        "    missing family: only_old",
        "1 families are the same. 7 differences without a known reason, 1 with one.",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let json = report.json(("a", &old), ("b", &new));
    assert_eq!((&json["unexplained"], &json["explained"]), (&7.into(), &1.into()));
    assert_eq!(json["differences"][0]["reason"], "it is gone");
    assert_eq!(json["differences"][1]["kind"], "extra_family");
    assert!(json["differences"][1]["reason"].is_null());
    let odd = side(&["a{b=\"\u{1b}[31m\"} 1\n"; 2]);
    let report = compare(&odd, &side(&["a{b=\"\"} 1\n"; 2]), &Known::default());
    let text = report.text(("a", &odd), ("b", &odd));
    assert!(!text.contains('\u{1b}'), "{text}");
}

proptest! {
    #[test]
    fn any_answer_is_survived(text in "(# TYPE |a|b_total|\\{|\\}|\"|=|,| |\\\\|1|\n|é|# EOF|#)*") {
        let mut side = Side::default();
        let (mut other, known) = (Side::default(), Known::default());
        let _ = (side.add(&text, false), other.add("a 1\n", false));
        let report = compare(&side, &other, &known);
        prop_assert!(report.text(("a", &side), ("b", &other)).contains("families"));
    }
}
