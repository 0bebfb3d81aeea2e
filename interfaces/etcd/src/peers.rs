//! The role of etcd units towards each other.

use std::collections::BTreeMap;

use juju::{Bag, Databag, Party, RelationId, UnitName};
use reactive::{Context, Flag, HandlerError, Layer, Result, flags, when};

use crate::peer_wire::{self, Changes, PeerData, SharedData};

/// The peer endpoint of etcd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peers {
    endpoint: &'static str,
}

impl Peers {
    /// The role on the endpoint of this name.
    pub const fn new(endpoint: &'static str) -> Peers {
        Peers { endpoint }
    }

    /// The endpoint's name.
    pub const fn endpoint(&self) -> &'static str {
        self.endpoint
    }

    /// Computes the flag at the start of every dispatch.
    pub fn layer(&self) -> Layer {
        let joined = self.joined();
        Layer::new("interface-etcd").at_start(
            async move |ctx: &mut Context| ctx.set(&joined),
            when(flags::joined(self.endpoint)).sets(self.joined()),
        )
    }

    /// Whether the peer relation exists; without it there is nowhere to write.
    pub fn exists(&self, ctx: &mut Context) -> Result<bool> {
        Ok(self.relation(ctx)?.is_some())
    }

    /// There is another unit.
    pub fn joined(&self) -> Flag {
        Flag::named(format!("{}.joined", self.endpoint))
    }

    /// What the other units say.
    pub fn units(&self, ctx: &mut Context) -> Result<BTreeMap<UnitName, PeerData>> {
        let mut units = BTreeMap::new();
        for relation in crate::relations(ctx, self.endpoint)? {
            for unit in ctx.tools().relation_units(&relation)? {
                let bag = ctx.tools().relation_get(&relation, &Party::Unit(unit.clone()))?;
                units.insert(unit.clone(), peer_wire::read_peer(unit.as_str(), &bag)?);
            }
        }
        Ok(units)
    }

    /// What this unit has said, in this hook too.
    pub fn own(&self, ctx: &mut Context) -> Result<PeerData> {
        let Some(relation) = self.relation(ctx)? else {
            return Ok(PeerData::default());
        };
        let bag = own_bag(ctx, &relation)?;
        Ok(peer_wire::read_peer(ctx.unit().as_str(), &bag)?)
    }

    /// Says this, and nothing else, to the other units. Does nothing while the peer relation does not exist.
    pub fn publish(&self, ctx: &mut Context, data: &PeerData) -> Result<()> {
        let Some(relation) = self.relation(ctx)? else {
            return Ok(());
        };
        let own = own_bag(ctx, &relation)?;
        write(ctx, &relation, Bag::Unit, peer_wire::write_peer(data, &own));
        Ok(())
    }

    /// What the leader has told all units, in this hook too.
    pub fn shared(&self, ctx: &mut Context) -> Result<SharedData> {
        let Some(relation) = self.relation(ctx)? else {
            return Ok(SharedData::default());
        };
        let bag = application_bag(ctx, &relation)?;
        Ok(peer_wire::read_shared(ctx.unit().application().as_str(), &bag)?)
    }

    /// Tells this, and nothing else, to all units; an error unless this unit is the leader and the peer relation exists.
    pub fn publish_shared(&self, ctx: &mut Context, data: &SharedData) -> Result<()> {
        if !ctx.is_leader()? {
            return Err(HandlerError::msg(format!(
                "cannot publish shared data on `{}`: not the leader",
                self.endpoint
            )));
        }
        let Some(relation) = self.relation(ctx)? else {
            return Err(HandlerError::msg(format!(
                "cannot publish shared data on `{}`: no relation yet",
                self.endpoint
            )));
        };
        let own = application_bag(ctx, &relation)?;
        write(ctx, &relation, Bag::Application, peer_wire::write_shared(data, &own));
        Ok(())
    }

    /// The peer relation; Juju makes one for each application, soon after its first unit.
    fn relation(&self, ctx: &mut Context) -> Result<Option<RelationId>> {
        Ok(crate::relations(ctx, self.endpoint)?.into_iter().next())
    }
}

fn own_bag(ctx: &mut Context, relation: &RelationId) -> Result<Databag> {
    let own = Party::Unit(ctx.unit().clone());
    Ok(ctx.tools().relation_get(relation, &own)?)
}

fn application_bag(ctx: &mut Context, relation: &RelationId) -> Result<Databag> {
    let application = Party::Application(ctx.unit().application());
    Ok(ctx.tools().relation_get(relation, &application)?)
}

fn write(ctx: &mut Context, relation: &RelationId, bag: Bag, changes: Changes) {
    for (key, value) in changes {
        ctx.tools().relation_set(relation, bag, &key, value.as_deref());
    }
}
