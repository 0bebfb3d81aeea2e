//! The role of a client of etcd.

use juju::{Databag, Party};
use reactive::{Context, Flag, Layer, Result, flags, when};

use crate::wire::{self, Connection};

/// The endpoint of a charm that uses etcd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requires {
    endpoint: &'static str,
}

impl Requires {
    /// The role on the endpoint of this name.
    pub const fn new(endpoint: &'static str) -> Requires {
        Requires { endpoint }
    }

    /// The endpoint's name.
    pub const fn endpoint(&self) -> &'static str {
        self.endpoint
    }

    /// Computes the flags at the start of every dispatch.
    pub fn layer(&self) -> Layer {
        let role = *self;
        Layer::new("interface-etcd").at_start(
            async move |ctx: &mut Context| role.compute_flags(ctx),
            when(flags::joined(self.endpoint)).sets([self.connected(), self.available(), self.tls_available()]),
        )
    }

    /// A unit of etcd is there.
    pub fn connected(&self) -> Flag {
        self.flag("connected")
    }

    /// A unit of etcd has said where the cluster is.
    pub fn available(&self) -> Flag {
        self.flag("available")
    }

    /// A unit of etcd has given all that [`Requires::connection`] returns.
    pub fn tls_available(&self) -> Flag {
        self.flag("tls.available")
    }

    /// Endpoints and credentials, once one unit of etcd has published all of them.
    pub fn connection(&self, ctx: &mut Context) -> Result<Option<Connection>> {
        Ok(wire::connection(&self.bags(ctx)?))
    }

    fn flag(&self, name: &str) -> Flag {
        Flag::named(format!("{}.{name}", self.endpoint))
    }

    fn compute_flags(&self, ctx: &mut Context) -> Result<()> {
        ctx.set(&self.connected())?;
        let bags = self.bags(ctx)?;
        if wire::endpoints(&bags).is_some() {
            ctx.set(&self.available())?;
        }
        if wire::connection(&bags).is_some() {
            ctx.set(&self.tls_available())?;
        }
        Ok(())
    }

    /// The bags of all units of etcd, relation by relation, unit by unit.
    fn bags(&self, ctx: &mut Context) -> Result<Vec<Databag>> {
        let mut bags = Vec::new();
        for relation in crate::relations(ctx, self.endpoint)? {
            for unit in ctx.tools().relation_units(&relation)? {
                bags.push(ctx.tools().relation_get(&relation, &Party::Unit(unit))?);
            }
        }
        Ok(bags)
    }
}
