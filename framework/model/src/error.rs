//! What can be wrong with an event. The texts are Juju's.

use juju::{ApplicationName, UnitName};
use thiserror::Error;

/// Why an event was refused. The model has not changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ModelError {
    /// There is no such application.
    #[error("application {0:?} not found")]
    ApplicationNotFound(String),
    /// There is no such unit.
    #[error("unit {0:?} not found")]
    UnitNotFound(String),
    /// There is no such machine.
    #[error("machine {0} not found")]
    MachineNotFound(u32),
    /// There is no such relation; the text is its key or number.
    #[error("relation {0} not found")]
    RelationNotFound(String),
    /// There is no such task.
    #[error("task {0:?} not found")]
    TaskNotFound(String),
    /// The application name is taken.
    #[error(
        "cannot add application {name:?}: application already exists: \ndeploy application using an alias name:\n    \
         juju deploy <application> <alias>\nor use remove-application to remove the existing one and try again."
    )]
    ApplicationExists {
        /// The name.
        name: String,
    },
    /// Nothing can be added to what is being removed.
    #[error("{what} is not alive")]
    NotAlive {
        /// What was asked, and of what: `cannot add unit to application "x": application`.
        what: String,
    },
    /// The charm cannot be deployed like this.
    #[error("{0}")]
    Deploy(String),
    /// An option is unknown or its value has the wrong type.
    #[error("{0}")]
    Config(String),
    /// An endpoint that the charm does not have.
    #[error("application {application:?} has no {endpoint:?} relation")]
    EndpointNotFound {
        /// The application.
        application: String,
        /// The name asked for.
        endpoint: String,
    },
    /// No pair of endpoints fits.
    #[error("no relations found")]
    NoRelations,
    /// More than one pair of endpoints fits.
    #[error("ambiguous relation: {names:?} could refer to {choices}")]
    AmbiguousRelation {
        /// What was asked for.
        names: String,
        /// The pairs, quoted, separated by `; `.
        choices: String,
    },
    /// The relation is there already.
    #[error("cannot add relation {key:?}: relation {key} already exists")]
    RelationExists {
        /// Its key.
        key: String,
    },
    /// An endpoint has as many relations as it can take.
    #[error(
        "cannot add relation {key:?}: establishing a new relation for {endpoint} would exceed its maximum relation limit of {limit}"
    )]
    RelationLimit {
        /// The key of the relation asked for.
        key: String,
        /// The endpoint that is full.
        endpoint: String,
        /// Its limit.
        limit: u32,
    },
    /// Peer relations live and die with their application.
    #[error("cannot destroy relation {key:?}: is a peer relation")]
    PeerRelation {
        /// Its key.
        key: String,
    },
    /// Not one of the tasks asked for could be scheduled.
    #[error("{}", errors.join("\n"))]
    NotScheduled {
        /// The number that the operation would have had.
        operation: u64,
        /// The reason for each unit.
        errors: Vec<String>,
    },
    /// The task is over.
    #[error("task {id} is already {status}")]
    TaskOver {
        /// Its number.
        id: u64,
        /// Its final status.
        status: &'static str,
    },
    /// Only a unit in error can be resolved.
    #[error("unit {:?} is not in an error state", .0.as_str())]
    NotInError(UnitName),
    /// Only the leader may do this; the text is the whole message.
    #[error("{0}")]
    NotLeader(String),
    /// The unit is not running the context that the event speaks of.
    #[error("unit {:?} is not running context {context_id:?}", unit.as_str())]
    NotRunning {
        /// The unit.
        unit: UnitName,
        /// The context.
        context_id: String,
    },
    /// What was started is not what the unit has to run next.
    #[error("unit {:?} cannot start {what}: not its next operation", unit.as_str())]
    NotNext {
        /// The unit.
        unit: UnitName,
        /// The operation.
        what: String,
    },
    /// An effect outside the only kind of run that it makes sense in.
    #[error("{0}")]
    Misplaced(&'static str),
    /// The model is being destroyed.
    #[error("model {0:?} is no longer alive")]
    ModelNotAlive(String),
}

impl ModelError {
    /// An application that is not there.
    pub(crate) fn no_application(name: &ApplicationName) -> ModelError {
        ModelError::ApplicationNotFound(name.to_string())
    }

    /// A unit that is not there.
    pub(crate) fn no_unit(name: &UnitName) -> ModelError {
        ModelError::UnitNotFound(name.to_string())
    }
}
