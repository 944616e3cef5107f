use std::ffi::OsString;
use std::time::Instant;

use account::Account;

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

fn exporter(arguments: &[&str]) -> anyhow::Result<MysqlExporter> {
    let environment = |name: &str| (name == PASSWORD_VARIABLE).then(|| "hunter2".to_owned());
    MysqlExporter::from_matches(&matches(arguments).unwrap(), Box::new(environment))
}

fn account(arguments: &[&str]) -> anyhow::Result<Account> {
    exporter(arguments)?.accounts.account(CLIENT, None)
}

fn request(parameters: &[(&str, &str)]) -> ScrapeRequest {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    ScrapeRequest { parameters: parameters.iter().map(owned).collect(), deadline: Instant::now() }
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
fn no_flag_of_the_reference_ends_the_start() {
    let flags = [
        "--web.telemetry-path=/m",
        "--web.listen-address=:9104",
        "--web.systemd-socket",
        "--no-web.systemd-socket",
        "--web.config.file=",
        "--timeout-offset=0.5",
        "--config.my-cnf=",
        "--mysqld.address=unix:///run/mysqld/mysqld.sock",
        "--mysqld.username=u",
        "--tls.insecure-skip-verify",
        "--no-tls.insecure-skip-verify",
        "--exporter.lock_wait_timeout=3",
        "--exporter.enable_lock_wait_timeout",
        "--no-exporter.enable_lock_wait_timeout",
        "--exporter.log_slow_filter",
        "--no-exporter.log_slow_filter",
        "--exporter.query_timeout=0",
        "--exporter.max_open_connections=3",
        "--log.level=debug",
        "--log.format=json",
    ];
    for flag in flags {
        assert!(matches(&[flag]).is_ok(), "{flag}");
        if let Some((name, value)) = flag.split_once('=') {
            assert!(matches(&[name, value]).is_ok(), "{flag}");
        }
    }
    let args = Args::from_arg_matches(&matches(&["--tls.insecure-skip-verify"]).unwrap()).unwrap();
    assert!(args.skips_verification);
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
        let exporter = exporter(&[&["--config.my-cnf="], arguments].concat()).unwrap();
        exporter.new_scraper().names().collect::<Vec<_>>()
    };
    let defaults = [
        "global_status",
        "global_variables",
        "info_schema.innodb_cmp",
        "info_schema.innodb_cmpmem",
        "info_schema.query_response_time",
        "slave_status",
    ];
    assert_eq!(names(&[]), defaults);
    let switches = ["--no-collect.slave_status", "--no-collect.global_status"];
    assert_eq!(names(&switches), defaults[1..5]);
    let only = ["--collector.disable-defaults", "--collect.sys.user_summary"];
    assert_eq!(names(&only), ["sys.user_summary"]);
}

#[test]
fn queries_need_a_file_and_a_file_turns_them_on() {
    let error = |arguments: &[&str]| {
        let arguments = [&["--config.my-cnf="], arguments].concat();
        format!("{:#}", exporter(&arguments).unwrap_err())
    };
    assert_eq!(
        error(&["--collect.custom_query"]),
        "--collect.custom_query needs --collect.custom_query.file"
    );
    let missing = "--collect.custom_query.file=/nonexistent/queries.yml";
    let start = "--collect.custom_query.file: /nonexistent/queries.yml: cannot be read: ";
    assert!(error(&[missing]).starts_with(start), "{}", error(&[missing]));
    assert!(exporter(&["--config.my-cnf=", missing, "--no-collect.custom_query"]).is_ok());
}

#[test]
fn collect_keeps_those_named_or_all() {
    let only = ["--config.my-cnf=", "--collector.disable-defaults", "--collect.global_status"];
    let exporter = exporter(&[&only[..], &["--collect.slave_status"]].concat()).unwrap();
    let scraper = exporter.new_scraper();
    let chosen = |names: &[&str]| {
        let parameters: Vec<_> = names.iter().map(|name| ("collect[]", *name)).collect();
        let request = request(&parameters);
        check_collectors(&request)?;
        let chosen = scraper.choose(&request);
        Ok::<_, Refusal>(scraper.names().filter(|name| chosen(name)).count())
    };
    assert_eq!(chosen(&[]), Ok(2));
    assert_eq!(chosen(&["slave_status"]), Ok(1));
    assert_eq!(chosen(&["slave_status", "global_variables"]), Ok(1));
    // It is not enabled.
    assert_eq!(chosen(&["global_variables"]), Ok(2));
    let refusal = chosen(&["slave_status", "collect.slave_status"]).unwrap_err().0;
    let expected = "parameter collect[]: no collector \"collect.slave_status\"; there are ";
    assert!(refusal.starts_with(expected) && refusal.contains("global_status, "), "{refusal}");
}

