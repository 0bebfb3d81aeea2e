//! Why a scenario cannot be.

use juju::{NameError, UnitName};
use model::ModelError;

/// A world that Juju could not produce, or a hook that cannot run in it.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The model refuses an event that the scenario needs.
    #[error("cannot {doing}: {source}")]
    Refused {
        /// What was to happen.
        doing: String,
        /// The model's reason.
        #[source]
        source: ModelError,
    },
    /// The parts of the scenario contradict each other, or the charm.
    #[error("cannot build the scenario: {0}")]
    Impossible(String),
    /// A name that is none.
    #[error("cannot build the scenario: {0}")]
    Name(#[from] NameError),
    /// The hook cannot come in this world.
    #[error("cannot run {hook}: {reason}")]
    Unreachable {
        /// The hook or action.
        hook: String,
        /// Why.
        reason: String,
    },
    /// A hook has failed, and nothing but it can run.
    #[error("cannot run {wanted}: unit {unit} is in error, hook {failed:?} failed; run that again or resolve it")]
    InError {
        /// What was to run.
        wanted: String,
        /// The unit.
        unit: UnitName,
        /// The hook that failed.
        failed: String,
    },
    /// The harness itself failed.
    #[error("cannot run the charm: {0}")]
    Harness(String),
}

impl ScenarioError {
    pub(crate) fn impossible(reason: impl Into<String>) -> ScenarioError {
        ScenarioError::Impossible(reason.into())
    }

    pub(crate) fn harness(reason: impl std::fmt::Display) -> ScenarioError {
        ScenarioError::Harness(reason.to_string())
    }
}
