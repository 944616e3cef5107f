use super::super::family::{Compound, Series, Value};
use super::*;

/// Families as lines of text: name, kind, help, then each series.
fn read(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for family in parse(text.as_bytes()).unwrap() {
        let help = family.help.as_deref().unwrap_or("-");
        lines.push(format!("{} {:?} {help}", family.name, family.kind));
        for Series { labels, value } in &family.series {
            let labels: Vec<String> = labels.iter().map(|(n, v)| format!("{n}={v}")).collect();
            let value = match value {
                Value::Number(number) => number.to_string(),
                Value::Compound(Compound { points, sum, count }) => {
                    format!("{points:?} sum {sum} count {count}")
                }
            };
            lines.push(format!("  {} {value}", labels.join(",")));
        }
    }
    lines
}

#[track_caller]
fn refusal(text: &str) -> String {
    parse(text.as_bytes()).expect_err(text).to_string()
}

#[test]
fn types_help_and_labels_are_read() {
    let text = "# TYPE a_total counter\n# HELP a_total All \\\\ of\\nit.\n\
                a_total{z=\"1\", b = \"x\\\"y\" ,} 3\n\
                \t# a comment\n\n#\n  b -Inf\n# TYPE g GAUGE\ng{} 1e3\nb{x=\"\"}NaN\n";
    let expected = [
        "a_total Counter All \\ of\nit.",
        "  b=x\"y,z=1 3",
        "b Untyped -",
        "   -inf",
        "  x= NaN",
        "g Gauge -",
        "   1000",
    ];
    assert_eq!(read(text), expected);
}

#[test]
fn comments_that_say_nothing_are_passed_over() {
    let text = "# HELP\n# HELP a\n# HELP a \n# TYPE a\n# TYPE a \n# EOF\n#HELP a Told.\na 1\n  ";
    assert_eq!(read(text), ["a Untyped Told.", "   1"]);
    assert!(read("").is_empty());
    assert!(read("# HELP a Without a sample.\n# TYPE a counter\n").is_empty());
}

#[test]
fn histograms_and_summaries_are_put_together() {
    let text = "# TYPE h histogram\n\
                h_bucket{le=\"+Inf\",x=\"1\"} 4\nh_bucket{x=\"1\",le=\"0.5\"} 3\n\
                h_bucket{x=\"1\",le=\"0.5\"} 2\nh_sum{x=\"1\"} 7.5\nh_count{x=\"1\"} 4\n\
                h_count{x=\"2\"} 1\n\
                # TYPE s summary\ns{quantile=\"0.9\"} NaN\ns{quantile=\"0.5\"} 1\ns_sum 3\ns_count 2\n\
                s_bucket 9\n# TYPE u untyped\nu{le=\"x\"} 1\nu_count 2\n";
    let expected = [
        "h Histogram -",
        "  x=1 [(0.5, 2.0), (inf, 4.0)] sum 7.5 count 4",
        "  x=2 [] sum 0 count 1",
        "s Summary -",
        "   [(0.5, 1.0), (0.9, NaN)] sum 3 count 2",
        "s_bucket Untyped -",
        "   9",
        "u Untyped -",
        "  le=x 1",
        "u_count Untyped -",
        "   2",
    ];
    assert_eq!(read(text), expected);
}

#[test]
fn names_in_braces_are_read() {
    let text = "{\"a\"} 1\n{ \"a\", x=\"1\"} 2\n{a,\"y\"=\"2\"} 3\n";
    assert_eq!(read(text), ["a Untyped -", "   1", "  x=1 2", "  y=2 3"]);
}

