//! The list of mounts: `/proc/PID/mountinfo`, proc_pid_mountinfo(5).

use std::borrow::Cow;

use hashbrown::HashMap;

use super::text::{lines, split};
use crate::error::ParseError;

/// One line: `36 35 98:0 /root /point rw,noatime shared:1 - ext3 /dev/root rw,errors=continue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    /// Number of this mount.
    pub id: &'a str,
    /// Number of the mount that it is on; its own or an unknown one for the first.
    pub parent: &'a str,
    /// `major:minor` of the file system.
    pub number: &'a str,
    /// Which directory of the file system is mounted, escaped.
    pub root: &'a str,
    /// Where it is mounted, escaped: see [`unescape`].
    pub point: &'a str,
    /// Options of the mount, between commas.
    pub options: &'a str,
    /// Type of the file system, such as `ext4`.
    pub fs_type: &'a str,
    /// What is mounted, such as `/dev/sda1`, escaped.
    pub source: &'a str,
    /// Options of the file system, between commas; empty where the kernel writes none.
    pub super_options: &'a str,
}

impl<'a> Mount<'a> {
    /// Reads one line.
    ///
    /// # Errors
    /// The line ends too early; it is no mount.
    pub fn parse(line: &'a str) -> Result<Self, ParseError> {
        let missing = |field| ParseError::Missing { field };
        let mut fields = split(line, b' ');
        let id = fields.next().ok_or(missing("number"))?;
        let parent = fields.next().ok_or(missing("number of the parent"))?;
        let number = fields.next().ok_or(missing("device number"))?;
        let root = fields.next().ok_or(missing("root"))?;
        let point = fields.next().ok_or(missing("mount point"))?;
        let options = fields.next().ok_or(missing("options"))?;
        // Any number of optional fields.
        fields.find(|field| *field == "-").ok_or(missing("file system"))?;
        let fs_type = fields.next().ok_or(missing("type"))?;
        let source = fields.next().ok_or(missing("source"))?;
        let super_options = fields.next().unwrap_or_default();
        Ok(Self { id, parent, number, root, point, options, fs_type, source, super_options })
    }

    /// True if `option` is one of the mount's or of the file system's.
    pub fn has_option(&self, option: &str) -> bool {
        [self.options, self.super_options]
            .iter()
            .any(|options| split(options, b',').any(|known| known == option))
    }
}

/// The lines of a list, each a mount or what is wrong with it; empty lines are skipped.
pub fn parse(text: &str) -> impl Iterator<Item = Result<Mount<'_>, ParseError>> {
    lines(text).filter(|line| !line.is_empty()).map(Mount::parse)
}

/// A list with any bytes as text: those that are no UTF-8 are written as the kernel writes a space,
/// with a backslash and three octal digits, so that [`unescape`] finds them again.
pub fn to_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let mut text = String::new();
        for chunk in error.as_bytes().utf8_chunks() {
            text.push_str(chunk.valid());
            text.extend(chunk.invalid().iter().map(|byte| format!("\\{byte:03o}")));
        }
        text
    })
}

/// The bytes of a name, once: where the kernel writes a backslash and three octal digits (space
/// `\040`, tab `\011`, line feed `\012`, `#` `\043`, backslash `\134`), that byte was meant.
pub fn unescape(field: &str) -> Cow<'_, [u8]> {
    if !field.contains('\\') {
        return Cow::Borrowed(field.as_bytes());
    }
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let byte =
            behind.first_chunk().filter(|_| *first == b'\\').and_then(|digits| octal(*digits));
        plain.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { behind.get(3..).unwrap_or_default() } else { behind };
    }
    Cow::Owned(plain)
}

/// As [`unescape`], for labels: bytes that are no UTF-8 are replaced.
pub fn unescape_text(field: &str) -> Cow<'_, str> {
    match unescape(field) {
        Cow::Borrowed(_) => Cow::Borrowed(field),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

fn octal(digits: [u8; 3]) -> Option<u8> {
    let is_octal = digits.iter().all(|digit| matches!(digit, b'0'..=b'7'));
    let number = digits.iter().fold(0, |sum, digit| 8 * sum + u16::from(digit.wrapping_sub(b'0')));
    u8::try_from(number).ok().filter(|_| is_octal)
}

/// Which mounts are reached by their mount points.
///
/// A mount on the same point, or on a folder above it, hides what was mounted there before; the
/// kernel lists both.
#[derive(Debug)]
pub struct Tree<'a> {
    mounts: &'a [Mount<'a>],
    by_id: HashMap<&'a str, usize>,
    /// By the mount below and the point.
    on: HashMap<(&'a str, &'a str), usize>,
    /// The last one on each point.
    last: HashMap<&'a str, usize>,
}

