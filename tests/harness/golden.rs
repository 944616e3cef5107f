//! Whole outputs, compared line by line with files.
//!
//! `UPDATE_GOLDEN=1` rewrites those files; read the difference before you commit it.

use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::repository;

/// What is not compared, by the names of families.
#[derive(Clone, Copy, Debug)]
pub struct Unsteady<'a> {
    /// Beginnings of names whose values differ from run to run: their series are compared.
    pub values: &'a [&'a str],
    /// Names of what says something about the machine or the build: nothing is compared.
    pub families: &'a [&'a str],
}

impl Unsteady<'_> {
    /// The text without these families, these values and the repository's own place.
    fn settle(&self, text: &str) -> anyhow::Result<String> {
        // Some labels hold the path of what was read.
        let root = repository().canonicalize()?;
        let text = text.replace(&format!("{}/", root.display()), "/");
        let mut settled = String::new();
        for line in text.lines() {
            let words =
                line.strip_prefix("# HELP ").or(line.strip_prefix("# TYPE ")).unwrap_or(line);
            let name = words.split(['{', ' ']).next().unwrap_or_default();
            let is_volatile = self.values.iter().any(|family| name.starts_with(family));
            if self.families.contains(&name) {
                continue;
            }
            match line.rsplit_once(' ') {
                Some((series, _)) if is_volatile && !line.starts_with('#') => {
                    settled += &format!("{series} VOLATILE\n");
                }
                _ => settled += &format!("{line}\n"),
            }
        }
        Ok(settled)
    }
}

/// Compares `text`, without what is `unsteady`, with the file at `path`.
///
/// # Errors
/// The first line that differs, or there is no such file.
pub fn compare(path: &Path, text: &str, unsteady: Unsteady<'_>) -> anyhow::Result<()> {
    let name = path.display().to_string();
    let actual = unsteady.settle(text)?;
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return std::fs::write(path, actual).context(name);
    }
    let expected = std::fs::read_to_string(path)
        .with_context(|| format!("{name}; UPDATE_GOLDEN=1 makes it"))?;
    equal(&expected, &actual).with_context(|| format!("{text}\n{name}"))
}

fn equal(expected: &str, actual: &str) -> anyhow::Result<()> {
    for (number, (expected, actual)) in expected.lines().zip(actual.lines()).enumerate() {
        ensure!(expected == actual, "line {}\n-{expected}\n+{actual}", number + 1);
    }
    let lines = (expected.lines().count(), actual.lines().count());
    ensure!(expected == actual, "{} lines, expected are {}", lines.1, lines.0);
    Ok(())
}

/// The text of a golden file, with a number in place of each value that is left open.
///
/// # Errors
/// There is no such file.
pub fn read(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(text.replace(" VOLATILE", " 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNSTEADY: Unsteady<'_> = Unsteady { values: &["a_seconds"], families: &["b_info"] };

    #[test]
    fn only_what_is_unsteady_is_left_open() {
        let root = repository().canonicalize().unwrap();
        let text = format!(
            "# HELP a_seconds A.\na_seconds_sum{{x=\"1 2\"}} 7\n# TYPE b_info gauge\n\
             b_info{{v=\"1\"}} 1\nb_information{{path=\"{}/x\"}} 1\n",
            root.display()
        );
        let settled = UNSTEADY.settle(&text).unwrap();
        let expected = "# HELP a_seconds A.\na_seconds_sum{x=\"1 2\"} VOLATILE\n\
                        b_information{path=\"/x\"} 1\n";
        assert_eq!(settled, expected);
    }

    #[test]
    fn every_other_difference_is_an_error() {
        let expected = "a_seconds VOLATILE\nc 1\n";
        let compare = |text: &str| equal(expected, &UNSTEADY.settle(text).unwrap());
        compare("a_seconds 5\nb_info 1\nc 1\n").unwrap();
        for text in ["a_seconds 5\nc 2\n", "a_seconds 5\n", "a_seconds 5\nc 1\nd 1\n", "c 1\n"] {
            assert!(compare(text).is_err(), "{text}");
        }
    }
}
