//! Labels and environment variables of a container as labels of its samples.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::sync::Arc;

use common::cli::CommaList;
use common::error::excerpt;
use common::failures::OddityLog;
use common::filter::Pattern;
use common::metric::sanitize_name;

/// Synthetic container label, as in cAdvisor.
const RESTART_COUNT: &str = "restartcount";

/// The name that the former has as a label of samples. Its value changes with every restart,
/// and with it each series that has the label.
pub(crate) const RESTART_LABEL: &str = "container_label_restartcount";

/// The labels by which Docker Compose knows its containers, and their short names.
const COMPOSE: [(&str, &str); 2] = [
    ("com.docker.compose.project", "compose_project"),
    ("com.docker.compose.service", "compose_service"),
];

/// Bytes of a value at most: it is repeated in each sample of its container.
const MAX_VALUE: usize = 4 * 1024;

/// Bytes of all names and values of a container at most.
const MAX_BYTES: usize = 32 * 1024;

/// Which of them are wanted.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Containers")]
#[group(skip)]
pub struct Labelling {
    /// Turn every container label into a Prometheus label
    #[arg(id = "store_container_labels", long = "store_container_labels", default_value = "true")]
    store_all: bool,
    /// Container labels to keep all the same when --store_container_labels=false
    #[arg(
        id = "whitelisted_container_labels",
        long = "whitelisted_container_labels",
        value_name = "NAMES",
        default_value = ""
    )]
    whitelist: CommaList,
    /// Prefixes of environment variables to turn into labels
    #[arg(
        id = "env_metadata_whitelist",
        long = "env_metadata_whitelist",
        value_name = "PREFIXES",
        default_value = ""
    )]
    env_prefixes: CommaList,
    /// Give the project and service of Docker Compose the short labels compose_project and
    /// compose_service
    #[arg(id = "container.compose-labels", long = "container.compose-labels")]
    has_compose: bool,
    /// Show only containers with a label that this finds, written as KEY=VALUE
    #[arg(id = "container.label-include", long = "container.label-include", value_name = "REGEX")]
    include: Option<Pattern>,
    /// Leave out containers with a label that this finds, written as KEY=VALUE
    #[arg(id = "container.label-exclude", long = "container.label-exclude", value_name = "REGEX")]
    exclude: Option<Pattern>,
    /// Container labels to turn into Prometheus labels, by key, also with
    /// --store_container_labels=false
    #[arg(id = "container.keys-include", long = "container.keys-include", value_name = "REGEX")]
    keys_include: Option<Pattern>,
    /// Container labels not to turn into Prometheus labels, by key
    #[arg(id = "container.keys-exclude", long = "container.keys-exclude", value_name = "REGEX")]
    keys_exclude: Option<Pattern>,
    /// Names of Prometheus labels for container labels, instead of container_label_KEY: KEY=NAME
    #[arg(
        id = "container.rename-labels",
        long = "container.rename-labels",
        value_name = "KEY=NAME,...",
        default_value = ""
    )]
    renamed: Renames,
    /// Labels of which this has been logged.
    #[arg(skip)]
    too_long: Arc<OddityLog>,
}

impl Labelling {
    /// Label names and values in order of the names. Long values are cut, and where all together
    /// are too long the last ones are left out: who starts a container must not make the answer
    /// as large as he likes.
    ///
    /// Where two keys give one name, the first key in byte order wins, so that
    /// the value does not change from scrape to scrape.
    pub(crate) fn render(
        &self,
        labels: &HashMap<String, String>,
        env: &[String],
        restarts: i64,
    ) -> Vec<(String, String)> {
        let mut raw: BTreeMap<&str, &str> =
            labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let restarts = restarts.to_string();
        if restarts != "0" {
            raw.insert(RESTART_COUNT, &restarts);
        }
        let mut named = BTreeMap::new();
        for (key, value) in raw {
            if self.keeps(key) {
                let name = self.renamed.name_of(key).map_or_else(
                    || sanitize_name(&format!("container_label_{key}")),
                    ToOwned::to_owned,
                );
                named.entry(name).or_insert_with(|| value.to_owned());
            }
        }
        for (key, name) in COMPOSE.iter().filter(|_| self.has_compose) {
            if let Some(value) = labels.get(*key) {
                named.insert((*name).to_owned(), value.clone());
            }
        }
        let mut variables: Vec<(&str, &str)> =
            env.iter().filter_map(|variable| variable.split_once('=')).collect();
        variables.sort_unstable();
        for (key, value) in variables {
            if self.env_prefixes.0.iter().any(|prefix| key.starts_with(prefix.as_str())) {
                let name = sanitize_name(&format!("container_env_{}", key.to_lowercase()));
                named.entry(name).or_insert_with(|| value.to_owned());
            }
        }
        self.bounded(named)
    }

