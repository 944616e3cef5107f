use proptest::prelude::*;

use super::*;

fn read(text: &str) -> MyCnf {
    parse(text, &|name| (name == "SECRET").then(|| "from env".to_owned())).unwrap()
}

fn text<'a>(file: &'a MyCnf, section: &str, key: &str) -> Option<&'a str> {
    file.section(section).unwrap().text(key).unwrap().map(Secret::expose)
}

#[test]
fn reads_sections_keys_and_comments() {
    let file = read(
        "\u{feff}# shared\n[client]\nuser = exporter\r\n  port=3307\n; other\npassword=a#b;c \n\
         !includedir /etc/mysql/conf.d/\n\n[mysqld]\nskip-networking\nuser: mysql\n",
    );
    assert_eq!(text(&file, "client", "user"), Some("exporter"));
    assert_eq!(text(&file, "client", "password"), Some("a#b;c"));
    assert_eq!(file.section("client").unwrap().number::<u16>("port"), Ok(Some(3307)));
    assert_eq!(text(&file, "mysqld", "user"), Some("mysql"));
    assert_eq!(file.section("mysqld").unwrap().flag("skip-networking"), Ok(Some(true)));
    assert!(file.section("other").is_none());
}

#[test]
fn quotes_and_continuations_are_taken_away() {
    let file = read(
        "[client]\npassword=\"a \\\"b\\\" #c\"\nuser='it''s'\nhost=\"open\nsocket=/run/\\\n  my\\\n sqld.sock\nlast=x\\",
    );
    assert_eq!(text(&file, "client", "password"), Some("a \"b\" #c"));
    assert_eq!(text(&file, "client", "user"), Some("it''s"));
    assert_eq!(text(&file, "client", "host"), Some("\"open"));
    assert_eq!(text(&file, "client", "socket"), Some("/run/mysqld.sock"));
    assert_eq!(text(&file, "client", "last"), Some("x"));
}

#[test]
fn the_last_of_equal_keys_wins_and_sections_add_up() {
    let file = read("[client]\nuser=a\n[x]\n[client]\nuser=b\nhost=h\n");
    assert_eq!(text(&file, "client", "user"), Some("b"));
    assert_eq!(text(&file, "client", "host"), Some("h"));
}

#[test]
fn dotted_sections_inherit_what_they_lack() {
    let file = read("[client]\nuser=a\npassword=${SECRET}\n[client.x.y]\nhost=h\nuser=b\n");
    assert_eq!(text(&file, "client.x.y", "user"), Some("b"));
    assert_eq!(text(&file, "client.x.y", "host"), Some("h"));
    assert_eq!(text(&file, "client.x.y", "password"), Some("from env"));
    assert_eq!(text(&file, "client", "host"), None);
}

#[test]
fn passwords_keep_their_special_characters() {
    for password in ["p$ss", "a$bc", "%(x)s", "a=b:c", "&?@", "é ü", "#;#", "\\x"] {
        let file = read(&format!("[client]\npassword={password}\n"));
        assert_eq!(text(&file, "client", "password"), Some(password));
    }
}

#[test]
fn broken_lines_are_named() {
    let error = |text| parse(text, &|_| None).unwrap_err().to_string();
    assert_eq!(error("\n[client"), "line 2: a section header that does not end in ]");
    assert_eq!(error("[ ]"), "line 1: a section without a name");
    assert_eq!(error("[client]\n= hunter2"), "line 2: a value without a key");
}

#[test]
fn errors_and_debug_output_show_no_value() {
    let file = read("[client]\nport=hunter2\nssl=hunter2\nuser\n");
    let section = file.section("client").unwrap();
    let errors = [
        section.number::<u16>("port").unwrap_err().to_string(),
        section.flag("ssl").unwrap_err().to_string(),
        section.text("user").unwrap_err().to_string(),
    ];
    assert_eq!(
        errors,
        [
            "line 2: [client] port is not a number in its range",
            "line 3: [client] ssl is neither true nor false",
            "line 4: [client] user has no value"
        ]
    );
    assert!(!format!("{file:?} {section:?}").contains("hunter2"));
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "(?s).{0,200}") {
        let _ = parse(&text, &|name| Some(name.to_owned()));
    }

    #[test]
    fn likely_text_never_panics(text in "[\\[\\]a\\.=: \"'\\\\$\\{\\}#;\n\r]{0,100}") {
        let Ok(file) = parse(&text, &|_| None) else { return Ok(()) };
        if let Some(section) = file.section("a.a") {
            let _ = (section.text("a"), section.flag("a"), section.number::<u16>("a"));
        }
    }

    #[test]
    fn any_unquoted_word_is_a_password(word in "[!-~&&[^\"'\\\\]]{1,30}") {
        let file = parse(&format!("[client]\npassword={word}"), &|_| None).unwrap();
        prop_assume!(!word.contains("${"));
        prop_assert_eq!(text(&file, "client", "password"), Some(word.as_str()));
    }
}

#[test]
fn bytes_that_are_no_text_cost_only_their_own_value() {
    let bytes = b"# r\xe9seau\n[client]\nuser=exporter\npassword=p\xe9\n[caf\xe9]\nuser=x\n";
    let file = read(&String::from_utf8_lossy(bytes));
    assert_eq!(text(&file, "client", "user"), Some("exporter"));
    let error = file.section("client").unwrap().text("password").unwrap_err();
    assert_eq!(error.to_string(), "line 4: [client] password is not UTF-8");
}

#[test]
fn keys_may_have_underscores_and_errors_name_the_section_of_the_line() {
    let file = read("!include /etc/other.cnf\n[a]\nssl_ca=x\nport=y\n[a.b]\nuser=u\n");
    let section = file.section("a.b").unwrap();
    assert_eq!(text(&file, "a.b", "ssl-ca"), Some("x"));
    let error = section.number::<u16>("port").unwrap_err();
    assert_eq!(error.to_string(), "line 4: [a] port is not a number in its range");
    assert!(section.has("user") && !section.has("password") && file.includes_others());
    let mut names: Vec<_> = file.names().collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "a.b"]);
}
