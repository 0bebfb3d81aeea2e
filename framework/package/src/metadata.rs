//! `metadata.yaml`: the charm's name, its endpoints, storage and resources.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::storage::StorageSpec;
use crate::yaml::{self, YamlError};

/// What `metadata.yaml` says. Keys that Juju does not know are ignored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Metadata {
    /// The charm's name.
    pub name: String,
    /// One line about the charm.
    #[serde(deserialize_with = "or_default")]
    pub summary: String,
    /// The long text about the charm.
    #[serde(deserialize_with = "or_default")]
    pub description: String,
    /// Endpoints that offer something.
    #[serde(deserialize_with = "or_default")]
    pub provides: BTreeMap<String, Endpoint>,
    /// Endpoints that need something.
    #[serde(deserialize_with = "or_default")]
    pub requires: BTreeMap<String, Endpoint>,
    /// Endpoints between the units of the application.
    #[serde(deserialize_with = "or_default")]
    pub peers: BTreeMap<String, Endpoint>,
    /// Names that can be bound to a network beside the endpoints.
    #[serde(deserialize_with = "or_default")]
    pub extra_bindings: BTreeMap<String, Option<Value>>,
    /// Whether units live on the machines of another application's units.
    pub subordinate: bool,
    /// Storage the charm uses.
    #[serde(deserialize_with = "or_default")]
    pub storage: BTreeMap<String, StorageSpec>,
    /// Files and images that travel beside the charm.
    #[serde(deserialize_with = "or_default")]
    pub resources: BTreeMap<String, ResourceSpec>,
    /// Free words about the charm.
    #[serde(deserialize_with = "or_default")]
    pub tags: Vec<String>,
    /// The older form of tags.
    #[serde(deserialize_with = "or_default")]
    pub categories: Vec<String>,
    /// Terms to agree to.
    #[serde(deserialize_with = "or_default")]
    pub terms: Vec<String>,
    /// Ubuntu series; only in charms without a manifest.
    #[serde(deserialize_with = "or_default")]
    pub series: Vec<String>,
    /// What the charm needs from the controller and the cloud.
    pub assumes: Option<Vec<Value>>,
    /// Sidecar containers; kept unread, machines have none.
    #[serde(deserialize_with = "or_default")]
    pub containers: BTreeMap<String, Value>,
    /// Devices; kept unread, machines have none.
    #[serde(deserialize_with = "or_default")]
    pub devices: BTreeMap<String, Value>,
    /// Pod-spec deployment; only in charms without a manifest.
    pub deployment: Option<Value>,
    /// Which user the charm runs as in a container.
    pub charm_user: Option<String>,
    /// The oldest Juju the charm works with; only in charms without a manifest.
    pub min_juju_version: Option<String>,
}

/// One end of a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// The protocol spoken.
    pub interface: String,
    /// Which of the three maps it was found in.
    pub role: Role,
    /// Whether all units meet all units, or only those on the same machine.
    pub scope: Scope,
    /// The largest number of relations on this endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Whether the charm works without it; Juju only shows it.
    pub optional: bool,
}

/// The part an endpoint plays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Offers the interface.
    #[default]
    Provider,
    /// Needs the interface.
    Requirer,
    /// Speaks to the other units of its own application.
    Peer,
}

/// How far a relation reaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// All units of both applications see each other.
    #[default]
    Global,
    /// Only units on the same machine see each other.
    Container,
}

/// A file or image that travels beside the charm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceSpec {
    /// File or image.
    #[serde(rename = "type")]
    pub kind: ResourceKind,
    /// The file's name on the unit; empty for images.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub filename: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
}

/// The kinds of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResourceKind {
    /// An ordinary file.
    #[serde(rename = "file")]
    File,
    /// A container image.
    #[serde(rename = "oci-image")]
    OciImage,
}

