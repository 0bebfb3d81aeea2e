//! The `storage` section of `metadata.yaml`.

use serde::{Deserialize, Serialize};

/// One storage of a charm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawStorage", into = "RawStorage")]
pub struct StorageSpec {
    /// Device or mounted file system.
    pub kind: StorageKind,
    /// What it is for.
    pub description: String,
    /// Whether all units share one instance.
    pub shared: bool,
    /// Whether it is mounted read-only.
    pub read_only: bool,
    /// How many instances a unit has.
    pub count: CountRange,
    /// The smallest size, in MiB.
    pub minimum_size: Option<u64>,
    /// Where a file system is mounted; `None` lets Juju choose.
    pub location: Option<String>,
    /// `transient` or nothing.
    pub properties: Vec<String>,
}

/// The kinds of storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageKind {
    /// A block device.
    Block,
    /// A mounted file system.
    Filesystem,
}

/// How many instances of a storage a unit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CountRange {
    /// The smallest number; 0 makes the storage optional.
    pub min: u32,
    /// The largest number; `None` for no limit.
    pub max: Option<u32>,
}

impl Default for CountRange {
    /// Exactly one.
    fn default() -> Self {
        CountRange { min: 1, max: Some(1) }
    }
}

impl CountRange {
    /// `m`, `m-n`, `m+` or `m-`.
    fn parse(text: &str) -> Option<CountRange> {
        if let Some(min) = text.strip_suffix(['+', '-']) {
            return Some(CountRange {
                min: min.parse().ok()?,
                max: None,
            });
        }
        let (min, max) = match text.split_once('-') {
            Some((min, max)) => (min.parse().ok()?, max.parse().ok()?),
            None => {
                let count = text.parse().ok()?;
                (count, count)
            }
        };
        (min <= max && max > 0).then_some(CountRange { min, max: Some(max) })
    }

    fn text(self) -> String {
        match self.max {
            None => format!("{}+", self.min),
            Some(max) if max == self.min => max.to_string(),
            Some(max) => format!("{}-{max}", self.min),
        }
    }
}

/// The section as it stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawStorage {
    #[serde(rename = "type")]
    kind: StorageKind,
    #[serde(default)]
    description: String,
    #[serde(default)]
    shared: bool,
    #[serde(default)]
    read_only: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    multiple: Option<RawMultiple>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    minimum_size: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    properties: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct RawMultiple {
    range: Number,
}

/// `1` and `"1G"` are both written in YAML files.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Number {
    Number(u64),
    Text(String),
}

impl Number {
    fn text(self) -> String {
        match self {
            Number::Number(number) => number.to_string(),
            Number::Text(text) => text,
        }
    }
}

/// A number with a unit of `MGTPEZY`, in MiB; no unit means MiB.
fn parse_size(text: &str) -> Option<u64> {
    let text = text
        .strip_suffix("iB")
        .or_else(|| text.strip_suffix('B'))
        .unwrap_or(text);
    let (digits, power) = match text.find(|c: char| !c.is_ascii_digit() && c != '.') {
        None => (text, 0),
        Some(at) => (
            &text[..at],
            "MGTPEZY"
                .find(text[at..].chars().next()?)
                .filter(|_| text.len() == at + 1)?,
        ),
    };
    let scale = 1024_f64.powi(i32::try_from(power).ok()?);
    let mib = (digits.parse::<f64>().ok()? * scale).ceil();
    format!("{mib:.0}").parse().ok()
}

impl TryFrom<RawStorage> for StorageSpec {
    type Error = String;

    fn try_from(raw: RawStorage) -> Result<Self, String> {
        let count = match raw.multiple {
            None => CountRange::default(),
            Some(multiple) => {
                let text = multiple.range.text();
                CountRange::parse(&text)
                    .ok_or_else(|| format!("multiple.range: expected supported count, got {text:?}"))?
            }
        };
        let minimum_size = raw
            .minimum_size
            .map(|size| {
                let text = size.text();
                parse_size(&text).ok_or_else(|| format!("minimum-size: expected a size such as 1G, got {text:?}"))
            })
            .transpose()?;
        Ok(StorageSpec {
            kind: raw.kind,
            description: raw.description,
            shared: raw.shared,
            read_only: raw.read_only,
            count,
            minimum_size,
            location: raw.location,
            properties: raw.properties,
        })
    }
}

impl From<StorageSpec> for RawStorage {
    fn from(spec: StorageSpec) -> Self {
        RawStorage {
            kind: spec.kind,
            description: spec.description,
            shared: spec.shared,
            read_only: spec.read_only,
            multiple: (spec.count != CountRange::default()).then(|| RawMultiple {
                range: Number::Text(spec.count.text()),
            }),
            minimum_size: spec.minimum_size.map(|mib| Number::Text(format!("{mib}M"))),
            location: spec.location,
            properties: spec.properties,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(yaml: &str) -> Result<StorageSpec, crate::YamlError> {
        crate::yaml::from_str("metadata.yaml", yaml)
    }

    #[test]
    fn ranges() {
        let range = |text: &str| CountRange::parse(text).map(|range| (range.min, range.max));
        assert_eq!(range("2"), Some((2, Some(2))));
        assert_eq!(range("0-1"), Some((0, Some(1))));
        assert_eq!(range("0-"), Some((0, None)));
        assert_eq!(range("3+"), Some((3, None)));
        for bad in ["", "x", "2-1", "0", "-1", "1-2-3"] {
            assert_eq!(range(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_size("1G"), Some(1024));
        assert_eq!(parse_size("512M"), Some(512));
        assert_eq!(parse_size("512"), Some(512));
        assert_eq!(parse_size("1.5G"), Some(1536));
        assert_eq!(parse_size("2GiB"), Some(2048));
        for bad in ["", "G", "1Q", "1GM", "1 G"] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_section_survives_a_round_trip() {
        let spec = parse("{type: block, multiple: {range: 0-1}, minimum-size: 1G, description: d}").unwrap();
        assert_eq!(spec.count, CountRange { min: 0, max: Some(1) });
        assert_eq!(spec.minimum_size, Some(1024));
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<StorageSpec>(&json).unwrap(), spec);
    }

    #[test]
    fn a_bad_range_is_refused() {
        let error = parse("{type: block, multiple: {range: many}}").unwrap_err().to_string();
        assert!(
            error.contains("multiple.range: expected supported count, got \"many\""),
            "{error}"
        );
    }
}
