//! The list of mounts: `/proc/PID/mountinfo`, proc_pid_mountinfo(5).

use std::borrow::Cow;

use super::text::{lines, split};
use crate::error::ParseError;

/// One line: `36 35 98:0 /root /point rw,noatime shared:1 - ext3 /dev/root rw,errors=continue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount<'a> {
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
        let mut fields = split(line, b' ').skip(2);
        let number = fields.next().ok_or(missing("device number"))?;
        let root = fields.next().ok_or(missing("root"))?;
        let point = fields.next().ok_or(missing("mount point"))?;
        let options = fields.next().ok_or(missing("options"))?;
        // Any number of optional fields.
        fields.find(|field| *field == "-").ok_or(missing("file system"))?;
        let fs_type = fields.next().ok_or(missing("type"))?;
        let source = fields.next().ok_or(missing("source"))?;
        let super_options = fields.next().unwrap_or_default();
        Ok(Self { number, root, point, options, fs_type, source, super_options })
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

/// Turns those of the four characters that the kernel writes in octal (space `\040`, tab `\011`,
/// line feed `\012`, backslash `\134`) which are in `characters` back, once.
pub fn unescape<'a>(field: &'a str, characters: &str) -> Cow<'a, str> {
    if !field.contains('\\') {
        return Cow::Borrowed(field);
    }
    let mut plain = String::with_capacity(field.len());
    let mut rest = field;
    while let Some((before, behind)) = rest.split_once('\\') {
        plain.push_str(before);
        let code = behind.get(..3);
        let character = code.and_then(escaped).filter(|known| characters.contains(*known));
        plain.push(character.unwrap_or('\\'));
        rest = if character.is_some() { &behind[3..] } else { behind };
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

fn escaped(code: &str) -> Option<char> {
    Some(match code {
        "040" => ' ',
        "011" => '\t',
        "012" => '\n',
        "134" => '\\',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = " \t\n\\";

    #[test]
    fn fields_are_found_behind_any_number_of_optional_ones() {
        let line = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3 /dev/root ro,x";
        let expected = Mount {
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
    fn characters_are_unescaped_once() {
        assert_eq!(unescape("/a\\040b\\011c\\012d\\134x", ALL), "/a b\tc\nd\\x");
        assert_eq!(unescape("\\134040", ALL), "\\040");
        assert_eq!(unescape("/a\\040b\\134c", " \t"), "/a b\\134c");
        for same in ["/plain", "\\", "\\04", "\\999", "\\é\\"] {
            assert_eq!(unescape(same, ALL), same);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([ -~\n]|\\PC){0,200}") {
            let _ = parse(&text).count();
            let _ = unescape(&text, ALL);
        }
    }
}
