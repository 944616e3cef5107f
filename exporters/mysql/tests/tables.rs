//! The collectors of tables against real servers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use support::{Exporter, Scraped, eventually, server};
use tests::log::Log;
use tests::mariadb::MariaDb;

const OBJECTS: &str = "
    CREATE DATABASE plain; CREATE DATABASE shop; CREATE DATABASE nothing;
    CREATE TABLE plain.f (id FLOAT AUTO_INCREMENT PRIMARY KEY); INSERT INTO plain.f VALUES ();
    CREATE TABLE plain.d (id DOUBLE NOT NULL AUTO_INCREMENT, KEY(id));
    INSERT INTO plain.d VALUES ();
    CREATE TABLE plain.gone (a INT); CREATE VIEW plain.v AS SELECT a FROM plain.gone;
    DROP TABLE plain.gone; CREATE SEQUENCE plain.sq;
    CREATE TABLE shop.t (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, a INT, KEY (a));
    INSERT INTO shop.t (a) VALUES (1), (2), (3); SELECT * FROM shop.t;
    CREATE TABLE shop.z (b BIGINT UNSIGNED ZEROFILL AUTO_INCREMENT PRIMARY KEY);
    INSERT INTO shop.z VALUES (18446744073709551613);
    CREATE TABLE shop.`it's \\ \u{e9}` (a TINYINT AUTO_INCREMENT PRIMARY KEY);
    INSERT INTO shop.`it's \\ \u{e9}` VALUES ();
";

/// Everything that the account may need.
const GRANTS: &str = "GRANT SELECT, PROCESS, SLAVE MONITOR ON *.* TO exporter@localhost";

const PERFORMANCE_SCHEMA: [&str; 9] = [
    "perf_schema.eventsstatements",
    "perf_schema.eventsstatementssum",
    "perf_schema.eventswaits",
    "perf_schema.file_events",
    "perf_schema.file_instances",
    "perf_schema.indexiowaits",
    "perf_schema.tableiowaits",
    "perf_schema.tablelocks",
    "sys.user_summary",
];

const USER_STATISTICS: [&str; 4] = [
    "info_schema.clientstats",
    "info_schema.schemastats",
    "info_schema.tablestats",
    "info_schema.userstats",
];

fn server_with_objects(options: &[&str]) -> MariaDb {
    let server = server(options);
    server.sql(OBJECTS).unwrap();
    server.sql(GRANTS).unwrap();
    server
}