impl<'a> Tree<'a> {
    /// Of all mounts of a list, in its order.
    pub fn new(mounts: &'a [Mount<'a>]) -> Self {
        let indices = || mounts.iter().enumerate();
        let stacked = indices().filter(|(_, mount)| mount.parent != mount.id);
        Self {
            mounts,
            by_id: indices().map(|(index, mount)| (mount.id, index)).collect(),
            on: stacked.map(|(index, mount)| ((mount.parent, mount.point), index)).collect(),
            last: indices().map(|(index, mount)| (mount.point, index)).collect(),
        }
    }

    /// True if a path that is this mount's point leads to it. Where the list does not tell what
    /// it is mounted on, the last mount on a point is reached.
    pub fn is_reached(&self, index: usize) -> bool {
        let Some(mount) = self.mounts.get(index) else { return false };
        match self.root_of(index) {
            Some(root) => self.look_up(root, mount.point) == index,
            None => self.last.get(mount.point) == Some(&index),
        }
    }

    /// The mount of `/` that this one is mounted on, directly or not.
    fn root_of(&self, mut index: usize) -> Option<usize> {
        // More steps than mounts are a circle.
        for _ in 0..=self.mounts.len() {
            let mount = self.mounts.get(index)?;
            let below = self.by_id.get(mount.parent).filter(|below| **below != index);
            match below {
                None => return (mount.point == "/").then_some(index),
                Some(below) if is_below(mount.point, self.mounts.get(*below)?.point) => {
                    index = *below;
                }
                Some(_) => return None,
            }
        }
        None
    }

    /// Where `path` leads to from the mount `root`, as the kernel walks: at each folder onto the
    /// uppermost mount that is there.
    fn look_up(&self, root: usize, path: &str) -> usize {
        let mut at = self.uppermost(root, "/");
        let slashes = path.match_indices('/').map(|(position, _)| position).skip(1);
        for end in slashes.chain([path.len()]) {
            at = self.uppermost(at, path.get(..end).unwrap_or(path));
        }
        at
    }

    fn uppermost(&self, mut at: usize, point: &str) -> usize {
        for _ in 0..self.mounts.len() {
            let id = self.mounts.get(at).map_or("", |mount| mount.id);
            match self.on.get(&(id, point)) {
                Some(above) => at = *above,
                None => break,
            }
        }
        at
    }
}

