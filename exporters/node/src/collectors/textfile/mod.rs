//! Metrics that others write into files: `*.prom` in the directories of a flag,
//! text format 0.0.4 of Prometheus.
//!
//! Files are refused as a whole, families one by one: those that conflict with an
//! earlier file's or with another collector's are left out.

mod cursor;
mod family;
mod files;
mod parse;

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches as _};
use common::collector::Collector;
use common::error::CollectError;
use common::exposition::Sink;
use common::failures::FailureLog;
use common::metric::{Desc, Kind, Label};

use crate::host::Host;
use family::{Compound, Family, Value};
use files::TextFile;

const MODIFIED: Desc<'_> = Desc::gauge(
    "node_textfile_mtime_seconds",
    "When each file that was read in full had last been changed, in seconds since the epoch.",
);

const SCRAPE_ERROR: Desc<'_> = Desc::gauge(
    "node_textfile_scrape_error",
    "1 if a directory, file or family could not be read or exposed as it is, else 0.",
);

/// Flags of this collector.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Collector options")]
#[group(skip)]
pub(super) struct Options {
    /// Directory with *.prom files to expose, or a glob pattern; may be repeated
    #[arg(
        id = "collector.textfile.directory",
        long = "collector.textfile.directory",
        value_name = "DIR"
    )]
    pub directories: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Textfile {
    directories: Vec<String>,
    failures: FailureLog,
}

/// A family's help text and the files that have it.
#[derive(Debug, Default)]
struct Origin<'a> {
    help: Option<&'a str>,
    files: Vec<&'a str>,
}

impl Textfile {
    pub(super) fn new(options: &Options) -> Self {
        let mut directories = options.directories.clone();
        directories.retain(|directory| !directory.is_empty());
        Self { directories, failures: FailureLog::default() }
    }

    /// Reads each file once, even if two directories are the same.
    fn read(&self, problems: &mut Vec<String>) -> Vec<TextFile> {
        let (mut found, mut seen, mut budget) = (Vec::new(), HashSet::new(), files::MAX_BYTES);
        for directory in self.directories.iter().flat_map(|pattern| files::directories(pattern)) {
            match files::list(&directory) {
                Ok(paths) => {
                    found.extend(paths.into_iter().filter(|path| seen.insert(path.clone())));
                }
                Err(error) => problems.push(format!("{}: {error}", directory.display())),
            }
        }
        let read = found.iter().filter_map(|path| match files::read(path, &mut budget) {
            Ok(file) => Some(file),
            Err(error) => {
                problems.push(format!("{}: {error}", path.display()));
                None
            }
        });
        read.collect()
    }

    fn log(&self, problems: &[String]) {
        if problems.is_empty() {
            if self.failures.recovered() {
                tracing::info!("all text files are exposed again");
            }
        } else if self.failures.failed(&problems.join("\n")) {
            for problem in problems {
                tracing::warn!(problem, "text file or a part of it is not exposed");
            }
        }
    }
}

pub(super) fn build(matches: &ArgMatches) -> anyhow::Result<Box<dyn Collector<Host>>> {
    Ok(Box::new(Textfile::new(&Options::from_arg_matches(matches)?)))
}

#[async_trait]
impl Collector<Host> for Textfile {
    async fn collect(&self, _: &Host, sink: &mut Sink) -> Result<(), CollectError> {
        let mut problems = Vec::new();
        let files = self.read(&mut problems);
        push(&files, sink, &mut problems);
        sink.yield_to_others(SCRAPE_ERROR, !problems.is_empty());
        self.log(&problems);
        Ok(())
    }
}

/// Writes what is good of `files` and notes the rest.
fn push(files: &[TextFile], sink: &mut Sink, problems: &mut Vec<String>) {
    let mut parsed: Vec<(&TextFile, Vec<Family<'_>>)> = Vec::new();
    for file in files {
        match parse::parse(&file.content) {
            Ok(families) => parsed.push((file, families)),
            Err(error) => problems.push(format!("{}: {error}", file.path)),
        }
    }
    let mut modified: Vec<_> =
        parsed.iter().map(|(file, _)| (file.path.as_str(), file.modified_seconds)).collect();
    modified.sort_unstable_by_key(|(path, _)| *path);
    let samples = modified.into_iter().map(|(path, seconds)| ([("file", path)], seconds));
    sink.samples(&MODIFIED, samples);
    let origins = origins(&parsed, problems);
    for family in parsed.iter().flat_map(|(_, families)| families) {
        let Some(origin) = origins.get(family.name) else { continue };
        match (origin.help, family.help.as_deref()) {
            (Some(help), None) => push_family(family, help, sink),
            (Some(help), Some(own)) if help == own => push_family(family, help, sink),
            (Some(_), Some(_)) => {}
            (None, _) => {
                push_family(family, &format!("Read from {}.", origin.files.join(", ")), sink);
            }
        }
    }
}

/// Of each family the first help text; a later file that has another one loses the family.
fn origins<'a>(
    parsed: &'a [(&TextFile, Vec<Family<'a>>)],
    problems: &mut Vec<String>,
) -> HashMap<&'a str, Origin<'a>> {
    let mut origins = HashMap::<&str, Origin<'_>>::new();
    for (file, families) in parsed {
        for Family { name, help, .. } in families {
            let origin = origins.entry(name).or_default();
            match (origin.help, help.as_deref()) {
                (Some(first), Some(other)) if first != other => {
                    let first_file = origin.files.first().copied().unwrap_or_default();
                    let file = &file.path;
                    problems.push(format!("{file}: {name} has another help text in {first_file}"));
                    continue;
                }
                (None, Some(first)) => origin.help = Some(first),
                _ => {}
            }
            origin.files.push(&file.path);
        }
    }
    origins
}

/// Writes a family; labels that only some of its series have are empty in the others.
fn push_family(family: &Family<'_>, help: &str, sink: &mut Sink) {
    let names = family.label_names();
    let mut out = sink.family(&Desc::new(family.name, help, family.kind));
    for series in &family.series {
        let own = |name: &str| {
            let position = series.labels.binary_search_by_key(&name, |(name, _)| name);
            position.ok().and_then(|position| series.labels.get(position))
        };
        let labels: Vec<Label<'_>> = names
            .iter()
            .map(|name| (*name, own(name).map_or("", |(_, value)| value.as_ref())))
            .collect();
        match &series.value {
            Value::Number(value) => out.sample(&labels, *value),
            Value::Compound(Compound { points, sum, count }) => {
                let points = points.iter().copied();
                if family.kind == Kind::Summary {
                    out.summary(&labels, points, *sum, whole(*count));
                } else {
                    let buckets = points.map(|(bound, count)| (bound, whole(count)));
                    out.histogram(&labels, buckets, *sum, whole(*count));
                }
            }
        }
    }
}

/// A count, which the format writes like any other value.
fn whole(count: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "what is no count becomes the nearest one"
    )]
    {
        count as u64
    }
}

#[cfg(test)]
mod tests;
