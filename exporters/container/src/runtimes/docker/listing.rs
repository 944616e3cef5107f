//! The list of all containers: what is read of it, and how much.

use std::collections::HashMap;

use super::bounded::Item;

/// Containers at most.
pub(super) const MAX_CONTAINERS: usize = 50_000;

/// Bytes of an id at most; Docker's and Podman's have 64.
pub(super) const MAX_ID: usize = 256;

/// A line of the list. What is not needed is not kept: an answer of many small objects would
/// take fifty times its size.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Listed {
    id: Option<String>,
    names: Option<Vec<String>>,
    pub(super) image: Option<String>,
    pub(super) created: Option<i64>,
    pub(super) labels: Option<HashMap<String, String>>,
    /// A word; daemons have some that others do not know.
    pub(super) state: Option<String>,
    pub(super) size_rw: Option<i64>,
    pub(super) size_root_fs: Option<i64>,
}

impl Listed {
    /// The id, if it is one that can be asked for.
    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref().filter(|id| is_id(id))
    }

    /// The name, without the slash before it.
    pub(super) fn name(&self) -> &str {
        let mut names = self.names.iter().flatten().map(|name| name.trim_start_matches('/'));
        // The names under which other containers link to this one have a second slash.
        names.find(|name| !name.contains('/')).unwrap_or_default()
    }
}

/// True for what may be a part of the path of a request.
pub(super) fn is_id(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

impl Item for Listed {
    const MOST: usize = MAX_CONTAINERS;
    const NAME: &'static str = "containers";
}

#[cfg(test)]
mod tests {
    use super::super::bounded::Bounded;
    use super::*;
    use proptest::proptest;

    fn list(json: &str) -> Result<Vec<Listed>, serde_json::Error> {
        serde_json::from_str(json).map(|Bounded(found)| found)
    }

    #[test]
    fn a_recorded_list_is_read() {
        let found = list(include_str!("../../../fixtures/docker/list.json")).unwrap();
        let names: Vec<&str> = found.iter().map(Listed::name).collect();
        assert_eq!(names, ["twitch-chatters-worker", "twitch-chatters-gateway"]);
        assert_eq!(found[1].labels.as_ref().unwrap()["a.b"], "1");
        assert_eq!(found[1].state.as_deref(), Some("running"));
        assert!(found.iter().all(|line| line.id().is_some_and(|id| id.len() == 64)));
    }

    #[test]
    fn absent_fields_are_absent_and_unknown_words_harmless() {
        let found = list(r#"[{},{"Names":null,"Labels":null,"State":"stopped","New":[1]}]"#);
        let found = found.unwrap();
        assert_eq!((found[0].id(), found[0].name()), (None, ""));
        assert_eq!(found[1].state.as_deref(), Some("stopped"));
    }

    #[test]
    fn only_ids_are_asked_for() {
        for (text, expected) in
            [("41c0", true), ("a_b.c-d", true), ("", false), ("../info", false), ("a?b", false)]
        {
            assert_eq!(is_id(text), expected, "{text}");
        }
        assert!(!is_id(&"a".repeat(MAX_ID + 1)));
    }

    #[test]
    fn more_containers_than_any_host_has_are_an_error() {
        let many = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
        assert_eq!(list(&many(MAX_CONTAINERS)).unwrap().len(), MAX_CONTAINERS);
        let error = list(&many(MAX_CONTAINERS + 1)).unwrap_err().to_string();
        assert!(error.contains("more than 50000 containers"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_survived(json in r#"\[[\[\]{}":a-zA-Z0-9, ]*\]"#) {
            let _ = list(&json);
        }
    }
}
