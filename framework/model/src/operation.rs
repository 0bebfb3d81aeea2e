//! What a unit agent runs: one hook, one action or one command at a time.

use juju::{ApplicationName, RelationId, UnitName};
use serde::{Deserialize, Serialize};

/// One thing a unit agent runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time per unit; a box would only be in the way"
)]
pub enum Operation {
    /// A hook of the charm.
    Hook(HookRun),
    /// An action of the charm.
    Action {
        /// The task that asked for it.
        task: u64,
    },
    /// A shell command of `juju exec`.
    Exec {
        /// The task that asked for it.
        task: u64,
    },
}

impl Operation {
    /// The task behind an action or a command.
    pub fn task(&self) -> Option<u64> {
        match self {
            Operation::Hook(_) => None,
            Operation::Action { task } | Operation::Exec { task } => Some(*task),
        }
    }

    /// The hook, if this is one.
    pub fn hook(&self) -> Option<&HookRun> {
        match self {
            Operation::Hook(hook) => Some(hook),
            Operation::Action { .. } | Operation::Exec { .. } => None,
        }
    }
}

/// One run of a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRun {
    /// The name of its script: `install`, `db-relation-changed`.
    pub name: String,
    /// What a relation hook is about; absent for all others.
    pub relation: Option<RelationRun>,
}

impl HookRun {
    /// A hook without further information, such as `install`.
    pub fn plain(name: &str) -> HookRun {
        HookRun {
            name: name.to_owned(),
            relation: None,
        }
    }

    /// A relation hook; the name follows from the relation's endpoint and the stage.
    pub fn relation(run: RelationRun) -> HookRun {
        HookRun {
            name: format!("{}-relation-{}", run.relation.endpoint(), run.stage.as_str()),
            relation: Some(run),
        }
    }
}

/// What a relation hook is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationRun {
    /// Which of the five relation hooks.
    pub stage: RelationStage,
    /// The relation as the local unit names it: `db:3`.
    pub relation: RelationId,
    /// The application at the other end; the unit's own for a peer relation.
    pub remote_application: ApplicationName,
    /// The unit at the other end; absent for created, broken and application-level changed.
    pub remote_unit: Option<UnitName>,
    /// The unit that goes away; only for departed.
    pub departing_unit: Option<UnitName>,
}

/// The five relation hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelationStage {
    /// The relation exists; no remote unit need be there yet.
    Created,
    /// A remote unit has entered the relation.
    Joined,
    /// Settings of a remote unit or of the remote application differ from those last seen.
    Changed,
    /// A remote unit has left.
    Departed,
    /// The relation is over for this unit.
    Broken,
}

impl RelationStage {
    /// The last word of the hook's name.
    pub fn as_str(self) -> &'static str {
        match self {
            RelationStage::Created => "created",
            RelationStage::Joined => "joined",
            RelationStage::Changed => "changed",
            RelationStage::Departed => "departed",
            RelationStage::Broken => "broken",
        }
    }
}
