//! Juju itself as a pure state machine: applications, units, machines, relations, leadership, tasks, and the order of hooks.
//!
//! A [`Model`] is a value. [`Model::apply`] is the only way to change it, takes the time as an argument, and either applies an
//! event wholly or returns an error and changes nothing; so a journal of events is enough to rebuild the model. What a
//! unit's agent has to run follows from the value: [`Model::next_operation`]. There is no I/O here and no clock.

mod apply;
mod bytes;
mod changes;
pub mod context;
mod error;
mod event;
mod operation;
mod resolver;
pub mod state;
pub mod status;
mod time;
pub mod tools;

pub use changes::{Changes, Edits, Effect, RelationChanges};
pub use context::{CallOutcome, Context, Files, LogLine};
pub use error::ModelError;
pub use event::{Event, Exit, Reply};
pub use operation::{HookRun, Operation, RelationRun, RelationStage};
pub use state::{
    Application, FailedHook, Life, Machine, MachineState, Model, NewModel, OpenedPort, PortRange, Relation, Status,
    Task, TaskGroup, TaskKind, TaskStatus, Unit, VersionedBag,
};
pub use time::Time;
