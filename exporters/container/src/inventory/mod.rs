//! What one scrape sees: the cgroups of this moment with the names that the runtime knows.

pub(crate) mod mounts;
pub(crate) mod process;
mod scope;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use common::error::{CollectError, Partial};
use common::exposition::LabelSet;

use crate::cgroup::{CgroupReader, Found, Hierarchies};
use crate::host::Host;
use crate::runtimes::container::Container;
use crate::runtimes::{Known, RESTART_LABEL};

pub use scope::ScopeArgs;

/// Length of a container's id, in hexadecimal digits.
const ID_LENGTH: usize = 64;

/// The source of all collectors.
#[derive(Debug)]
pub struct Inventory {
    /// The cgroups that are shown, in order of their paths.
    pub cgroups: Vec<Cgroup>,
    /// The others, without labels: what they use is part of what those above them use.
    pub unlisted: Vec<Cgroup>,
    /// The containers, whether they have a cgroup or not, in order of their cgroups' paths.
    pub containers: Vec<Listed>,
    /// What the container runtimes reported.
    pub known: Known,
    /// The mounted hierarchies.
    pub hierarchies: Arc<Hierarchies>,
    /// Files of the host outside the cgroups.
    pub host: Arc<Host>,
    /// Containers with the network of the host do not show it as theirs.
    pub hides_host_network: bool,
    /// Unix time of this scrape.
    pub now_seconds: f64,
}

/// A cgroup, and the container that it is, if it is one.
#[derive(Debug)]
pub struct Cgroup {
    /// Path below the root of its hierarchy; `/` for that root itself.
    pub id: String,
    /// The labels that all its samples have.
    pub labels: LabelSet,
    /// What the runtime knows of it.
    pub container: Option<Arc<Container>>,
    /// Where it was found.
    pub found: Found,
}

/// A container that a runtime lists.
#[derive(Debug)]
pub struct Listed {
    /// Its id with the runtime.
    pub id: String,
    /// The labels of its cgroup, also while it has none.
    pub labels: LabelSet,
    /// These without the count of restarts; `None` if it is not among them.
    steady_labels: Option<LabelSet>,
    /// What the runtime knows of it.
    pub container: Arc<Container>,
    /// Path of its cgroup, at present or while it runs.
    path: String,
}

impl Cgroup {
    /// True for the cgroup that holds all others.
    pub fn is_root(&self) -> bool {
        self.id == "/"
    }

    /// Id of the container that it is, in the last element of its path.
    pub fn container_id(&self) -> Option<&str> {
        container_id(self.id.rsplit('/').next()?)
    }
}

impl Listed {
    fn new(id: String, labels: LabelSet, container: Arc<Container>, path: String) -> Self {
        let has_restarts = container.labels.iter().any(|(name, _)| name == RESTART_LABEL);
        let is_steady = |name: &str| name != RESTART_LABEL;
        let steady_labels = has_restarts.then(|| render_some(&path, &container, is_steady));
        Self { id, labels, steady_labels, container, path }
    }

    /// The labels for families that cAdvisor does not have: without the count of restarts, so
    /// that a restart neither ends a series nor hides from `increase()`.
    pub fn steady_labels(&self) -> &LabelSet {
        self.steady_labels.as_ref().unwrap_or(&self.labels)
    }
}

impl Inventory {
    /// Lists the cgroups and names them.
    ///
    /// # Errors
    /// A hierarchy cannot be read.
    pub fn take(
        hierarchies: Arc<Hierarchies>,
        host: Arc<Host>,
        known: Known,
        scope: &ScopeArgs,
    ) -> Result<Self, CollectError> {
        host.start_scrape();
        hierarchies.start_scrape();
        let (mut cgroups, mut unlisted) = (Vec::new(), Vec::new());
        let mut hidden: Vec<String> = Vec::new();
        for (id, found) in hierarchies.list()? {
            let container = find_container(&known, &id);
            let is_hidden = container.as_deref().is_some_and(|container| !scope.wants(container));
            // With a container goes what it has made below its own cgroup.
            let is_in_hidden = |above: &String| {
                id.strip_prefix(above.as_str()).is_some_and(|rest| rest.starts_with('/'))
            };
            if is_hidden || hidden.iter().any(is_in_hidden) {
                hidden.extend(is_hidden.then(|| id.clone()));
                unlisted.push(Cgroup { id, labels: LabelSet::default(), container, found });
            } else if scope.includes(&id, container.as_deref()) {
                let labels = render(&id, container.as_deref());
                cgroups.push(Cgroup { id, labels, container, found });
            } else {
                unlisted.push(Cgroup { id, labels: LabelSet::default(), container, found });
            }
        }
        let containers = list_containers(&known, &cgroups, &unlisted, scope);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_seconds = now.as_secs_f64();
        Ok(Self {
            cgroups,
            unlisted,
            containers,
            known,
            hierarchies,
            host,
            hides_host_network: scope.hides_host_network,
            now_seconds,
        })
    }