/// True if `path` is `folder` or in it.
fn is_below(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_any_number_of_optional_ones() {
        let line = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3 /dev/root ro,x";
        let expected = Mount {
            id: "36",
            parent: "35",
            number: "98:0",
            root: "/mnt1",
            point: "/mnt\\0402",
            options: "rw,noatime",
            fs_type: "ext3",
            source: "/dev/root",
            super_options: "ro,x",
        };
        let text = format!("{line}\n\n{line}\n");
        let mounts: Vec<_> = parse(&text).collect();
        assert_eq!(mounts, [Ok(expected), Ok(expected)]);
        assert!(expected.has_option("noatime") && expected.has_option("ro"));
        assert!(!expected.has_option("no"));
        let bare = Mount::parse("1 1 0:5 / / rw - tmpfs none").unwrap();
        assert_eq!(bare.super_options, "");
    }

    #[test]
    fn truncated_lines_are_errors_and_cost_only_themselves() {
        for line in
            ["x", "36 35 98:0", "36 35 98:0 / /x rw", "27 1 - ext4 /dev/vda rw", " - ", "a - b"]
        {
            let text = format!("{line}\n1 1 0:5 / / rw - tmpfs none rw");
            let good = parse(&text).flatten().count();
            assert_eq!((good, parse(&text).count()), (1, 2), "{line:?}");
        }
    }

    #[test]
    fn bytes_are_unescaped_once() {
        assert_eq!(&*unescape("/a\\040b\\011c\\012d\\134x"), b"/a b\tc\nd\\x");
        assert_eq!(&*unescape("/mnt/disk\\134x2done"), b"/mnt/disk\\x2done");
        assert_eq!(&*unescape("\\134040"), b"\\040");
        assert_eq!(&*unescape("/a\\043\\377\\303\\251"), b"/a#\xff\xc3\xa9");
        for same in ["/plain", "\\", "\\04", "\\999", "\\400", "\\08x", "\\é\\"] {
            assert_eq!(&*unescape(same), same.as_bytes());
        }
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_found_again() {
        let text = to_text(b"/caf\xe9 /\xff\xfe\\040".to_vec());
        assert_eq!(text, "/caf\\351 /\\377\\376\\040");
        assert_eq!(&*unescape(&text), b"/caf\xe9 /\xff\xfe ");
        assert_eq!(to_text("/é".into()), "/é");
    }

    /// The points of those that are reached, each with its number.
    fn reached(text: &str) -> Vec<(&str, &str)> {
        let mounts: Vec<_> = parse(text).flatten().collect();
        let tree = Tree::new(&mounts);
        let reached = mounts.iter().enumerate().filter(|(index, _)| tree.is_reached(*index));
        reached.map(|(_, mount)| (mount.id, mount.point)).collect()
    }

    #[test]
    fn of_mounts_on_one_point_the_uppermost_is_reached() {
        let stacked = "1 1 0:1 / / rw - rootfs rootfs rw\n2 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                       65 2 0:39 / /store rw - tmpfs a rw\n66 65 0:39 / /store ro - tmpfs a rw\n";
        assert_eq!(reached(stacked), [("2", "/"), ("66", "/store")]);
        // Also if the kernel lists the upper one first.
        let mut lines: Vec<&str> = stacked.lines().collect();
        lines.reverse();
        assert_eq!(reached(&lines.join("\n")), [("66", "/store"), ("2", "/")]);
        // The first two lines alone do not tell what they are on.
        let part = "65 44 0:39 / /store rw - tmpfs a rw\n66 65 0:39 / /store ro - tmpfs a rw\n";
        assert_eq!(reached(part), [("66", "/store")]);
    }

    #[test]
    fn a_mount_on_a_folder_above_hides_those_in_it() {
        let text = "2 1 8:1 / / rw - ext4 /dev/sda1 rw\n3 2 8:2 / /mnt/a rw - ext4 /dev/sda2 rw\n\
                    4 3 8:3 / /mnt/a/b rw - ext4 /dev/sda3 rw\n5 2 8:4 / /mnt/ab rw - xfs c rw\n\
                    6 2 8:5 / /mnt/a rw - xfs d rw\n";
        // Two that are on the same folder of one mount: the last one.
        assert_eq!(reached(text), [("2", "/"), ("5", "/mnt/ab"), ("6", "/mnt/a")]);
        let hidden =
            format!("{text}7 2 0:9 / /mnt rw - tmpfs t rw\n8 7 0:8 / /mnt/ab rw - xfs e rw\n");
        assert_eq!(reached(&hidden), [("2", "/"), ("7", "/mnt"), ("8", "/mnt/ab")]);
    }

    #[test]
    fn numbers_that_make_no_sense_hide_nothing() {
        let text = "2 1 8:1 / / rw - ext4 a rw\n3 4 8:2 / /a rw - ext4 b rw\n4 3 8:3 / /a rw - ext4 c rw\n\
                    5 4 8:4 / /b rw - ext4 d rw\n9 77 8:4 / /c rw - ext4 d rw\n";
        assert_eq!(reached(text), [("2", "/"), ("4", "/a"), ("5", "/b"), ("9", "/c")]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text).count();
            let _ = (unescape(&text), reached(&text));
        }

        #[test]
        fn any_bytes_are_found_again(bytes: Vec<u8>) {
            let escaped: Vec<u8> = bytes
                .iter()
                .flat_map(|byte| match byte {
                    b'\\' => b"\\134".to_vec(),
                    byte => vec![*byte],
                })
                .collect();
            let text = to_text(escaped);
            proptest::prop_assert_eq!(&*unescape(&text), &*bytes);
        }
    }
}
