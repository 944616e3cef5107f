//! A report as text and as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::engine::{Difference, Kind, Report};
use super::side::Side;

/// Families that are named for one reason; JSON names all.
const MAX_SUBJECTS: usize = 4;

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::MissingFamily => "missing family",
            Self::ExtraFamily => "extra family",
            Self::Type => "type",
            Self::MissingLabel => "missing label",
            Self::ExtraLabel => "extra label",
            Self::MissingSeries => "missing series",
            Self::ExtraSeries => "extra series",
            Self::Value => "value",
        }
    }

    const fn heading(self) -> &'static str {
        match self {
            Self::MissingFamily => {
                "Missing families: the old exporter has them, the new one has not"
            }
            Self::ExtraFamily => "Extra families: only the new exporter has them",
            Self::Type => "Types",
            Self::MissingLabel => "Missing labels",
            Self::ExtraLabel => "Extra labels",
            Self::MissingSeries => "Missing series",
            Self::ExtraSeries => "Extra series",
            Self::Value => "Values that do not change meanwhile",
        }
    }
}

/// A side with what it is called.
pub type Named<'a> = (&'a str, &'a Side);

impl Report {
    /// The report for people: what has no reason by kind, then what has one by reason.
    pub fn text(&self, old: Named<'_>, new: Named<'_>) -> String {
        let mut text = String::new();
        for (word, (name, side)) in [("old", old), ("new", new)] {
            let (families, series) = (side.families.len(), side.series());
            let readings = if side.readings > 1 { side.readings.to_string() } else { "one".into() };
            let plural = if side.readings > 1 { "s" } else { "" };
            text += &format!(
                "{word}  {name}: {families} families, {series} series, {readings} reading{plural}\n"
            );
        }
        if old.1.readings < 2 || new.1.readings < 2 {
            text += "A file is one reading, so that series and values are compared of families \
                     …_info alone.\n";
        }
        self.put_unexplained(&mut text);
        self.put_explained(&mut text);
        let (without, with) = (self.explained(false).count(), self.explained(true).count());
        text += &format!(
            "\n{} families are the same. {without} differences without a known reason, {with} with \
             one.\n",
            self.same
        );
        text
    }

    fn put_unexplained(&self, text: &mut String) {
        let mut kind = None;
        for difference in self.explained(false) {
            if kind != Some(difference.kind) {
                kind = Some(difference.kind);
                // Writing to a string cannot fail.
                let _ = writeln!(text, "\n{}", difference.kind.heading());
            }
            let _ = writeln!(text, "  {}", line(difference));
        }
    }

    fn put_explained(&self, text: &mut String) {
        let mut by_reason = BTreeMap::<&str, BTreeMap<Kind, BTreeSet<String>>>::new();
        for difference in self.explained(true) {
            let reason = difference.reason.as_deref().unwrap_or_default();
            let subjects = by_reason.entry(reason).or_default().entry(difference.kind).or_default();
            subjects.insert(subject(difference));
        }
        if !by_reason.is_empty() {
            *text += "\nKnown differences, by reason\n";
        }
        for (reason, kinds) in by_reason {
            let _ = writeln!(text, "  {reason}");
            for (kind, subjects) in kinds {
                let _ = writeln!(text, "    {}: {}", kind.word(), some(&subjects));
            }
        }
    }

    /// The report for programs: `old`, `new`, `same_families`, `unexplained`, `explained` and
    /// `differences`, each of which has `kind`, `family`, `detail` and `reason` (or null).
    pub fn json(&self, old: Named<'_>, new: Named<'_>) -> Value {
        let side = |(name, side): Named<'_>| {
            json!({
                "source": name,
                "families": side.families.len(),
                "series": side.series(),
                "readings": side.readings,
            })
        };
        let difference = |one: &Difference| {
            json!({
                "kind": one.kind.word().replace(' ', "_"),
                "family": one.family,
                "detail": one.detail,
                "reason": one.reason,
            })
        };
        json!({
            "old": side(old),
            "new": side(new),
            "same_families": self.same,
            "unexplained": self.explained(false).count(),
            "explained": self.explained(true).count(),
            "differences": self.differences.iter().map(difference).collect::<Vec<_>>(),
        })
    }
}

/// Family, and label where it is about one.
fn subject(difference: &Difference) -> String {
    let family = difference.family.escape_debug();
    match difference.kind {
        Kind::MissingLabel | Kind::ExtraLabel => format!("{} of {family}", difference.detail),
        _ => family.to_string(),
    }
}

/// The first few of them.
fn some(subjects: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = subjects.iter().take(MAX_SUBJECTS).map(String::as_str).collect();
    match subjects.len().saturating_sub(MAX_SUBJECTS) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn line(difference: &Difference) -> String {
    format!("{}  {}", difference.family.escape_debug(), difference.detail)
}
