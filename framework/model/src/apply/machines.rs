//! News about machines and agents.

use std::collections::BTreeMap;

use juju::UnitName;

use crate::error::ModelError;
use crate::event::Reply;
use crate::operation::Operation;
use crate::state::{Life, Machine, MachineState, Model, Status};
use crate::time::Time;

impl Model {
    /// A machine has booted, for the first time or again.
    pub(super) fn machine_started(
        &mut self,
        at: Time,
        number: u32,
        address: String,
        hostname: String,
    ) -> Result<Reply, ModelError> {
        let machine = self.machine_mut(number)?;
        let rebooted = machine.boots > 0;
        machine.boots += 1;
        machine.state = MachineState::Started;
        machine.address = Some(address);
        machine.hostname = Some(hostname);
        machine.reboot_wanted = false;
        machine.status = Status::new("running", "Running", at);
        machine.agent = Status::new("started", "", at);
        let units: Vec<UnitName> = self.units_on(number).map(|unit| unit.name.clone()).collect();
        for name in units {
            if rebooted {
                self.unit_rebooted(at, &name);
            } else if let Some(unit) = self.units.get_mut(&name) {
                unit.workload = Status::new("waiting", "installing agent", at);
            }
        }
        Ok(Reply::Done)
    }

    /// Nothing that was running has survived; the agent is not back yet.
    fn unit_rebooted(&mut self, at: Time, name: &UnitName) {
        self.interrupt(at, name);
        if let Some(unit) = self.units.get_mut(name) {
            unit.agent_started = false;
            unit.uniter.rebooted = unit.uniter.started;
        }
    }

    /// A machine could not be made.
    pub(super) fn machine_failed(&mut self, at: Time, number: u32, message: String) -> Result<Reply, ModelError> {
        let machine = self.machine_mut(number)?;
        machine.state = MachineState::Failed;
        machine.status = Status::new("provisioning error", message, at);
        machine.agent = Status::new("down", "", at);
        Ok(Reply::Done)
    }

    /// A machine is gone. Units left on it go without hooks.
    pub(super) fn machine_removed(&mut self, at: Time, number: u32) -> Result<Reply, ModelError> {
        self.machine_mut(number)?.life = Life::Dead;
        let units: Vec<UnitName> = self.units_on(number).map(|unit| unit.name.clone()).collect();
        for unit in units {
            self.bury_unit(at, &unit);
        }
        self.machines.remove(&number);
        Ok(Reply::Done)
    }

    /// A unit's agent is up. The first one of an application leads it.
    pub(super) fn agent_started(&mut self, at: Time, name: &UnitName) -> Result<Reply, ModelError> {
        let unit = self.units.get_mut(name).ok_or_else(|| ModelError::no_unit(name))?;
        unit.agent_started = true;
        unit.uniter.leader_settings_seen = None;
        if !unit.workload_set && !unit.uniter.installed {
            unit.workload = Status::new("waiting", "agent initialising", at);
        }
        Ok(Reply::Done)
    }

    /// The driver came back: nothing runs any more, and every agent has forgotten which leader settings it had seen.
    pub(super) fn agent_restarted(&mut self, at: Time) -> Result<Reply, ModelError> {
        let names: Vec<UnitName> = self.units.keys().cloned().collect();
        for name in names {
            self.interrupt(at, &name);
            if let Some(unit) = self.units.get_mut(&name) {
                unit.uniter.leader_settings_seen = None;
            }
        }
        Ok(Reply::Done)
    }

    /// Ends what a unit was running, unfinished: a hook has failed and is run again at once, a task has failed for good.
    fn interrupt(&mut self, at: Time, name: &UnitName) {
        let Some(running) = self.units.get_mut(name).and_then(|unit| unit.uniter.running.take()) else {
            return;
        };
        match running.operation {
            Operation::Hook(hook) if running.reboot_now => self.requeue(name, hook),
            Operation::Hook(hook) => {
                self.hook_failed(at, name, hook, "agent restarted".to_owned());
                if let Some(failed) = self.units.get_mut(name).and_then(|unit| unit.uniter.failed.as_mut()) {
                    failed.retry_at = at;
                }
            }
            Operation::Action { task } | Operation::Exec { task } => self.task_interrupted(at, task),
        }
        self.set_agent_idle(at, name);
    }

    /// What Juju writes into a unit's bags.
    pub(super) fn network_settings(&self, unit: &UnitName) -> BTreeMap<String, String> {
        let address = self.machine_of(unit).and_then(|machine| machine.address.clone());
        let Some(address) = address else { return BTreeMap::new() };
        let prefix = if address.contains(':') { 128 } else { 32 };
        [
            ("private-address", address.clone()),
            ("ingress-address", address.clone()),
            ("egress-subnets", format!("{address}/{prefix}")),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
    }

    fn machine_mut(&mut self, number: u32) -> Result<&mut Machine, ModelError> {
        self.machines
            .get_mut(&number)
            .ok_or(ModelError::MachineNotFound(number))
    }
}
