use super::*;

const HASH: &str = "$2y$04$abcdefghijklmnopqrstuuPX1vKBKYcnnDnnPpOpSkM1kt1xlUHpq";

fn parsed(text: &str) -> Result<Settings, ConfigError> {
    parse(text, Path::new("/etc/web"))
}

/// Key and reason.
fn error(text: &str) -> (String, String) {
    let error = parsed(text).err().unwrap_or_else(|| panic!("accepted: {text}"));
    (error.key, error.reason)
}

fn tls_section(keys: &str) -> String {
    format!("tls_server_config: {{cert_file: c.pem, key_file: k.pem, {keys}}}")
}

#[test]
fn nothing_configured_is_valid() {
    for text in ["", "# nothing\n", "{}", "tls_server_config:\nbasic_auth_users:\nrate_limit: {}\n"]
    {
        let settings = parsed(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(settings.tls.is_none() && settings.users.is_empty());
        assert!(settings.headers.is_empty() && settings.rate_limit.is_none());
    }
    // As in the toolkit, versions alone do not switch TLS on, nor do empty names.
    let text = "tls_server_config: {min_version: TLS13, cert_file: '', key: }";
    assert!(parsed(text).unwrap().tls.is_none());
}

#[test]
fn every_key_is_read() {
    let text = format!(
        "tls_server_config:
  cert_file: c.pem
  key_file: /keys/k.pem
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  client_allowed_sans: [prometheus.example]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: yes
  curve_preferences: [X25519, CurveP256, CurveP521]
http_server_config:
  http2: off
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Content-Type-Options: nosniff
    X-Frame-Options: deny
    X-XSS-Protection: 1
    Content-Security-Policy: default-src 'self'
basic_auth_users:
  alice: {HASH}
  '42': {HASH}
rate_limit:
  interval: 1m30s
  burst: 20
"
    );
    let settings = parsed(&text).unwrap();
    let files: Vec<_> = settings.files().into_iter().collect();
    assert_eq!(files, ["/etc/web/c.pem", "/etc/web/ca.pem", "/keys/k.pem"].map(PathBuf::from));
    assert_eq!(settings.headers.len(), 5);
    assert_eq!(settings.users.keys().collect::<Vec<_>>(), ["42", "alice"]);
    let limit = RateLimit { interval: Duration::from_secs(90), burst: 20 };
    assert_eq!(settings.rate_limit, Some(limit));
    assert_eq!(settings.tls.unwrap().warnings().len(), 1);
}

#[test]
fn mistakes_of_form_name_the_key() {
    for (text, key, reason) in [
        ("- a list", "", "line 1"),
        ("just words", "", ""),
        ("unknown_key: 1", "", "unknown_key"),
        ("tls_server_config: {cert_fil: x}", "", "cert_fil"),
        ("http_server_config:\n  http3: true", "", "http3"),
        ("rate_limit: {burst: 1, burst: 2}", "", "burst"),
        ("basic_auth_users:\n  a: x\n  a: y", "", "duplicate"),
        ("http_server_config:\n  http2: maybe", "http2", ""),
        ("rate_limit:\n  burst: many", "burst", ""),
        ("tls_server_config:\n  cipher_suites: {a: b}", "cipher_suites", ""),
        ("basic_auth_users: [a]", "basic_auth_users", ""),
        ("a: b\n---\nc: d", "", ""),
        ("{", "", ""),
    ] {
        let error = parsed(text).err().unwrap_or_else(|| panic!("accepted: {text}")).to_string();
        assert!(error.contains(key) && error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn mistakes_repeat_no_more_than_the_start_of_a_name() {
    // A key of YAML has 1024 characters at most.
    let long = "é\t".repeat(450);
    for (text, key) in [
        (format!("{{\"{long}\": 1}}"), "unknown key é"),
        (format!("tls_server_config: {{\"{long}\": 1}}"), "unknown key é"),
        (format!("basic_auth_users: {{\"{long}\": x, \"{long}\": y}}"), "duplicate"),
        (format!("basic_auth_users: {{\"{long}\": x}}"), "basic_auth_users.é"),
        (format!("http_server_config: {{headers: {{\"{long}\": x}}}}"), "headers.é"),
        (format!("tls_server_config: {{min_version: \"{long}\"}}"), "min_version"),
        (format!("tls_server_config: {{client_auth_type: \"{long}\"}}"), "client_auth_type"),
        (format!("tls_server_config: {{cipher_suites: [\"{long}\"]}}"), "cipher_suites"),
        (format!("rate_limit: {{burst: \"{long}\"}}"), "rate_limit"),
        (format!("tls_server_config: {{http2: {}}}", "[".repeat(5000)), ""),
    ] {
        let error =
            parsed(&text).err().unwrap_or_else(|| panic!("accepted: {key} {text:.60}")).to_string();
        let count = error.chars().count();
        assert!(count < 700 && error.contains(key), "{key}: {count}: {error:.800}");
        assert!(error.matches("é").count() <= 64, "{error}");
    }
}

#[test]
fn mistakes_do_not_print_secrets() {
    for text in [
        "basic_auth_users: hunter2",
        "basic_auth_users:\n  a: [hunter2]",
        "basic_auth_users: {a: hunter2}",
        "basic_auth_users:\n  a: hunter2\n  a: hunter2",
        "tls_server_config: {key: hunter2, http2: hunter2}",
        "tls_server_config:\n  key: |\n    hunter2\n  prefer_server_cipher_suites: hunter2",
        "tls_server_config:\n  key: {hunter: 'hunter2'}",
        "basic_auth_users:\n  a: 'hunter2",
        "rate_limit: {interval: hunter2}",
    ] {
        let error = parsed(text).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{text}: {error}");
    }
    let settings = parsed(&format!("basic_auth_users: {{a: {HASH}}}")).unwrap();
    assert!(!format!("{settings:?}").contains("$2y$"));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn bad_values_name_key_and_reason() {
    let cases = [
        ("tls_server_config: {cert_file: c.pem}", "tls_server_config.key_file", "missing"),
        ("tls_server_config: {key: text}", "tls_server_config.cert_file", "missing"),
        (
            "tls_server_config: {client_auth_type: NoClientCert}",
            "tls_server_config.cert_file",
            "missing",
        ),
        (
            "tls_server_config: {cipher_suites: [TLS_RSA_X]}",
            "tls_server_config.cipher_suites",
            "TLS_RSA_X",
        ),
        (
            "tls_server_config: {curve_preferences: [P1]}",
            "tls_server_config.curve_preferences",
            "P1",
        ),
        ("tls_server_config: {min_version: SSL30}", "tls_server_config.min_version", "TLS12"),
        ("tls_server_config: {max_version: TLS11}", "tls_server_config.max_version", "oldest"),
        (
            "tls_server_config: {min_version: TLS13, max_version: TLS12}",
            "tls_server_config.max_version",
            "older",
        ),
        (
            "tls_server_config: {curve_preferences: [CurveP521]}",
            "tls_server_config.curve_preferences",
            "CurveP521",
        ),
        (
            "http_server_config: {headers: {Server: x}}",
            "http_server_config.headers.Server",
            "cannot be set",
        ),
        (
            "http_server_config: {headers: {x-frame-options: deny}}",
            "http_server_config.headers.x-frame-options",
            "cannot",
        ),
        (
            "http_server_config: {headers: {X-Frame-Options: allow}}",
            "http_server_config.headers.X-Frame-Options",
            "deny or sameorigin",
        ),
        (
            "http_server_config: {headers: {X-XSS-Protection: \"a\\nb\"}}",
            "http_server_config.headers.X-XSS-Protection",
            "characters",
        ),
        ("basic_auth_users: {a: short}", "basic_auth_users.a", "bcrypt"),
        ("basic_auth_users: {a: }", "basic_auth_users.a", "bcrypt"),
        (
            "basic_auth_users: {a: $1$abcdefghijklmnopqrstuuPX1vKBKYcnnDnnPpOpSkM1kt1xlUHpqabcd}",
            "basic_auth_users.a",
            "bcrypt",
        ),
        ("rate_limit: {interval: 1d}", "rate_limit.interval", "duration"),
        ("rate_limit: {interval: -1s}", "rate_limit.interval", "duration"),
        ("rate_limit: {burst: -1}", "rate_limit.burst", "number"),
    ];
    for (text, key, reason) in cases {
        let (found, text_of_reason) = error(text);
        assert_eq!(found, key, "{text}");
        assert!(text_of_reason.contains(reason), "{text}: {text_of_reason}");
    }
}

#[test]
fn a_hash_that_would_take_too_long_is_refused() {
    let rest = "QyTd7d0n3Iy.u1gVjOO.hO4VLQ4aQ6H8bmCYfAxq1u6Ghrf2nRvXO";
    let config = |cost: &str| format!("basic_auth_users: {{alice: '$2y${cost}${rest}'}}");
    for cost in ["04", "10", "15"] {
        assert_eq!(parsed(&config(cost)).unwrap().users.len(), 1, "{cost}");
    }
    for (cost, reason) in [
        ("16", "cost 16, more than 15"),
        ("31", "cost 31, more than 15"),
        ("03", "expected a bcrypt hash"),
        ("32", "expected a bcrypt hash"),
        ("99", "expected a bcrypt hash"),
        ("xx", "expected a bcrypt hash"),
    ] {
        let (key, found) = error(&config(cost));
        assert_eq!(key, "basic_auth_users.alice", "{cost}");
        assert!(found.contains(reason) && !found.contains("QyTd"), "{cost}: {found}");
    }
}

#[test]
fn keys_that_do_not_go_together_are_named() {
    let type_key = "tls_server_config.client_auth_type";
    for (keys, key, reason) in [
        ("client_auth_type: noclientcert", type_key, "expected"),
        ("client_ca_file: ca.pem", "tls_server_config.client_ca_file", "NoClientCert"),
        ("client_allowed_sans: [a]", "tls_server_config.client_allowed_sans", "NoClientCert"),
        (
            "max_version: TLS12, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]",
            "tls_server_config.cipher_suites",
            "HTTP/2",
        ),
        (
            "max_version: TLS12, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]",
            "tls_server_config.cipher_suites",
            "TLS 1.2",
        ),
    ] {
        let (found, text_of_reason) = error(&tls_section(keys));
        assert_eq!(found, key, "{keys}");
        assert!(text_of_reason.contains(reason), "{keys}: {text_of_reason}");
    }
}

#[test]
fn what_rustls_has_not_is_left_out_with_a_warning() {
    for keys in [
        "min_version: TLS10",
        "min_version: TLS11",
        "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]",
        "curve_preferences: [CurveP521, X25519]",
    ] {
        let settings = parsed(&tls_section(keys)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(settings.tls.unwrap().warnings().len(), 1, "{keys}");
    }
}

#[test]
fn intervals_are_durations_or_nanoseconds() {
    let interval = |text: &str| {
        let limit = parsed(&format!("rate_limit: {{interval: {text}, burst: 1}}")).unwrap();
        limit.rate_limit.map(|limit| limit.interval)
    };
    assert_eq!(interval("500ms"), Some(Duration::from_millis(500)));
    assert_eq!(interval("1000000"), Some(Duration::from_millis(1)));
    assert_eq!(interval("0"), None);
    assert_eq!(interval("0s"), None);
}

proptest::proptest! {
    #[test]
    fn any_text_is_survived(text: String) {
        let _ = parsed(&text);
        let _ = parsed(&format!("tls_server_config: {text}"));
        let _ = parsed(&format!("rate_limit:\n  interval: {text}"));
    }
}
