use std::collections::BTreeMap;

use common::metric::Kind;
use common::testing;
use proptest::prelude::*;

use super::*;
use crate::custom::{Family, Value};
use crate::server::Table;

fn family(name: &str, labels: &[&str], values: &[&str]) -> Family {
    let value = |column: &&str| Value { column: (*column).to_owned(), ..Value::default() };
    Family {
        name: name.to_owned(),
        help: "Help.".to_owned(),
        kind: Kind::Gauge,
        labels: labels.iter().map(|label| ((*label).to_owned(), (*label).to_owned())).collect(),
        fixed_labels: Vec::new(),
        column_label: None,
        values: values.iter().map(value).collect(),
        fixed_value: None,
    }
}

fn query(families: Vec<Family>) -> Query {
    Query {
        name: "orders".to_owned(),
        statement: "SELECT 1".to_owned(),
        interval: None,
        timeout: None,
        rows: 3,
        families,
    }
}

fn read(query: &Query, table: &Table) -> (Vec<String>, Option<String>) {
    let (samples, error) = samples::read(query, table);
    let mut sink = Sink::default();
    samples::push(query, &samples, &mut sink);
    (testing::samples(&sink), error.map(|error| error.to_string()))
}

#[test]
fn columns_become_families_with_the_labels_of_the_row() {
    let query =
        query(vec![family("shop_orders", &["state"], &["n"]), family("shop_age", &[], &["AGE"])]);
    let table = Table::of(
        &["state", "n", "age"],
        &[&[Some("new"), Some("3"), None], &[None, Some(" 2.50 "), Some("7")]],
    );
    let expected = ["shop_orders{state=\"new\"} 3", "shop_orders{state=\"\"} 2.5", "shop_age 7"];
    assert_eq!(read(&query, &table), (expected.map(Into::into).to_vec(), None));
}

#[test]
fn several_columns_of_a_family_have_a_label_that_tells_them_apart() {
    let mut of_io = family("shop_io", &["db"], &["reads", "writes"]);
    of_io.column_label = Some("operation".into());
    of_io.fixed_labels = vec![("env".into(), "a \"b\"".into())];
    of_io.values[1].words = BTreeMap::from([("none".to_owned(), 0.0)]);
    let table = Table::of(&["db", "reads", "writes"], &[&[Some("x"), Some("1"), Some("none")]]);
    let labels = |operation| format!("{{db=\"x\",env=\"a \\\"b\\\"\",operation=\"{operation}\"}}");
    let expected =
        vec![format!("shop_io{} 1", labels("reads")), format!("shop_io{} 0", labels("writes"))];
    assert_eq!(read(&query(vec![of_io]), &table), (expected, None));
}

#[test]
fn a_fixed_value_stands_for_each_row() {
    let info = Family { fixed_value: Some(1.0), ..family("shop_info", &["host"], &[]) };
    let table = Table::of(&["host"], &[&[Some("a")], &[Some("b")]]);
    let expected = ["shop_info{host=\"a\"} 1", "shop_info{host=\"b\"} 1"];
    assert_eq!(read(&query(vec![info]), &table), (expected.map(Into::into).to_vec(), None));
}

#[test]
fn what_is_wrong_costs_its_own_samples() {
    let query = query(vec![
        family("shop_a", &[], &["a"]),
        family("shop_b", &["c"], &["a"]),
        family("shop_d", &[], &["d"]),
    ]);
    let table = Table::of(&["a", "b"], &[&[Some("x"), None], &[Some("1"), None]]);
    let (samples, error) = read(&query, &table);
    assert_eq!(samples, ["shop_a 1"]);
    assert_eq!(error.as_deref(), Some("a is no number: \"x\""));
    let (samples, error) = read(&query, &Table::of(&["a", "d"], &[&[Some("1"), Some("2")]]));
    assert_eq!(samples, ["shop_a 1", "shop_d 2"]);
    assert_eq!(error.as_deref(), Some("column c is missing"));
}

#[test]
fn rows_have_a_bound() {
    let query = query(vec![family("shop_a", &["a"], &["a"])]);
    let rows: Vec<[Option<&str>; 1]> = ["1", "2", "3", "4"].map(|text| [Some(text)]).to_vec();
    let rows: Vec<&[Option<&str>]> = rows.iter().map(<[_; 1]>::as_slice).collect();
    let (samples, error) = read(&query, &Table::of(&["a"], &rows));
    assert_eq!(samples.len(), 3);
    assert_eq!(error.as_deref(), Some("more than 3 rows: the others are left out"));
    assert_eq!(read(&query, &Table::of(&["a"], &rows[..3])).1, None);
}

