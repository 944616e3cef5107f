//! Sizes of volumes: the answer of `/system/df`, for which the daemon walks each of them.

use serde::Deserialize;

use super::bounded::{Bounded, Item};

/// Bytes of a volume's name and of that of its driver at most.
const MAX_TEXT: usize = 4096;

/// A volume, as the runtime reported it when it was last asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// The driver that keeps it, such as `local`.
    pub driver: String,
    /// Bytes in it; `None` if the driver cannot tell.
    pub size_bytes: Option<u64>,
    /// Containers that use it, whether they run or not.
    pub containers: Option<u64>,
}

/// The answer, in its form until API 1.51 and in that since.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct DiskUsage {
    volumes: Option<Bounded<Found>>,
    volume_usage: Option<VolumeUsage>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct VolumeUsage {
    items: Option<Bounded<Found>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Found {
    name: Option<String>,
    driver: Option<String>,
    usage_data: Option<UsageData>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct UsageData {
    /// -1 if it is unknown.
    size: Option<i64>,
    ref_count: Option<i64>,
}

impl Item for Found {
    const MOST: usize = 50_000;
    const NAME: &'static str = "volumes";
}

impl DiskUsage {
    /// The volumes in order of their names; those without a usable name are left out.
    pub(super) fn volumes(self) -> Vec<Volume> {
        let items = self.volumes.or(self.volume_usage.and_then(|usage| usage.items));
        let Bounded(found) = items.unwrap_or_default();
        let is_text = |text: &String| (1..=MAX_TEXT).contains(&text.len());
        let volumes = found.into_iter().filter_map(|found| {
            let usage = found.usage_data.unwrap_or_default();
            Some(Volume {
                name: found.name.filter(is_text)?,
                driver: found.driver.filter(is_text).unwrap_or_default(),
                size_bytes: usage.size.and_then(|bytes| bytes.try_into().ok()),
                containers: usage.ref_count.and_then(|count| count.try_into().ok()),
            })
        });
        let mut volumes: Vec<Volume> = volumes.collect();
        volumes.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        volumes.dedup_by(|one, other| one.name == other.name);
        volumes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    fn volumes(json: &str) -> Result<Vec<Volume>, serde_json::Error> {
        serde_json::from_str(json).map(DiskUsage::volumes)
    }

    fn volume(name: &str, size_bytes: Option<u64>, containers: Option<u64>) -> Volume {
        Volume { name: name.into(), driver: "local".into(), size_bytes, containers }
    }

    #[test]
    fn both_forms_of_the_answer_are_read() {
        let items = r#"[{"Name":"b","Driver":"local","UsageData":{"Size":0,"RefCount":0}},
            {"Name":"a","Driver":"local","Labels":null,"UsageData":{"Size":4096,"RefCount":2}}]"#;
        let expected = [volume("a", Some(4096), Some(2)), volume("b", Some(0), Some(0))];
        for json in [
            format!(r#"{{"LayersSize":1,"Images":[],"Volumes":{items}}}"#),
            format!(r#"{{"VolumeUsage":{{"ActiveCount":1,"Items":{items}}}}}"#),
        ] {
            assert_eq!(volumes(&json).unwrap(), expected, "{json}");
        }
    }

    #[test]
    fn a_recorded_answer_is_read() {
        let found = volumes(include_str!("../../../fixtures/docker/system-df.json")).unwrap();
        let expected = [
            volume("db-data", Some(65_536), Some(1)),
            volume("unused", Some(0), Some(0)),
            volume("uploads", Some(0), Some(1)),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn an_unknown_size_is_none_and_an_answer_without_volumes_has_none() {
        let json = r#"{"Volumes":[{"Name":"nfs","Driver":"local","UsageData":{"Size":-1}},{}]}"#;
        assert_eq!(volumes(json).unwrap(), [volume("nfs", None, None)]);
        for json in ["{}", r#"{"Volumes":null}"#, r#"{"VolumeUsage":{}}"#, r#"{"Volumes":[]}"#] {
            assert_eq!(volumes(json).unwrap(), [], "{json}");
        }
        assert!(volumes(r#"{"Volumes":7}"#).is_err());
    }

    #[test]
    fn more_volumes_than_any_host_has_are_an_error() {
        let json = format!(r#"{{"Volumes":[{}]}}"#, vec!["{}"; Found::MOST + 1].join(","));
        let error = volumes(&json).unwrap_err().to_string();
        assert!(error.contains("more than 50000 volumes"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_survived(json in r#"\{"Volumes":\[[\[\]{}":a-zA-Z0-9, ]*\]\}"#) {
            let _ = volumes(&json);
        }
    }
}
