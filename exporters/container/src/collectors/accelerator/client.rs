//! What a driver tells of one connection to it, in the lines `drm-KEY: VALUE` of `fdinfo`.

use std::collections::BTreeMap;

use common::error::{FirstError, ParseError, Partial, parse_number};

/// Engines and regions of memory of one connection, at most.
const MAX_NAMES: usize = 64;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Cycles of an engine's clock, busy or not: equal for all connections.
    Clock,
    /// Cycles that an engine worked.
    Cycles,
    /// Bytes in a region of memory.
    Memory,
    /// Seconds that an engine worked.
    Seconds,
}

/// What is counted, and of what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    kind: Kind,
    /// Who made the device, or the name of its driver.
    pub(super) make: String,
    /// Address on the bus; empty if it is on none.
    pub(super) device: String,
    /// Engine or region.
    pub(super) name: String,
}

/// What connections have used.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Usage(BTreeMap<Key, f64>);

impl Usage {
    /// Adds what another one has used.
    pub(super) fn add(&mut self, other: &Self) {
        for (key, value) in &other.0 {
            let sum = self.0.entry(key.clone()).or_default();
            *sum = if key.kind == Kind::Clock { sum.max(*value) } else { *sum + value };
        }
    }

    /// A driver may report less than before and catch up later: until then the highest count stays.
    pub(super) fn keep_highest(&mut self, before: &Self) {
        for (key, before) in before.0.iter().filter(|(key, _)| key.kind != Kind::Memory) {
            let now = self.0.entry(key.clone()).or_default();
            *now = now.max(*before);
        }
    }

    /// Without what is only used while it is held.
    pub(super) fn counters(&self) -> Self {
        let counters = self.0.iter().filter(|(key, _)| key.kind != Kind::Memory);
        Self(counters.map(|(key, value)| (key.clone(), *value)).collect())
    }

    /// What is of `kind`, in order.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = (&Key, f64)> {
        self.0.iter().filter(move |(key, _)| key.kind == kind).map(|(key, value)| (key, *value))
    }
}

/// A connection to a driver.
#[derive(Debug, PartialEq)]
pub(super) struct Client {
    /// The same for files that are copies of each other; `None` if the driver tells none.
    pub(super) id: Option<String>,
    pub(super) usage: Usage,
}

/// `None` if it is no file of a driver that tells. A malformed line costs its own value.
pub(super) fn parse(text: &str) -> Partial<Option<Client>, ParseError> {
    let field = |key: &str| {
        text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).map(str::trim)
    };
    let Some(driver) = field("drm-driver") else { return Partial::whole(None) };
    let device = field("drm-pdev").unwrap_or_default();
    let id = field("drm-client-id").map(|id| format!("{driver} {device} {id}"));
    let (make, device) = (make(driver).to_owned(), device.to_owned());
    let mut errors = FirstError::default();
    let mut usage = Usage::default();
    // A region's bytes by how well they say what is wanted, best last.
    for rank in 0..=MEMORY_KEYS.len() {
        for line in text.lines() {
            let Some((kind, name, value)) = errors.note(parse_line(line, rank)).flatten() else {
                continue;
            };
            let key =
                Key { kind, make: make.clone(), device: device.clone(), name: name.to_owned() };
            if usage.0.len() < MAX_NAMES || usage.0.contains_key(&key) {
                usage.0.insert(key, value);
            }
        }
    }
    errors.beside(Some(Client { id, usage }))
}

/// Keys of bytes per region: all that was made, what is there, by its name until kernel 6.10 and
/// by that since.
const MEMORY_KEYS: [&str; 3] = ["total-", "memory-", "resident-"];

/// `drm-engine-render: 9288864723 ns`. Rank 0 are the engines, the others keys of memory.
fn parse_line(line: &str, rank: usize) -> Result<Option<(Kind, &str, f64)>, ParseError> {
    let Some((key, value)) = line.strip_prefix("drm-").and_then(|line| line.split_once(':')) else {
        return Ok(None);
    };
    let (kind, name) = match rank.checked_sub(1).map(|index| MEMORY_KEYS.get(index)) {
        None if key.starts_with("engine-capacity-") => return Ok(None),
        None => match (
            key.strip_prefix("engine-"),
            key.strip_prefix("cycles-"),
            key.strip_prefix("total-cycles-"),
        ) {
            (Some(engine), ..) => (Kind::Seconds, engine),
            (_, Some(engine), _) => (Kind::Cycles, engine),
            (.., Some(engine)) => (Kind::Clock, engine),
            _ => return Ok(None),
        },
        Some(memory) => match memory.and_then(|memory| key.strip_prefix(*memory)) {
            Some(region) if !region.starts_with("cycles-") => (Kind::Memory, region),
            _ => return Ok(None),
        },
    };
    quantity(value).map(|value| Some((kind, name, value)))
}

