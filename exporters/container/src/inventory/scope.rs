//! Which cgroups are shown.

use common::cli::CommaList;
use common::filter::Pattern;

use crate::runtimes::container::Container;

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
    /// Show only containers whose name this finds
    #[arg(id = "container.name-include", long = "container.name-include", value_name = "REGEX")]
    pub name_include: Option<Pattern>,
    /// Leave out containers whose name this finds
    #[arg(id = "container.name-exclude", long = "container.name-exclude", value_name = "REGEX")]
    pub name_exclude: Option<Pattern>,
    /// Show only containers whose image this finds
    #[arg(id = "container.image-include", long = "container.image-include", value_name = "REGEX")]
    pub image_include: Option<Pattern>,
    /// Leave out containers whose image this finds
    #[arg(id = "container.image-exclude", long = "container.image-exclude", value_name = "REGEX")]
    pub image_exclude: Option<Pattern>,
    /// Do not show the host's traffic and sockets as those of containers that have its network
    #[arg(id = "container.hide-host-network", long = "container.hide-host-network")]
    pub hides_host_network: bool,
}

impl ScopeArgs {
    /// The same containers and nothing else.
    #[must_use]
    pub fn containers(&self) -> Self {
        let raw_prefixes = CommaList::default();
        Self { only_containers: true, raw_prefixes, without_root: true, ..self.clone() }
    }

    /// True if the container is shown.
    pub fn wants(&self, container: &Container) -> bool {
        let is_chosen = |include: Option<&Pattern>, exclude: Option<&Pattern>, text: &str| {
            include.is_none_or(|include| include.matches(text))
                && exclude.is_none_or(|exclude| exclude.is_empty() || !exclude.matches(text))
        };
        let (name, image) = (&container.name, &container.image);
        !container.is_unwanted
            && is_chosen(self.name_include.as_ref(), self.name_exclude.as_ref(), name)
            && is_chosen(self.image_include.as_ref(), self.image_exclude.as_ref(), image)
    }

    /// True if the cgroup at `id` is shown, which may be a container.
    pub fn includes(&self, id: &str, container: Option<&Container>) -> bool {
        match (id, container) {
            ("/", _) => !self.without_root,
            (_, Some(container)) => self.wants(container),
            (_, None) if self.raw_prefixes.0.is_empty() => !self.only_containers,
            (_, None) => self.raw_prefixes.0.iter().any(|prefix| id.starts_with(prefix.as_str())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(scope: &ScopeArgs) -> Vec<&'static str> {
        let cgroups =
            [("/", false), ("/docker/a", true), ("/docker", false), ("/system.slice", false)];
        let container = Container::default();
        let shown = cgroups.into_iter().filter(|(id, is_container)| {
            scope.includes(id, Some(&container).filter(|_| *is_container))
        });
        shown.map(|(id, _)| id).collect()
    }

    #[test]
    fn containers_are_always_shown() {
        let all = ScopeArgs::default();
        assert_eq!(shown(&all), ["/", "/docker/a", "/docker", "/system.slice"]);
        let only = ScopeArgs { only_containers: true, ..ScopeArgs::default() };
        assert_eq!(shown(&only), ["/", "/docker/a"]);
        assert_eq!(shown(&all.containers()), ["/docker/a"]);
    }

    #[test]
    fn prefixes_choose_with_and_without_docker_only() {
        for only_containers in [true, false] {
            let raw_prefixes = "/system, /user".parse().unwrap();
            let scope = ScopeArgs { only_containers, raw_prefixes, ..ScopeArgs::default() };
            assert_eq!(shown(&scope), ["/", "/docker/a", "/system.slice"]);
        }
    }

    #[test]
    fn patterns_choose_containers_by_name_and_image() {
        let shown = |scope: &ScopeArgs| -> Vec<&str> {
            let containers =
                [("web-1", "shop/web:2"), ("web-2", "shop/web:3"), ("db", "mariadb:11")];
            let wanted = containers.into_iter().filter(|(name, image)| {
                let (name, image) = ((*name).to_owned(), (*image).to_owned());
                scope.wants(&Container { name, image, ..Container::default() })
            });
            wanted.map(|(name, _)| name).collect()
        };
        let pattern = |text: &str| Some(text.parse().unwrap());
        let all = ScopeArgs::default;
        assert_eq!(
            shown(&ScopeArgs { name_include: pattern("^web"), ..all() }),
            ["web-1", "web-2"]
        );
        assert_eq!(shown(&ScopeArgs { name_exclude: pattern("^web"), ..all() }), ["db"]);
        assert_eq!(shown(&ScopeArgs { image_exclude: pattern(":3$"), ..all() }), ["web-1", "db"]);
        let both =
            ScopeArgs { name_exclude: pattern("1$"), image_include: pattern("^shop/"), ..all() };
        assert_eq!(shown(&both), ["web-2"]);
        assert_eq!(shown(&both.containers()), ["web-2"]);
        let none = ScopeArgs { name_include: pattern(""), name_exclude: pattern(""), ..all() };
        assert_eq!(shown(&none).len(), 3, "an empty pattern is none");
        let unwanted = Container { is_unwanted: true, ..Container::default() };
        assert!(!all().wants(&unwanted));
    }
}
