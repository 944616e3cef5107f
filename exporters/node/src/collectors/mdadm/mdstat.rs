//! The list of arrays, `/proc/mdstat`, md(4); its writer is `md_seq_show` in drivers/md/md.c.

use common::error::{FirstError, ParseError, Partial, parse_number};

/// What an array is doing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Activity {
    Active,
    Inactive,
    Recovering,
    Resync,
    Check,
    /// Anything else, such as a reshape.
    Other,
}

/// One array, sizes in blocks of 1 KiB.
#[derive(Debug, PartialEq)]
pub(super) struct Array {
    pub(super) name: String,
    pub(super) activity: Activity,
    pub(super) disks_required: u64,
    pub(super) active: u64,
    pub(super) failed: u64,
    pub(super) spare: u64,
    pub(super) blocks: u64,
    /// `None` while another node of a cluster does the sync, which does not say how far it is, and if
    /// the line of the progress is malformed.
    pub(super) blocks_synced: Option<u64>,
}

/// Words of a progress line, in the order in which they are looked for.
const PROGRESS: &[(&str, Activity)] = &[
    ("recovery", Activity::Recovering),
    ("reshape", Activity::Other),
    ("check", Activity::Check),
    ("resync", Activity::Resync),
    // Only ever `recover=REMOTE`.
    ("recover", Activity::Recovering),
];

/// True for the file of another driver of the same name: lines `key=value` and nothing else, as
/// Unraid has them.
pub(super) fn is_foreign(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    let is_assignment = |line: &str| {
        line.split_once('=').is_some_and(|(key, _)| {
            key.starts_with(|first: char| first.is_ascii_alphabetic())
                && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte))
        })
    };
    lines.peek().is_some() && lines.all(is_assignment)
}

/// The arrays in order, without those that are malformed.
pub(super) fn parse(text: &str) -> Partial<Vec<Array>, ParseError> {
    let mut blocks: Vec<Vec<&str>> = Vec::new();
    let mut has_header = false;
    for line in text.lines() {
        if line.starts_with("md") {
            blocks.push(vec![line]);
        } else if line.starts_with(char::is_whitespace) {
            if let Some(block) = blocks.last_mut() {
                block.push(line);
            }
        } else {
            has_header |= line.starts_with("Personalities");
        }
    }
    if !has_header && blocks.is_empty() {
        return Partial::failed(ParseError::Form("no list of arrays".into()));
    }
    let mut errors = FirstError::default();
    let arrays = blocks.iter().filter_map(|block| {
        let array = parse_array(block, &mut errors);
        errors.note(array)
    });
    let arrays = arrays.collect();
    errors.beside(arrays)
}

/// ```text
/// md0 : active raid1 sdb1[1] sda1[0]
///       248896 blocks [2/1] [U_]
///       [==>..................]  recovery = 12.5% (31112/248896) finish=1.2min speed=1024K/sec
///       bitmap: 0/1 pages [0KB], 65536KB chunk
/// ```
fn parse_array(lines: &[&str], errors: &mut FirstError<ParseError>) -> Result<Array, ParseError> {
    let (members, rest) = lines.split_first().ok_or(ParseError::Missing { field: "array" })?;
    let mut words = members.split_ascii_whitespace();
    let name = words.next().ok_or(ParseError::Missing { field: "name" })?;
    let no_array = |what: &str| ParseError::Form(format!("{name}: {what}"));
    let state = words.nth(1).ok_or_else(|| no_array("no state"))?;
    let level = words.find(|word| !word.starts_with('(')).unwrap_or_default();
    let (status, rest) = rest.split_first().ok_or_else(|| no_array("no status"))?;
    let blocks = status
        .split_once(" blocks")
        .and_then(|(blocks, _)| blocks.trim().parse().ok())
        .ok_or_else(|| no_array("no size"))?;
    let (disks_required, active) = match (state, level) {
        ("inactive", _) => (0, 0),
        (_, "raid0" | "linear") => {
            let members = count(members, "[");
            (members, members)
        }
        _ => required_and_active(status).ok_or_else(|| no_array("no number of disks"))?,
    };
    let mut array = Array {
        name: name.to_owned(),
        activity: match state {
            "active" => Activity::Active,
            "inactive" => Activity::Inactive,
            _ => Activity::Other,
        },
        disks_required,
        active,
        failed: count(members, "(F)"),
        spare: count(members, "(S)"),
        blocks,
        blocks_synced: Some(blocks),
    };
    let lines = rest.iter().filter(|line| !line.contains("bitmap"));
    let found = lines.filter_map(|line| {
        PROGRESS.iter().find(|(word, _)| line.contains(word)).map(|(_, activity)| (line, activity))
    });
    if let Some((line, activity)) = found.into_iter().next() {
        array.activity = *activity;
        array.blocks_synced = errors.catch(synced(line));
    }
    Ok(array)
}

/// Both numbers of `[2/1]`.
fn required_and_active(status: &str) -> Option<(u64, u64)> {
    status.split_ascii_whitespace().find_map(|word| {
        let (required, active) = word.strip_prefix('[')?.strip_suffix(']')?.split_once('/')?;
        Some((required.parse().ok()?, active.parse().ok()?))
    })
}

