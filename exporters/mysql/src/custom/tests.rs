use proptest::prelude::*;

use super::*;

fn checked(text: &str) -> anyhow::Result<Vec<Query>> {
    let queries = parse(text)?;
    Names::default().add(&queries)?;
    Ok(queries)
}

fn error(text: &str) -> String {
    format!("{:#}", checked(text).unwrap_err())
}

const OWN: &str = "\
queries:
  - name: shop_orders
    statement: |
      SELECT State, COUNT(*) AS n, MIN(age) AS age FROM shop.orders GROUP BY State;
    interval: 5m
    timeout: 2s
    rows: 20
    labels: [State]
    columns:
      n: {type: gauge, help: Orders by state.}
      age: {type: gauge, help: Age of the oldest order., name: shop_oldest_order_seconds}
  - name: shop_customers
    statement: SELECT COUNT(*) AS total FROM shop.customers
    columns:
      total: {type: counter, help: Customers.}
";

#[test]
fn our_own_format_is_read() {
    let queries = checked(OWN).unwrap();
    let [orders, customers] = &queries[..] else { panic!("{queries:?}") };
    assert!(orders.statement.ends_with("GROUP BY State"), "{}", orders.statement);
    assert_eq!(orders.interval, Some(Duration::from_mins(5)));
    assert_eq!((orders.timeout, orders.rows), (Some(Duration::from_secs(2)), 20));
    let names: Vec<&str> = orders.families.iter().map(|family| family.name.as_str()).collect();
    assert_eq!(names, ["shop_oldest_order_seconds", "shop_orders_n"]);
    assert_eq!(orders.families[0].labels, [("state".into(), "State".into())]);
    assert_eq!((customers.interval, customers.timeout, customers.rows), (None, None, 100));
    let family = &customers.families[0];
    assert_eq!((family.name.as_str(), family.kind), ("shop_customers_total", Kind::Counter));
}

#[test]
fn the_example_of_the_readme_is_what_it_says() {
    let readme = include_str!("../../README.md");
    let (_, example) = readme.split_once("```yaml\nqueries:").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let queries = checked(&format!("queries:{example}")).unwrap();
    let names: Vec<&str> = queries[0].families.iter().map(|family| family.name.as_str()).collect();
    assert_eq!(names, ["shop_oldest_order_seconds", "shop_orders_open"]);
    assert_eq!((queries[0].rows, queries[0].families[0].labels.len()), (20, 1));
}

#[test]
fn perconas_format_is_read() {
    let queries = checked(
        "
# Custom query
shop_connections:
  query: \"SELECT user, state, COUNT(*) AS open, 'up' AS mood, 1 AS x FROM t GROUP BY 1, 2\"
  cache_seconds: 30
  master: true
  metrics:
    - user:
        usage: \"LABEL\"
        description: \"User\"
    - open:
        usage: \"GAUGE\"
        description: \"Open connections\"
    - mood:
        usage: MAPPEDMETRIC
        description: Mood
        metric_mapping: {up: 1, down: 0}
    - x: {usage: DISCARD, description: ''}
",
    )
    .unwrap();
    let [query] = &queries[..] else { panic!("{queries:?}") };
    assert_eq!(query.interval, Some(Duration::from_secs(30)));
    let names: Vec<&str> = query.families.iter().map(|family| family.name.as_str()).collect();
    assert_eq!(names, ["shop_connections_open", "shop_connections_mood"]);
    assert_eq!(query.families[1].values[0].words.get("up"), Some(&1.0));
    assert!(query.families.iter().all(|family| family.labels == [("user".into(), "user".into())]));
}

#[test]
fn times_of_perconas_format_are_milliseconds() {
    let text = "shop:\n  query: SELECT 1\n  metrics:\n    - lag: {usage: DURATION, description: L}";
    let family = &checked(text).unwrap()[0].families[0];
    assert_eq!((family.name.as_str(), family.kind), ("shop_lag_milliseconds", Kind::Gauge));
    assert!(family.values[0].is_duration && family.values[0].column == "lag");
    let usage = "shop:\n  query: SELECT 1\n  metrics:\n    - lag: {usage: TIME}";
    let expected = "query shop: column lag: usage: \"TIME\" is none of LABEL, COUNTER, GAUGE, \
                    MAPPEDMETRIC, DURATION, DISCARD";
    assert_eq!(error(usage), expected);
}

