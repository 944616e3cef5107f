use super::*;
use crate::my_cnf;

fn fallback(address: &str) -> Account {
    Account {
        address: address.parse().unwrap(),
        user: "flag".into(),
        password: "environment".into(),
        allows_cleartext: false,
    }
}

fn account(lines: &str) -> Result<Account, String> {
    let file = my_cnf::parse(&format!("[client]\n{lines}"), &|_| None).unwrap();
    let section = file.section("client").unwrap();
    Account::from_section(&section, fallback("db:3307")).map_err(|error| error.to_string())
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
    let file = my_cnf::parse("[client]\nhost=h", &|_| None).unwrap();
    let section = file.section("client").unwrap();
    let account = Account::from_section(&section, fallback("unix:///run/my.sock")).unwrap();
    assert_eq!(account.address, socket);
}

#[test]
fn settings_that_ask_for_tls_are_refused() {
    for line in [
        "ssl-ca=/ca.pem",
        "ssl_ca=/ca.pem",
        "ssl",
        "tls=preferred",
        "tls-min-version=TLSv1.2",
        "ssl-mode=REQUIRED",
        "ssl-skip-verfication=true",
    ] {
        let error = account(line).unwrap_err();
        assert!(error.contains("asks for TLS, which is not supported yet"), "{error}");
        assert!(error.starts_with("line 2: "), "{error}");
    }
    for line in ["tls=false", "ssl=0", "ssl-mode=PREFERRED", "sslx=1", "ssl-ca=", "tls=off"] {
        assert!(account(line).is_ok(), "{line}");
    }
}

#[test]
fn no_error_shows_a_value() {
    for line in ["port=hunter2", "enable-cleartext-plugin=hunter2", "ssl=hunter2"] {
        let error = account(line).unwrap_err();
        assert!(error.starts_with("line 2: ") && !error.contains("hunter2"), "{error}");
    }
    assert_eq!(account("password").unwrap_err(), "line 2: password has no value");
    let shown = format!("{:?}", account("password=hunter2").unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
}
