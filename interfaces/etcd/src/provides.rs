//! The role of etcd towards its clients.

use juju::Bag;
use reactive::{Context, Flag, Layer, Result, flags, when};

use crate::wire::{self, Connection};

/// The endpoint that clients use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provides {
    endpoint: &'static str,
}

impl Provides {
    /// The role on the endpoint of this name.
    pub const fn new(endpoint: &'static str) -> Provides {
        Provides { endpoint }
    }

    /// The endpoint's name.
    pub const fn endpoint(&self) -> &'static str {
        self.endpoint
    }

    /// Computes the flag at the start of every dispatch.
    pub fn layer(&self) -> Layer {
        let connected = self.connected();
        Layer::new("interface-etcd").at_start(
            async move |ctx: &mut Context| ctx.set(&connected),
            when(flags::joined(self.endpoint)).sets(self.connected()),
        )
    }

    /// A unit of some client is there.
    pub fn connected(&self) -> Flag {
        Flag::named(format!("{}.connected", self.endpoint))
    }

    /// Gives the same values to all clients.
    pub fn publish(&self, ctx: &mut Context, connection: &Connection) -> Result<()> {
        let entries = wire::provide(connection);
        for relation in crate::relations(ctx, self.endpoint)? {
            for (key, value) in &entries {
                ctx.tools().relation_set(&relation, Bag::Unit, key, Some(value));
            }
        }
        Ok(())
    }
}