const MAIN: &str = "
global:
  scrape_timeout: 10s
  min_interval: 1m
target:
  data_source_name: 'mysql://user:hunter2@db:3306/shop'
  collectors: [shop]
collectors:
  - collector_name: shop
    metrics:
      - {metric_name: shop_orders, type: gauge, help: Orders., values: [n], query_ref: orders}
    queries:
      - {query_name: orders, query: SELECT COUNT(*) AS n FROM shop.orders}
  - collector_name: stock
    min_interval: 0s
    metrics:
      - {metric_name: stock_items, type: gauge, help: Items., values: [n], query_ref: orders}
    queries:
      - {query_name: orders, query: SELECT COUNT(*) AS n FROM stock.orders}
";

#[test]
fn collectors_in_the_main_file_of_sql_exporter_are_read() {
    let queries = checked(MAIN).unwrap();
    let [shop, stock] = &queries[..] else { panic!("{queries:?}") };
    assert_eq!((shop.name.as_str(), stock.name.as_str()), ("shop.orders", "stock.orders"));
    assert_eq!((shop.interval, stock.interval), (Some(Duration::from_mins(1)), None));
    assert_eq!(stock.families[0].name, "stock_items");
    assert!(stock.statement.ends_with("FROM stock.orders"), "{}", stock.statement);
}

#[test]
fn what_the_main_file_of_sql_exporter_only_names_is_refused() {
    let wrong = |from: &str, to: &str| error(&MAIN.replace(from, to));
    let files = wrong("collectors:\n  -", "collector_files: ['*.collector.yml']\ncollectors:\n  -");
    assert!(files.starts_with("collector_files is not read: give each"), "{files}");
    let reference = wrong("query_ref: orders}\n    queries", "query_ref: other}\n    queries");
    let expected = "collector shop: metric shop_orders: query_ref: there is no query other";
    assert_eq!(reference, expected);
    let expected = "global: min_interval: expected a duration such as 500ms, 5s or 1m30s";
    assert_eq!(wrong("1m", "soon"), expected);
    assert_eq!(error("collectors: []"), "there is no query");
    let nameless = wrong("collector_name: stock\n    min", "min");
    assert_eq!(nameless, "a collector has no collector_name");
    // The place is named, never what stands there: it may be a password.
    let odd = wrong("global:", "hunter2: 1\nglobal:");
    assert!(!odd.contains("mysql://"), "{odd}");
}

#[test]
fn the_format_of_sql_exporter_is_read() {
    let queries = checked(
        "
collector_name: shop
min_interval: 30s
metrics:
  - metric_name: shop_io_seconds_total
    type: counter
    help: 'Time of I/O.'
    key_labels: [db]
    static_labels: {env: prod}
    value_label: operation
    values: [reads, writes]
    query_ref: io
  - metric_name: shop_local_time_seconds
    type: gauge
    help: 'Local time.'
    values: [unix_time]
    query: SELECT UNIX_TIMESTAMP() AS unix_time
  - metric_name: shop_host_info
    type: gauge
    help: 'Name of the host.'
    key_labels: [hostname]
    static_value: 1
    query: SELECT @@hostname AS hostname
queries:
  - query_name: io
    query: SELECT db, reads, writes FROM io
",
    )
    .unwrap();
    let [io, time, host] = &queries[..] else { panic!("{queries:?}") };
    assert_eq!((io.name.as_str(), io.interval), ("io", Some(Duration::from_secs(30))));
    let family = &io.families[0];
    assert_eq!((family.values.len(), family.column_label.as_deref()), (2, Some("operation")));
    assert_eq!(family.fixed_labels, [("env".into(), "prod".into())]);
    assert_eq!(time.families[0].column_label, None);
    assert_eq!((host.families[0].values.len(), host.families[0].fixed_value), (0, Some(1.0)));
}

