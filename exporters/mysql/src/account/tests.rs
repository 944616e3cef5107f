use clap::FromArgMatches as _;

use super::*;
use crate::args::Args;
use crate::my_cnf;

fn fallback(address: &str) -> Account {
    Account {
        address: address.parse().unwrap(),
        user: "flag".into(),
        password: "environment".into(),
        allows_cleartext: false,
        tls: Tls::default(),
    }
}

fn account(lines: &str) -> Result<Account, String> {
    account_over(lines, &fallback("db:3307"))
}

fn account_over(lines: &str, fallback: &Account) -> Result<Account, String> {
    let file = my_cnf::parse(&format!("[client]\n{lines}"), &|_| None).unwrap();
    let section = file.section("client").unwrap();
    Account::from_section(&section, fallback).map_err(|error| error.to_string())
}

#[test]
fn addresses_are_read_and_written() {
    for text in ["localhost:3306", "10.0.0.1:3307", "[::1]:3306", "unix:///run/my.sock"] {
        assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
    }
    assert_eq!(":3306".parse(), Ok(Address::Tcp("localhost".into(), 3306)));
    for text in ["", "localhost", "::1:3306", "db:99999", "db:", "unix://run", "http://db:1"] {
        assert!(text.parse::<Address>().is_err(), "{text}");
    }
}

#[test]
fn a_request_may_leave_out_the_port() {
    for (text, expected) in [
        ("db1.example", "db1.example:3306"),
        (" db1.example:3307\n", "db1.example:3307"),
        ("[2001:db8::5]", "[2001:db8::5]:3306"),
        ("[2001:db8::5]:3307", "[2001:db8::5]:3307"),
        ("unix:///run/my sqld.sock", "unix:///run/my sqld.sock"),
    ] {
        assert_eq!(Address::of_request(text).unwrap().to_string(), expected);
    }
    for text in
        ["", " ", "2001:db8::5", "db:x", "db:1:2", "http://db", "mysql://u:p@db", "u:p@db", "a b"]
    {
        let error = Address::of_request(text).unwrap_err();
        assert_eq!(error, "expected host, host:port, [v6]:port or unix:///path", "{text}");
    }
}

#[test]
fn the_file_beats_flags_and_environment() {
    let account = account("user=a\npassword=b\nhost=h\n").unwrap();
    assert_eq!(account.address, Address::Tcp("h".into(), 3307));
    assert_eq!((account.user.as_str(), account.password.expose()), ("a", "b"));
}

#[test]
fn an_ipv6_address_may_have_brackets() {
    for host in ["::1", "[::1]", "fe80::1%eth0", "[fe80::1%eth0]"] {
        let bare = host.trim_matches(['[', ']']);
        let expected = Address::Tcp(bare.into(), 3307);
        assert_eq!(account(&format!("host={host}")).unwrap().address, expected);
    }
}

#[test]
fn flags_and_environment_fill_gaps() {
    assert_eq!(account(""), Ok(fallback("db:3307")));
    assert_eq!(account("port=1").unwrap().address, Address::Tcp("db".into(), 1));
    assert_eq!(account("password=").unwrap().password, "".into());
}

#[test]
fn a_socket_beats_host_and_port() {
    let socket = Address::Socket("/run/my.sock".into());
    assert_eq!(account("host=h\nsocket=/run/my.sock").unwrap().address, socket);
    let account = account_over("host=h", &fallback("unix:///run/my.sock")).unwrap();
    assert_eq!(account.address, socket);
}

