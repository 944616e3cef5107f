//! Arrays in detail: `/sys/block/md*/md`, Documentation/admin-guide/md.rst of the kernel.

use common::error::{FirstError, ParseError, parse_number};
use common::exposition::Sink;
use common::keyed::Keyed;
use common::metric::Desc;

use crate::host::Host;
use crate::readers::attributes::{Table, Texts, present_texts, push_info};

const INFO: Desc<'_> =
    Desc::gauge("node_md_info", "Level, layout and bitmap of each array, from sysfs; always 1.");

const TEXTS: [(&str, &str); 5] = [
    ("array_state", "array_state"),
    ("bitmap", "bitmap/location"),
    ("consistency_policy", "consistency_policy"),
    ("level", "level"),
    ("metadata_version", "metadata_version"),
];

const ARRAY: &[Keyed] = &[
    Keyed::gauge(
        "mismatch_cnt",
        "node_md_mismatch_sectors",
        "Sectors that the last check found, or the last repair made, unequal.",
    ),
    Keyed::gauge(
        "sync_speed",
        "node_md_sync_speed_bytes_per_second",
        "How fast the present sync is.",
    )
    .times(1024.0)
    .read_by(number_or_none),
    Keyed::gauge(
        "sync_completed",
        "node_md_sync_completed_ratio",
        "Part of the present sync that is done, from 0 to 1.",
    )
    .read_by(ratio),
    Keyed::gauge("bitmap/chunksize", "node_md_bitmap_chunk_bytes", "Data that a bit stands for."),
];

const MEMBER: &[Keyed] = &[
    Keyed::counter(
        "errors",
        "node_md_member_read_errors_total",
        "Read errors of a member that were corrected and have not made it leave.",
    ),
    Keyed::gauge("slot", "node_md_member_slot", "Place of a member in its array.")
        .read_by(number_or_none),
    Keyed::gauge("size", "node_md_member_size_bytes", "Part of a member that its array uses.")
        .times(1024.0),
];

const ACTION: Desc<'_> = Desc::gauge(
    "node_md_sync_action",
    "1 for what an array is doing to be in sync, 0 for the rest.",
);

const ACTIONS: [&str; 7] = ["check", "frozen", "idle", "recover", "repair", "reshape", "resync"];

const STATE: Desc<'_> = Desc::gauge(
    "node_md_member_state",
    "1 for each state that a member is in; others have no sample.",
);

/// States of members that are shown; a kernel may have others.
const STATES: [&str; 11] = [
    "blocked",
    "external_bbl",
    "failfast",
    "faulty",
    "in_sync",
    "journal",
    "replacement",
    "spare",
    "want_replacement",
    "write_error",
    "writemostly",
];

/// Pushes what sysfs knows of the arrays of these names and of their members.
pub(super) fn push(arrays: &[&str], host: &Host, sink: &mut Sink, errors: &mut FirstError) {
    let mut infos: Vec<Texts> = Vec::new();
    let (mut actions, mut states) = (Vec::new(), Vec::new());
    let mut table = Table::new(ARRAY, ["device"]);
    let mut members = Table::new(MEMBER, ["device", "member"]);
    for array in arrays {
        let prefix = format!("block/{array}/md/");
        let mut texts = present_texts(host, &prefix, &TEXTS, errors);
        texts.push(("device", (*array).to_owned()));
        infos.push(texts);
        table.read(host, &prefix, [array], errors);
        if let Some(action) = errors.catch(host.attribute(&format!("{prefix}sync_action"))) {
            actions.push((*array, action));
        }
        let names = errors.catch(host.list_sys(prefix.trim_end_matches('/'))).unwrap_or_default();
        for name in &names {
            let Some(member) = name.strip_prefix("dev-") else { continue };
            let folder = format!("{prefix}{name}/");
            members.read(host, &folder, [array, member], errors);
            if let Some(words) = errors.catch(host.attribute(&format!("{folder}state"))) {
                states.push((*array, member.to_owned(), words));
            }
        }
    }
    push_info(sink, &INFO, infos);
    table.push(sink);
    members.push(sink);
    push_states(&actions, &states, sink);
}