#[test]
fn errors_name_query_key_and_reason() {
    let changed = |from: &str, to: &str| {
        let text = OWN.replacen(from, to, 1);
        assert_ne!(text, OWN);
        error(&text)
    };
    for (from, to, reason) in [
        ("interval: 5m", "interval: often", "query shop_orders: interval: expected a duration"),
        ("rows: 20", "rows: 0", "query shop_orders: rows: 0 is not within 1 and 10000"),
        ("rows: 20", "row: 20", "row"),
        ("{type: gauge", "{type: number", "query shop_orders: column n: type: \"number\""),
        ("SELECT State", "DELETE State", "query shop_orders: the statement: begins with DELETE"),
        ("name: shop_orders", "name: mysql_gtid_x", "the exporter has such names of its own"),
        (
            "name: shop_orders",
            "name: shop-orders",
            "metric shop-orders_n: the name has other signs",
        ),
        ("shop_customers", "shop_orders", "query shop_orders: there are two of this name"),
        ("name: shop_oldest_order_seconds", "name: shop_customers_total", "two of this name"),
        ("labels: [State]", "labels: [a b]", "label \"a b\": other signs"),
        ("labels: [State]", "labels: [__name__]", "names with __"),
        ("labels: [State]", "labels: [State, state]", "label state: there are two"),
        ("help: Customers.", "halp: Customers.", "halp"),
    ] {
        let error = changed(from, to);
        assert!(error.contains(reason), "{to}: {error}");
    }
    // A place in the file where there is no query to name.
    let error = error("queries:\n  - name: [a]\n");
    assert!(error.contains("line 2"), "{error}");
}

#[test]
fn other_mistakes_are_named_too() {
    let percona = |usage: &str| {
        format!("shop:\n  query: SELECT 1 AS a\n  metrics:\n    - a: {{usage: {usage}}}\n")
    };
    for (text, reason) in [
        ("", "there is no query"),
        ("queries: []", "there is no query"),
        ("- a", "line 1"),
        ("shop: 1", "line 1"),
        (percona("HISTOGRAM").as_str(), "query shop: column a: usage: \"HISTOGRAM\""),
        (percona("LABEL").as_str(), "query shop: no column becomes a metric"),
        ("metrics: [{metric_name: shop_a, type: gauge, help: A, values: [a]}]", "exactly one of"),
        (
            "metrics: [{metric_name: shop_a, type: gauge, help: A, values: [a], query_ref: b}]",
            "metric shop_a: query_ref: there is no query b",
        ),
        (
            "metrics: [{metric_name: shop_a, type: gauge, help: A, values: [a, b], query: SELECT 1}]",
            "metric shop_a: values",
        ),
    ] {
        let error = error(text);
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn a_file_is_named_in_its_errors() {
    let error = read(&["/nonexistent/queries.yml"]).unwrap_err();
    let error = format!("{error:#}");
    assert!(error.starts_with("/nonexistent/queries.yml: cannot be read: No such file"), "{error}");
    let folder = std::env::temp_dir();
    assert!(read(&[folder]).is_err());
}

#[test]
fn the_exporters_own_names_are_reserved() {
    for name in ["mysql_up", "mysql_slave_status_x", "mysql_exporter_a", "process_cpu"] {
        assert!(is_reserved(name), "{name}");
    }
    for name in ["mysql_uptime", "mysql_shop_orders", "shop", "mysql"] {
        assert!(!is_reserved(name), "{name}");
    }
}

proptest! {
    #[test]
    fn any_file_is_read_or_refused(text in "(?s).{0,80}|[a-z:\\[\\]{}&*| \n-]{0,80}") {
        let _ = checked(&text);
    }

    #[test]
    fn any_value_is_read_or_refused(value in "[^\n]{0,30}") {
        for key in ["name", "statement", "interval", "rows", "labels", "columns"] {
            let _ = checked(&format!("queries:\n  - {key}: {value}\n"));
        }
    }
}
