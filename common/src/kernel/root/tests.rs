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
fn attributes_stay_open_too() {
    let root = own("/sys", 10);
    for _ in 0..2 {
        assert_eq!(root.read_attribute("class/net/lo/type").unwrap(), "772");
        assert_eq!(kept(&root), 1);
    }
    assert_eq!(root.read_attribute("class/net/none/type"), Err(Errno::NOENT));
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
        assert_eq!(root.read_attribute("a/file").unwrap(), content.trim());
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