/// How far a sync is: nowhere if it waits, `None` if another node does it.
fn synced(line: &str) -> Result<Option<u64>, ParseError> {
    if line.contains("REMOTE") {
        return Ok(None);
    }
    if line.contains("PENDING") || line.contains("DELAYED") {
        return Ok(Some(0));
    }
    let progress = line.split_once('(').and_then(|(_, rest)| rest.split_once('/'));
    parse_number("synced blocks", progress.map(|(done, _)| done)).map(Some)
}

fn count(text: &str, pattern: &str) -> u64 {
    text.matches(pattern).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(text: &str) -> Array {
        let mut arrays = parse(text);
        assert_eq!((arrays.good.len(), arrays.error), (1, None), "{text:?}");
        arrays.good.remove(0)
    }

    #[test]
    fn members_are_counted_by_state() {
        let text = "Personalities : [raid1]\nmd12 : active raid1 sdc2[3](S) sdb2[1](F) sda2[0]\n      \
            3886394368 blocks super 1.2 [2/1] [U_]\n      \n\nunused devices: <none>\n";
        let expected = Array {
            name: "md12".into(),
            activity: Activity::Active,
            disks_required: 2,
            active: 1,
            failed: 1,
            spare: 1,
            blocks: 3_886_394_368,
            blocks_synced: Some(3_886_394_368),
        };
        assert_eq!(array(text), expected);
    }

    #[test]
    fn striped_and_inactive_arrays_have_no_count_of_disks() {
        let striped =
            array("md9 : active (auto-read-only) raid0 sdc2[2] sdd2[3]\n 7932 blocks 64k chunks\n");
        assert_eq!((striped.disks_required, striped.active), (2, 2));
        let inactive =
            array("md8 : inactive sda[1](S) sdb[0](S)\n  6306 blocks super external:imsm\n");
        assert_eq!((inactive.disks_required, inactive.active, inactive.spare), (0, 0, 2));
        assert_eq!(inactive.activity, Activity::Inactive);
    }

    #[test]
    fn progress_is_found_before_or_behind_the_bitmap() {
        let head = "md0 : active raid5 a[0] b[1] c[2]\n 1000 blocks level 5 [3/3] [UUU]\n";
        for (lines, activity, synced) in [
            (" [=>..]  recovery = 12.5% (125/500) finish=1min\n", Activity::Recovering, Some(125)),
            (" [=>..]  check = 1.0% (10/500)\n bitmap: 0/1 pages\n", Activity::Check, Some(10)),
            (" bitmap: 0/1 pages\n [=>..]  resync = 1.0% (7/500)\n", Activity::Resync, Some(7)),
            (" [=>..]  reshape = 1.0% (9/500)\n", Activity::Other, Some(9)),
            (" \tresync=PENDING\n", Activity::Resync, Some(0)),
            (" \tresync=DELAYED\n", Activity::Resync, Some(0)),
            (" \tresync=REMOTE\n", Activity::Resync, None),
            (" \trecover=REMOTE\n", Activity::Recovering, None),
            (" bitmap: 0/1 pages [0KB], 64KB chunk\n", Activity::Active, Some(1000)),
        ] {
            let text = format!("{head}{lines}\n");
            let array = array(&text);
            assert_eq!((array.activity, array.blocks_synced), (activity, synced), "{lines:?}");
        }
    }

    #[test]
    fn a_malformed_array_or_progress_costs_only_itself() {
        let text = "Personalities :\nmd0 : active raid1 a[0]\nmd1\n\nmd2 : active raid0 a[0]\n 5 blocks\n\
            md3 : active raid1 a[0]\n 5 blocks super\nmd4 : active raid1 a[0]\n 5 blocks [1/1] [U]\n resync = 1%\n";
        let Partial { good, error } = parse(text);
        let good: Vec<_> = good.iter().map(|array| (&*array.name, array.blocks_synced)).collect();
        assert_eq!(good, [("md2", Some(5)), ("md4", None)]);
        assert_eq!(error, Some(ParseError::Form("md0: no status".into())));
    }

    #[test]
    fn the_file_of_another_driver_is_told_apart() {
        let unraid = "sbName=/boot/config/super.dat\nsbVersion=2.9.13\nsbState=1\nmdVersion=2.9.25\n\
            mdState=STARTED\nmdResyncAction=check P\ndiskNumber.0=0\ndiskName.0=\nrdevName.1=sdd\n";
        assert!(is_foreign(unraid) && is_foreign("mdState=STOPPED\n\nmd_x.1=\n"));
        let array = "md0 : active raid1 a[0]\n 5 blocks [1/1] [U]\n recovery=PENDING\n";
        for own in ["", "\n", "\0\0", "Personalities : \n", array, "md1\n", "md 1=2\n", "=x\n"] {
            assert!(!is_foreign(own), "{own:?}");
        }
    }

    #[test]
    fn a_kernel_without_arrays_lists_none_and_an_empty_file_is_an_error() {
        let none = parse("Personalities : \nunused devices: <none>\n");
        assert_eq!(none, Partial::whole(vec![]));
        assert!(parse("").error.is_some());
        assert!(parse("\0\0\0").error.is_some());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(md0 : active |raid1 |[0-9\\[/\\](\n ]|\\PC){0,80}") {
            let _ = parse(&text);
        }
    }
}
