use super::*;
use common::testing::samples;

fn unit(name: &str, active_state: &str) -> Unit {
    let path = OwnedObjectPath::try_from("/unit").unwrap();
    let (name, active_state) = (name.to_owned(), active_state.to_owned());
    Unit { name, load_state: "loaded".to_owned(), active_state, path }
}

#[test]
fn releases_have_a_number_somewhere() {
    for (version, number) in [
        ("252.38-1~deb12u1", Some(252.38)),
        ("v257", Some(257.0)),
        ("255.4-1ubuntu8", Some(255.4)),
        ("systemd 12 240.", Some(240.0)),
        ("12", None),
        ("", None),
        ("v", None),
    ] {
        assert_eq!(release(version), number, "{version}");
    }
}

#[test]
fn units_are_chosen_by_their_whole_names() {
    let chosen = |include: &str, exclude: &str, name: &str| {
        let (unit_include, unit_exclude) = (include.to_owned(), exclude.to_owned());
        let options = Options { unit_include, unit_exclude, ..Options::default() };
        Systemd::new(&options).map(|systemd| systemd.units.accepts(name))
    };
    assert!(chosen("ssh.service|a", "", "ssh.service").unwrap());
    assert!(!chosen("ssh", "", "ssh.service").unwrap());
    assert!(!chosen(".+", r".+\.(mount|slice)", "home.mount").unwrap());
    assert!(chosen(".+", "home", "home.mount").unwrap());
    let error = chosen("(", "", "a").unwrap_err();
    assert!(format!("{error:#}").starts_with("--collector.systemd.unit-include: "), "{error:#}");
}

#[test]
fn all_units_are_counted_and_new_states_come_on_top() {
    let units = [unit("a.service", "active"), unit("b", "active"), unit("c", "maintenance")];
    let mut sink = Sink::default();
    push_summary(&units, &mut sink);
    let counts = samples(&sink);
    assert_eq!(counts.len(), 6);
    assert!(counts.contains(&"node_systemd_units{state=\"active\"} 2".to_owned()));
    assert!(counts.contains(&"node_systemd_units{state=\"maintenance\"} 1".to_owned()));
    assert!(counts.contains(&"node_systemd_units{state=\"failed\"} 0".to_owned()));
}

#[test]
fn a_unit_has_a_sample_for_each_state() {
    let failed = unit("a.service", "failed");
    let mut sink = Sink::default();
    push_states(&[(&failed, "oneshot".to_owned())], &mut sink);
    let states = samples(&sink);
    let sample = |state, value| {
        let labels = format!(r#"name="a.service",state="{state}",type="oneshot""#);
        format!("node_systemd_unit_state{{{labels}}} {value}")
    };
    assert_eq!(states.len(), 5);
    assert!(states.contains(&sample("failed", 1)) && states.contains(&sample("active", 0)));
}

proptest::proptest! {
    #[test]
    fn any_version_is_read_or_refused(version in "\\PC{0,40}|[0-9.v]{0,20}") {
        let _ = release(&version);
    }
}