#[test]
fn a_request_names_server_and_account() {
    let file = OptionFile::new("modules", b"[client.a]\nuser=a\nport=1\n[b]\nport=x\n");
    let exporter = exporter(&["--config.my-cnf", &file.0.display().to_string()]).unwrap();
    let target = |parameters: &[(&str, &str)]| {
        exporter.target(&request(parameters)).map_err(|refusal| refusal.0)
    };
    assert_eq!(target(&[]).unwrap(), Target::default());
    assert_eq!(target(&[("target", ""), ("auth_module", "")]).unwrap(), Target::default());
    let full = target(&[("target", "db1.example"), ("auth_module", "client.a")]).unwrap();
    assert_eq!(full.to_string(), "db1.example:3306 [client.a]");
    for (parameters, expected) in [
        (&[("target", "2001:db8::5")][..], "parameter target: expected host, host:port, "),
        (&[("target", "u:hunter2@db:1")], "parameter target: expected host, host:port, "),
        (&[("auth_module", "c")], "parameter auth_module: there is no section [c]"),
        (&[("auth_module", "DEFAULT")], "parameter auth_module: there is no section [DEFAULT]"),
        (&[("auth_module", "b")], "parameter auth_module: line 5: [b] port is not a number"),
    ] {
        let refusal = target(parameters).unwrap_err();
        assert!(refusal.starts_with(expected) && !refusal.contains("hunter2"), "{refusal}");
    }
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
        let error = format!("{:#}", exporter(&[missing]).unwrap_err());
        let reason = "cannot be read: No such file or directory (os error 2)";
        assert_eq!(error, format!("{missing}: {reason}"));
    }
}

#[tokio::test]
async fn a_server_is_kept_by_section_and_address() {
    let exporter = exporter(&["--config.my-cnf=", "--mysqld.username=u"]).unwrap();
    let get = |section: &str, address: Option<&str>| {
        let address = address.map(|text| text.parse().unwrap());
        exporter.server(&Target { section: section.into(), address })
    };
    let first = get(CLIENT, None);
    assert!(Arc::ptr_eq(&first, &get(CLIENT, None)));
    let others = [get("client.a", None), get(CLIENT, Some("db:1")), get(CLIENT, Some("db:2"))];
    assert!(others.iter().all(|other| !Arc::ptr_eq(&first, other)));
    assert!(!Arc::ptr_eq(&others[1], &others[2]));
    assert!(!format!("{exporter:?}").contains("hunter2"));
}

#[test]
fn a_broken_file_is_an_error_that_names_it() {
    let exporter = |content: &[u8]| {
        let file = OptionFile::new("broken", content);
        let path = file.0.display().to_string();
        let error = format!("{:#}", exporter(&["--config.my-cnf", &path]).unwrap_err());
        assert!(error.contains(&path) && !error.contains("secret"), "{error}");
        error
    };
    let error = exporter(b"[client\npassword=secret");
    assert!(error.ends_with(".cnf: line 1: a section header that does not end in ]"), "{error}");
    let error = exporter(b"[client]\npassword=secret\nport=x");
    assert!(error.ends_with(".cnf: line 3: [client] port is not a number in its range"), "{error}");
    let error = exporter(b"[client]\npassword=secret\nssl-mode=secret");
    assert!(error.contains("line 3: [client] ssl-mode is none of "), "{error}");
    let error = exporter(b"[client]\npassword=secret\xff");
    assert!(error.contains("line 2: [client] password is not UTF-8"), "{error}");
    let folder = std::env::temp_dir().display().to_string();
    assert!(account(&["--config.my-cnf", &folder]).is_err());
}

#[test]
fn a_flag_that_the_file_overrules_is_told() {
    let file = b"[mysqld]\nuser=mysql\n[client]\nuser=exporter\npassword=secret\nport=3306\n";
    let file = OptionFile::new("overruled", file);
    let path = format!("--config.my-cnf={}", file.0.display());
    for (address, warnings) in [("127.0.0.1:10000", 1), ("127.0.0.1:3306", 0)] {
        let log = ::tests::log::Log::capture();
        let account = account(&[&path, &format!("--mysqld.address={address}")]).unwrap();
        assert_eq!(account.address.to_string(), "127.0.0.1:3306");
        let warning = "the option file goes before --mysqld.address used=127.0.0.1:3306 flag=";
        assert_eq!(log.count(warning), warnings, "{}", log.text());
    }
}

#[test]
fn nothing_prints_the_password() {
    let file = OptionFile::new("password", b"[client]\nuser=u\npassword=hunter2\n");
    let path = file.0.display().to_string();
    let arguments = ["--config.my-cnf", &path];
    let shown = format!("{:?} {:?}", exporter(&arguments).unwrap(), account(&arguments));
    assert!(!shown.contains("hunter2"), "{shown}");
}