#[test]
fn whatever_breaks_the_format_is_refused_with_its_line() {
    for (text, reason) in [
        ("a 1", "line 1: the last line does not end: the file is not complete"),
        ("a 1\nb", "line 2: the last line does not end: the file is not complete"),
        ("a 1\n# half", "line 2: the last line does not end: the file is not complete"),
        ("a 1 1395066363000\n", "line 1: timestamps are not supported: they would go stale unseen"),
        ("a 1 \n", "line 1: unexpected text behind the value: \"\""),
        ("a 1 x\n", "line 1: unexpected text behind the value: \"x\""),
        ("a 1 1 1\n", "line 1: unexpected text behind the value: \"1\""),
        ("a 1\r\n", "line 1: value is no number: \"1\\r\""),
        ("a\n", "line 1: value is no number: \"\""),
        ("a-b 1\n", "line 1: value is no number: \"-b\""),
        ("9a 1\n", "line 1: no metric name"),
        ("é 1\n", "line 1: no metric name"),
        ("\r\n", "line 1: no metric name"),
        ("a{} 1\na{b=1} 1\n", "line 2: value of label b has no quotes"),
        ("a{b} 1\n", "line 1: no = behind label b"),
        ("a{b=\"1\"\n", "line 1: unexpected character behind the value of label b"),
        ("a{b=\"1\" c=\"2\"} 1\n", "line 1: unexpected character behind the value of label b"),
        ("a{b=\"1\n", "line 1: label value does not end"),
        ("a{b=\"\\t\"} 1\n", "line 1: invalid escape"),
        ("a{,} 1\n", "line 1: invalid label name"),
        ("a{b:c=\"1\"} 1\n", "line 1: no = behind label b"),
        ("a{__name__=\"b\"} 1\n", "line 1: invalid label name"),
        ("a{b=\"1\",c=\"2\",b=\"3\"} 1\n", "line 1: label b comes twice"),
        ("{\"a\" x} 1\n", "line 1: unexpected character behind a"),
        ("{\"a b\"} 1\n", "line 1: name in quotes holds what no name may hold"),
        ("# TYPE a info\n", "line 1: unknown type \"info\""),
        ("# TYPE a counter\r\n", "line 1: unknown type \"counter\\r\""),
        ("# TYPE a gauge\n# TYPE a gauge\n", "line 2: TYPE of a comes twice or behind a sample"),
        ("a 1\n# TYPE a gauge\n", "line 2: TYPE of a comes twice or behind a sample"),
        ("# HELP a x\n# HELP a x\n", "line 2: second HELP of a"),
        ("# HELP a \\x\n", "line 1: invalid escape"),
        ("# HELP 9a x\n", "line 1: invalid metric name in a comment"),
        ("# HELP a-b x\n", "line 1: invalid metric name in a comment"),
        ("# TYPE h histogram\nh_bucket{le=\"x\"} 1\n", "line 2: le is no number"),
        ("# TYPE s summary\ns{quantile=\"\"} 1\n", "line 2: quantile is no number"),
    ] {
        assert_eq!(refusal(text), reason, "{text:?}");
    }
    assert!(parse(b"a{b=\"\xff\"} 1\n").is_err());
    assert!(parse(b"\x7fELF\x02\x01\0\0\n").is_err());
}

#[test]
fn a_file_of_too_many_lines_is_refused() {
    let text = "a 1\n".repeat(MAX_LINES);
    assert!(parse(&text.as_bytes()[4..]).is_ok());
    assert_eq!(refusal(&(text + "a 1\n")), "line 250001: the file is too long");
}

#[test]
fn labels_that_would_be_filled_in_without_end_are_refused() {
    let lines: Vec<String> = (0..2100).map(|n| format!("a{{l{n}=\"\"}} 1\n")).collect();
    let text = lines.concat();
    assert_eq!(refusal(&text), "a has too many labels");
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(text in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        let _ = parse(&text);
    }

    #[test]
    fn anything_like_metrics_is_parsed_or_refused(
        text in "((# (HELP|TYPE) )?(a|b_count|b|\"a\")(\\{(a|le|quantile)=\"(1|\\\\n|é)?\"[,}]?)? ?(1|x|histogram|summary)?\n?){0,9}",
    ) {
        let _ = parse(text.as_bytes());
    }

    #[test]
    fn what_is_written_is_read_back(value in "\\PC{0,20}", number in proptest::num::f64::NORMAL) {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let text = format!("a{{b=\"{escaped}\"}} {number}\n");
        let families = parse(text.as_bytes()).unwrap();
        proptest::prop_assert_eq!(&families[0].series[0].labels[0].1, &value);
        proptest::prop_assert_eq!(&families[0].series[0].value, &Value::Number(number));
    }
}