    /// True if the label of this key becomes one of samples.
    fn keeps(&self, key: &str) -> bool {
        let is_named = self.whitelist.0.iter().any(|wanted| wanted == key)
            || self.renamed.name_of(key).is_some()
            || found(self.keys_include.as_ref(), key);
        // A pattern takes the place of all.
        let is_stored = self.store_all && self.keys_include.as_ref().is_none_or(Pattern::is_empty);
        (is_stored || is_named || key == RESTART_COUNT && self.store_all)
            && !found(self.keys_exclude.as_ref(), key)
    }

    /// True if a container with these labels is to be shown.
    pub(crate) fn wants(&self, labels: &HashMap<String, String>) -> bool {
        let any = |pattern: Option<&Pattern>| {
            labels.iter().any(|(key, value)| found(pattern, &format!("{key}={value}")))
        };
        (self.include.as_ref().is_none_or(Pattern::is_empty) || any(self.include.as_ref()))
            && !any(self.exclude.as_ref())
    }

    fn bounded(&self, named: BTreeMap<String, String>) -> Vec<(String, String)> {
        let mut bytes = 0;
        let bounded = named.into_iter().filter_map(|(name, mut value)| {
            let is_cut = value.len() > MAX_VALUE;
            value.truncate(value.floor_char_boundary(MAX_VALUE));
            bytes += name.len() + value.len();
            let fits = bytes <= MAX_BYTES;
            let shown = excerpt(&name);
            if (is_cut || !fits) && self.too_long.is_new(&shown) {
                tracing::warn!(
                    label = shown,
                    "a container's label is too long: it is cut or left out"
                );
            }
            fits.then_some((name, value))
        });
        bounded.collect()
    }
}

/// True if there is a pattern, other than an empty one, that occurs in `text`.
fn found(pattern: Option<&Pattern>, text: &str) -> bool {
    pattern.is_some_and(|pattern| !pattern.is_empty() && pattern.matches(text))
}

/// Keys of container labels, and the names that they are given.
#[derive(Clone, Debug, Default)]
struct Renames(Vec<(String, String)>);

impl Renames {
    fn name_of(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, name)| name.as_str())
    }
}

impl FromStr for Renames {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        let pair = |pair: &str| {
            let (key, name) = pair.rsplit_once('=').ok_or("expected KEY=NAME")?;
            let is_name = !name.is_empty()
                && !name.starts_with("__")
                && sanitize_name(name) == name
                && !["id", "image", "name"].contains(&name);
            if !is_name {
                return Err(format!("{name:?} cannot be the name of a label of containers"));
            }
            Ok((key.to_owned(), name.to_owned()))
        };
        pairs.map(pair).collect::<Result<_, String>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches as _;

    use super::*;

    fn labelling(store_all: bool, whitelist: &str, env: &str) -> Labelling {
        let list = |text: &str| text.parse().unwrap();
        Labelling {
            store_all,
            whitelist: list(whitelist),
            env_prefixes: list(env),
            ..Labelling::default()
        }
    }