/// Metadata that Juju would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not YAML, or a value of the wrong kind.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// A key that must be there is not.
    #[error("metadata: {0}: expected string, got nothing")]
    MissingKey(&'static str),
    /// A charm name that breaks the rule for names.
    #[error("charm name {0:?} not valid")]
    Name(String),
    /// An endpoint without interface.
    #[error("metadata: {map}.{endpoint}.interface: expected string, got nothing")]
    NoInterface {
        /// `provides`, `requires` or `peers`.
        map: &'static str,
        /// The endpoint.
        endpoint: String,
    },
    /// An endpoint name that Juju cannot use.
    #[error("charm {charm:?} has an invalid relation name: {endpoint:?}")]
    EndpointName {
        /// The charm.
        charm: String,
        /// The endpoint.
        endpoint: String,
    },
    /// `juju` and `juju-…` belong to Juju.
    #[error("charm {charm:?} using a reserved relation name: {endpoint:?}")]
    ReservedName {
        /// The charm.
        charm: String,
        /// The endpoint.
        endpoint: String,
    },
    /// So do interfaces of these names, except to require them.
    #[error("charm {charm:?} relation {endpoint:?} using a reserved interface: {interface:?}")]
    ReservedInterface {
        /// The charm.
        charm: String,
        /// The endpoint.
        endpoint: String,
        /// The interface.
        interface: String,
    },
    /// One name in two maps.
    #[error("charm {charm:?} using a duplicated relation name: {endpoint:?}")]
    DuplicateName {
        /// The charm.
        charm: String,
        /// The endpoint.
        endpoint: String,
    },
    /// An extra binding named like an endpoint, or without a name.
    #[error("charm {charm:?} has invalid extra bindings: {reason}")]
    ExtraBindings {
        /// The charm.
        charm: String,
        /// What is wrong.
        reason: String,
    },
    /// A subordinate that could never be placed.
    #[error("subordinate charm {0:?} lacks \"requires\" relation with container scope")]
    Subordinate(String),
    /// Storage that breaks a rule.
    #[error("charm {charm:?} storage {storage:?}: {reason}")]
    Storage {
        /// The charm.
        charm: String,
        /// The storage.
        storage: String,
        /// What is wrong.
        reason: String,
    },
    /// A resource that breaks a rule.
    #[error("invalid resource {resource:?}: {reason}")]
    Resource {
        /// The resource.
        resource: String,
        /// What is wrong.
        reason: String,
    },
    /// Keys of one metadata format in a charm of the other.
    #[error("{0} not valid")]
    Format(&'static str),
    /// Keys of both metadata formats in one file.
    #[error("ambiguous metadata: keys {mismatched} cannot be used with {matched}")]
    Ambiguous {
        /// Keys of the format that was met second, quoted.
        mismatched: String,
        /// Keys of the format that was met first, quoted.
        matched: String,
    },
}

impl Metadata {
    /// Parses and checks the text of `metadata.yaml`.
    pub fn parse(file: &str, text: &str) -> Result<Metadata, MetadataError> {
        let required: RequiredKeys = yaml::from_str(file, text)?;
        required.check()?;
        let mut metadata: Metadata = yaml::from_str(file, text)?;
        metadata.set_roles();
        metadata.check()?;
        Ok(metadata)
    }

    /// The role of an endpoint is the map it stands in.
    fn set_roles(&mut self) {
        for (map, role) in [
            (&mut self.provides, Role::Provider),
            (&mut self.requires, Role::Requirer),
            (&mut self.peers, Role::Peer),
        ] {
            map.values_mut().for_each(|endpoint| endpoint.role = role);
        }
    }

    /// The endpoint of that name in any of the three maps. The implicit `juju-info` is not in them.
    pub fn endpoint(&self, name: &str) -> Option<&Endpoint> {
        self.provides
            .get(name)
            .or_else(|| self.requires.get(name))
            .or_else(|| self.peers.get(name))
    }

    /// All endpoints: provided, required, peers.
    pub fn endpoints(&self) -> impl Iterator<Item = (&str, &Endpoint)> {
        self.provides
            .iter()
            .chain(&self.requires)
            .chain(&self.peers)
            .map(|(name, endpoint)| (name.as_str(), endpoint))
    }
}

/// The keys that must be there, though they may be empty.
#[derive(Deserialize)]
struct RequiredKeys {
    name: Option<Value>,
    summary: Option<Value>,
    description: Option<Value>,
}

impl RequiredKeys {
    fn check(&self) -> Result<(), MetadataError> {
        for (key, value) in [
            ("name", &self.name),
            ("summary", &self.summary),
            ("description", &self.description),
        ] {
            if value.is_none() {
                return Err(MetadataError::MissingKey(key));
            }
        }
        Ok(())
    }
}

/// Takes `key:` without a value for the key's default.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// An endpoint written in full.
#[derive(Deserialize)]
struct FullEndpoint {
    #[serde(default)]
    interface: String,
    #[serde(default)]
    role: Role,
    #[serde(default)]
    scope: Scope,
    #[serde(default)]
    limit: Option<u32>,
    #[serde(default)]
    optional: bool,
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EndpointVisitor)
    }
}

/// Takes `db: mysql` for `db: {interface: mysql}`.
struct EndpointVisitor;

impl<'de> Visitor<'de> for EndpointVisitor {
    type Value = Endpoint;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an interface name or a map with `interface`")
    }

    fn visit_str<E>(self, interface: &str) -> Result<Endpoint, E> {
        Ok(Endpoint {
            interface: interface.to_owned(),
            role: Role::default(),
            scope: Scope::default(),
            limit: None,
            optional: false,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Endpoint, A::Error> {
        let full = FullEndpoint::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Endpoint {
            interface: full.interface,
            role: full.role,
            scope: full.scope,
            limit: full.limit,
            optional: full.optional,
        })
    }
}

#[cfg(test)]
mod tests;
