//! Clients that wait: for conditions of the model, for tasks, for the end of the model.

use std::time::{Duration, Instant};

use juju::{ApplicationName, UnitName};
use model::{Life, Model, Operation, Time, Unit};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use super::controller::{Controller, Ending};
use super::reports;
use super::requests::{Refusal, finish, to_json};
use crate::protocol::{Answer, WaitFor};

/// So many things are named in one line of progress.
const NAMED_AT_MOST: usize = 8;

/// A client and what it waits for.
#[derive(Debug)]
pub(crate) struct Waiter {
    goal: Goal,
    answers: UnboundedSender<Answer>,
    deadline: Option<Instant>,
    /// The last progress it was told.
    told: String,
    /// How many lines of the task's log it was told.
    lines_told: usize,
}

/// What is waited for.
#[derive(Debug, Clone)]
pub(crate) enum Goal {
    /// All of these hold.
    Conditions(Vec<WaitFor>),
    /// All tasks of the operation have ended.
    Operation(u64),
    /// The task has ended.
    Task(u64),
    /// The model is empty, and can be removed.
    Destroyed,
}

impl Waiter {
    /// Waits from now on; `None` = for ever.
    pub(crate) fn new(goal: Goal, answers: UnboundedSender<Answer>, timeout_ms: Option<u64>) -> Waiter {
        // A time-out beyond the end of the clock is none.
        let deadline = timeout_ms.and_then(|millis| Instant::now().checked_add(Duration::from_millis(millis)));
        Waiter {
            goal,
            answers,
            deadline,
            told: String::new(),
            lines_told: 0,
        }
    }

    /// When it gives up.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn tell(&mut self, text: String) {
        if text != self.told {
            self.told.clone_from(&text);
            // A client that has gone is forgotten in the next round.
            let _gone = self.answers.send(Answer::Progress { text });
        }
    }
}

impl Controller {
    /// Looks after everyone who waits.
    pub(crate) fn check_waiters(&mut self) {
        let waiters = std::mem::take(&mut self.waiters);
        for waiter in waiters {
            if let Some(still_waiting) = self.check_waiter(waiter) {
                self.waiters.push(still_waiting);
            }
        }
    }

    fn check_waiter(&mut self, mut waiter: Waiter) -> Option<Waiter> {
        if waiter.answers.is_closed() {
            return None;
        }
        let late = waiter.deadline.is_some_and(|deadline| deadline <= self.now);
        let step = match waiter.goal.clone() {
            Goal::Conditions(conditions) => self.check_conditions(&conditions, late),
            Goal::Operation(id) => self.check_operation(id, late, &mut waiter),
            Goal::Task(id) => self.check_task(id, late, &mut waiter),
            Goal::Destroyed => match &mut self.ending {
                Some(Ending::Destroy { answers }) => {
                    answers.push(waiter.answers);
                    return None;
                }
                _ => self.check_destroyed(late),
            },
        };
        match step {
            Step::Over(outcome) => {
                finish(&waiter.answers, outcome);
                None
            }
            Step::Waiting(news) => {
                if let Some(text) = news {
                    waiter.tell(text);
                }
                Some(waiter)
            }
        }
    }

    fn check_conditions(&self, conditions: &[WaitFor], late: bool) -> Step {
        let missing = missing(&self.model, self.time(), conditions);
        if missing.is_empty() {
            return Step::Over(to_json(&self.model.status(self.time())));
        }
        let text = name_some(&missing);
        if late {
            Step::failed(format!("timed out waiting for: {text}"))
        } else {
            Step::Waiting(Some(format!("waiting for {text}")))
        }
    }

    fn check_operation(&self, id: u64, late: bool, waiter: &mut Waiter) -> Step {
        let Some(group) = self.model.operation(id) else {
            return Step::failed(format!("operation \"{id}\" not found"));
        };
        if let [task] = group.tasks[..] {
            tell_log(&self.model, task, waiter);
        }
        let over = group
            .tasks
            .iter()
            .filter_map(|id| self.model.task(*id))
            .all(|task| task.status.is_final());
        if over || late {
            return Step::Over(to_json(&reports::operation(&self.model, group, !over)));
        }
        Step::Waiting(None)
    }

