//! The only way to change a model. Each event is validated before anything is touched.

mod actions;
mod commit;
mod config;
mod deploy;
mod effects;
mod integrate;
mod leadership;
mod machines;
mod operations;
mod refresh;
mod remove;
mod settle;

use crate::error::ModelError;
use crate::event::{Event, Reply};
use crate::state::Model;
use crate::time::Time;

impl Model {
    /// Applies one event. An error means that nothing has changed.
    ///
    /// The result depends on the model, the time and the event alone: the same events give the same model.
    pub fn apply(&mut self, at: Time, event: Event) -> Result<Reply, ModelError> {
        let reply = self.dispatch(at, event)?;
        self.settle(at);
        Ok(reply)
    }

    fn dispatch(&mut self, at: Time, event: Event) -> Result<Reply, ModelError> {
        match event {
            Event::Deploy {
                charm,
                url,
                application,
                units,
                config,
                charm_id,
            } => self.deploy(
                at,
                deploy::Deploy {
                    charm: *charm,
                    url,
                    application,
                    units,
                    config,
                    charm_id,
                },
            ),
            Event::Refresh {
                application,
                charm,
                url,
                charm_id,
            } => self.refresh(at, &application, *charm, url, charm_id),
            Event::AddUnits { application, count } => self.add_units(at, &application, count),
            Event::Integrate { a, b } => self.integrate(at, &a, &b),
            Event::RemoveRelation { endpoints, force } => self.remove_relation(&endpoints, force),
            Event::RemoveUnits { units, force } => self.remove_units(at, &units, force),
            Event::RemoveApplication { application, force } => self.remove_application(at, &application, force),
            Event::DestroyModel => self.destroy_model(at),
            Event::SetConfig {
                application,
                set,
                reset,
            } => self.set_config(&application, &set, &reset),
            Event::Trust { application, trust } => self.set_trust(&application, trust),
            Event::Expose { application, exposed } => self.set_exposed(&application, exposed),
            Event::EnqueueAction { units, action, params } => self.enqueue_action(at, &units, &action, &params),
            Event::EnqueueExec { units, command } => self.enqueue_exec(at, &units, &command),
            Event::CancelTask { task } => self.cancel_task(at, task),
            Event::Resolve { unit, retry } => self.resolve(at, &unit, retry),
            Event::SetLeader { unit } => self.set_leader(&unit),
            Event::MachineStarted {
                machine,
                address,
                hostname,
            } => self.machine_started(at, machine, address, hostname),
            Event::MachineFailed { machine, message } => self.machine_failed(at, machine, message),
            Event::MachineRemoved { machine } => self.machine_removed(at, machine),
            Event::AgentStarted { unit } => self.agent_started(at, &unit),
            Event::AgentRestarted => self.agent_restarted(at),
            Event::OperationStarted {
                unit,
                operation,
                context_id,
            } => self.operation_started(at, &unit, operation, context_id),
            Event::OperationFinished {
                unit,
                context_id,
                exit,
                changes,
                stdout,
                stderr,
            } => {
                let outcome = operations::Outcome {
                    exit,
                    changes,
                    stdout,
                    stderr,
                };
                self.operation_finished(at, &unit, &context_id, outcome)
            }
            Event::ToolEffect { unit, effect } => self.tool_effect(at, &unit, effect),
        }
    }
}
