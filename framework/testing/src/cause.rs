//! Bringing a unit to a given hook.

use juju::{ApplicationName, Databag, UnitName};
use model::{Event, Machine, MachineState, Operation, RelationStage};

use crate::hook::About;
use crate::world::{World, relations};
use crate::{Hook, ScenarioError};

type Result<T> = std::result::Result<T, ScenarioError>;

/// No hook is this far away.
const PATIENCE: usize = 10_000;

/// The setting that a remote side writes and takes back, so that there is a change to be told of.
const TOUCH: &str = "testing-touch";

impl World {
    /// Goes on until this hook is the next of the unit under test. Hooks before it are done without effect.
    pub(crate) fn reach(&mut self, hook: &Hook) -> Result<Operation> {
        let unit = self.unit().clone();
        self.face_failure(hook)?;
        let mut caused = false;
        for _ in 0..PATIENCE {
            match self.model().next_operation(&unit, self.now()) {
                Some(operation) if hook.is(&operation) => return Ok(operation),
                Some(operation) => self.pass(&unit, operation)?,
                None if self.step_others(std::slice::from_ref(&unit))? => {}
                None if caused => return Err(unreachable(hook, "the unit does not come to it")),
                None => {
                    self.cause(hook)?;
                    caused = true;
                }
            }
        }
        Err(ScenarioError::harness("the model does not come to rest"))
    }

    /// A unit in error runs the hook that failed, once it is time, and no other.
    fn face_failure(&mut self, hook: &Hook) -> Result<()> {
        let unit = self.unit().clone();
        let Some(failed) = self.model().unit(&unit).and_then(|unit| unit.failed_hook()).cloned() else {
            return Ok(());
        };
        if hook.is_run(&failed.hook) {
            self.wait_until(failed.retry_at);
            return Ok(());
        }
        Err(ScenarioError::InError {
            wanted: hook.to_string(),
            unit,
            failed: failed.hook.name,
        })
    }

    /// Lets something happen from which the hook follows.
    fn cause(&mut self, hook: &Hook) -> Result<()> {
        let unit = self.unit().clone();
        if let Some((endpoint, stage)) = hook.relation() {
            return self.cause_relation_hook(hook, endpoint, stage);
        }
        match hook.name.as_str() {
            "config-changed" => self.toggle_trust(&unit),
            "update-status" => self.wait_for_update_status(&unit, hook),
            "start" => self.reboot(&unit),
            "leader-elected" => self.regain_leadership(hook),
            "upgrade-charm" => self.refresh(&unit),
            "stop" | "remove" => self.remove_units(vec![unit]),
            "install" => Err(unreachable(
                hook,
                "the unit is installed already; begin with a fresh world",
            )),
            _ => Err(unreachable(hook, "nothing is known to cause it")),
        }
    }

    fn toggle_trust(&mut self, unit: &UnitName) -> Result<()> {
        let application = unit.application();
        let trust = self
            .model()
            .application(&application)
            .is_some_and(|application| application.trust);
        self.apply_for(
            Event::Trust {
                application,
                trust: !trust,
            },
            || "change trust".to_owned(),
        )
    }

    fn wait_for_update_status(&mut self, unit: &UnitName, hook: &Hook) -> Result<()> {
        let due = self.model().unit(unit).and_then(|unit| unit.uniter.update_status_at);
        let due = due.ok_or_else(|| unreachable(hook, "the unit has not started"))?;
        self.wait_until(due);
        Ok(())
    }

    fn reboot(&mut self, unit: &UnitName) -> Result<()> {
        let machine = self.model().machine_of(unit).cloned();
        let machine = machine.ok_or_else(|| ScenarioError::harness(format!("unit {unit} has no machine")))?;
        self.boot(machine)
    }

    /// Reboots the first machine of which a unit has asked for it; false if there is none.
    pub(crate) fn reboot_wanted(&mut self) -> Result<bool> {
        let machine = self.model().machines().find(|machine| machine.reboot_wanted).cloned();
        let Some(machine) = machine else { return Ok(false) };
        self.boot(machine).map(|()| true)
    }

    /// A machine boots again and its agents come up.
    fn boot(&mut self, machine: Machine) -> Result<()> {
        let number = machine.number;
        let event = Event::MachineStarted {
            machine: number,
            address: machine.address.unwrap_or_default(),
            hostname: machine.hostname.unwrap_or_default(),
        };
        self.apply_for(event, || format!("reboot machine {number}"))?;
        let units: Vec<UnitName> = self.model().units_on(number).map(|unit| unit.name.clone()).collect();
        for unit in units {
            self.apply_for(Event::AgentStarted { unit: unit.clone() }, || {
                format!("start the agent of {unit}")
            })?;
        }
        Ok(())
    }

