use super::*;
use proptest::proptest;

const V1: &str = "cache 100\nrss 200\npgfault 7\npgmajfault 1\ntotal_cache 1000\ntotal_rss 2000\n\
    total_mapped_file 30\ntotal_dirty 5\ntotal_writeback 6\ntotal_pgfault 70\ntotal_pgmajfault 10\n\
    total_inactive_anon 1\ntotal_inactive_file 400\ntotal_active_file 500\n";

const V2: &str = "anon 2000\nfile 1000\nkernel 300\nfile_mapped 30\nfile_dirty 5\n\
    file_writeback 6\ninactive_anon 1\nactive_file 500\ninactive_file 400\npgfault 70\n\
    pgmajfault 10\nworkingset_refault_anon 1\nworkingset_refault_file 2\npgscan 3\npgsteal 4\n";

#[test]
fn version_1_counts_cgroups_below_and_tells_own_faults_apart() {
    let stat = parse_v1(V1).good;
    assert_eq!((stat.anonymous, stat.cache), (Some(2000.0), Some(1000.0)));
    assert_eq!((stat.own_faults, stat.faults), (Some(7.0), Some(70.0)));
    assert_eq!((stat.dirty, stat.writeback), (Some(5.0), Some(6.0)));
    assert_eq!(stat.swap, None, "no swap accounting, no key");
}

#[test]
fn version_2_tells_kernel_memory_and_reclaim() {
    let stat = parse_v2(V2).good;
    assert_eq!((stat.kernel, stat.scanned_pages), (Some(300.0), Some(3.0)));
    assert_eq!((stat.refaulted_file, stat.own_faults), (Some(2.0), None));
    let older = parse_v2("anon 1\nfile 1\ninactive_file 0\n").good;
    assert_eq!(older.kernel, None, "kernels before 5.18 have no sum");
}

#[test]
fn the_working_set_is_never_negative() {
    let stat = Stat { inactive_file: Some(400.0), ..Stat::default() };
    let row = Row { usage: Some(300.0), stat, ..Row::default() };
    let metric = METRICS.iter().find(|m| m.desc.name.contains("working_set")).unwrap();
    assert_eq!((metric.value)(&row), Some(0.0));
}

#[test]
fn events_are_read() {
    let events = parse_events("low 0\nhigh 3\nmax 4\noom 0\noom_kill 0\n").good;
    assert_eq!(events, Events { high: Some(3.0), max: Some(4.0) });
}

#[test]
fn truncated_and_malformed_content_is_an_error() {
    for text in ["", "anon 1\n", "anon\n", "anon x\ninactive_file 0\n", "total_rss 1\ntotal_ca"] {
        let errors = [parse_v1(text).error, parse_v2(text).error];
        assert!(errors.iter().all(Option::is_some), "{text:?}");
    }
    assert!(parse_events("high").error.is_some());
}

#[test]
fn neighbours_of_an_odd_line_stay() {
    let stat = parse_v2("anon 1\nnew line of a later kernel\nfile x\ninactive_file 3\n");
    assert_eq!((stat.good.anonymous, stat.good.inactive_file), (Some(1.0), Some(3.0)));
    assert_eq!(stat.good.cache, None);
    assert_eq!(stat.error, Some(ParseError::number("value", "line of a later kernel")));
    let stat = parse_v1("total_rss x\ntotal_cache 2\ntotal_inactive_file 3\n");
    assert_eq!((stat.good.anonymous, stat.good.cache), (None, Some(2.0)));
    assert_eq!(parse_events("high x\nmax 4\n").good, Events { high: None, max: Some(4.0) });
}

proptest! {
    #[test]
    fn no_text_panics(text in "([a-z_]* [0-9]*\n)*.*") {
        let _ = (parse_v1(&text), parse_v2(&text), parse_events(&text));
    }
}