fn push_states(actions: &[(&str, String)], states: &[(&str, String, String)], sink: &mut Sink) {
    let samples = actions.iter().flat_map(|(array, action)| {
        ACTIONS.iter().map(move |known| {
            ([("action", *known), ("device", *array)], f64::from(action == known))
        })
    });
    sink.samples(&ACTION, samples);
    let samples = states.iter().flat_map(|(array, member, words)| {
        let has = |state: &&&str| words.split([',', ' ']).any(|word| word == **state);
        STATES.iter().filter(has).map(move |state| {
            ([("device", *array), ("member", member.as_str()), ("state", state)], 1.0)
        })
    });
    sink.samples(&STATE, samples);
}

/// A number, or the word `none`.
fn number_or_none(text: &str) -> Result<Option<f64>, ParseError> {
    if text == "none" {
        return Ok(None);
    }
    parse_number::<u64>("value", Some(text)).map(|number| Some(number as f64))
}

/// `1234 / 5678` sectors, or the words `none` or `delayed`.
fn ratio(text: &str) -> Result<Option<f64>, ParseError> {
    if text == "none" {
        return Ok(None);
    }
    if text == "delayed" {
        return Ok(Some(0.0));
    }
    let (done, all) =
        text.split_once('/').ok_or_else(|| ParseError::form("no progress of a sync", text))?;
    let done: u64 = parse_number("sectors done", Some(done.trim()))?;
    let all: u64 = parse_number("sectors", Some(all.trim()))?;
    Ok((all > 0).then(|| done as f64 / all as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::testing;

    #[test]
    fn arrays_and_their_members_are_read_from_the_kernels_files() {
        let (mut sink, mut errors) = (Sink::default(), FirstError::default());
        push(&["md127"], &Host::fixture("linux-6.1"), &mut sink, &mut errors);
        errors.into_result().unwrap();
        let samples = testing::samples(&sink);
        for expected in [
            "node_md_info{array_state=\"clean\",bitmap=\"+8\",consistency_policy=\"bitmap\",\
             device=\"md127\",level=\"raid1\",metadata_version=\"1.2\"} 1",
            "node_md_mismatch_sectors{device=\"md127\"} 128",
            "node_md_sync_speed_bytes_per_second{device=\"md127\"} 104857600",
            "node_md_sync_completed_ratio{device=\"md127\"} 0.25",
            "node_md_bitmap_chunk_bytes{device=\"md127\"} 67108864",
            "node_md_sync_action{action=\"check\",device=\"md127\"} 1",
            "node_md_sync_action{action=\"idle\",device=\"md127\"} 0",
            "node_md_member_state{device=\"md127\",member=\"sda1\",state=\"in_sync\"} 1",
            "node_md_member_state{device=\"md127\",member=\"sdb1\",state=\"faulty\"} 1",
            "node_md_member_state{device=\"md127\",member=\"sdb1\",state=\"write_error\"} 1",
            "node_md_member_slot{device=\"md127\",member=\"sda1\"} 0",
            "node_md_member_read_errors_total{device=\"md127\",member=\"sda1\"} 7",
        ] {
            assert!(samples.iter().any(|sample| sample == expected), "{expected}\n{samples:#?}");
        }
        let is_slot_of_faulty =
            |sample: &&String| sample.starts_with("node_md_member_slot") && sample.contains("sdb1");
        assert_eq!(samples.iter().find(is_slot_of_faulty), None, "none is no place");
    }

    #[test]
    fn progress_is_a_part_of_the_whole() {
        assert_eq!(ratio("1 / 4"), Ok(Some(0.25)));
        assert_eq!((ratio("none"), ratio("delayed")), (Ok(None), Ok(Some(0.0))));
        assert_eq!(ratio("0 / 0"), Ok(None));
        for bad in ["", "1", "1 / x", "/"] {
            assert!(ratio(bad).is_err(), "{bad:?}");
        }
        assert_eq!((number_or_none("none"), number_or_none("3")), (Ok(None), Ok(Some(3.0))));
        assert!(number_or_none("").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "([0-9]{1,30} ?/ ?[0-9]*|\\PC{0,20})") {
            let _ = (ratio(&text), number_or_none(&text));
        }
    }
}
