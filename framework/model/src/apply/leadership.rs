//! Who leads an application.

use juju::{ApplicationName, UnitName};

use crate::error::ModelError;
use crate::event::Reply;
use crate::state::{Model, Unit};

impl Model {
    /// Moves leadership, as after the leader's lease ran out.
    pub(super) fn set_leader(&mut self, name: &UnitName) -> Result<Reply, ModelError> {
        let unit = self.units.get(name).ok_or_else(|| ModelError::no_unit(name))?;
        if !unit.agent_started {
            return Err(ModelError::NotLeader(format!(
                "unit {:?} cannot lead: its agent is not started",
                name.as_str()
            )));
        }
        self.give_leadership(name);
        Ok(Reply::Done)
    }

    /// Every application whose leader is gone gets the first unit whose agent is there, if any; Alive ones first.
    pub(super) fn elect_leaders(&mut self) {
        let vacant: Vec<ApplicationName> = self
            .applications
            .values()
            .filter(|application| application.leader.is_none())
            .map(|application| application.name.clone())
            .collect();
        for application in vacant {
            if let Some(unit) = self.candidate(&application) {
                self.give_leadership(&unit);
            }
        }
    }

    fn candidate(&self, application: &ApplicationName) -> Option<UnitName> {
        let ready = self.units_of(application).filter(|unit| unit.agent_started);
        ready
            .min_by_key(|unit| (unit.life, unit.name.number()))
            .map(|unit| unit.name.clone())
    }

    fn give_leadership(&mut self, name: &UnitName) {
        let Some(application) = self.applications.get_mut(&name.application()) else {
            return;
        };
        let settings = application.leader_settings.version;
        let previous = application.leader.replace(name.clone());
        if previous.as_ref() == Some(name) {
            return;
        }
        if let Some(unit) = previous.and_then(|previous| self.units.get_mut(&previous)) {
            resign(unit, settings);
        }
    }
}

/// A unit that no longer leads forgets that it did. It knows the settings as they are: it wrote them.
fn resign(unit: &mut Unit, settings: u64) {
    let uniter = &mut unit.uniter;
    uniter.leader = false;
    uniter.leader_settings_seen = Some(settings);
    uniter.queued.take_if(|hook| hook.name == "leader-elected");
    let running = uniter.running.is_some();
    uniter
        .failed
        .take_if(|failed| !running && failed.hook.name == "leader-elected");
}
