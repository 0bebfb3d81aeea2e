//! Applications: a charm with its settings.

use std::collections::BTreeMap;

use juju::{ApplicationName, UnitName};
use package::CharmInfo;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Life, Status, VersionedBag};

/// An application: a charm, its configuration and what its leader keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Application {
    /// Its name in the model.
    pub name: ApplicationName,
    /// What the charm declares.
    pub charm: CharmInfo,
    /// `local:<name>-<revision>`.
    pub charm_url: String,
    /// The driver's key of the stored charm; opaque here.
    pub charm_id: String,
    /// Whether it is being removed.
    pub life: Life,
    /// Whether removal skips what fails.
    pub force: bool,
    /// Whether `juju expose` was used.
    pub exposed: bool,
    /// Whether `juju trust` was used.
    pub trust: bool,
    /// Options set by the user, by type. All others have the charm's defaults.
    pub settings: BTreeMap<String, Value>,
    /// What the leader set with `status-set --application`.
    pub status: Option<Status>,
    /// The version of the workload as last reported by any unit.
    pub workload_version: String,
    /// The unit that leads, if any agent is there.
    pub leader: Option<UnitName>,
    /// What `leader-set` wrote (up to Juju 3.6).
    pub leader_settings: VersionedBag,
}

impl Application {
    /// The value of every option that has one: the user's, else the charm's default.
    pub fn config(&self) -> BTreeMap<String, Value> {
        let options = self.charm.config.0.iter();
        options
            .filter_map(|(name, spec)| Some((name.clone(), self.option(name, spec.default.as_ref())?)))
            .collect()
    }

    fn option(&self, name: &str, default: Option<&Value>) -> Option<Value> {
        self.settings
            .get(name)
            .or(default)
            .filter(|value| !value.is_null())
            .cloned()
    }

    /// The charm's name out of its metadata.
    pub fn charm_name(&self) -> &str {
        &self.charm.metadata.name
    }

    /// The revision at the end of the charm's URL; 0 if there is none.
    pub fn charm_revision(&self) -> u32 {
        revision_of(&self.charm_url).unwrap_or(0)
    }
}

/// The number after the last dash of a charm URL.
pub(crate) fn revision_of(url: &str) -> Option<u32> {
    url.rsplit_once('-').and_then(|(_, revision)| revision.parse().ok())
}
