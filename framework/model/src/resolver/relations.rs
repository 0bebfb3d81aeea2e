//! The relation hooks of a unit, in the order of their life cycle.

use juju::UnitName;

use super::View;
use crate::operation::{HookRun, RelationRun, RelationStage};
use crate::state::{Life, LocalRelation, Relation};

impl View<'_> {
    /// `relation-created` for the first Alive relation of which the charm does not know yet.
    pub(super) fn relation_created(&self) -> Option<HookRun> {
        let unknown = self.relations().find(|(relation, local)| {
            relation.life.is_alive() && !local.is_some_and(|local| local.created || local.broken)
        });
        unknown.and_then(|(relation, _)| self.run(relation, RelationStage::Created, None))
    }

    /// The next hook of any relation that the charm knows; peer relations last.
    pub(super) fn relation_hook(&self) -> Option<HookRun> {
        let next = |peer: bool| {
            let known = self.relations().filter(move |(relation, _)| relation.is_peer() == peer);
            known
                .filter_map(|(relation, local)| self.next_hook(relation, local?))
                .next()
        };
        next(false).or_else(|| next(true))
    }

    /// All relations with hooks for this unit, by number.
    fn relations(&self) -> impl Iterator<Item = (&Relation, Option<&LocalRelation>)> {
        let application = &self.application.name;
        let relations = self
            .model
            .relations_of(application)
            .filter(|relation| !relation.is_implicit_for(application));
        relations.map(|relation| (relation, self.unit.uniter.relations.get(&relation.number)))
    }

    fn next_hook(&self, relation: &Relation, local: &LocalRelation) -> Option<HookRun> {
        if !local.created || local.broken {
            return None;
        }
        if let Some(unit) = &local.changed_pending {
            return self.run(relation, RelationStage::Changed, Some(unit));
        }
        let breaking = !relation.life.is_alive() || !self.unit.life.is_alive();
        let mut members = local.members.keys();
        if let Some(unit) = members.find(|unit| breaking || !relation.in_scope(unit)) {
            return self.run(relation, RelationStage::Departed, Some(unit));
        }
        if breaking {
            return if relation.is_peer() {
                None
            } else {
                self.run(relation, RelationStage::Broken, None)
            };
        }
        self.next_news(relation, local)
    }

    /// What is new in a relation that goes on: the remote application's bag (one never written has the version that
    /// every unit starts with), new units, changed units.
    fn next_news(&self, relation: &Relation, local: &LocalRelation) -> Option<HookRun> {
        let remote = relation.remote_of(&self.application.name)?;
        let version = relation
            .applications
            .get(&remote.application)
            .map_or(0, |bag| bag.version);
        if version != local.application_version {
            return self.run(relation, RelationStage::Changed, None);
        }
        let mut units = relation.remote_units(&self.unit.name);
        if let Some(unit) = units
            .find(|unit| !local.members.contains_key(*unit))
            .filter(|_| relation.in_scope(&self.unit.name))
        {
            return self.run(relation, RelationStage::Joined, Some(unit));
        }
        let stale = |(unit, seen): &(&UnitName, &u64)| {
            relation
                .units
                .get(*unit)
                .is_some_and(|member| member.bag.version != **seen)
        };
        let (unit, _) = local.members.iter().find(stale)?;
        self.run(relation, RelationStage::Changed, Some(unit))
    }

    fn run(&self, relation: &Relation, stage: RelationStage, remote: Option<&UnitName>) -> Option<HookRun> {
        let own = &self.application.name;
        let leaving = self.unit.life != Life::Alive || self.application.life != Life::Alive;
        let departing = if leaving { Some(&self.unit.name) } else { remote };
        Some(HookRun::relation(RelationRun {
            stage,
            relation: relation.id_for(own)?,
            remote_application: relation.remote_of(own)?.application.clone(),
            remote_unit: remote.cloned(),
            departing_unit: departing.filter(|_| stage == RelationStage::Departed).cloned(),
        }))
    }
}
