//! Effects of hook tools that hold at once, whatever becomes of the hook.

use juju::UnitName;

use crate::changes::Effect;
use crate::error::ModelError;
use crate::event::Reply;
use crate::state::{Model, Status, TaskLog, Unit};
use crate::time::Time;

impl Model {
    /// Applies an effect of the run that a unit is in.
    pub(super) fn tool_effect(&mut self, at: Time, name: &UnitName, effect: Effect) -> Result<Reply, ModelError> {
        let leads = self.is_leader(name);
        let unit = self.units.get_mut(name).ok_or_else(|| ModelError::no_unit(name))?;
        let task = unit
            .uniter
            .running
            .as_ref()
            .and_then(|running| running.operation.task());
        match effect {
            Effect::StatusSet { status, message } => {
                set_status(&mut unit.workload, &status, message, at);
                unit.workload_set = true;
            }
            Effect::ApplicationStatusSet { .. } if !leads => {
                return Err(ModelError::NotLeader("this unit is not the leader".to_owned()));
            }
            Effect::ApplicationStatusSet { status, message } => {
                let old = &mut self.application_mut(&name.application())?.status;
                set_status(old.get_or_insert_with(|| Status::new("", "", at)), &status, message, at);
            }
            Effect::ApplicationVersionSet { version } => {
                unit.workload_version.clone_from(&version);
                self.application_mut(&name.application())?.workload_version = version;
            }
            Effect::LeaderSet { .. } if !leads => {
                let text = "cannot write leadership settings: cannot write settings: not the leader";
                return Err(ModelError::NotLeader(text.to_owned()));
            }
            Effect::LeaderSet { settings } => self
                .application_mut(&name.application())?
                .leader_settings
                .edit(&settings),
            Effect::ActionLog { message } => {
                let task = task.and_then(|task| self.tasks.get_mut(&task));
                let task = task.ok_or(ModelError::Misplaced("not running an action"))?;
                task.log.push(TaskLog { at, message });
            }
            Effect::RebootNow => reboot_now(unit)?,
        }
        Ok(Reply::Done)
    }
}

/// The time changes only with the status or its message.
fn set_status(status: &mut Status, current: &str, message: String, at: Time) {
    if status.current != current || status.message != message {
        *status = Status::new(current, message, at);
    }
}

fn reboot_now(unit: &mut Unit) -> Result<(), ModelError> {
    let running = unit
        .uniter
        .running
        .as_mut()
        .ok_or(ModelError::Misplaced("not running a hook"))?;
    if running.operation.task().is_some() {
        return Err(ModelError::Misplaced(
            "juju-reboot is not supported when running an action.",
        ));
    }
    running.reboot_now = true;
    Ok(())
}
