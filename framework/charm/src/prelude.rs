//! What a layer imports: `use charm::prelude::*;`.

pub use crate::{Assets, host, juju};
pub use juju::{LogLevel, UnitName};
pub use reactive::{
    Charm, CharmBuilder, Condition, Context, Flag, HandlerError, Layer, Outcome, Relation, Result, When, WithContext,
    always, flags, hook, on_clear, on_set, when,
};
