//! State-transition tests for charms, in one process: a world, a hook, what came of it.
//!
//! [`Scenario`] says what the world looks like: configuration, leadership, relations with the settings of everyone in them.
//! [`Scenario::run`] makes that world out of real events of a [`model::Model`], so that a test cannot pass in a world that
//! Juju could never produce; runs the charm for one hook, with the hook tools of the same model, a [`host::SimulatedHost`]
//! and a [`store::Store`] in memory; and gives back an [`Outcome`].
//!
//! For more than one run there is [`World`]: flags, values and files stay from run to run, [`World::play`] runs every hook
//! that is due, and [`World::converge`] does so for all units of the application.
//!
//! ```
//! use package::{CharmInfo, Parts};
//! use reactive::{Charm, Context, Layer, Outcome, Result, flags, when};
//! use testing::{RelationState, Scenario};
//!
//! async fn tell(ctx: &mut Context) -> Result {
//!     let port = ctx.config_int("port")?.to_string();
//!     for relation in ctx.relations("db")? {
//!         ctx.tools().relation_set(&relation.id, juju::Bag::Unit, "port", Some(&port));
//!     }
//!     Ok(Outcome::Active(format!("serving on {port}")))
//! }
//!
//! let charm = Charm::builder("app").layer(Layer::new("app").on(tell, when(flags::joined("db")))).build()?;
//! let info = CharmInfo::from_parts(Parts {
//!     metadata: "{name: app, summary: s, description: d, provides: {db: {interface: kv}}}",
//!     config: Some("options: {port: {type: int, default: 80}}"),
//!     ..Parts::default()
//! })?;
//!
//! let outcome = Scenario::new(&charm, info)
//!     .config("port", 2380)
//!     .relation(RelationState::new("db", "client").unit(0, [("name", "x")]))
//!     .run("config-changed")?;
//! assert_eq!(outcome.status.message, "serving on 2380");
//! assert_eq!(outcome.unit_bag("db")["port"], "2380");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build;
mod cause;
mod error;
mod hook;
mod outcome;
mod scenario;
mod transport;
mod world;

pub use error::ScenarioError;
pub use hook::Hook;
pub use outcome::Outcome;
pub use scenario::{RelationState, Scenario};
pub use world::World;