    /// Reads a row of each cgroup. A file that fails costs nothing but its own values; the
    /// first failure comes with the rows.
    pub fn rows<'a, Row>(
        &'a self,
        mut read: impl FnMut(&'a Cgroup, &mut CgroupReader<'a>) -> Row,
    ) -> Partial<Vec<(&'a Cgroup, Row)>> {
        let mut reader = CgroupReader::new(&self.hierarchies, &self.host);
        let rows = self.cgroups.iter().map(|cgroup| {
            reader.move_to(&cgroup.id, cgroup.found);
            (cgroup, read(cgroup, &mut reader))
        });
        let rows = rows.collect();
        reader.into_errors().beside(rows)
    }
}

/// Containers with a cgroup, and those that a runtime lists without one.
fn list_containers(
    known: &Known,
    cgroups: &[Cgroup],
    unlisted: &[Cgroup],
    scope: &ScopeArgs,
) -> Vec<Listed> {
    let with_cgroup = cgroups.iter().filter_map(|cgroup| {
        let container = Arc::clone(cgroup.container.as_ref()?);
        let id = cgroup.container_id()?.to_owned();
        Some(Listed::new(id, cgroup.labels.clone(), container, cgroup.id.clone()))
    });
    let mut listed: Vec<Listed> = with_cgroup.collect();
    let seen: HashSet<String> = listed.iter().map(|listed| listed.id.clone()).collect();
    let hidden: HashSet<&str> = unlisted
        .iter()
        .filter(|cgroup| cgroup.container.is_some())
        .filter_map(Cgroup::container_id)
        .collect();
    known.keep_only(|id| seen.contains(id) || hidden.contains(id));
    let others =
        known.listed().filter(|(id, container)| !seen.contains(*id) && scope.wants(container));
    for (id, container) in others {
        let labels = render(&container.cgroup, Some(container));
        let path = container.cgroup.clone();
        listed.push(Listed::new(id.clone(), labels, Arc::clone(container), path));
    }
    listed.sort_unstable_by(|one, other| (&one.path, &one.id).cmp(&(&other.path, &other.id)));
    listed.dedup_by(|one, other| one.id == other.id);
    listed
}

/// The container whose own cgroup this is. What a container makes below it is no
/// container of this runtime: with its name, sums by name would count twice. The
/// monitors of Podman and CRI-O have cgroups of their own.
fn find_container(known: &Known, id: &str) -> Option<Arc<Container>> {
    let element = id.rsplit('/').next()?;
    if element.contains("conmon-") {
        return None;
    }
    known.find(container_id(element)?)
}

/// The run of exactly 64 hexadecimal digits in a path element such as `docker-<id>.scope`.
fn container_id(element: &str) -> Option<&str> {
    element
        .split(|c: char| !matches!(c, '0'..='9' | 'a'..='f'))
        .find(|digits| digits.len() == ID_LENGTH)
}

/// Labels in order of their names; an empty value is as good as none.
fn render(id: &str, container: Option<&Container>) -> LabelSet {
    match container {
        Some(container) => render_some(id, container, |_| true),
        None => LabelSet::new([("id", id)]),
    }
}

/// Those labels of a container whose names are wanted, with its id, image and name.
fn render_some(id: &str, container: &Container, is_wanted: impl Fn(&str) -> bool) -> LabelSet {
    let own = container.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let own = own.filter(|(name, _)| is_wanted(name));
    let named = [("id", id), ("image", &container.image), ("name", &container.name)];
    LabelSet::new(own.chain(named).filter(|(_, value)| !value.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    const ID: &str = "41c0f3db99faf2bc58106448618b8742145fa9a9bcfb21ec222eb86a76bec50c";

    #[test]
    fn ids_are_found_in_the_layouts_of_both_drivers() {
        let layouts = [
            ID.to_owned(),
            format!("docker-{ID}.scope"),
            format!("libpod-{ID}"),
            format!("cri-containerd-{ID}.scope"),
            format!("crio-{ID}"),
            format!("nerdctl-{ID}.scope"),
        ];
        for element in layouts {
            assert_eq!(container_id(&element), Some(ID), "{element}");
        }
        let longer = format!("{ID}0");
        for element in ["", "init", "docker.service", &ID[1..], &longer, &ID.to_uppercase()] {
            assert_eq!(container_id(element), None, "{element}");
        }
    }

    proptest! {
        #[test]
        fn no_path_panics(element in "[0-9a-f]{60,70}.*") {
            assert!(container_id(&element).is_none_or(|id| id.len() == ID_LENGTH));
        }
    }
}