#[test]
fn a_query_that_fails_costs_no_other_and_is_named() {
    let answer = |result| {
        Some(Arc::new(Answer {
            asked: Instant::now(),
            took: Duration::from_millis(250),
            result,
            malformed: None,
        }))
    };
    let other = Query { name: "other".into(), ..query(vec![family("shop_b", &[], &["b"])]) };
    let third = Query { name: "third".into(), ..other.clone() };
    let queries = [query(vec![family("shop_a", &[], &["a"])]), other, third];
    let mut sink = Sink::default();
    let (samples, _) = samples::read(&queries[0], &Table::of(&["a"], &[&[Some("5")]]));
    let refused = QueryError::Refused { code: 1142, message: "SELECT command denied".into() };
    let answers = [answer(Ok(samples)), answer(Err(refused)), None];
    let error = push(&queries, &answers, &mut sink).unwrap_err();
    assert_eq!(
        error.to_string(),
        "custom queries: other: SELECT command denied (error 1142); the time was too short for \
         all of them"
    );
    let samples = testing::samples(&sink);
    for expected in [
        "shop_a 5",
        "mysql_custom_query_success{query=\"orders\"} 1",
        "mysql_custom_query_success{query=\"other\"} 0",
        "mysql_custom_query_duration_seconds{query=\"orders\"} 0.25",
    ] {
        assert!(samples.iter().any(|sample| sample == expected), "{expected}: {samples:?}");
    }
    assert!(!samples.iter().any(|sample| sample.contains("third")), "{samples:?}");
}

#[test]
fn times_are_whole_milliseconds() {
    let mut lag = family("shop_lag_milliseconds", &[], &["lag"]);
    lag.values[0].is_duration = true;
    let query = Query { rows: 20, ..query(vec![lag]) };
    let shown = |text: Option<&str>| read(&query, &Table::of(&["lag"], &[&[text]]));
    for (text, expected) in [
        ("1h2m3s", "3723000"),
        ("1.5s", "1500"),
        ("-250ms", "-250"),
        ("1999us", "1"),
        ("250", "250"),
        ("0", "0"),
    ] {
        let expected = vec![format!("shop_lag_milliseconds {expected}")];
        assert_eq!(shown(Some(text)), (expected, None), "{text}");
    }
    assert_eq!(shown(Some("-1")), (Vec::new(), None));
    assert_eq!(shown(None), (Vec::new(), None));
    let (samples, error) = shown(Some("01:02:03"));
    assert!(samples.is_empty() && error.unwrap().contains("lag is no time such as 1m30s"));
}

#[test]
fn answers_outlive_a_reload_of_the_same_query() {
    let named = |name: &str| Query { name: name.into(), ..query(Vec::new()) };
    let answer = |took| {
        let took = Duration::from_secs(took);
        let result = Ok(Vec::new());
        Some(Arc::new(Answer { asked: Instant::now(), took, result, malformed: None }))
    };
    let took = |answers: Vec<Option<Arc<Answer>>>| -> Vec<Option<u64>> {
        answers.into_iter().map(|answer| Some(answer?.took.as_secs())).collect()
    };
    let kept = Kept::default();
    let first: Arc<[Query]> = [named("a"), named("b"), named("c")].into();
    assert_eq!(took(kept.of(&first)), [None, None, None]);
    kept.keep(&first, vec![answer(1), answer(2), None]);
    assert_eq!(took(kept.of(&first)), [Some(1), Some(2), None]);
    let changed = Query { statement: "SELECT 2".into(), ..named("a") };
    let second: Arc<[Query]> = [named("c"), named("b"), changed, named("d")].into();
    assert_eq!(took(kept.of(&second)), [None, Some(2), None, None]);
}

#[test]
fn an_answer_is_fresh_within_the_interval() {
    let now = Instant::now();
    let answer =
        Answer { asked: now, took: Duration::ZERO, result: Ok(Vec::new()), malformed: None };
    let minute = Some(Duration::from_mins(1));
    assert!(is_fresh(&answer, minute, now + Duration::from_secs(59)));
    assert!(!is_fresh(&answer, minute, now + Duration::from_mins(1)));
    assert!(!is_fresh(&answer, None, now));
}

proptest! {
    #[test]
    fn any_cell_is_read_or_reported(cell in "[-+0-9.einfaN]{0,12}|(?s).{0,12}") {
        let query = query(vec![family("shop_a", &["a"], &["a"])]);
        let (samples, error) = read(&query, &Table::of(&["a"], &[&[Some(&cell)]]));
        prop_assert_eq!(samples.is_empty(), error.is_some());
    }
}