    fn check_task(&self, id: u64, late: bool, waiter: &mut Waiter) -> Step {
        tell_log(&self.model, id, waiter);
        match self.model.task(id) {
            None => Step::failed(format!("task \"{id}\" not found")),
            Some(task) if task.status.is_final() || late => Step::Over(to_json(&reports::task(task))),
            Some(_) => Step::Waiting(None),
        }
    }

    fn check_destroyed(&self, late: bool) -> Step {
        let (machines, applications) = (self.model.machines().count(), self.model.applications().count());
        let left = format!("{machines} machine(s), {applications} application(s)");
        let stuck = stuck_units(&self.model);
        if late {
            let stuck = stuck.map_or_else(String::new, |text| format!("; {text}"));
            return Step::failed(format!("timed out waiting for model to be removed: {left} left{stuck}"));
        }
        let stuck = stuck.map_or_else(String::new, |text| format!("\n{text}"));
        Step::Waiting(Some(format!("Waiting for model to be removed, {left}...{stuck}")))
    }
}

/// What a look at a goal gives.
enum Step {
    /// The final answer.
    Over(Result<Value, Refusal>),
    /// Not yet; perhaps with something to tell.
    Waiting(Option<String>),
}

impl Step {
    fn failed(text: String) -> Step {
        Step::Over(Err(Refusal { text, code: 1 }))
    }
}

/// Passes on what `action-log` has said since the last time.
fn tell_log(model: &Model, task: u64, waiter: &mut Waiter) {
    let Some(task) = model.task(task) else { return };
    for line in task.log.iter().skip(waiter.lines_told) {
        let text = format!("{} {}", line.at.clock_text().trim_end_matches('Z'), line.message);
        // A client that has gone is forgotten in the next round.
        let _gone = waiter.answers.send(Answer::Progress { text });
    }
    waiter.lines_told = task.log.len();
}

/// The units that are not removed because a hook has failed, and what helps.
fn stuck_units(model: &Model) -> Option<String> {
    let failed: Vec<String> = model
        .units()
        .filter_map(|unit| {
            Some(format!(
                "{} (hook failed: {:?})",
                unit.name,
                unit.failed_hook()?.hook.name
            ))
        })
        .collect();
    (!failed.is_empty()).then(|| {
        let named = name_some(&failed);
        format!("not removed before they are resolved: {named}; --force removes the model without hooks")
    })
}

