//! Reactive charms: flags are the state, handlers the transitions, and a graph derived from their declarations
//! schedules them.
//!
//! Start at [`Layer`], which is how a charm is written; its handlers declare a [`Condition`] over [`Flag`]s with [`when`]
//! and get a [`Context`]. [`Charm::builder`] puts layers together, checks them and derives the [`Graph`]. [`dispatch()`]
//! runs the handlers of one hook or action and commits what they did, or nothing.
//!
//! This crate does no I/O and reads no clock: the world enters through [`Parts`].

// The map: flag, condition, pattern, layer (declarations) -> check, graph, charm (put together) -> managed, state, queue,
// context, dispatch (one run) -> report.

mod charm;
mod check;
mod condition;
mod context;
mod dispatch;
mod error;
mod flag;
pub mod flags;
mod graph;
mod layer;
mod managed;
mod outcome;
mod pattern;
mod queue;
mod report;
mod state;

pub use charm::{Charm, CharmBuilder};
pub use check::{GraphError, GraphWarning, Mistake};
pub use condition::{Condition, Polarity, When, always, hook, when};
pub use context::{Context, Kv, Parts, Relation};
pub use dispatch::dispatch;
pub use error::{HandlerError, Result, WithContext};
pub use flag::{Flag, IntoFlags};
pub use graph::{Dot, Graph, Node};
pub use layer::{Layer, Trigger, on_clear, on_set};
pub use outcome::Outcome;
pub use pattern::HookPattern;
pub use report::{DispatchError, Report, Run, Step};
pub use state::Change;
