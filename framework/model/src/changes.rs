//! What a hook, action or command does to the model: buffered until it ends (`Changes`) or at once (`Effect`).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::state::OpenedPort;

/// Edits of a map of settings: `Some` sets, `None` deletes.
pub type Edits = BTreeMap<String, Option<String>>;

/// Everything one run buffered; committed as one when it succeeds, dropped when it fails.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Changes {
    /// Relation settings by relation number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub relations: BTreeMap<u32, RelationChanges>,
    /// Port ranges to open. Applied before `close_ports`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub open_ports: BTreeSet<OpenedPort>,
    /// Port ranges to close.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub close_ports: BTreeSet<OpenedPort>,
    /// Edits of the unit's charm state (`state-set`, `state-delete`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub charm_state: Edits,
    /// What `action-set` collected. Reported even if the process fails.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub action_results: Map<String, Value>,
    /// The message of `action-fail`, if it was called. Reported even if the process fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_failed: Option<String>,
    /// Whether `juju-reboot` asked for a reboot after this run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reboot: bool,
}

/// Buffered `relation-set` calls on one relation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RelationChanges {
    /// Edits of the unit's own bag. An empty value deletes as well.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unit: Edits,
    /// Edits of the application's bag; needs leadership when committed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub application: Edits,
}

/// An effect that takes place at once and stays even if the hook fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// `status-set`: the unit's workload status.
    StatusSet {
        /// `maintenance`, `blocked`, `waiting` or `active`.
        status: String,
        /// The message, possibly empty.
        message: String,
    },
    /// `status-set --application`; leader only.
    ApplicationStatusSet {
        /// `maintenance`, `blocked`, `waiting` or `active`.
        status: String,
        /// The message, possibly empty.
        message: String,
    },
    /// `application-version-set`: the version of the workload.
    ApplicationVersionSet {
        /// The version as shown by `juju status`.
        version: String,
    },
    /// `leader-set`; leader only.
    LeaderSet {
        /// What to set and to delete. An empty value deletes as well.
        settings: Edits,
    },
    /// `action-log`: a progress message of the running action.
    ActionLog {
        /// The text.
        message: String,
    },
    /// `juju-reboot --now`: the driver kills the hook, and the model runs it again after the boot.
    RebootNow,
}
