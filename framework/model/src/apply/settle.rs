//! What follows by itself after every event: what has nothing left to run is buried, and leadership finds a unit.

use juju::{ApplicationName, UnitName};

use crate::state::{Life, Machine, Model, Relation, Status, TaskStatus};
use crate::time::Time;

impl Model {
    /// Brings the model to rest.
    pub(super) fn settle(&mut self, at: Time) {
        self.settle_implicit_scopes();
        loop {
            let buried = self.bury_units(at) | self.bury_relations() | self.bury_applications();
            if !buried {
                break;
            }
        }
        self.elect_leaders();
        self.finish_model(at);
    }

    /// Takes part in relations on the implicit endpoint without hooks.
    fn settle_implicit_scopes(&mut self) {
        let mut changes: Vec<(UnitName, u32, bool)> = Vec::new();
        for unit in self.units.values().filter(|unit| unit.uniter.installed) {
            let application = unit.name.application();
            for relation in self
                .relations_of(&application)
                .filter(|relation| relation.is_implicit_for(&application))
            {
                let wanted = relation.life.is_alive() && unit.life.is_alive();
                if wanted != relation.in_scope(&unit.name) {
                    changes.push((unit.name.clone(), relation.number, wanted));
                }
            }
        }
        for (unit, relation, enter) in changes {
            if enter {
                self.enter_scope(&unit, relation)
            } else {
                self.leave_scope(&unit, relation)
            }
        }
    }

    fn bury_units(&mut self, at: Time) -> bool {
        let finished: Vec<UnitName> = self
            .units
            .keys()
            .filter(|unit| self.is_torn_down(unit))
            .cloned()
            .collect();
        for unit in &finished {
            self.bury_unit(at, unit);
        }
        !finished.is_empty()
    }

    /// Removes a unit: it leaves all scopes, its tasks are over, its machine goes with its last unit.
    pub(super) fn bury_unit(&mut self, at: Time, name: &UnitName) {
        let Some(unit) = self.units.remove(name) else { return };
        let memberships: Vec<u32> = self
            .relations
            .values()
            .filter(|relation| relation.in_scope(name))
            .map(|r| r.number)
            .collect();
        for relation in memberships {
            self.leave_scope(name, relation);
        }
        for task in self
            .tasks
            .values_mut()
            .filter(|task| task.unit == *name && !task.status.is_final())
        {
            task.status = if task.status == TaskStatus::Pending {
                TaskStatus::Cancelled
            } else {
                TaskStatus::Aborted
            };
            task.message = "unit removed".to_owned();
            task.completed = Some(at);
        }
        if let Some(application) = self.applications.get_mut(&name.application()) {
            application.leader.take_if(|leader| leader == name);
        }
        let deserted = self.units_on(unit.machine).next().is_none();
        if let Some(machine) = self.machines.get_mut(&unit.machine).filter(|_| deserted) {
            stop_machine(machine, at);
        }
    }

    /// Deletes relations that are Dying and that the last unit has left.
    fn bury_relations(&mut self) -> bool {
        self.leave_unborn_relations();
        let over =
            |relation: &Relation| relation.life != Life::Alive && relation.units.values().all(|unit| !unit.in_scope);
        let finished: Vec<u32> = self
            .relations
            .values()
            .filter(|relation| over(relation))
            .map(|r| r.number)
            .collect();
        for number in &finished {
            self.relations.remove(number);
            for unit in self.units.values_mut() {
                unit.uniter.relations.remove(number);
            }
        }
        !finished.is_empty()
    }

    /// A unit that entered a relation and got no further than that leaves a Dying relation without hooks.
    fn leave_unborn_relations(&mut self) {
        let mut leaving = Vec::new();
        for relation in self
            .relations
            .values()
            .filter(|relation| !relation.life.is_alive() && !relation.is_peer())
        {
            for unit in relation
                .units
                .iter()
                .filter(|(_, member)| member.in_scope)
                .map(|(unit, _)| unit)
            {
                if !self.knows_relation(unit, relation.number) {
                    leaving.push((unit.clone(), relation.number));
                }
            }
        }
        for (unit, relation) in leaving {
            self.leave_scope(&unit, relation);
        }
    }

    fn bury_applications(&mut self) -> bool {
        let finished: Vec<ApplicationName> = self
            .applications
            .keys()
            .filter(|name| self.is_deserted(name))
            .cloned()
            .collect();
        for name in &finished {
            self.applications.remove(name);
        }
        !finished.is_empty()
    }

    fn is_deserted(&self, name: &ApplicationName) -> bool {
        self.applications
            .get(name)
            .is_some_and(|application| !application.life.is_alive())
            && self.units_of(name).next().is_none()
            && self.relations_of(name).next().is_none()
    }

    /// A model that is to go asks its machines to stop, and is Dead when the last one has.
    fn finish_model(&mut self, at: Time) {
        if self.life.is_alive() || !self.applications.is_empty() {
            return;
        }
        self.machines.values_mut().for_each(|machine| stop_machine(machine, at));
        if self.machines.is_empty() {
            self.life = Life::Dead;
        }
    }

    /// Makes a unit a member of a relation; its bag has the addresses and nothing else.
    pub(super) fn enter_scope(&mut self, unit: &UnitName, relation: u32) {
        let addresses = self.network_settings(unit);
        if let Some(relation) = self.relations.get_mut(&relation) {
            let member = relation.units.entry(unit.clone()).or_default();
            member.in_scope = true;
            member.bag.replace(addresses);
        }
    }

    /// Ends a unit's membership. Its bag stays readable.
    pub(super) fn leave_scope(&mut self, unit: &UnitName, relation: u32) {
        if let Some(member) = self
            .relations
            .get_mut(&relation)
            .and_then(|relation| relation.units.get_mut(unit))
        {
            member.in_scope = false;
        }
    }
}

fn stop_machine(machine: &mut Machine, at: Time) {
    if machine.life.is_alive() {
        machine.life = Life::Dying;
        machine.agent = Status::new("stopped", "", at);
    }
}
