//! The state of a model: plain data in ordered maps, and ways to read it. Only `apply` changes it.

mod application;
mod machine;
mod ports;
mod query;
mod relation;
mod task;
mod unit;

use std::collections::BTreeMap;

use juju::{ApplicationName, UnitName};
use serde::{Deserialize, Serialize};

pub use application::Application;
pub(crate) use application::revision_of;
pub use machine::{Machine, MachineState};
pub use ports::{OpenedPort, PortRange};
pub use relation::{Relation, RelationEndpoint, RelationUnit, VersionedBag};
pub use task::{Task, TaskGroup, TaskKind, TaskLog, TaskStatus};
pub use unit::{ConfigSeen, FailedHook, LocalRelation, Running, Seen, Unit, Uniter};

use crate::time::Time;

/// A whole Juju model as a value.
///
/// It changes only through [`Model::apply`]; everything else reads. Two models that saw the same events are equal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    pub(crate) name: String,
    pub(crate) uuid: String,
    pub(crate) controller: String,
    pub(crate) cloud: String,
    pub(crate) juju_version: String,
    pub(crate) created: Time,
    pub(crate) life: Life,
    pub(crate) applications: BTreeMap<ApplicationName, Application>,
    pub(crate) units: BTreeMap<UnitName, Unit>,
    pub(crate) machines: BTreeMap<u32, Machine>,
    pub(crate) relations: BTreeMap<u32, Relation>,
    pub(crate) operations: BTreeMap<u64, TaskGroup>,
    pub(crate) tasks: BTreeMap<u64, Task>,
    pub(crate) counters: Counters,
}

/// What a new model needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewModel {
    /// The name without owner.
    pub name: String,
    /// The identity; also the seed of everything that must look random but be repeatable.
    pub uuid: String,
    /// The controller's name, for display.
    pub controller: String,
    /// The cloud's name, for display.
    pub cloud: String,
    /// The agent version, such as `3.6.28`. Decides about what only some versions do.
    pub juju_version: String,
    /// The present time.
    pub now: Time,
}

/// Numbers that are given out once and never again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Counters {
    pub(crate) machine: u32,
    pub(crate) relation: u32,
    pub(crate) task: u64,
    pub(crate) unit: BTreeMap<ApplicationName, u32>,
    pub(crate) charm: BTreeMap<String, u32>,
}

/// Alive, then Dying, then Dead; never back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Life {
    /// In use.
    #[default]
    Alive,
    /// Asked to go; still cleaning up.
    Dying,
    /// Gone but for the removal of what was real about it.
    Dead,
}

impl Life {
    /// The word that Juju shows.
    pub fn as_str(self) -> &'static str {
        match self {
            Life::Alive => "alive",
            Life::Dying => "dying",
            Life::Dead => "dead",
        }
    }

    /// Whether this is [`Life::Alive`].
    pub fn is_alive(self) -> bool {
        self == Life::Alive
    }
}

/// A status with its message and the time since when it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The status word: `active`, `idle`, `error`.
    pub current: String,
    /// The message, possibly empty.
    pub message: String,
    /// Since when.
    pub since: Time,
}

impl Status {
    /// A status that holds from now on.
    pub fn new(current: &str, message: impl Into<String>, since: Time) -> Status {
        Status {
            current: current.to_owned(),
            message: message.into(),
            since,
        }
    }
}
