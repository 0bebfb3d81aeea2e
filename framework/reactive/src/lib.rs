//! Reactive charms: flags are the state, handlers the transitions, and a graph derived from their declarations
//! schedules them.
//!
//! Start at [`Layer`], which is how a charm is written; its handlers declare a [`Condition`] over [`Flag`]s with [`when`]
//! and get a [`Context`]. [`Charm::builder`] puts layers together, checks them and derives the [`Graph`]. [`dispatch()`]
//! runs the handlers of one hook or action and commits what they did, or nothing.
//!
//! ```
//! use reactive::{Charm, Context, Flag, Layer, Outcome, Result, flags, on_set, when};
//!
//! const INSTALLED: Flag = Flag::new("app.installed");
//! const RENDERED: Flag = Flag::new("app.rendered");
//!
//! async fn install(ctx: &mut Context) -> Result {
//!     ctx.set(&INSTALLED)?; // declared below; to change another flag is an error
//!     Ok(Outcome::Done)
//! }
//! async fn render(ctx: &mut Context) -> Result {
//!     let port = ctx.config_int("port")?;
//!     ctx.set(&RENDERED)?;
//!     Ok(Outcome::Active(format!("serving on {port}")))
//! }
//!
//! let layer = Layer::new("app")
//!     .on(render, when(INSTALLED & !RENDERED).sets(RENDERED))
//!     .on(install, when(!INSTALLED).sets(INSTALLED))
//!     .trigger(on_set(flags::config_changed("port")).clears(RENDERED));
//! let charm = Charm::builder("app").layer(layer).build()?;
//!
//! // Who enables whom follows from the declarations, not from the order in which they stand.
//! let order: Vec<String> = charm.graph().order().map(|node| node.condition.clone()).collect();
//! assert_eq!(order, ["!app.installed", "app.installed & !app.rendered"]);
//! # Ok::<(), reactive::GraphError>(())
//! ```
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
