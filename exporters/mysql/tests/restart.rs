//! A real server that ends, and begins again, in the middle of statements.

mod support;

use std::time::Duration;

use support::{Exporter, eventually, server};
use tests::TemporaryFolder;
use tests::log::Log;

/// Statements that last, so that the server ends in the middle of one.
const SLOW: &str = "
queries:
  - name: shop_sleeps
    statement: SELECT SLEEP(1) AS n
    columns: {n: {type: gauge, help: N.}}
";

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn a_server_that_is_killed_in_the_middle_of_statements_is_down_and_then_up_again() {
    let log = Log::capture();
    let mut server = server(&["--performance-schema=ON"]);
    server.sql("GRANT ALL ON *.* TO exporter@localhost").unwrap();
    let folder = TemporaryFolder::new("mysql-exporter").unwrap();
    let file = folder.path().join("queries.yml");
    std::fs::write(&file, SLOW).unwrap();
    let file = format!("--collect.custom_query.file={}", file.display());
    let tables = "--collect.info_schema.tables";
    let exporter = Exporter::of(&server, &[tables, "--collect.gtid", &file]);
    let running = "SELECT COUNT(*) FROM information_schema.processlist WHERE INFO LIKE '%SLEEP(1)%' \
                   AND USER = 'exporter'";
    for round in 0..3 {
        let before = exporter.scrape(10.0).await;
        assert_eq!(before.value("mysql_up"), "1", "round {round}: {}", log.text());
        let in_the_middle = exporter.scrape(10.0);
        let killed = async {
            eventually("a statement that runs", async || {
                (server.sql(running).unwrap().trim() == "1").then_some(())
            })
            .await;
            server.kill().unwrap();
        };
        // The version had been answered; what came after it is lost, and nothing else.
        let (cut, ()) = tokio::join!(in_the_middle, killed);
        assert_eq!(cut.value("mysql_up"), "1", "{}", cut.0);
        assert_eq!(cut.success("custom_query"), "0", "{}", cut.0);
        for _ in 0..2 {
            assert_eq!(exporter.scrape(5.0).await.value("mysql_up"), "0");
        }
        // Scrapes go on while it starts.
        let scrapes = async {
            loop {
                exporter.scrape(2.0).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let started = async {
            let mut starting = server;
            tokio::task::spawn_blocking(move || starting.run().map(|()| starting)).await.unwrap()
        };
        server = tokio::select! {
            never = scrapes => never,
            started = started => started.unwrap(),
        };
        let after = exporter.scrape(10.0).await;
        assert_eq!(after.value("mysql_up"), "1", "{}", log.text());
        for collector in ["custom_query", "global_status", "gtid", "info_schema.tables"] {
            assert_eq!(after.success(collector), "1", "{collector}: {}", log.text());
        }
    }
    assert_eq!(log.count("panicked"), 0, "{}", log.text());
    assert_eq!(log.count("server is down"), 3, "{}", log.text());
    assert_eq!(log.count("server is up again"), 3, "{}", log.text());
}