fn name_some(missing: &[String]) -> String {
    let named = missing
        .iter()
        .take(NAMED_AT_MOST)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match missing.len().saturating_sub(NAMED_AT_MOST) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// What keeps the conditions from holding; empty if they hold.
pub(crate) fn missing(model: &Model, now: Time, conditions: &[WaitFor]) -> Vec<String> {
    let mut all = Vec::new();
    for condition in conditions {
        for text in missing_for(model, now, condition) {
            if !all.contains(&text) {
                all.push(text);
            }
        }
    }
    all
}

fn missing_for(model: &Model, now: Time, condition: &WaitFor) -> Vec<String> {
    match condition {
        WaitFor::Active { application } => each_unit(model, application.as_deref(), |unit| {
            busy(model, unit, now).or_else(|| {
                let status = &unit.workload;
                (status.current != "active").then(|| described(&status.current, &status.message))
            })
        }),
        WaitFor::Idle { application } => each_unit(model, application.as_deref(), |unit| busy(model, unit, now)),
        WaitFor::Units { application, count } => {
            let have = units_of(model, application).map_or(0, |units| units.len() as u64);
            if have == *count {
                Vec::new()
            } else {
                vec![format!("{application}: {have} of {count} units")]
            }
        }
        WaitFor::Status { entity, status } => missing_status(model, entity, status),
        WaitFor::Gone { entity } => {
            let there = match entity.parse::<UnitName>() {
                Ok(unit) => model.unit(&unit).is_some(),
                Err(_) => entity
                    .parse()
                    .is_ok_and(|name: ApplicationName| model.application(&name).is_some()),
            };
            if there {
                vec![format!("{entity}: to go")]
            } else {
                Vec::new()
            }
        }
    }
}

fn missing_status(model: &Model, entity: &str, wanted: &str) -> Vec<String> {
    let units: Vec<&Unit> = match entity.parse::<UnitName>() {
        Ok(unit) => model.unit(&unit).into_iter().collect(),
        Err(_) => units_of(model, entity).unwrap_or_default(),
    };
    if units.is_empty() {
        return vec![format!("{entity}: not found")];
    }
    let wrong = units.into_iter().filter_map(|unit| {
        let (current, message) = match unit.failed_hook() {
            Some(failed) => ("error", format!("hook failed: {:?}", failed.hook.name)),
            None => (unit.workload.current.as_str(), unit.workload.message.clone()),
        };
        (current != wanted).then(|| format!("{}: {}", unit.name, described(current, &message)))
    });
    wrong.collect()
}

/// What `check` objects to in the units of an application, or of all; with all, also what is being removed besides.
fn each_unit(model: &Model, application: Option<&str>, check: impl Fn(&Unit) -> Option<String>) -> Vec<String> {
    let Some(units) = application.map_or_else(|| Some(model.units().collect()), |name| units_of(model, name)) else {
        return vec![format!("{}: not found", application.unwrap_or_default())];
    };
    let mut missing: Vec<String> = units
        .into_iter()
        .filter_map(|unit| check(unit).map(|why| format!("{}: {why}", unit.name)))
        .collect();
    if application.is_none() {
        let machines = model
            .machines()
            .filter(|machine| machine.life != Life::Alive && model.units_on(machine.number).next().is_none());
        missing.extend(machines.map(|machine| format!("machine {}: being removed", machine.number)));
        let applications = model
            .applications()
            .filter(|application| application.life != Life::Alive);
        missing.extend(applications.map(|application| format!("{}: being removed", application.name)));
    }
    missing
}

fn units_of<'a>(model: &'a Model, application: &str) -> Option<Vec<&'a Unit>> {
    let name: ApplicationName = application.parse().ok()?;
    model.application(&name)?;
    Some(model.units().filter(|unit| unit.name.application() == name).collect())
}

/// Why a unit's agent is not idle.
fn busy(model: &Model, unit: &Unit, now: Time) -> Option<String> {
    if let Some(running) = unit.running() {
        return Some(described("executing", &operation_name(model, &running.operation)));
    }
    if let Some(failed) = unit.failed_hook() {
        return Some(described("error", &format!("hook failed: {:?}", failed.hook.name)));
    }
    let machine = model.machine_of(&unit.name);
    if machine.is_some_and(|machine| machine.reboot_wanted) {
        return Some("rebooting".to_owned());
    }
    if !unit.agent_started {
        let machine = machine.filter(|machine| !machine.is_started());
        return Some(described(
            "allocating",
            machine.map_or("", |machine| machine.status.message.as_str()),
        ));
    }
    if unit.life != Life::Alive {
        return Some("being removed".to_owned());
    }
    let next = model.next_operation(&unit.name, now)?;
    Some(described("queued", &operation_name(model, &next)))
}

fn operation_name(model: &Model, operation: &Operation) -> String {
    match operation {
        Operation::Hook(hook) => hook.name.clone(),
        Operation::Action { task } | Operation::Exec { task } => model
            .task(*task)
            .map(|task| task.kind.name().to_owned())
            .unwrap_or_default(),
    }
}

fn described(what: &str, detail: &str) -> String {
    if detail.is_empty() {
        what.to_owned()
    } else {
        format!("{what} ({detail})")
    }
}

/// The final answer of a client whose model is gone.
pub(crate) fn destroyed(answers: &UnboundedSender<Answer>) {
    finish(answers, Ok(Value::Null));
}
