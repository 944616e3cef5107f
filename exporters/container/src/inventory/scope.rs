//! Which cgroups are shown.

use common::cli::CommaList;

/// Which cgroups are shown.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Containers")]
#[group(skip)]
pub struct ScopeArgs {
    /// Leave out cgroups that are no containers, except the root
    #[arg(id = "docker_only", long = "docker_only")]
    pub only_containers: bool,
    /// Beginnings of paths: of the cgroups that are no containers, show these and the root only
    #[arg(
        id = "raw_cgroup_prefix_whitelist",
        long = "raw_cgroup_prefix_whitelist",
        value_name = "PATHS",
        default_value = ""
    )]
    pub raw_prefixes: CommaList,
    /// Leave out the root cgroup, which is the whole host
    #[arg(id = "disable_root_cgroup_stats", long = "disable_root_cgroup_stats")]
    pub without_root: bool,
}

impl ScopeArgs {
    /// Containers of a runtime and nothing else.
    pub fn containers() -> Self {
        Self { only_containers: true, raw_prefixes: CommaList::default(), without_root: true }
    }

    /// True if the cgroup at `id` is shown.
    pub fn includes(&self, id: &str, is_container: bool) -> bool {
        match id {
            "/" => !self.without_root,
            _ if is_container => true,
            _ if self.raw_prefixes.0.is_empty() => !self.only_containers,
            _ => self.raw_prefixes.0.iter().any(|prefix| id.starts_with(prefix.as_str())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(scope: &ScopeArgs) -> Vec<&'static str> {
        let cgroups =
            [("/", false), ("/docker/a", true), ("/docker", false), ("/system.slice", false)];
        let shown =
            cgroups.into_iter().filter(|(id, is_container)| scope.includes(id, *is_container));
        shown.map(|(id, _)| id).collect()
    }

    #[test]
    fn containers_are_always_shown() {
        let all = ScopeArgs::default();
        assert_eq!(shown(&all), ["/", "/docker/a", "/docker", "/system.slice"]);
        let only = ScopeArgs { only_containers: true, ..ScopeArgs::default() };
        assert_eq!(shown(&only), ["/", "/docker/a"]);
        assert_eq!(shown(&ScopeArgs::containers()), ["/docker/a"]);
    }

    #[test]
    fn prefixes_choose_with_and_without_docker_only() {
        for only_containers in [true, false] {
            let raw_prefixes = "/system, /user".parse().unwrap();
            let scope = ScopeArgs { only_containers, raw_prefixes, without_root: false };
            assert_eq!(shown(&scope), ["/", "/docker/a", "/system.slice"]);
        }
    }
}
