use std::ffi::OsString;
use std::time::Instant;

use account::Address;

use super::*;

/// A file that is removed at the end.
struct OptionFile(std::path::PathBuf);

impl OptionFile {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("{name}-{}.cnf", std::process::id()));
        std::fs::write(&path, content).unwrap();
        Self(path)
    }
}

impl Drop for OptionFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

fn matches(arguments: &[&str]) -> Result<ArgMatches, clap::Error> {
    let arguments = std::iter::once("mysql-exporter").chain(arguments.iter().copied());
    common::commands::parse::<MysqlExporter>(arguments.map(OsString::from))
}

fn account(arguments: &[&str]) -> anyhow::Result<Account> {
    let matches = matches(arguments).unwrap();
    let args = Args::from_arg_matches(&matches).unwrap();
    let environment = |name: &str| (name == PASSWORD_VARIABLE).then(|| "hunter2".to_owned());
    read_account(&args, is_given(&matches, CONFIG_FILE), &environment)
}

#[test]
fn flags_have_the_reference_defaults() {
    let args = Args::from_arg_matches(&matches(&[]).unwrap()).unwrap();
    assert_eq!(args.config_file, ".my.cnf");
    assert_eq!(args.address, Address::Tcp("localhost".into(), 3306));
    assert_eq!(args.connections.lock_wait_timeout, 2);
    assert!(args.connections.enable_lock_wait_timeout && !args.connections.log_slow_filter);
    assert_eq!((args.connections.query_timeout, args.connections.max_open_connections), (0, 2));
    let matches = matches(&["--no-exporter.enable_lock_wait_timeout"]).unwrap();
    assert!(!Args::from_arg_matches(&matches).unwrap().connections.enable_lock_wait_timeout);
}

#[test]
fn bad_flags_are_refused() {
    for argument in [
        "--mysqld.address=localhost",
        "--exporter.max_open_connections=0",
        "--exporter.query_timeout=-1",
        "--exporter.lock_wait_timeout=x",
        "--mysqld.password=hunter2",
    ] {
        assert!(matches(&[argument]).is_err(), "{argument}");
    }
}

#[test]
fn collectors_have_the_reference_switches() {
    let names = |arguments: &[&str]| {
        let exporter = MysqlExporter::from_matches(&matches(arguments).unwrap(), &|_| None);
        exporter.unwrap().scraper.names().collect::<Vec<_>>()
    };
    let defaults = [
        "global_status",
        "global_variables",
        "info_schema.innodb_cmp",
        "info_schema.innodb_cmpmem",
        "info_schema.query_response_time",
        "slave_status",
    ];
    assert_eq!(names(&["--config.my-cnf="]), defaults);
    let switches = ["--no-collect.slave_status", "--no-collect.global_status"];
    assert_eq!(names(&[&["--config.my-cnf="], &switches[..]].concat()), defaults[1..5]);
    let only = ["--config.my-cnf=", "--collector.disable-defaults", "--collect.sys.user_summary"];
    assert_eq!(names(&only), ["sys.user_summary"]);
}

#[test]
fn queries_need_a_file_and_a_file_turns_them_on() {
    let error = |arguments: &[&str]| {
        let exporter = MysqlExporter::from_matches(&matches(arguments).unwrap(), &|_| None);
        format!("{:#}", exporter.unwrap_err())
    };
    assert_eq!(
        error(&["--collect.custom_query"]),
        "--collect.custom_query needs --collect.custom_query.file"
    );
    let missing = "--collect.custom_query.file=/nonexistent/queries.yml";
    let start = "--collect.custom_query.file: /nonexistent/queries.yml: cannot be read: ";
    assert!(error(&[missing]).starts_with(start), "{}", error(&[missing]));
    let off = &[missing, "--no-collect.custom_query"];
    assert!(MysqlExporter::from_matches(&matches(off).unwrap(), &|_| None).is_ok());
}