#[test]
fn tls_is_what_the_keys_of_any_client_say() {
    use Encryption::{Off, Preferred, Required};
    use Verification::{Authority, Name, Nothing};
    for (lines, encryption, verification) in [
        ("", Off, Nothing),
        ("tls=false", Off, Nothing),
        ("tls=true", Required, Name),
        ("tls=skip-verify", Required, Nothing),
        ("tls=preferred", Preferred, Nothing),
        ("ssl-ca=/ca.pem", Required, Name),
        ("ssl_ca=/ca.pem", Required, Name),
        ("ssl-ca=/ca.pem\ntls=false", Required, Name),
        ("tls-server-name=db", Required, Name),
        ("tls-min-version=TLSv1.2", Required, Name),
        ("ssl-ca=/ca.pem\nssl-skip-verfication=true", Required, Nothing),
        ("ssl-skip-verification", Required, Nothing),
        ("ssl-skip-verfication=0\nssl-skip-verification=1", Off, Nothing),
        ("ssl-mode=DISABLED\nssl-ca=/ca.pem", Off, Nothing),
        ("ssl-mode=preferred", Preferred, Nothing),
        ("ssl-mode=PREFERRED\nssl-ca=/ca.pem", Required, Name),
        ("ssl-mode=REQUIRED", Required, Nothing),
        ("ssl-mode=REQUIRED\nssl-ca=/ca.pem", Required, Authority),
        ("ssl-mode=VERIFY_CA\nssl-ca=/ca.pem", Required, Authority),
        ("ssl_mode=VERIFY_IDENTITY", Required, Name),
        ("ssl", Required, Nothing),
        ("ssl=0", Off, Nothing),
        ("ssl\nskip-ssl", Off, Nothing),
        ("ssl-verify-server-cert", Required, Name),
        ("ssl-cert=/c.pem\nssl-key=/k.pem", Preferred, Nothing),
        ("sslx=1\nssl-ca=", Off, Nothing),
    ] {
        let tls = account(lines).unwrap().tls;
        assert_eq!((tls.encryption, tls.verification), (encryption, verification), "{lines}");
    }
    let flag = Account { tls: Tls::unverified(), ..fallback("db:1") };
    let over = |lines| account_over(lines, &flag).unwrap().tls;
    assert_eq!(over("ssl-ca=/ca.pem").verification, Nothing);
    assert_eq!(over("ssl-ca=/ca.pem\nssl-skip-verfication=false").verification, Name);
    assert_eq!(over("ssl-skip-verfication=false").encryption, Off);
}

#[test]
fn files_names_and_versions_of_tls_are_kept() {
    let tls = account(
        "ssl-ca=/ca.pem\nssl-cert=/c.pem\nssl-key=/k.pem\ntls-server-name=db.example\n\
         tls-min-version=TLSv1.3\ntls-max-version=TLSv1.3",
    );
    let tls = tls.unwrap().tls;
    assert_eq!(tls.authorities, Some("/ca.pem".into()));
    assert_eq!(tls.identity, Some(("/c.pem".into(), "/k.pem".into())));
    assert_eq!(tls.server_name.as_deref(), Some("db.example"));
    assert!(tls.needs_version_1_3);
}