    fn render(labelling: &Labelling, restarts: i64) -> Vec<(String, String)> {
        let labels = [("com.docker/compose", "shop"), ("a_b", "2"), ("a.b", "1")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        let env = ["APP_MODE=x=y", "SECRET_TOKEN=hunter2", "malformed"].map(ToOwned::to_owned);
        labelling.render(&HashMap::from(labels), &env, restarts)
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn all_labels_are_kept_and_the_first_of_two_equal_names_wins() {
        let expected = [
            pair("container_env_app_mode", "x=y"),
            pair("container_label_a_b", "1"),
            pair("container_label_com_docker_compose", "shop"),
            pair("container_label_restartcount", "3"),
        ];
        for _ in 0..20 {
            assert_eq!(render(&labelling(true, "", "APP_"), 3), expected);
        }
    }

    #[test]
    fn without_labels_only_those_on_the_list_and_the_environment_remain() {
        let expected = [pair("container_env_app_mode", "x=y"), pair("container_label_a_b", "2")];
        assert_eq!(render(&labelling(false, "a_b, missing", "APP_"), 1), expected);
    }

    #[test]
    fn compose_labels_have_short_names_if_asked_for_whatever_else_is_kept() {
        let labels =
            [("com.docker.compose.project", "shop"), ("com.docker.compose.service", "web")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()));
        let few = Labelling { has_compose: true, ..labelling(false, "", "") };
        let expected = [pair("compose_project", "shop"), pair("compose_service", "web")];
        assert_eq!(few.render(&HashMap::from(labels), &[], 0), expected);
        assert_eq!(few.render(&HashMap::new(), &[], 0), []);
    }

    /// What the flags make of three labels, and whether their container is shown.
    fn by_flags(flags: &[&str]) -> (Vec<(String, String)>, bool) {
        let words = ["container-exporter"].iter().chain(flags).map(Into::into);
        let matches = common::commands::parse::<crate::ContainerExporter>(words).unwrap();
        let labelling = Labelling::from_arg_matches(&matches).unwrap();
        let labels = [("org.team", "red"), ("org.stage", "live"), ("build", "7")];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        (labelling.render(&labels, &[], 2), labelling.wants(&labels))
    }

    #[test]
    fn patterns_choose_labels_by_their_keys() {
        let (stage, team) =
            (pair("container_label_org_stage", "live"), pair("container_label_org_team", "red"));
        let restarts = pair("container_label_restartcount", "2");
        let (build, all) = (pair("container_label_build", "7"), &[][..]);
        let everything = [build.clone(), stage.clone(), team.clone(), restarts.clone()];
        assert_eq!(by_flags(all).0, everything);
        let org = [stage.clone(), team.clone(), restarts.clone()];
        assert_eq!(by_flags(&["--container.keys-include=^org\\."]).0, org);
        assert_eq!(by_flags(&["--container.keys-exclude=^build$"]).0, org);
        let few = ["--store_container_labels=false", "--container.keys-include=m$|x"];
        assert_eq!(by_flags(&few).0, std::slice::from_ref(&team));
        let both = ["--container.keys-include=org", "--container.keys-exclude=team,|stage"];
        assert_eq!(by_flags(&both).0, [team, restarts]);
        assert_eq!(by_flags(&["--container.keys-exclude="]).0, everything);
    }

    #[test]
    fn labels_are_renamed() {
        let few =
            ["--store_container_labels=false", "--container.rename-labels=org.team=team, x=y"];
        assert_eq!(by_flags(&few).0, [pair("team", "red")]);
        for bad in ["x", "a=", "a=1b-c", "a=name", "a=id", "a=__x", "a=b,c"] {
            assert!(bad.parse::<Renames>().is_err(), "{bad}");
        }
    }

    #[test]
    fn containers_are_chosen_by_their_labels() {
        for (flags, is_shown) in [
            (&[][..], true),
            (&["--container.label-include=^org\\.team=(red|blue)$"], true),
            (&["--container.label-include=^org\\.team=blue$"], false),
            (&["--container.label-exclude=^org\\.stage=live$"], false),
            (&["--container.label-exclude=^build=8$"], true),
            (&["--container.label-include=team", "--container.label-exclude=^build"], false),
            (&["--container.label-include=", "--container.label-exclude="], true),
        ] {
            assert_eq!(by_flags(flags).1, is_shown, "{flags:?}");
        }
    }

    #[test]
    fn no_variable_is_exposed_unless_asked_for() {
        let rendered = format!("{:?}", render(&labelling(true, "", ""), 0));
        assert!(!rendered.contains("hunter2") && !rendered.contains("restartcount"), "{rendered}");
    }

    #[test]
    fn long_labels_are_cut_and_many_are_left_out() {
        let all = labelling(true, "", "");
        let long = HashMap::from([
            ("a".to_owned(), "\u{e9}".repeat(3000)),
            ("b".to_owned(), "short".to_owned()),
            ("c".repeat(1 << 20), "x".to_owned()),
        ]);
        let rendered = all.render(&long, &[], 0);
        assert_eq!(rendered[0], pair("container_label_a", &"\u{e9}".repeat(2048)));
        assert_eq!(rendered[1..], [pair("container_label_b", "short")]);
        let many = (0..100).map(|number| (format!("l{number:02}"), "x".repeat(1000)));
        let rendered = all.render(&many.collect(), &[], 0);
        assert_eq!(rendered.len(), 32, "{} labels", rendered.len());
        assert_eq!(rendered[31].0, "container_label_l31");
    }
}
