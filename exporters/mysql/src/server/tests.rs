use clap::FromArgMatches as _;

use super::login::settings;
use super::*;
use crate::account::Address;
use crate::args::Args;
use crate::scrape::Scrape;

fn args() -> ConnectionArgs {
    ConnectionArgs {
        lock_wait_timeout: 2,
        enable_lock_wait_timeout: true,
        log_slow_filter: false,
        query_timeout: 0,
        max_open_connections: 2,
    }
}

/// A server whose account is `user`, with a password.
fn server_of(address: &Address, user: &str) -> Arc<Server> {
    let address = format!("--mysqld.address={address}");
    let user = format!("--mysqld.username={user}");
    let arguments = ["mysql-exporter", "--config.my-cnf=", &address, &user].map(Into::into);
    let matches = common::commands::parse::<crate::MysqlExporter>(arguments).unwrap();
    let args_ = Args::from_arg_matches(&matches).unwrap();
    let accounts = Accounts::read(&args_, true, Box::new(|_| Some("hunter2".into()))).unwrap();
    Arc::new(Server::new(Target::default(), Arc::new(accounts), &args()))
}

fn server(address: &Address) -> Arc<Server> {
    server_of(address, "u")
}

/// Waits until as many connections may be made as at the start: a statement that was given up is
/// being ended before.
async fn settle(server: &Server) {
    for _ in 0..500 {
        if server.permits.available_permits() == 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} permits", server.permits.available_permits());
}

#[test]
fn the_flags_say_what_is_set_on_a_connection() {
    assert_eq!(settings(&args()), ["wait_timeout = 600", "lock_wait_timeout = 2"]);
    let args = ConnectionArgs { enable_lock_wait_timeout: false, log_slow_filter: true, ..args() };
    assert_eq!(
        settings(&args),
        ["wait_timeout = 600", "log_slow_filter = 'tmp_table_on_disk,filesort_on_disk'"]
    );
}

#[test]
fn the_limit_is_in_the_servers_words() {
    let limit = |version, milliseconds| {
        Limit::new(parse_version(version).unwrap(), Duration::from_millis(milliseconds))
            .map(|limit| limit.statement)
    };
    assert_eq!(limit("10.11.6-MariaDB", 9_749).as_deref(), Some("SET max_statement_time = 10"));
    assert_eq!(limit("8.0.36", 9_999).as_deref(), Some("SET max_execution_time = 10000"));
    assert_eq!(limit("5.6.51", 9_000), None);
    assert_eq!(limit("10.0.38-MariaDB", 9_000), None);
}

#[test]
fn the_password_is_not_printed() {
    let server = server(&"db:3306".parse().unwrap());
    let shown = format!("{server:?} {}", server.name());
    assert!(shown.contains("db:3306") && !shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn a_closed_port_a_hung_server_and_nonsense_are_errors() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::Tcp("127.0.0.1".into(), listener.local_addr().unwrap().port());
    let server = server(&address);
    let deadline = || Instant::now() + Duration::from_millis(200);
    let error = Scrape::open(&server, None, deadline()).await.unwrap_err();
    assert!(matches!(error, QueryError::Timeout(_)), "{error}");

    let nonsense = std::thread::spawn(move || {
        use std::io::Write as _;
        // The first one is what the scrape above gave up.
        for bytes in [&b""[..], b"\x03\0\0\0\x0a5.", b"\x01\0\0\0\0", b"HTTP/1.1 400 Bad\r\n\r\n"] {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(bytes).unwrap();
        }
    });
    for _ in 0..3 {
        let error = Scrape::open(&server, None, deadline()).await.unwrap_err();
        assert!(!matches!(error, QueryError::Timeout(_)), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    nonsense.join().unwrap();
    let error = Scrape::open(&server, None, deadline()).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot connect: "), "{error}");
    settle(&server).await;
}

#[tokio::test]
async fn without_a_user_nothing_is_asked() {
    let server = server_of(&"127.0.0.1:1".parse().unwrap(), "");
    let deadline = Instant::now() + Duration::from_secs(1);
    let error = Scrape::open(&server, None, deadline).await.unwrap_err();
    assert_eq!(error, QueryError::NoUser);
}

/// A packet of the protocol: length, sequence number, payload.
fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[length, 0, 0, sequence], payload].concat()
}

/// Greeting of a server that knows the protocol of 4.1 and native passwords, and no more.
fn greeting() -> Vec<u8> {
    let payload = [
        &b"\x0a8.0.36\0\x01\0\0\0saltsalt\0\x01\x82\x2d\x02\0\x08\0\x15"[..],
        &[0; 10],
        b"saltsaltsalt\0mysql_native_password\0",
    ];
    packet(0, &payload.concat())
}

#[tokio::test]
async fn a_server_that_hangs_within_an_answer_is_left_at_the_deadline() {
    use std::io::{Read as _, Write as _};

    const OK: &[u8] = b"\0\0\0\x02\0\0\0";
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::Tcp("127.0.0.1".into(), listener.local_addr().unwrap().port());
    let hanging = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut request = [0; 4096];
        for answer in [greeting(), packet(2, OK), packet(1, OK)] {
            stream.write_all(&answer).unwrap();
            assert!(stream.read(&mut request).unwrap() > 0);
        }
        let column = b"\x03def\0\0\0\x01v\0\x0c\x2d\0\xff\0\0\0\xfd\0\0\0\0\0";
        let answer = [
            packet(1, b"\x01"),
            packet(2, column),
            packet(3, b"\xfe\0\0\x02\0"),
            packet(4, b"\x068.0.36"),
        ];
        stream.write_all(&answer.concat()).unwrap();
        // The end of the answer never comes; the connection must.
        stream.read(&mut request).unwrap()
    });
    let server = server(&address);
    let deadline = Instant::now() + Duration::from_millis(300);
    let error = Scrape::open(&server, None, deadline).await.unwrap_err();
    assert!(matches!(error, QueryError::Timeout(_)), "{error}");
    assert_eq!(hanging.join().unwrap(), 0);
    assert_eq!(server.idle.len(), 0);
    settle(&server).await;
}

#[tokio::test]
#[ignore = "needs mariadbd"]
async fn no_statement_outlives_its_scrape_on_the_server() {
    let real = ::tests::mariadb::MariaDb::start(&[]).unwrap();
    let account = "CREATE USER u@localhost IDENTIFIED BY 'hunter2' WITH MAX_USER_CONNECTIONS 2";
    real.sql(account).unwrap();
    let server = server(&Address::Tcp("127.0.0.1".into(), real.port));
    for number in 0..20 {
        // No limit is set, as if the statement were one that no limit binds.
        let deadline = Instant::now() + Duration::from_millis(200);
        let statement = format!("SELECT SLEEP(60), {}", number % 2);
        let error = server.query(&statement, None, deadline).await.unwrap_err();
        assert!(matches!(error, QueryError::Timeout(_)), "{error}");
    }
    settle(&server).await;
    let count = "SELECT COUNT(*) FROM information_schema.processlist WHERE USER = 'u' AND ";
    let sleeping = real.sql(&format!("{count} INFO LIKE '%SLEEP%'")).unwrap();
    assert_eq!(sleeping.trim(), "0");
    let all = real.sql(&format!("{count} TRUE")).unwrap();
    assert!(all.trim().parse::<u32>().unwrap() <= 2, "{all}");
}
