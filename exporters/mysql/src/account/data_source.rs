//! `DATA_SOURCE_NAME`, which told mysqld_exporter its server before 0.15: a data source name as Go's
//! driver has it, `[user[:password]@][network[(address)]]/[database][?parameters]`.

use common::secret::Secret;

use super::{Account, Address, DEFAULT_PORT, Encryption, Tls, Verification};

/// The variable.
pub(super) const DATA_SOURCE: &str = "DATA_SOURCE_NAME";

/// The account that a data source name says; `fallback` has the rest.
///
/// The database is not used. Of the parameters, `tls` is.
///
/// # Errors
/// What is wrong, without a part of the value, because it may hold a password.
pub(super) fn parse(text: &str, fallback: &Account) -> Result<Account, &'static str> {
    const FORM: &str = "expected user:password@tcp(host:port)/ or user:password@unix(/path)/";
    // A password may have any of the characters that separate.
    let (server, parameters) = text.rsplit_once('/').ok_or(FORM)?;
    // So may the path of a socket have a slash: the last one is behind it.
    let (login, server) = server.rsplit_once('@').unwrap_or(("", server));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (network, address) = match server.split_once('(') {
        Some((network, rest)) => (network, rest.strip_suffix(')').ok_or(FORM)?),
        None => (server, ""),
    };
    let address = match (network, address) {
        ("" | "tcp", "") => Address::Tcp("127.0.0.1".into(), DEFAULT_PORT),
        ("" | "tcp", address) => Address::of_request(address)?,
        ("unix", "") => Address::Socket("/tmp/mysql.sock".into()),
        ("unix", path) if path.starts_with('/') => Address::Socket(path.into()),
        _ => return Err(FORM),
    };
    let parameters = parameters.split_once('?').map_or("", |(_, parameters)| parameters);
    let tls =
        parameters.split('&').filter_map(|parameter| parameter.strip_prefix("tls=")).next_back();
    Ok(Account {
        address,
        user: user.to_owned(),
        password: Secret::new(password.to_owned()),
        tls: match tls {
            None => fallback.tls.clone(),
            Some(mode) => tls_mode(mode)?,
        },
        ..fallback.clone()
    })
}

fn tls_mode(mode: &str) -> Result<Tls, &'static str> {
    let (encryption, verification) = match mode {
        "false" => (Encryption::Off, Verification::Nothing),
        "preferred" => (Encryption::Preferred, Verification::Nothing),
        "skip-verify" => (Encryption::Required, Verification::Nothing),
        "true" => (Encryption::Required, Verification::Name),
        _ => return Err("its parameter tls must be true, false, preferred or skip-verify"),
    };
    Ok(Tls { encryption, verification, ..Tls::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fallback() -> Account {
        Account {
            address: Address::Tcp("fallback".into(), 1),
            user: "fallback".into(),
            password: "fallback".into(),
            allows_cleartext: false,
            tls: Tls::default(),
        }
    }

    fn parts(text: &str) -> (String, String, String) {
        let account = parse(text, &fallback()).unwrap();
        (account.user, account.password.expose().to_owned(), account.address.to_string())
    }

    #[test]
    fn names_as_the_packages_of_debian_show_them_are_understood() {
        for (text, user, password, address) in [
            (
                "prometheus@unix(/run/mysqld/mysqld.sock)/",
                "prometheus",
                "",
                "unix:///run/mysqld/mysqld.sock",
            ),
            (
                "prometheus:nopassword@unix(/run/a.sock)/",
                "prometheus",
                "nopassword",
                "unix:///run/a.sock",
            ),
            (
                "prometheus:password@(db.example:3307)/name",
                "prometheus",
                "password",
                "db.example:3307",
            ),
            ("u:p@tcp(db)/", "u", "p", "db:3306"),
            ("u:p@tcp([::1]:3307)/", "u", "p", "[::1]:3307"),
            ("u:a:b/c@d?e(@(localhost:3306)/?charset=utf8", "u", "a:b/c@d?e(", "localhost:3306"),
            ("u@/", "u", "", "127.0.0.1:3306"),
            ("/", "", "", "127.0.0.1:3306"),
        ] {
            assert_eq!(parts(text), (user.into(), password.into(), address.into()), "{text}");
        }
    }

    #[test]
    fn the_parameter_tls_says_how_the_connection_is_encrypted() {
        let tls = |text: &str| parse(text, &fallback()).unwrap().tls;
        let required =
            |verification| Tls { encryption: Encryption::Required, verification, ..Tls::default() };
        assert_eq!(tls("u@tcp(a)/?timeout=1s&tls=true"), required(Verification::Name));
        assert_eq!(tls("u@tcp(a)/?tls=skip-verify"), required(Verification::Nothing));
        assert_eq!(tls("u@tcp(a)/b?parseTime=true"), Tls::default());
        assert!(parse("u@tcp(a)/?tls=custom", &fallback()).unwrap_err().contains("tls"));
    }

    #[test]
    fn what_is_malformed_is_refused_without_being_shown() {
        for text in [
            "",
            "secret",
            "u:secret@tcp(a",
            "u:secret@tcp(a/",
            "u:secret@udp(a)/",
            "u:secret@unix(secret)/",
            "u:secret@tcp(a:b)/",
        ] {
            let error = parse(text, &fallback()).unwrap_err();
            assert!(error.contains("expected") && !error.contains("secret"), "{text}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~]|\\PC){0,80}") {
            let _ = parse(&text, &fallback());
        }
    }
}
