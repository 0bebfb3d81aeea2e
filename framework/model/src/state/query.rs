//! Reading a model.

use juju::{ApplicationName, UnitName};

use super::{Application, Counters, Life, Machine, Model, NewModel, Relation, Task, TaskGroup, Unit};
use crate::time::Time;

impl Model {
    /// An empty model.
    pub fn new(new: NewModel) -> Model {
        Model {
            name: new.name,
            uuid: new.uuid,
            controller: new.controller,
            cloud: new.cloud,
            juju_version: new.juju_version,
            created: new.now,
            life: Life::Alive,
            applications: Default::default(),
            units: Default::default(),
            machines: Default::default(),
            relations: Default::default(),
            operations: Default::default(),
            tasks: Default::default(),
            counters: Counters::default(),
        }
    }

    /// The model's name without owner.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The model's identity.
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// The controller's name.
    pub fn controller(&self) -> &str {
        &self.controller
    }

    /// The cloud's name.
    pub fn cloud(&self) -> &str {
        &self.cloud
    }

    /// The agent version, such as `3.6.28`.
    pub fn juju_version(&self) -> &str {
        &self.juju_version
    }

    /// When the model was made.
    pub fn created(&self) -> Time {
        self.created
    }

    /// `Dying` from `destroy-model` on; `Dead` once no application and no machine is left.
    pub fn life(&self) -> Life {
        self.life
    }

    /// All applications, by name.
    pub fn applications(&self) -> impl Iterator<Item = &Application> {
        self.applications.values()
    }

    /// One application.
    pub fn application(&self, name: &ApplicationName) -> Option<&Application> {
        self.applications.get(name)
    }

    /// All units, by name.
    pub fn units(&self) -> impl Iterator<Item = &Unit> {
        self.units.values()
    }

    /// One unit.
    pub fn unit(&self, name: &UnitName) -> Option<&Unit> {
        self.units.get(name)
    }

    /// The units of one application.
    pub fn units_of<'a>(&'a self, application: &'a ApplicationName) -> impl Iterator<Item = &'a Unit> {
        self.units
            .values()
            .filter(move |unit| unit.name.application() == *application)
    }

    /// All machines, by number.
    pub fn machines(&self) -> impl Iterator<Item = &Machine> {
        self.machines.values()
    }

    /// One machine.
    pub fn machine(&self, number: u32) -> Option<&Machine> {
        self.machines.get(&number)
    }

    /// The machine of a unit.
    pub fn machine_of(&self, unit: &UnitName) -> Option<&Machine> {
        self.machines.get(&self.units.get(unit)?.machine)
    }

    /// The units on a machine.
    pub fn units_on(&self, machine: u32) -> impl Iterator<Item = &Unit> {
        self.units.values().filter(move |unit| unit.machine == machine)
    }

    /// All relations, by number.
    pub fn relations(&self) -> impl Iterator<Item = &Relation> {
        self.relations.values()
    }

    /// One relation.
    pub fn relation(&self, number: u32) -> Option<&Relation> {
        self.relations.get(&number)
    }

    /// The relations in which an application has a part, by number.
    pub fn relations_of<'a>(&'a self, application: &'a ApplicationName) -> impl Iterator<Item = &'a Relation> {
        self.relations
            .values()
            .filter(move |relation| relation.endpoint_of(application).is_some())
    }

    /// The remote units that the charm of a unit knows to be members of a relation, sorted: from its `joined` hook on and
    /// up to the moment before its `departed` hook. This is what `relation-list` prints.
    pub fn relation_members(&self, unit: &UnitName, relation: u32) -> Vec<UnitName> {
        let local = self
            .units
            .get(unit)
            .and_then(|unit| unit.uniter.relations.get(&relation));
        local
            .map(|local| local.members.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// The unit that leads an application.
    pub fn leader(&self, application: &ApplicationName) -> Option<&UnitName> {
        self.applications.get(application)?.leader.as_ref()
    }

    /// Whether a unit leads its application.
    pub fn is_leader(&self, unit: &UnitName) -> bool {
        self.leader(&unit.application()) == Some(unit)
    }

    /// All calls of `juju run` and `juju exec`, by number.
    pub fn operations(&self) -> impl Iterator<Item = &TaskGroup> {
        self.operations.values()
    }

    /// One call of `juju run` or `juju exec`.
    pub fn operation(&self, id: u64) -> Option<&TaskGroup> {
        self.operations.get(&id)
    }

    /// All tasks, by number.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values()
    }

    /// One task.
    pub fn task(&self, id: u64) -> Option<&Task> {
        self.tasks.get(&id)
    }

    /// The revision that the next upload of a local charm of this name gets.
    pub fn next_charm_revision(&self, charm: &str) -> u32 {
        self.counters.charm.get(charm).copied().unwrap_or(0)
    }

    /// Whether this version of Juju has leader settings (up to 3.6; gone in 4.0).
    pub fn has_leader_settings(&self) -> bool {
        let major = self
            .juju_version
            .split('.')
            .next()
            .and_then(|major| major.parse::<u32>().ok());
        major.is_none_or(|major| major < 4)
    }
}
