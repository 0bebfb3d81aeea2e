//! Names as Juju writes them, each checked once, where the text enters.
//!
//! All of them turn into text with `Display` and `as_str`, come from text with `FromStr` or `TryFrom`, and are plain
//! strings for serde (also as keys of maps).
//!
//! ```
//! use juju::{RelationId, UnitName};
//!
//! let unit: UnitName = "etcd/10".parse()?;
//! assert_eq!(unit.application().as_str(), "etcd");
//! assert_eq!(unit.tag(), "unit-etcd-10");
//! assert!(unit > "etcd/9".parse()?, "units sort by number");
//! assert_eq!("db:3".parse::<RelationId>()?.endpoint().as_str(), "db");
//! # Ok::<(), juju::NameError>(())
//! ```

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is not the name it was given as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {kind} {text:?}")]
pub struct NameError {
    kind: &'static str,
    text: String,
}

impl NameError {
    fn new(kind: &'static str, text: &str) -> NameError {
        NameError {
            kind,
            text: text.to_owned(),
        }
    }

    /// What the text should have been, such as `unit name`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The refused text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The conversions that every name has, on top of its own `FromStr` and `as_str`.
macro_rules! text_conversions {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl TryFrom<&str> for $name {
            type Error = NameError;

            fn try_from(text: &str) -> Result<$name, NameError> {
                text.parse()
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<$name, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.text
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }
    };
}

/// The name of an application in a model, such as `etcd` or `my-charm2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApplicationName {
    text: String,
}

impl ApplicationName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for ApplicationName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<ApplicationName, NameError> {
        if is_application(text) {
            Ok(ApplicationName { text: text.to_owned() })
        } else {
            Err(NameError::new("application name", text))
        }
    }
}

text_conversions!(ApplicationName);

/// The name of one of a charm's endpoints, such as `db` or `tls_certificates`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndpointName {
    text: String,
}

impl EndpointName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for EndpointName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<EndpointName, NameError> {
        if is_endpoint(text) {
            Ok(EndpointName { text: text.to_owned() })
        } else {
            Err(NameError::new("endpoint name", text))
        }
    }
}

text_conversions!(EndpointName);

/// The name of a unit, such as `etcd/0`. Units sort by application, then by number: `etcd/9` before `etcd/10`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitName {
    text: String,
    application: ApplicationName,
    number: u32,
}

impl UnitName {
    /// The unit of an application with a number.
    pub fn new(application: &ApplicationName, number: u32) -> UnitName {
        UnitName {
            text: format!("{application}/{number}"),
            application: application.clone(),
            number,
        }
    }

    /// The application that the unit belongs to.
    pub fn application(&self) -> ApplicationName {
        self.application.clone()
    }

    /// The unit's number; numbers are never used twice in a model.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The unit's tag as used in paths and log lines: `unit-etcd-0`.
    pub fn tag(&self) -> String {
        format!("unit-{}-{}", self.application, self.number)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for UnitName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<UnitName, NameError> {
        let invalid = || NameError::new("unit name", text);
        let (application, number) = text.split_once('/').ok_or_else(invalid)?;
        let application = application.parse().map_err(|_| invalid())?;
        let number = parse_number(number).ok_or_else(invalid)?;
        Ok(UnitName {
            text: text.to_owned(),
            application,
            number,
        })
    }
}

impl Ord for UnitName {
    fn cmp(&self, other: &UnitName) -> Ordering {
        self.application
            .cmp(&other.application)
            .then(self.number.cmp(&other.number))
    }
}

impl PartialOrd for UnitName {
    fn partial_cmp(&self, other: &UnitName) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for UnitName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

text_conversions!(UnitName);

/// The id of a relation as a unit sees it, its own endpoint and the relation's number: `db:3`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelationId {
    text: String,
    endpoint: EndpointName,
    number: u32,
}

impl RelationId {
    /// The relation with a number, seen from an endpoint.
    pub fn new(endpoint: EndpointName, number: u32) -> RelationId {
        RelationId {
            text: format!("{endpoint}:{number}"),
            endpoint,
            number,
        }
    }

    /// The local endpoint.
    pub fn endpoint(&self) -> &EndpointName {
        &self.endpoint
    }

