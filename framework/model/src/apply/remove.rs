//! Asking relations, units, applications or the whole model to go. What is asked to go dies in `settle`, once its hooks are done.

use juju::{ApplicationName, UnitName};

use crate::error::ModelError;
use crate::event::Reply;
use crate::operation::HookRun;
use crate::state::{Life, Machine, Model};
use crate::time::Time;

impl Model {
    /// `juju remove-relation`.
    pub(super) fn remove_relation(&mut self, names: &[String], force: bool) -> Result<Reply, ModelError> {
        let number = self.find_relation(names)?;
        let relation = self.relations.get_mut(&number).ok_or(ModelError::NoRelations)?;
        if relation.is_peer() {
            return Err(ModelError::PeerRelation { key: relation.key() });
        }
        relation.life = Life::Dying;
        if force {
            self.abandon_relation(number);
        }
        Ok(Reply::Done)
    }

    /// Units that cannot run their hooks now leave a relation without them.
    fn abandon_relation(&mut self, number: u32) {
        let about = |hook: &HookRun| {
            hook.relation
                .as_ref()
                .is_some_and(|run| run.relation.number() == number)
        };
        let Some(relation) = self.relations.get(&number) else {
            return;
        };
        let members: Vec<UnitName> = relation
            .units
            .keys()
            .filter(|unit| relation.in_scope(unit))
            .cloned()
            .collect();
        for name in members {
            let Some(unit) = self.units.get_mut(&name) else {
                continue;
            };
            let stuck = !unit.agent_started || unit.uniter.failed.is_some();
            if stuck && unit.uniter.running.is_none() {
                unit.uniter.failed.take_if(|failed| about(&failed.hook));
                unit.uniter.queued.take_if(|hook| about(hook));
                unit.uniter.relations.entry(number).or_default().broken = true;
                self.leave_scope(&name, number);
            }
        }
    }

    /// `juju remove-unit`.
    pub(super) fn remove_units(&mut self, at: Time, units: &[UnitName], force: bool) -> Result<Reply, ModelError> {
        if let Some(unknown) = units.iter().find(|unit| !self.units.contains_key(unit)) {
            return Err(ModelError::no_unit(unknown));
        }
        for unit in units {
            self.destroy_unit(at, unit, force);
        }
        Ok(Reply::Done)
    }

    /// `juju remove-application`.
    pub(super) fn remove_application(
        &mut self,
        at: Time,
        name: &ApplicationName,
        force: bool,
    ) -> Result<Reply, ModelError> {
        let application = self.application_mut(name)?;
        application.life = Life::Dying;
        application.force |= force;
        let relations: Vec<(u32, bool)> = self
            .relations_of(name)
            .map(|relation| (relation.number, relation.is_peer()))
            .collect();
        for (number, peer) in relations {
            if let Some(relation) = self.relations.get_mut(&number) {
                relation.life = Life::Dying;
            }
            if force && !peer {
                self.abandon_relation(number);
            }
        }
        let units: Vec<UnitName> = self.units_of(name).map(|unit| unit.name.clone()).collect();
        for unit in units {
            self.destroy_unit(at, &unit, force);
        }
        Ok(Reply::Done)
    }

    /// `juju destroy-model`: every application goes, then every machine.
    pub(super) fn destroy_model(&mut self, at: Time) -> Result<Reply, ModelError> {
        if self.life.is_alive() {
            self.life = Life::Dying;
        }
        let names: Vec<ApplicationName> = self.applications.keys().cloned().collect();
        for name in names {
            self.remove_application(at, &name, false)?;
        }
        Ok(Reply::Done)
    }

    /// Makes a unit Dying. With force, what failed so far counts as done, and an agent that is not there is not waited for.
    fn destroy_unit(&mut self, at: Time, name: &UnitName, force: bool) {
        let machine_up = self.machine_of(name).is_some_and(Machine::is_started);
        let Some(unit) = self.units.get_mut(name) else { return };
        unit.life = unit.life.max(Life::Dying);
        unit.force |= force;
        if !force {
            return;
        }
        if unit.agent_started && machine_up {
            self.give_up_failed_hook(at, name);
        } else {
            self.bury_unit(at, name);
        }
    }

    /// Treats a failed hook as done, without a commit.
    pub(super) fn give_up_failed_hook(&mut self, at: Time, name: &UnitName) {
        let failed = self.units.get_mut(name).and_then(|unit| {
            let idle = unit.uniter.running.is_none();
            unit.uniter.failed.take_if(|_| idle)
        });
        if let Some(failed) = failed {
            let seen = self.seen_by(name, &failed.hook);
            self.hook_done(at, name, &failed.hook, seen);
        }
    }
}