/// A number with its unit: nanoseconds become seconds, all else bytes or cycles.
fn quantity(text: &str) -> Result<f64, ParseError> {
    let mut words = text.split_ascii_whitespace();
    let number = parse_number::<u64>("value", words.next())? as f64;
    match words.next() {
        None => Ok(number),
        Some("ns") => Ok(number / 1e9),
        Some("KiB") => Ok(number * 1024.0),
        Some("MiB") => Ok(number * 1_048_576.0),
        Some("GiB") => Ok(number * 1_073_741_824.0),
        Some(unit) => Err(ParseError::form("unknown unit", unit)),
    }
}

/// Who makes the devices of a driver, where it is one.
fn make(driver: &str) -> &str {
    match driver {
        "amdgpu" | "radeon" => "amd",
        "i915" | "xe" | "intel_vpu" => "intel",
        "nouveau" => "nvidia",
        _ => driver,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const I915: &str = "pos:\t0\nflags:\t02100002\ndrm-driver:\ti915\ndrm-pdev:\t0000:00:02.0\n\
        drm-client-id:\t39\ndrm-engine-render:\t9288864723 ns\ndrm-engine-capacity-video:\t2\n\
        drm-total-system0:\t8192 KiB\ndrm-shared-system0:\t0\ndrm-resident-system0:\t4 MiB\n";

    fn shown(text: &str) -> (Vec<String>, bool) {
        let parsed = parse(text);
        let client = parsed.good.unwrap();
        let values = client.usage.0.iter().map(|(key, value)| {
            format!("{:?} {} {} {} {value}", key.kind, key.make, key.device, key.name)
        });
        (values.collect(), parsed.error.is_some())
    }

    #[test]
    fn engines_and_what_is_there_of_the_memory_are_read() {
        let expected = vec![
            "Memory intel 0000:00:02.0 system0 4194304".to_owned(),
            "Seconds intel 0000:00:02.0 render 9.288864723".to_owned(),
        ];
        assert_eq!(shown(I915), (expected, false));
        let id = parse(I915).good.unwrap().id;
        assert_eq!(id.as_deref(), Some("i915 0000:00:02.0 39"));
    }

    #[test]
    fn cycles_are_kept_beside_those_of_the_clock() {
        let text = "drm-driver: xe\ndrm-cycles-rcs: 28257900\ndrm-total-cycles-rcs: 7655183225\n\
                    drm-total-vram0: 2048 KiB\n";
        let expected = [
            "Clock intel  rcs 7655183225",
            "Cycles intel  rcs 28257900",
            "Memory intel  vram0 2097152",
        ];
        assert_eq!(shown(text).0, expected);
        assert_eq!(parse(text).good.unwrap().id, None);
    }

    #[test]
    fn older_amd_cards_name_their_memory_otherwise() {
        let text = "drm-driver:\tamdgpu\ndrm-memory-vram:\t1024 KiB\ndrm-memory-gtt: \t0 KiB\n";
        assert_eq!(shown(text).0, ["Memory amd  gtt 0", "Memory amd  vram 1048576"]);
    }

    #[test]
    fn other_files_tell_nothing_and_a_malformed_line_costs_itself() {
        assert_eq!(parse("pos:\t0\nflags:\t02\n"), Partial::whole(None));
        for line in ["drm-engine-copy: x ns", "drm-engine-copy:", "drm-engine-copy: 1 fortnight"] {
            let (values, is_malformed) = shown(&format!("{I915}{line}\n"));
            assert!(values.len() == 2 && is_malformed, "{line}: {values:?}");
        }
    }

    #[test]
    fn names_are_bounded() {
        let lines = (0..1000).map(|n| format!("drm-engine-{n}: 1 ns\n"));
        let text: String = std::iter::once("drm-driver: xe\n".to_owned()).chain(lines).collect();
        assert_eq!(shown(&text).0.len(), MAX_NAMES);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "(drm-driver: x\n)?(drm-[a-z]{0,9}-?[ -~]{0,20}\n|\\PC){0,9}") {
            let _ = parse(&text);
        }
    }
}