    /// The relation's number in the model.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for RelationId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<RelationId, NameError> {
        let invalid = || NameError::new("relation id", text);
        let (endpoint, number) = text.split_once(':').ok_or_else(invalid)?;
        let endpoint = endpoint.parse().map_err(|_| invalid())?;
        let number = parse_number(number).ok_or_else(invalid)?;
        Ok(RelationId {
            text: text.to_owned(),
            endpoint,
            number,
        })
    }
}

impl Ord for RelationId {
    fn cmp(&self, other: &RelationId) -> Ordering {
        self.endpoint.cmp(&other.endpoint).then(self.number.cmp(&other.number))
    }
}

impl PartialOrd for RelationId {
    fn partial_cmp(&self, other: &RelationId) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for RelationId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

text_conversions!(RelationId);

/// `[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*`: no part after a dash is a mere number, so that a unit's tag is unambiguous.
fn is_application(text: &str) -> bool {
    let has_letter = |part: &str| part.bytes().any(|b| b.is_ascii_lowercase());
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .split('-')
            .all(|part| is_lower_alphanumeric(part) && has_letter(part))
}

/// `[a-z][a-z0-9]*([_-][a-z0-9]+)*`
fn is_endpoint(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.split(['-', '_']).all(is_lower_alphanumeric)
}

fn is_lower_alphanumeric(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// `0|[1-9][0-9]*` within 32 bits: one spelling for each number.
fn parse_number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let canonical = digits && (text == "0" || !text.starts_with('0'));
    canonical.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn application_names() {
        for good in ["etcd", "a", "a1", "my-charm", "my-2a", "x-a1-b"] {
            assert!(good.parse::<ApplicationName>().is_ok(), "{good}");
        }
        for bad in ["", "1a", "-a", "a-", "a-1", "A", "a_b", "a/0", "a b", "é", "a--b"] {
            assert!(bad.parse::<ApplicationName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn endpoint_names() {
        for good in ["db", "juju-info", "tls_certificates", "a-1"] {
            assert!(good.parse::<EndpointName>().is_ok(), "{good}");
        }
        for bad in ["", "1a", "a-", "_a", "a__b", "a:b", "Db"] {
            assert!(bad.parse::<EndpointName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn unit_names() {
        let unit: UnitName = "my-charm/12".parse().expect("a unit name");
        assert_eq!((unit.application().as_str(), unit.number()), ("my-charm", 12));
        assert_eq!(unit, UnitName::new(&unit.application(), 12));
        assert_eq!(unit.to_string(), "my-charm/12");
        for bad in [
            "",
            "etcd",
            "etcd/",
            "etcd/01",
            "etcd/-1",
            "etcd/+1",
            "etcd/0/1",
            "/0",
            "etcd/4294967296",
        ] {
            let error = bad.parse::<UnitName>().expect_err(bad);
            assert_eq!(error.to_string(), format!("invalid unit name {bad:?}"));
        }
    }

    #[test]
    fn units_and_relations_sort_by_number() {
        let mut units: Vec<UnitName> = ["b/1", "a/10", "a/9"]
            .iter()
            .map(|u| u.parse().expect("a unit name"))
            .collect();
        units.sort();
        assert_eq!(
            units.iter().map(UnitName::as_str).collect::<Vec<_>>(),
            ["a/9", "a/10", "b/1"]
        );
        let id = |text: &str| text.parse::<RelationId>().expect("a relation id");
        assert!(id("db:9") < id("db:10") && id("a:10") < id("db:0"));
    }

    #[test]
    fn relation_ids() {
        let id: RelationId = "db:3".parse().expect("a relation id");
        assert_eq!((id.endpoint().as_str(), id.number()), ("db", 3));
        assert_eq!(id, RelationId::new("db".parse().expect("an endpoint name"), 3));
        for bad in ["", "3", "db", "db:", "db:03", "db:3:4", ":3"] {
            assert!(bad.parse::<RelationId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn serde_uses_text_also_for_keys() {
        let unit: UnitName = "a/1".parse().expect("a unit name");
        let map = BTreeMap::from([(unit, 1)]);
        let json = serde_json::to_string(&map).expect("JSON");
        assert_eq!(json, r#"{"a/1":1}"#);
        assert_eq!(
            serde_json::from_str::<BTreeMap<UnitName, i32>>(&json).expect("a map"),
            map
        );
        assert!(serde_json::from_str::<UnitName>(r#""a/01""#).is_err());
    }
}