#[test]
fn collect_keeps_those_named_or_all() {
    let exporter =
        MysqlExporter::from_matches(&matches(&["--config.my-cnf="]).unwrap(), &|_| None).unwrap();
    let chosen = |names: &[&str]| {
        let parameters =
            names.iter().map(|name| ("collect[]".to_owned(), (*name).to_owned())).collect();
        let request = ScrapeRequest { parameters, deadline: Instant::now() };
        let chosen = exporter.scraper.choose(&request);
        exporter.scraper.names().filter(|name| chosen(name)).count()
    };
    let all = chosen(&[]);
    assert_eq!(chosen(&["slave_status"]), 1);
    assert_eq!(chosen(&["slave_status", "info_schema.tables"]), 1);
    assert_eq!(chosen(&["info_schema.tables"]), all);
}

#[test]
fn without_a_file_flags_and_environment_count() {
    let flags = ["--mysqld.username=u", "--mysqld.address=db:1"];
    // The default is missing here; an empty name means none.
    for named in [&[][..], &["--config.my-cnf="]] {
        let account = account(&[&flags[..], named].concat()).unwrap();
        assert_eq!(account.address, Address::Tcp("db".into(), 1));
        assert_eq!((account.user.as_str(), account.password.expose()), ("u", "hunter2"));
    }
}

#[test]
fn a_missing_file_that_was_named_is_an_error_with_flag_file_and_reason() {
    // Also if the name is that of the default.
    for missing in ["--config.my-cnf=/nonexistent/.my.cnf", "--config.my-cnf=.my.cnf"] {
        let error = MysqlExporter::from_matches(&matches(&[missing]).unwrap(), &|_| None);
        let error = format!("{:#}", error.unwrap_err());
        let reason = "cannot be read: No such file or directory (os error 2)";
        assert_eq!(error, format!("{missing}: {reason}"));
    }
}

#[tokio::test]
async fn a_server_is_kept_by_account() {
    let args = Args::from_arg_matches(&matches(&[]).unwrap()).unwrap();
    let servers = Servers::new(args.connections);
    let account = account(&["--mysqld.username=u"]).unwrap();
    let first = servers.get(&account);
    assert!(Arc::ptr_eq(&first, &servers.get(&account.clone())));
    let others = [
        Account { user: "v".into(), ..account.clone() },
        Account { password: "hunter3".into(), ..account.clone() },
        Account { address: "db:1".parse().unwrap(), ..account },
    ];
    for other in others {
        assert!(!Arc::ptr_eq(&first, &servers.get(&other)), "{other:?}");
    }
    assert!(!format!("{servers:?}").contains("hunter"));
}

#[test]
fn a_broken_file_is_an_error_that_names_it() {
    let exporter = |content: &[u8]| {
        let file = OptionFile::new("broken", content);
        let path = file.0.display().to_string();
        let matches = matches(&["--config.my-cnf", &path]).unwrap();
        let error = MysqlExporter::from_matches(&matches, &|_| None).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains(&path) && !error.contains("secret"), "{error}");
        error
    };
    let error = exporter(b"[client\npassword=secret");
    assert!(error.ends_with(".cnf: line 1: a section header that does not end in ]"), "{error}");
    let error = exporter(b"[client]\npassword=secret\nport=x");
    assert!(error.ends_with(".cnf: line 3: port is not a number in its range"), "{error}");
    let error = exporter(b"[client]\npassword=secret\nssl-ca=secret.pem");
    assert!(error.contains("line 3: ssl-ca asks for TLS"), "{error}");
    assert!(exporter(b"[client]\npassword=secret\xff").contains("line 2: password is not UTF-8"));
    let folder = std::env::temp_dir().display().to_string();
    assert!(account(&["--config.my-cnf", &folder]).is_err());
}

#[test]
fn nothing_prints_the_password() {
    let file = OptionFile::new("password", b"[client]\nuser=u\npassword=hunter2\n");
    let path = file.0.display().to_string();
    let exporter =
        MysqlExporter::from_matches(&matches(&["--config.my-cnf", &path]).unwrap(), &|_| None);
    let shown = format!("{:?} {:?}", exporter.unwrap(), account(&["--config.my-cnf", &path]));
    assert!(!shown.contains("hunter2"), "{shown}");
}
