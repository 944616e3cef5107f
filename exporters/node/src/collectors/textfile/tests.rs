use super::*;
use common::testing;

/// What is written of files given as (path, content), without the first family, and the problems.
fn exposed(files: &[(&str, &str)]) -> (String, Vec<String>) {
    let files: Vec<TextFile> = files
        .iter()
        .map(|(path, content)| TextFile {
            path: (*path).to_owned(),
            modified_seconds: 1.0,
            content: content.as_bytes().to_vec(),
        })
        .collect();
    let mut problems = Vec::new();
    let text = testing::exposed(|sink| push(&files, sink, &mut problems));
    let lines = text.split_inclusive('\n').filter(|line| !line.contains("node_textfile_mtime"));
    (lines.collect(), problems)
}

#[test]
fn labels_that_some_series_lack_are_empty_there() {
    let text = "a{x=\"1\",z=\"2\"} 1\na{y=\"3\"} 2\na 3\n";
    let (text, problems) = exposed(&[("f", text)]);
    assert_eq!(
        text,
        "# HELP a Read from f.\n# TYPE a untyped\na{x=\"1\",y=\"\",z=\"2\"} 1\n\
         a{x=\"\",y=\"3\",z=\"\"} 2\na{x=\"\",y=\"\",z=\"\"} 3\n"
    );
    assert!(problems.is_empty());
}

#[test]
fn compounds_are_written_as_the_reference_writes_them() {
    let text = "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"1600\"} 3\nh_bucket{le=\"1.6384e+06\"} 9\n\
                h_sum 1.5\nh_count 10\n\
                # HELP s S.\n# TYPE s summary\ns{quantile=\"0.99\",x=\"1\"} 2\n\
                s{x=\"1\",quantile=\"0.5\"} NaN\ns_count{x=\"1\"} 3\n";
    assert_eq!(
        exposed(&[("f", text)]).0,
        "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"1600\"} 3\nh_bucket{le=\"1.6384e+06\"} 9\n\
         h_bucket{le=\"+Inf\"} 10\nh_sum 1.5\nh_count 10\n\
         # HELP s S.\n# TYPE s summary\ns{x=\"1\",quantile=\"0.5\"} NaN\n\
         s{x=\"1\",quantile=\"0.99\"} 2\ns_sum{x=\"1\"} 0\ns_count{x=\"1\"} 3\n"
    );
}

#[test]
fn an_infinite_bucket_of_the_file_stays_as_it_is() {
    let text = "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 7\n";
    let expected = "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 7\nh_sum 0\nh_count 0\n";
    assert_eq!(exposed(&[("f", text)]).0, expected);
}

#[test]
fn the_first_help_text_stands_and_another_one_costs_its_family() {
    let (text, problems) = exposed(&[
        ("a", "# HELP x One.\nx{f=\"a\"} 1\n"),
        ("b", "# HELP x Two.\nx{f=\"b\"} 2\ny 1\n"),
        ("c", "# HELP x One.\nx{f=\"c\"} 3\n"),
        ("d", "x{f=\"d\"} 4\n"),
    ]);
    let x =
        |file: &str, value| format!("# HELP x One.\n# TYPE x untyped\nx{{f=\"{file}\"}} {value}\n");
    let y = "# HELP y Read from b.\n# TYPE y untyped\ny 1\n";
    assert_eq!(text, x("a", 1) + y + &x("c", 3) + &x("d", 4));
    assert_eq!(problems, ["b: x has another help text in a"]);
}

#[test]
fn files_without_help_share_a_text_that_names_them() {
    let (text, problems) = exposed(&[("a", "x{f=\"a\"} 1\n"), ("b", "# HELP x \nx{f=\"b\"} 2\n")]);
    assert_eq!(text.matches("# HELP x Read from a, b.\n").count(), 2, "{text}");
    assert!(problems.is_empty());
}

#[test]
fn a_bad_file_costs_itself_only() {
    let (text, problems) = exposed(&[("a", "x 1\nhalf"), ("b", "y 2\n"), ("c", "")]);
    assert_eq!(text, "# HELP y Read from b.\n# TYPE y untyped\ny 2\n");
    assert_eq!(problems, ["a: line 2: the last line does not end: the file is not complete"]);
}

#[test]
fn an_absent_directory_is_a_problem_and_an_empty_one_is_not() {
    let problems = |directories: &[&str]| {
        let directories = directories.iter().map(ToString::to_string).collect();
        let mut problems = Vec::new();
        Textfile::new(&Options { directories }).read(&mut problems);
        problems
    };
    assert!(problems(&[]).is_empty() && problems(&[""]).is_empty());
    assert_eq!(problems(&["/nonexistent/*"]).len(), 1);
}
