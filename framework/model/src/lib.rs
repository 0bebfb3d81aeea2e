//! Juju itself as a pure state machine: applications, units, machines, relations, leadership, tasks, and the order of hooks.
//!
//! A [`Model`] is a value. [`Model::apply`] is the only way to change it, takes the time as an argument, and either applies an
//! event wholly or returns an error and changes nothing; so a journal of events is enough to rebuild the model. What a
//! unit's agent has to run follows from the value: [`Model::next_operation`]. There is no I/O here and no clock.
//!
//! A driver makes machines and processes real, and tells the model:
//!
//! ```
//! use model::{Changes, Event, Exit, Model, NewModel, Time};
//! use package::{CharmInfo, Parts};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut now = Time(1_700_000_000_000);
//! let mut model = Model::new(NewModel {
//!     name: "demo".into(),
//!     uuid: "9d7c1c5e-0000-4000-8000-000000000000".into(),
//!     controller: "c".into(),
//!     cloud: "localhost".into(),
//!     juju_version: "3.6.28".into(),
//!     now,
//! });
//! let metadata = "name: tiny\nsummary: s\ndescription: d\n";
//! model.apply(now, Event::Deploy {
//!     charm: Box::new(CharmInfo::from_parts(Parts { metadata, ..Parts::default() })?),
//!     url: "local:tiny-0".into(),
//!     application: "tiny".try_into()?,
//!     units: 1,
//!     config: [].into(),
//!     charm_id: "blob-1".into(),
//! })?;
//! let unit: juju::UnitName = "tiny/0".try_into()?;
//! model.apply(now, Event::MachineStarted { machine: 0, address: "10.0.0.1".into(), hostname: "tiny-0".into() })?;
//! model.apply(now, Event::AgentStarted { unit: unit.clone() })?;
//!
//! let mut hooks = Vec::new();
//! while let Some(operation) = model.next_operation(&unit, now) {
//!     now = now.plus_seconds(1);
//!     let context_id = format!("{unit}-{}", hooks.len());
//!     hooks.extend(operation.hook().map(|hook| hook.name.clone()));
//!     model.apply(now, Event::OperationStarted { unit: unit.clone(), operation, context_id: context_id.clone() })?;
//!     // Here the driver runs the charm and answers its hook tools from an open [`Context`].
//!     let (exit, changes, stdout, stderr) = (Exit::Code(0), Changes::default(), Vec::new(), Vec::new());
//!     model.apply(now, Event::OperationFinished { unit: unit.clone(), context_id, exit, changes, stdout, stderr })?;
//! }
//! assert_eq!(hooks, ["install", "leader-elected", "config-changed", "start"]);
//! # Ok(())
//! # }
//! ```

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
