use super::*;

fn kept(root: &Root) -> usize {
    lock(&root.kept).count()
}

fn own(path: &str, count: usize) -> Root {
    Root::open(Path::new(path), &Budget::new(count)).unwrap()
}

fn text(root: &Root, path: &str) -> String {
    root.read(path).unwrap().into_text()
}

fn attribute(root: &Root, path: &str) -> Result<String, Errno> {
    root.read_attribute(path, str::to_owned)
}

#[test]
fn files_of_the_kernel_stay_open_and_are_read_anew() {
    let root = own("/proc", 10);
    let uptime =
        |root: &Root| -> f64 { text(root, "uptime").split(' ').next().unwrap().parse().unwrap() };
    let before = uptime(&root);
    assert_eq!(kept(&root), 1);
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert!(uptime(&root) > before, "made anew");
    let whole = std::fs::read_to_string("/proc/cpuinfo").unwrap();
    for _ in 0..2 {
        assert_eq!(text(&root, "cpuinfo").lines().count(), whole.lines().count());
        assert!(!text(&root, "sys/kernel/ostype").is_empty());
        root.start_scrape();
    }
    assert_eq!(kept(&root), 3);
}

#[test]
fn the_memory_of_one_text_serves_the_next() {
    let root = own("/proc", 10);
    let held = |root: &Root| lock(&root.spare).capacity();
    assert_eq!(held(&root), 0);
    drop(root.read("stat").unwrap());
    let memory = held(&root);
    assert!(memory >= FIRST_READ_BYTES);
    let (first, second) = (root.read("meminfo").unwrap(), root.read("stat").unwrap());
    assert_eq!(held(&root), 0);
    assert!(first.starts_with("MemTotal") && second.starts_with("cpu "));
    drop((first, second));
    assert!(root.read("none").is_err());
    assert!(held(&root) >= memory, "given back, also after an error");
    root.put_back(Vec::with_capacity(2 * MOST_SPARE_BYTES));
    assert!(held(&root) <= MOST_SPARE_BYTES);
    drop(root.read("sys/kernel/ostype").unwrap());
    assert!(held(&root) >= memory);
}

#[test]
fn attributes_stay_open_too() {
    let root = own("/sys", 10);
    for _ in 0..2 {
        assert_eq!(attribute(&root, "class/net/lo/type").unwrap(), "772");
        assert_eq!(kept(&root), 1);
    }
    assert_eq!(attribute(&root, "class/net/none/type"), Err(Errno::NOENT));
}

#[test]
fn no_more_stay_open_than_allowed() {
    let budget = Budget::new(2);
    let root = Root::open(Path::new("/proc"), &budget).unwrap();
    for path in ["stat", "meminfo", "loadavg", "uptime"] {
        assert!(!text(&root, path).is_empty());
    }
    assert_eq!(kept(&root), 2);
    drop(root);
    let again = Root::open(Path::new("/proc"), &budget).unwrap();
    text(&again, "stat");
    assert_eq!(kept(&again), 1, "what was taken is given back");
    let root = Root::open(Path::new("/proc"), &Budget::of_process()).unwrap();
    text(&root, "stat");
    assert_eq!(kept(&root), 1, "a process may have some descriptors");
}

#[test]
fn what_belongs_to_a_process_or_its_mounts_is_closed() {
    let root = own("/proc", 10);
    let own = std::process::id();
    for path in [format!("{own}/stat"), format!("{own}/net/dev"), format!("{own}/mountinfo")] {
        assert!(!text(&root, &path).is_empty());
    }
    for path in ["self/stat", "self/mountinfo", "thread-self/stat", "mounts"] {
        assert!(!text(&root, path).is_empty());
    }
    assert_eq!(kept(&root), 0);
}

#[test]
fn a_tree_that_is_not_the_kernels_is_read_by_its_paths() {
    let folder = std::env::temp_dir().join(format!("root-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("a")).unwrap();
    let root = Root::open(&folder, &Budget::new(10)).unwrap();
    for content in ["first\n", "second\n", ""] {
        let new = folder.join("new");
        std::fs::write(&new, content).unwrap();
        std::fs::rename(&new, folder.join("a/file")).unwrap();
        assert_eq!(text(&root, "a/file"), content);
        assert_eq!(attribute(&root, "a/file").unwrap(), content.trim());
    }
    assert_eq!(kept(&root), 0);
    let large = "x".repeat(3 * FIRST_READ_BYTES + 1);
    std::fs::write(folder.join("a/file"), &large).unwrap();
    assert_eq!(text(&root, "a/file"), large);
    assert_eq!(root.list("").unwrap().unwrap(), ["a"]);
    assert_eq!(root.list("none").unwrap(), None);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_not_there_is_absent_and_what_fails_is_named() {
    let root = own("/proc", 10);
    assert!(root.read_if_present("none").unwrap().is_none());
    let error = root.read("none").unwrap_err().to_string();
    assert!(error.starts_with("cannot read /proc/none: "), "{error}");
    let error = root.read_if_present("sys").unwrap_err().to_string();
    assert!(error.starts_with("cannot read /proc/sys: "), "{error}");
    assert!(Root::open(Path::new("/proc/none"), &Budget::new(1)).is_err());
}

#[test]
fn many_threads_read_the_same_files() {
    let root = own("/proc", 10);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    root.start_scrape();
                    assert!(text(&root, "stat").starts_with("cpu "));
                    assert!(text(&root, "net/dev").starts_with("Inter-"));
                }
            });
        }
    });
    assert!(kept(&root) <= 2);
}

#[test]
fn files_that_are_written_at_once_are_read_whole() {
    let root = own("/proc", 20);
    for round in 0..2 {
        // A kernel without IPv6 lacks some.
        for path in WRITTEN_AT_ONCE.into_iter().filter(|path| root.has(path)) {
            let expected = std::fs::read_to_string(root.path().join(path)).unwrap();
            let found = text(&root, path);
            assert_eq!(found.lines().count(), expected.lines().count(), "{path} in round {round}");
        }
        root.start_scrape();
    }
    let mut content = Vec::new();
    let file: OwnedFd = std::fs::File::open("/proc/stat").unwrap().into();
    content.reserve(8);
    read_whole(&file, |_| true, &mut content).unwrap();
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    assert_eq!(String::from_utf8(content).unwrap().lines().count(), stat.lines().count());
    assert!(is_written_at_once("1/net/snmp") && is_written_at_once("sys/kernel/ostype"));
    assert!(!is_written_at_once("net/udp") && !is_written_at_once("1/stat/x"));
}
