//! Relations: two endpoints (one for peers), who is in scope, and the bags with their versions.

use std::collections::BTreeMap;

use juju::{ApplicationName, EndpointName, RelationId, UnitName};
use package::{Role, Scope};
use serde::{Deserialize, Serialize};

use super::Life;
use crate::changes::Edits;
use crate::time::Time;

/// A relation between two applications, or among the units of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// Its number; never given out again.
    pub number: u32,
    /// Both ends, requirer first; a peer relation has one.
    pub endpoints: Vec<RelationEndpoint>,
    /// Whether it is being removed.
    pub life: Life,
    /// When it was made.
    pub since: Time,
    /// Every unit that is or was in scope, with its bag.
    pub units: BTreeMap<UnitName, RelationUnit>,
    /// The bag of each application; there from the beginning, empty.
    pub applications: BTreeMap<ApplicationName, VersionedBag>,
}

/// One end of a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationEndpoint {
    /// Whose endpoint it is.
    pub application: ApplicationName,
    /// The name of the endpoint in that application's charm.
    pub name: EndpointName,
    /// The interface, the same at both ends.
    pub interface: String,
    /// Provider, requirer or peer.
    pub role: Role,
    /// Global or container.
    pub scope: Scope,
}

impl std::fmt::Display for RelationEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.application, self.name)
    }
}

/// A unit's membership in a relation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RelationUnit {
    /// Whether it is a member now. Its bag stays readable after it has left.
    pub in_scope: bool,
    /// Its settings.
    pub bag: VersionedBag,
}

/// Settings with a version that grows with every write that changes something.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VersionedBag {
    /// 0 = never written.
    pub version: u64,
    /// The settings; no value is empty.
    pub settings: BTreeMap<String, String>,
}

impl VersionedBag {
    /// Applies edits; an empty value deletes. The version grows only if something changed.
    pub(crate) fn edit(&mut self, edits: &Edits) {
        let mut settings = self.settings.clone();
        for (key, value) in edits {
            match value.as_deref() {
                None | Some("") => settings.remove(key),
                Some(value) => settings.insert(key.clone(), value.to_owned()),
            };
        }
        self.replace(settings);
    }

    /// Puts other settings in place. The version grows only if they differ.
    pub(crate) fn replace(&mut self, settings: BTreeMap<String, String>) {
        if settings != self.settings {
            self.settings = settings;
            self.version += 1;
        }
    }
}

impl Relation {
    /// Whether it is among the units of one application.
    pub fn is_peer(&self) -> bool {
        self.endpoints.len() == 1
    }

    /// `app1:ep1 app2:ep2`, requirer first; `app:ep` for peers.
    pub fn key(&self) -> String {
        self.endpoints
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The interface spoken.
    pub fn interface(&self) -> &str {
        self.endpoints
            .first()
            .map_or("", |endpoint| endpoint.interface.as_str())
    }

    /// The end that belongs to an application.
    pub fn endpoint_of(&self, application: &ApplicationName) -> Option<&RelationEndpoint> {
        self.endpoints
            .iter()
            .find(|endpoint| endpoint.application == *application)
    }

    /// The far end as seen from an application: the other one, or the same one for peers. Absent if it has no part in this.
    pub fn remote_of(&self, application: &ApplicationName) -> Option<&RelationEndpoint> {
        self.endpoint_of(application)?;
        self.endpoints
            .iter()
            .find(|endpoint| endpoint.application != *application)
            .or_else(|| self.endpoints.first())
    }

    /// The id as seen from an application: `db:3`.
    pub fn id_for(&self, application: &ApplicationName) -> Option<RelationId> {
        Some(RelationId::new(
            self.endpoint_of(application)?.name.clone(),
            self.number,
        ))
    }

    /// Whether a unit is a member now.
    pub fn in_scope(&self, unit: &UnitName) -> bool {
        self.units.get(unit).is_some_and(|member| member.in_scope)
    }

    /// The remote units that are members now, as seen from a unit, sorted. A peer relation leaves out the unit itself.
    pub fn remote_units<'a>(&'a self, unit: &'a UnitName) -> impl Iterator<Item = &'a UnitName> {
        let own = unit.application();
        let peer = self.is_peer();
        self.units
            .iter()
            .filter(move |(name, member)| member.in_scope && *name != unit && (peer || name.application() != own))
            .map(|(name, _)| name)
    }
}

impl Relation {
    /// Whether an application takes part through the endpoint that every application has; it runs no hooks then.
    pub fn is_implicit_for(&self, application: &ApplicationName) -> bool {
        let own = self.endpoint_of(application);
        own.is_some_and(|own| own.role == Role::Provider && own.name == *crate::resolver::IMPLICIT)
    }
}