#[test]
fn malformed_settings_of_tls_are_refused() {
    for (lines, expected) in [
        ("ssl-cert=/c.pem", "line 2: [client] ssl-cert is there without ssl-key"),
        ("ssl-key=/k.pem", "line 2: [client] ssl-key is there without ssl-cert"),
        ("tls=hunter2", "line 2: [client] tls is none of true, false, skip-verify, preferred"),
        ("ssl-mode=hunter2", "line 2: [client] ssl-mode is none of DISABLED, "),
        ("tls-min-version=1.2", "line 2: [client] tls-min-version is none of TLSv1.0, "),
        (
            "tls-min-version=TLSv1.3\ntls-max-version=TLSv1.2",
            "line 2: [client] tls-min-version is above tls-max-version",
        ),
        ("tls-max-version=TLSv1.1", "line 2: [client] tls-max-version is below TLSv1.2"),
        ("ssl-skip-verfication=hunter2", "line 2: [client] ssl-skip-verfication is neither"),
    ] {
        let error = account(lines).unwrap_err();
        assert!(error.starts_with(expected) && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn no_error_shows_a_value() {
    for line in ["port=hunter2", "enable-cleartext-plugin=hunter2", "ssl=hunter2"] {
        let error = account(line).unwrap_err();
        assert!(error.starts_with("line 2: ") && !error.contains("hunter2"), "{error}");
    }
    assert_eq!(account("password").unwrap_err(), "line 2: [client] password has no value");
    let shown = format!("{:?}", account("password=hunter2").unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// An option file that is removed at the end, and the accounts in it.
struct Fixture {
    folder: ::tests::TemporaryFolder,
    accounts: std::sync::Arc<Accounts>,
}

impl Fixture {
    fn new(content: impl AsRef<[u8]>) -> Self {
        Self::try_new(content, &[]).unwrap()
    }

    fn try_new(content: impl AsRef<[u8]>, flags: &[&str]) -> anyhow::Result<Self> {
        let folder = ::tests::TemporaryFolder::new("accounts").unwrap();
        let file = folder.path().join("my.cnf");
        std::fs::write(&file, content).unwrap();
        let file = format!("--config.my-cnf={}", file.display());
        let arguments = ["mysql-exporter", &file].into_iter().chain(flags.iter().copied());
        let matches = common::commands::parse::<crate::MysqlExporter>(arguments.map(Into::into));
        let args = Args::from_arg_matches(&matches.unwrap()).unwrap();
        let environment =
            |name: &str| (name == PASSWORD_VARIABLE).then(|| "environment".to_owned());
        let accounts = Accounts::read(&args, true, Box::new(environment))?.into();
        Ok(Self { folder, accounts })
    }

    fn write(&self, content: &str) {
        std::fs::write(self.folder.path().join("my.cnf"), content).unwrap();
    }

    fn get(&self, section: &str) -> Result<Account, String> {
        self.accounts.account(section, None).map_err(|error| format!("{error:#}"))
    }

    fn password(&self, section: &str) -> String {
        self.get(section).unwrap().password.expose().to_owned()
    }
}

const FLAGS: [&str; 2] = ["--mysqld.address=db:1", "--mysqld.username=flag"];

#[test]
fn children_inherit_from_client_and_from_the_flags_and_others_do_not() {
    let file = "[client]\nport=2\n[client.a]\nuser=a\n[client.a.b]\npassword=b\n[other]\nuser=o\n";
    let accounts = Fixture::try_new(file, &FLAGS).unwrap();
    let shown = |section| {
        let account = accounts.get(section).unwrap();
        format!("{}:{}@{}", account.user, account.password.expose(), account.address)
    };
    assert_eq!(shown("client"), "flag:environment@db:2");
    assert_eq!(shown("client.a"), "a:environment@db:2");
    assert_eq!(shown("client.a.b"), "a:b@db:2");
    assert_eq!(shown("other"), "o:@127.0.0.1:3306");
    let address = Address::of_request("db9").unwrap();
    let account = accounts.accounts.account("client.a", Some(&address)).unwrap();
    assert_eq!((account.user.as_str(), account.address), ("a", address));
}

#[test]
fn without_a_client_section_the_flags_count() {
    let accounts = Fixture::try_new("[client.a]\npassword=p\n", &FLAGS).unwrap();
    assert_eq!(accounts.get("client").unwrap().user, "flag");
    let child = accounts.get("client.a").unwrap();
    assert_eq!((child.user.as_str(), child.password.expose()), ("flag", "p"));
}

#[test]
fn a_bad_section_costs_itself_only() {
    let file = "[client]\nport=hunter2\nuser=u\n[b]\nuser=x\n[mysqld]\nport=1\n";
    let accounts = Fixture::new(file);
    let error = accounts.get("client").unwrap_err();
    assert!(error.ends_with("my.cnf: line 2: [client] port is not a number in its range"));
    assert!(accounts.get("b").is_ok());
    assert!(accounts.get("mysqld").unwrap_err().ends_with("my.cnf: [mysqld] has no user"));
    assert!(accounts.get("c").unwrap_err().ends_with("my.cnf: there is no section [c]"));
    assert!(accounts.get("DEFAULT").is_err());
    // A child of it has the same port.
    let child = Fixture::new("[client]\nport=hunter2\n[client.a]\nuser=a\n[b]\nuser=x\n");
    assert!(child.get("client.a").unwrap_err().contains("line 2: [client] port"));
    let none = Fixture::try_new("[client]\nport=hunter2\n[mysqld]\nport=1\n", &FLAGS);
    let error = format!("{:#}", none.err().unwrap());
    assert!(error.starts_with("--config.my-cnf=") && !error.contains("hunter2"), "{error}");
}

#[test]
fn the_tls_flag_is_for_all_sections() {
    let file = "[client.a]\nuser=a\nssl-skip-verfication=0\n[b]\nuser=b\n";
    let accounts = Fixture::try_new(file, &["--tls.insecure-skip-verify"]).unwrap();
    assert_eq!(accounts.get("client").unwrap().tls, Tls::unverified());
    assert_eq!(accounts.get("b").unwrap().tls, Tls::unverified());
    assert_eq!(accounts.get("client.a").unwrap().tls, Tls::default());
}

#[tokio::test]
async fn the_file_is_read_again_and_a_broken_one_changes_nothing() {
    let accounts = Fixture::new("[client]\nuser=u\npassword=one\n");
    let generation = accounts.accounts.generation();
    accounts.accounts.read_again().await;
    assert_eq!(accounts.accounts.generation(), generation, "nothing has changed");
    accounts.write("[client]\nuser=u\npassword=two\n");
    accounts.accounts.read_again().await;
    assert_eq!(accounts.password("client"), "two");
    assert_ne!(accounts.accounts.generation(), generation);
    for broken in ["[client\npassword=three", "[client]\npassword=three\nport=x"] {
        accounts.write(broken);
        let error = format!("{:#}", accounts.accounts.reload().unwrap_err());
        assert!(error.contains("my.cnf: line ") && !error.contains("three"), "{error}");
        accounts.accounts.read_again().await;
        assert_eq!(accounts.password("client"), "two");
    }
    std::fs::remove_file(accounts.folder.path().join("my.cnf")).unwrap();
    assert!(accounts.accounts.reload().is_err());
    assert_eq!(accounts.password("client"), "two");
}

#[test]
fn an_option_file_may_have_any_encoding() {
    let text = "\u{feff}[client]\r\nuser=u\r\n# réseau\r\npassword=pé\u{1f512}\r\n";
    let units: Vec<u16> = text.encode_utf16().collect();
    let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    for bytes in [text.as_bytes(), &little, &big] {
        assert_eq!(Fixture::new(bytes).password("client"), "pé\u{1f512}");
    }
    let latin = Fixture::new(b"# r\xe9seau\n[client]\nuser=u\npassword=p\n".as_slice());
    assert_eq!(latin.password("client"), "p");
    let garbled = b"[client]\nuser=u\npassword=p\xe9\n[b]\nuser=b\n".as_slice();
    let garbled = Fixture::new(garbled);
    assert!(garbled.get("client").unwrap_err().ends_with("line 3: [client] password is not UTF-8"));
    assert!(garbled.get("b").is_ok());
}

#[test]
fn a_line_end_in_the_variable_of_the_password_is_told_and_sent() {
    for (password, lines) in [("secret\n", 1), ("secret\r\n", 1), ("sec\nret", 0), ("", 0)] {
        let log = ::tests::log::Log::capture();
        let arguments = ["mysql-exporter", "--config.my-cnf="].map(Into::into);
        let matches = common::commands::parse::<crate::MysqlExporter>(arguments).unwrap();
        let args = Args::from_arg_matches(&matches).unwrap();
        let environment = move |_: &str| Some(password.to_owned());
        let accounts = Accounts::read(&args, true, Box::new(environment)).unwrap();
        assert_eq!(log.count("MYSQLD_EXPORTER_PASSWORD ends in a line end"), lines);
        assert!(!log.text().contains("secret"), "{}", log.text());
        assert_eq!(accounts.account(CLIENT, None).unwrap().password.expose(), password);
    }
}

#[test]
fn a_data_source_name_will_do_where_nothing_else_is_named() {
    const SOURCE: &str = "prometheus:hunter2@tcp(db.example:3307)/";
    let read = |flags: &[&str], password: &'static str, source: &'static str| {
        let arguments = ["mysql-exporter"].iter().chain(flags).map(Into::into);
        let matches = common::commands::parse::<crate::MysqlExporter>(arguments).unwrap();
        let args = Args::from_arg_matches(&matches).unwrap();
        let environment = move |name: &str| match name {
            PASSWORD_VARIABLE => Some(password.to_owned()),
            "DATA_SOURCE_NAME" => Some(source.to_owned()),
            _ => None,
        };
        let is_named = flags.iter().any(|flag| flag.starts_with("--config"));
        let accounts = Accounts::read(&args, is_named, Box::new(environment))?;
        accounts.account(CLIENT, None).map(|account| (account.user, account.address.to_string()))
    };
    let of = |user: &str, address: &str| (user.to_owned(), address.to_owned());
    assert_eq!(read(&[], "", SOURCE).unwrap(), of("prometheus", "db.example:3307"));
    assert_eq!(read(&[], "", "").unwrap(), of("", "localhost:3306"));
    let log = ::tests::log::Log::capture();
    let named = read(&["--mysqld.username=other"], "", SOURCE).unwrap();
    assert_eq!(named, of("other", "localhost:3306"));
    assert_eq!(read(&[], "password", SOURCE).unwrap(), of("", "localhost:3306"));
    assert_eq!(read(&["--config.my-cnf="], "", SOURCE).unwrap(), of("", "localhost:3306"));
    assert_eq!(log.count("DATA_SOURCE_NAME is ignored"), 3, "{}", log.text());
    assert!(!log.text().contains("hunter2"), "{}", log.text());
    let error = read(&[], "", "hunter2").unwrap_err().to_string();
    assert!(error.starts_with("DATA_SOURCE_NAME: expected ") && !error.contains("hunter2"));
}

#[test]
fn what_has_no_effect_or_is_of_no_use_is_told() {
    let log = ::tests::log::Log::capture();
    let file =
        "!includedir /etc/mysql\n[client]\nuser=u\nssl-cipher=x\n[bad]\nuser=u\nport=hunter2\n";
    let accounts = Fixture::new(file);
    accounts.accounts.reload().unwrap();
    let text = log.text();
    for expected in [
        "the option files that !include names are not read",
        "this key has no effect section=\"client\" key=\"ssl-cipher\"",
        "a section of the option file is of no use error=line 7: [bad] port is not a number",
    ] {
        assert_eq!(text.matches(expected).count(), 1, "{expected}: {text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn nothing_prints_a_password() {
    let accounts = Fixture::new("[client]\nuser=u\npassword=hunter2\n");
    let shown = format!("{:?} {:?}", accounts.accounts, accounts.get("client"));
    assert!(!shown.contains("hunter2"), "{shown}");
}

proptest::proptest! {
    #[test]
    fn any_target_is_an_address_or_refused(text in ".{0,40}", host in "[a-z0-9.\\[\\]:/]{0,20}") {
        let _ = (Address::of_request(&text), Address::of_request(&host));
    }

    #[test]
    fn any_values_of_tls_are_read_or_refused(
        key in "(ssl|tls)(-(ca|cert|key|mode|min-version|max-version|skip-verfication))?",
        value in "(true|TLSv1.[0-4]|REQUIRED|/x|.{0,9})",
    ) {
        let _ = account(&format!("{key}={value}"));
    }
}
