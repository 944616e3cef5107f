//! Which files are read, and how: whatever is in a directory, reading it ends.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};

/// Bytes that the files of one scrape may have together: some 100,000 series.
pub(super) const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A file as it was read.
#[derive(Debug)]
pub(super) struct TextFile {
    pub(super) path: String,
    /// Time of the last change in seconds since the epoch.
    pub(super) modified_seconds: f64,
    pub(super) content: Vec<u8>,
}

/// The directories that match a pattern; the pattern itself if none does.
pub(super) fn directories(pattern: &str) -> Vec<PathBuf> {
    // Go's patterns know neither `**`, which is one asterisk to them, nor `[!`.
    let translated = pattern.replace("**", "*").replace("[^", "[!");
    let found: Vec<PathBuf> =
        glob::glob(&translated).map(|paths| paths.flatten().collect()).unwrap_or_default();
    if found.is_empty() { vec![PathBuf::from(pattern)] } else { found }
}

/// The files of a directory whose names end in `.prom`, in byte order.
pub(super) fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let clean: PathBuf =
        directory.components().filter(|part| !matches!(part, Component::CurDir)).collect();
    let mut names = std::fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<Vec<_>>>()?;
    names.retain(|name| name.as_bytes().ends_with(b".prom"));
    names.sort_unstable();
    Ok(names.iter().map(|name| clean.join(name)).collect())
}

/// Reads a regular file and takes its size off `budget`.
pub(super) fn read(path: &Path, budget: &mut u64) -> io::Result<TextFile> {
    // Without NONBLOCK, opening a pipe would wait for a writer.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let stat = rustix::fs::fstat(&file)?;
    if !FileType::from_raw_mode(stat.st_mode).is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut content = Vec::new();
    file.take(budget.saturating_add(1)).read_to_end(&mut content)?;
    let Some(rest) = budget.checked_sub(content.len() as u64) else {
        return Err(io::Error::other(format!("more than {MAX_BYTES} bytes in all files")));
    };
    *budget = rest;
    Ok(TextFile {
        path: path.to_string_lossy().into_owned(),
        modified_seconds: stat.st_mtime as f64,
        content,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::tests::TemporaryFolder;

    #[test]
    fn patterns_find_directories_and_else_stand_for_themselves() {
        let folder = TemporaryFolder::new("patterns").unwrap();
        for name in ["a1", "a2", "b1", ".a3"] {
            std::fs::create_dir_all(folder.path().join(name).join("deep")).unwrap();
        }
        let found = |pattern: &str| {
            let paths = directories(&format!("{}/{pattern}", folder.path().display()));
            let relative = paths.iter().map(|path| path.strip_prefix(folder.path()).unwrap());
            relative.map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found("a?"), ["a1", "a2"]);
        assert_eq!(found("*"), [".a3", "a1", "a2", "b1"]);
        assert_eq!(found("**/deep"), [".a3/deep", "a1/deep", "a2/deep", "b1/deep"]);
        assert_eq!(found("[^a]1"), ["b1"]);
        assert_eq!(found("b1"), ["b1"]);
        for nothing in ["c*", "[", "c"] {
            assert_eq!(found(nothing), [nothing]);
        }
    }

    #[test]
    fn only_regular_files_within_the_budget_are_read() {
        let folder = TemporaryFolder::new("files").unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("good.prom"), "12345").unwrap();
        std::fs::write(path("other.txt"), "").unwrap();
        std::fs::create_dir(path("directory.prom")).unwrap();
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, path("pipe.prom"), FileType::Fifo, mode, 0).unwrap();
        let listed = list(&folder.path().join(".")).unwrap();
        assert_eq!(listed, ["directory.prom", "good.prom", "pipe.prom"].map(path));

        let mut budget = 8;
        let file = read(&path("good.prom"), &mut budget).unwrap();
        assert_eq!((file.content.as_slice(), budget), (&b"12345"[..], 3));
        assert!(file.modified_seconds > 1e9);
        let error = read(&path("good.prom"), &mut budget).unwrap_err();
        assert!(error.to_string().starts_with("more than"), "{error}");
        assert_eq!(budget, 3, "what was refused takes nothing from the others");
        for name in ["directory.prom", "pipe.prom"] {
            let error = read(&path(name), &mut budget).unwrap_err();
            assert_eq!(error.to_string(), "not a regular file", "{name}");
        }
        assert!(read(&path("absent.prom"), &mut budget).is_err());
        assert!(list(&path("good.prom")).is_err());
    }
}