/// An exporter with these collectors and no other.
fn exporter(server: &MariaDb, collectors: &[&str], further: &[&str]) -> Exporter {
    let mut arguments = vec!["--collector.disable-defaults".to_owned()];
    arguments.extend(collectors.iter().map(|name| format!("--collect.{name}")));
    arguments.extend(further.iter().map(ToString::to_string));
    Exporter::of(server, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

#[track_caller]
fn number(scraped: &Scraped, series: &str) -> f64 {
    scraped.value(series).parse().unwrap()
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn columns_that_count_have_a_value_whatever_their_type() {
    let server = server_with_objects(&[]);
    let exporter = exporter(&server, &["auto_increment.columns"], &[]);
    let scraped = exporter.scrape(10.0).await;
    assert_eq!(scraped.success("auto_increment.columns"), "1");
    let name = "mysql_info_schema_auto_increment_column";
    let labels = |schema, table, column| {
        format!("{{schema=\"{schema}\",table=\"{table}\",column=\"{column}\"}}")
    };
    for table in ["f", "d"] {
        let labels = labels("plain", table, "id");
        assert_eq!(scraped.value(&format!("{name}{labels}")), "2");
        assert!(!scraped.0.contains(&format!("{name}_max{labels}")), "{}", scraped.0);
    }
    for (table, column, value, max) in [
        ("t", "id", "4", "4294967295"),
        ("z", "b", "1.8446744073709552e+19", "1.8446744073709552e+19"),
        ("it's \\\\ \u{e9}", "a", "2", "127"),
    ] {
        let labels = labels("shop", table, column);
        assert_eq!(scraped.value(&format!("{name}{labels}")), value, "{table}");
        assert_eq!(scraped.value(&format!("{name}_max{labels}")), max, "{table}");
    }
}

/// Statements that hold a lock on a table that they make, each on a connection of its own.
fn make_slow_tables(server: &MariaDb, count: usize) -> Vec<tests::process::Process> {
    (0..count)
        .map(|number| {
            let statement = format!("CREATE TABLE plain.slow{number} AS SELECT SLEEP(60) AS a");
            let mut client = tests::process::command("mariadb");
            client
                .args(["--no-defaults", "--user=root", "--execute", &statement])
                .arg(format!("--socket={}", server.socket().display()));
            let log = server.socket().with_file_name(format!("slow{number}"));
            tests::process::Process::start(&mut client, &log).unwrap()
        })
        .collect()
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn locked_tables_cost_neither_others_nor_time() {
    let server = server_with_objects(&[]);
    let collectors = ["info_schema.tables", "auto_increment.columns", "global_status"];
    let exporter = exporter(&server, &collectors, &[]);
    let slow = make_slow_tables(&server, 20);
    eventually("twenty locked tables", async || {
        let count = "SELECT COUNT(*) FROM information_schema.processlist \
                     WHERE INFO LIKE 'CREATE TABLE plain.slow%' AND STATE = 'User sleep'";
        (server.sql(count).unwrap().trim() == "20").then_some(())
    })
    .await;
    let started = Instant::now();
    let scraped = exporter.scrape(5.0).await;
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    drop(slow);
    for collector in collectors {
        assert_eq!(scraped.success(collector), "1", "{collector}");
    }
    assert!(!scraped.0.contains("table=\"slow"), "nothing is known of them: {}", scraped.0);
    for (name, rows) in [("f", 1.0), ("d", 1.0), ("sq", 1.0), ("v", 0.0)] {
        let labels = format!("{{schema=\"plain\",table=\"{name}\"}}");
        let found = number(&scraped, &format!("mysql_info_schema_table_rows{labels}"));
        // An estimate.
        assert!(found >= 0.0 && found <= rows, "{name}: {found}");
    }
    let name = "mysql_info_schema_table_version{schema=\"plain\"";
    let view = "table=\"v\",type=\"VIEW\",engine=\"NONE\",row_format=\"NONE\",\
                create_options=\"NONE\"}";
    assert_eq!(scraped.value(&format!("{name},{view}")), "0");
    assert!(scraped.0.contains(&format!("{name},table=\"sq\",type=\"SEQUENCE\",")));
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn schemas_are_chosen_in_any_spelling_and_missing_ones_are_named_once() {
    let log = Log::capture();
    let server = server_with_objects(&[]);
    server.sql("GRANT SELECT ON mysql.* TO exporter@localhost").unwrap();
    for (value, has_shop, has_mysql) in [
        ("'*'", true, false),
        ("\"*\"", true, false),
        ("plain, mysql", false, true),
        ("'plain' ,\"nowhere\"", false, false),
    ] {
        let flag = format!("--collect.info_schema.tables.databases={value}");
        let exporter = exporter(&server, &["info_schema.tables"], &[&flag]);
        for _ in 0..2 {
            let scraped = exporter.scrape(10.0).await;
            let has = |schema: &str| {
                scraped.0.contains(&format!("\nmysql_info_schema_table_rows{{schema=\"{schema}\""))
            };
            assert_eq!(scraped.success("info_schema.tables"), "1", "{value}");
            assert_eq!((has("plain"), has("shop"), has("mysql")), (true, has_shop, has_mysql));
        }
    }
    assert_eq!(log.count("no such schema"), 1, "{}", log.text());
    assert!(log.text().contains("schema=nowhere"), "{}", log.text());
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn many_tables_are_opened_a_few_at_a_time() {
    let server = server(&[]);
    server.sql(GRANTS).unwrap();
    let tables = (100..220).map(|number| format!("CREATE TABLE many.t{number} (a INT)"));
    let tables: Vec<String> = tables.collect();
    server.sql(&format!("CREATE DATABASE many; {}", tables.join("; "))).unwrap();
    let opened = "--collect.info_schema.tables.opened_per_scrape=50";
    let most = "--collect.info_schema.tables.max_rows=110";
    let exporter = exporter(&server, &["info_schema.tables"], &[opened, most]);
    let count = || server.variable("STATUS", "Opened_tables").unwrap().parse::<u32>().unwrap();
    for shown in [50, 100, 110, 110] {
        server.sql("FLUSH TABLES").unwrap();
        let before = count();
        let scraped = exporter.scrape(10.0).await;
        // Some of the server's own are among them.
        assert!(count() - before <= 55, "{} tables", count() - before);
        assert_eq!(scraped.0.matches("\nmysql_info_schema_table_rows{").count(), shown);
        let cut = "mysql_exporter_collector_rows_left_out\
                   {collector=\"collect.info_schema.tables\"}";
        assert_eq!(scraped.value(cut), "1");
    }
    server.sql("DROP DATABASE many; CREATE DATABASE few; CREATE TABLE few.t (a INT)").unwrap();
    let scraped = exporter.scrape(10.0).await;
    assert_eq!(scraped.0.matches("\nmysql_info_schema_table_rows{").count(), 1, "{}", scraped.0);
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn the_performance_schema_is_shown() {
    let server = server_with_objects(&["--performance-schema=ON"]);
    server.sql("USE shop; SELECT * FROM t WHERE a = 2; SELECT * FROM t WHERE a = 3").unwrap();
    let filter = "--collect.perf_schema.file_instances.filter=shop/(t|z)\\.ibd$";
    let prefix = "--collect.perf_schema.file_instances.remove_prefix=./shop/";
    let exporter = exporter(&server, &PERFORMANCE_SCHEMA, &[filter, prefix]);
    let scraped = exporter.scrape(10.0).await;
    for collector in PERFORMANCE_SCHEMA {
        assert_eq!(scraped.success(collector), "1", "{collector}");
    }
    let digest = server
        .sql(
            "SELECT DIGEST FROM performance_schema.events_statements_summary_by_digest \
             WHERE SCHEMA_NAME = 'shop' AND DIGEST_TEXT LIKE 'SELECT * FROM `t` WHERE%'",
        )
        .unwrap();
    let labels = format!(
        "{{schema=\"shop\",digest=\"{}\",digest_text=\"SELECT * FROM `t` WHERE `a` = ? \"}}",
        digest.trim()
    );
    let statements = |suffix| format!("mysql_perf_schema_events_statements_{suffix}{labels}");
    assert_eq!(scraped.value(&statements("total")), "2");
    assert_eq!(scraped.value(&statements("rows_sent_total")), "2");
    assert!(number(&scraped, &statements("lock_time_seconds_total")) > 0.0);
    assert_eq!(scraped.value(&statements("latency_count")), "2");
    assert!(number(&scraped, "mysql_perf_schema_events_statements_sum_timer_wait") > 0.0);
    let waits = "mysql_perf_schema_index_io_waits_total{schema=\"shop\",name=\"t\"";
    assert!(number(&scraped, &format!("{waits},index=\"a\",operation=\"fetch\"}}")) >= 2.0);
    assert_eq!(scraped.value(&format!("{waits},index=\"NONE\",operation=\"insert\"}}")), "3");
    let waits = "mysql_perf_schema_table_io_waits_total{schema=\"shop\",name=\"t\"";
    assert_eq!(scraped.value(&format!("{waits},operation=\"insert\"}}")), "3");
    let files = "mysql_perf_schema_file_instances_total{file_name=\"";
    let names = scraped.0.lines().filter_map(|line| line.strip_prefix(files)?.split('"').next());
    let mut names: Vec<&str> = names.map(|name| name.rsplit('/').next().unwrap()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names, ["t.ibd", "z.ibd"]);
    assert!(scraped.0.contains("\nmysql_sys_statements_total{user=\"root\"} "));
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn what_is_switched_off_or_missing_is_no_failure_and_said_once() {
    let log = Log::capture();
    let server = server_with_objects(&[]);
    let missing = [
        "info_schema.query_response_time",
        "info_schema.rocksdb_perf_context",
        "perf_schema.replication_applier_status_by_worker",
        "perf_schema.replication_group_member_stats",
        "perf_schema.replication_group_members",
    ];
    let all: Vec<&str> =
        PERFORMANCE_SCHEMA.iter().chain(&USER_STATISTICS).chain(&missing).copied().collect();
    let exporter = exporter(&server, &all, &[]);
    for _ in 0..3 {
        let scraped = exporter.scrape(10.0).await;
        for collector in &all {
            assert_eq!(scraped.success(collector), "1", "{collector}: {}", log.text());
        }
        for beginning in ["mysql_perf_schema_", "mysql_info_schema_", "mysql_sys_"] {
            assert!(!scraped.0.contains(&format!("\n{beginning}")), "{}", scraped.0);
        }
    }
    assert_eq!(log.count("collector has no data"), all.len(), "{}", log.text());
    assert_eq!(log.count("performance_schema is off"), PERFORMANCE_SCHEMA.len());
    assert_eq!(log.count("userstat is off"), USER_STATISTICS.len());
    server.sql("SET GLOBAL userstat = ON").unwrap();
    server.sql("SELECT * FROM shop.t").unwrap();
    let scraped = exporter.scrape(10.0).await;
    let table = "{schema=\"shop\",table=\"t\"}";
    let read = scraped.value(&format!("mysql_info_schema_table_statistics_rows_read_total{table}"));
    assert_eq!(read, "3");
    let schema = "mysql_info_schema_schema_statistics_rows_read_total{schema=\"shop\"}";
    assert_eq!(scraped.value(schema), "3");
    for (subject, label) in [("user", "user=\"root\""), ("client", "client=\"localhost\"")] {
        let name = format!("mysql_info_schema_{subject}_statistics_total_connections{{{label}}}");
        assert!(number(&scraped, &name) >= 1.0);
    }
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn innodb_and_threads_are_shown() {
    let server = server_with_objects(&[]);
    let plugin = "INSTALL SONAME 'query_response_time'; SET GLOBAL query_response_time_stats = ON";
    server.sql(plugin).unwrap();
    server.sql("SELECT 1").unwrap();
    let collectors = [
        "info_schema.innodb_cmp",
        "info_schema.innodb_cmpmem",
        "info_schema.innodb_metrics",
        "info_schema.innodb_tablespaces",
        "info_schema.processlist",
        "info_schema.query_response_time",
    ];
    let exporter = exporter(&server, &collectors, &[]);
    let scraped = exporter.scrape(10.0).await;
    for collector in collectors {
        assert_eq!(scraped.success(collector), "1", "{collector}");
    }
    let cmp = "mysql_info_schema_innodb_cmp_compress_ops_total{page_size=\"1024\"}";
    assert_eq!(scraped.value(cmp), "0");
    let cmpmem = "mysql_info_schema_innodb_cmpmem_pages_used_total";
    assert_eq!(scraped.value(&format!("{cmpmem}{{page_size=\"1024\",buffer_pool=\"0\"}}")), "0");
    let pages = "mysql_info_schema_innodb_metrics_buffer_pool_pages{state=\"data\"}";
    assert!(number(&scraped, pages) > 0.0);
    assert!(
        number(&scraped, "mysql_info_schema_innodb_metrics_buffer_buffer_pages_created_total")
            > 0.0
    );
    let name = "mysql_info_schema_innodb_tablespace";
    let format = "SELECT IFNULL(ROW_FORMAT, 'NONE') FROM information_schema.innodb_sys_tablespaces \
                  WHERE NAME = 'shop/t'";
    let info = format!(
        "tablespace_name=\"shop/t\",file_format=\"NONE\",row_format=\"{}\",space_type=\"\"",
        server.sql(format).unwrap().trim()
    );
    assert!(number(&scraped, &format!("{name}_space_info{{{info}}}")) > 0.0);
    let size = format!("{name}_file_size_bytes{{tablespace_name=\"shop/t\"}}");
    assert!(number(&scraped, &size) >= 65_536.0);
    let count = number(&scraped, "mysql_info_schema_query_response_time_seconds_count");
    let bucket = "mysql_info_schema_query_response_time_seconds_bucket{le=\"+Inf\"}";
    assert!(count > 0.0 && (number(&scraped, bucket) - count).abs() < f64::EPSILON);
    // The exporter's other connection waits.
    let user = "mysql_info_schema_processlist_processes_by_user{mysql_user=\"exporter\"}";
    assert_eq!(exporter.scrape(10.0).await.value(user), "1");
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn missing_privileges_are_named() {
    let log = Log::capture();
    let server = server(&["--userstat=ON"]);
    let collectors = [
        "info_schema.innodb_cmp",
        "info_schema.userstats",
        "perf_schema.eventswaits",
        "sys.user_summary",
        "info_schema.tables",
    ];
    let exporter = exporter(&server, &collectors, &[]);
    for _ in 0..2 {
        let scraped = exporter.scrape(10.0).await;
        for collector in &collectors[..4] {
            assert_eq!(scraped.success(collector), "0", "{collector}: {}", log.text());
        }
        assert_eq!(scraped.success("info_schema.tables"), "1");
    }
    let text = log.text();
    assert_eq!(log.count("GRANT PROCESS ON *.* to the exporter's user"), 2, "{text}");
    assert_eq!(log.count("GRANT SELECT ON performance_schema.* to"), 1, "{text}");
    assert_eq!(log.count("GRANT SELECT ON sys.* and on performance_schema.*"), 1, "{text}");
    assert_eq!(log.count("shows no table; the account may lack SELECT ON *.*"), 1, "{text}");
}