    fn regain_leadership(&mut self, hook: &Hook) -> Result<()> {
        if self.model().is_leader(self.unit()) {
            self.set_leader(false)
                .map_err(|_| unreachable(hook, "the unit leads and no other could have in between"))?;
        }
        self.set_leader(true)
    }

    fn refresh(&mut self, unit: &UnitName) -> Result<()> {
        let application = unit.application();
        let Some(present) = self.model().application(&application).cloned() else {
            return Err(ScenarioError::harness(format!("there is no application {application}")));
        };
        let url = format!("local:{}-{}", present.charm.metadata.name, present.charm_revision() + 1);
        let charm_id = format!("{}+", present.charm_id);
        let event = Event::Refresh {
            application,
            charm: Box::new(present.charm),
            url,
            charm_id,
        };
        self.apply_for(event, || "refresh the charm".to_owned())
    }

    fn remove_units(&mut self, units: Vec<UnitName>) -> Result<()> {
        self.apply_for(Event::RemoveUnits { units, force: false }, || {
            "remove the unit".to_owned()
        })
    }

    fn cause_relation_hook(&mut self, hook: &Hook, endpoint: &str, stage: &str) -> Result<()> {
        let own = self.unit().application();
        let remote = match &hook.about {
            About::Unit(name) => Some(name.parse::<UnitName>()?.application()),
            _ => None,
        };
        let relation = relations(self.model(), &own, endpoint).find(|relation| {
            remote
                .as_ref()
                .is_none_or(|remote| relation.remote_of(&own).is_some_and(|end| end.application == *remote))
        });
        let Some(relation) = relation.cloned() else {
            return Err(unreachable(hook, "there is no such relation"));
        };
        let members = self.model().relation_members(self.unit(), relation.number);
        let remote = relation
            .remote_of(&own)
            .map_or_else(|| own.clone(), |end| end.application.clone());
        let member = match &hook.about {
            About::Unit(name) => members.iter().find(|member| member.as_str() == name),
            About::Anyone => members.last(),
            About::Application => None,
        };
        match (stage, member) {
            (stage, Some(member)) if stage == RelationStage::Changed.as_str() => {
                self.touch_unit(member, relation.number)
            }
            (stage, None) if stage == RelationStage::Changed.as_str() && !matches!(hook.about, About::Unit(_)) => {
                self.touch_application(&remote, relation.number)
            }
            (stage, Some(member)) if stage == RelationStage::Departed.as_str() => {
                self.remove_units(vec![member.clone()])
            }
            (stage, _) if stage == RelationStage::Joined.as_str() => self.add_unit(&remote),
            (stage, _) if stage == RelationStage::Broken.as_str() => {
                let endpoints = relation.endpoints.iter().map(ToString::to_string).collect();
                self.apply_for(
                    Event::RemoveRelation {
                        endpoints,
                        force: false,
                    },
                    || "remove the relation".to_owned(),
                )
            }
            _ => Err(unreachable(hook, "nobody whom it could be about is in the relation")),
        }
    }

    fn touch_unit(&mut self, unit: &UnitName, relation: u32) -> Result<()> {
        self.write_unit(unit, relation, &touch("1"))?;
        self.write_unit(unit, relation, &touch(""))
    }

    fn touch_application(&mut self, application: &ApplicationName, relation: u32) -> Result<()> {
        self.write_application(application, relation, &touch("1"))?;
        self.write_application(application, relation, &touch(""))
    }

    fn add_unit(&mut self, application: &ApplicationName) -> Result<()> {
        let event = Event::AddUnits {
            application: application.clone(),
            count: 1,
        };
        self.apply_for(event, || format!("add a unit of {application}"))?;
        self.start_machines()?;
        let new: Vec<UnitName> = self
            .model()
            .units_of(application)
            .filter(|unit| !unit.agent_started)
            .map(|unit| unit.name.clone())
            .collect();
        for unit in new {
            self.apply_for(Event::AgentStarted { unit: unit.clone() }, || {
                format!("start the agent of {unit}")
            })?;
        }
        Ok(())
    }

    /// All machines that are wanted come up.
    pub(crate) fn start_machines(&mut self) -> Result<()> {
        let wanted = self
            .model()
            .machines()
            .filter(|machine| machine.state == MachineState::Pending);
        let wanted: Vec<u32> = wanted.map(|machine| machine.number).collect();
        for machine in wanted {
            let address = format!("10.0.{}.{}", machine / 250, machine % 250 + 1);
            let hostname = format!("machine-{machine}");
            self.apply_for(
                Event::MachineStarted {
                    machine,
                    address,
                    hostname,
                },
                || format!("start machine {machine}"),
            )?;
        }
        Ok(())
    }
}

fn touch(value: &str) -> Databag {
    Databag::from([(TOUCH.to_owned(), value.to_owned())])
}

fn unreachable(hook: &Hook, reason: &str) -> ScenarioError {
    ScenarioError::Unreachable {
        hook: hook.to_string(),
        reason: reason.to_owned(),
    }
}
