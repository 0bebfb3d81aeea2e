//! Tasks: actions and commands, from the request to the result.

use juju::{ApplicationName, UnitName};
use serde_json::{Map, Value};

use super::operations::Outcome;
use crate::bytes;
use crate::error::ModelError;
use crate::event::{Exit, Reply};
use crate::state::{Model, Task, TaskGroup, TaskKind, TaskStatus};
use crate::time::Time;

const NOT_COMMITTED: &str = "committing requested changes failed";

impl Model {
    /// `juju run`: validates for every unit, and schedules where it can.
    pub(super) fn enqueue_action(
        &mut self,
        at: Time,
        units: &[String],
        action: &str,
        params: &Map<String, Value>,
    ) -> Result<Reply, ModelError> {
        let summary = format!("{action} run on {}", units.join(","));
        self.enqueue(at, units, summary, |model, unit| {
            let application = model.applications.get(&unit.application());
            let spec = application.and_then(|application| application.charm.actions.0.get(action));
            let spec = spec.ok_or_else(|| format!("action {action:?} not defined on unit {:?}", unit.as_str()))?;
            let parameters = spec.validate(params.clone()).map_err(|error| error.to_string())?;
            Ok(TaskKind::Action {
                name: action.to_owned(),
                parameters,
            })
        })
    }

    /// `juju exec`.
    pub(super) fn enqueue_exec(&mut self, at: Time, units: &[String], command: &str) -> Result<Reply, ModelError> {
        let summary = format!("juju-exec run on {}", units.join(","));
        self.enqueue(at, units, summary, |_, _| {
            Ok(TaskKind::Exec {
                command: command.to_owned(),
            })
        })
    }

    fn enqueue(
        &mut self,
        at: Time,
        targets: &[String],
        summary: String,
        kind: impl Fn(&Model, &UnitName) -> Result<TaskKind, String>,
    ) -> Result<Reply, ModelError> {
        let operation = self.counters.task + 1;
        let wanted = targets.iter().map(|target| {
            let unit = self.target(target)?;
            Ok((unit.clone(), kind(self, &unit)?))
        });
        let (mut accepted, mut failures) = (Vec::new(), Vec::new());
        for result in wanted {
            match result {
                Ok(task) => accepted.push(task),
                Err(failure) => failures.push(failure),
            }
        }
        if accepted.is_empty() {
            return Err(ModelError::NotScheduled {
                operation,
                errors: failures,
            });
        }
        let mut tasks = Vec::new();
        for (id, (unit, kind)) in (operation + 1..).zip(accepted) {
            self.tasks.insert(id, new_task(id, operation, unit.clone(), kind, at));
            tasks.push((id, unit));
            self.counters.task = id;
        }
        let group = TaskGroup {
            id: operation,
            summary,
            tasks: tasks.iter().map(|(id, _)| *id).collect(),
            failures: failures.clone(),
            enqueued: at,
        };
        self.operations.insert(operation, group);
        Ok(Reply::Enqueued {
            operation,
            tasks,
            failures,
        })
    }

    /// The unit that `foo/0` or `foo/leader` names.
    fn target(&self, text: &str) -> Result<UnitName, String> {
        if let Some(application) = text.strip_suffix("/leader") {
            let known = ApplicationName::try_from(application)
                .ok()
                .filter(|name| self.applications.contains_key(name));
            let name = known.ok_or_else(|| format!("application {application:?} not found"))?;
            return self
                .leader(&name)
                .cloned()
                .ok_or_else(|| format!("could not determine leader for {application:?}"));
        }
        let unit = UnitName::try_from(text)
            .ok()
            .filter(|unit| self.units.contains_key(unit));
        unit.ok_or_else(|| format!("unit {text:?} not found"))
    }

    /// `juju cancel-task`.
    pub(super) fn cancel_task(&mut self, at: Time, id: u64) -> Result<Reply, ModelError> {
        let task = self
            .tasks
            .get_mut(&id)
            .ok_or_else(|| ModelError::TaskNotFound(id.to_string()))?;
        match task.status {
            TaskStatus::Pending => {
                task.status = TaskStatus::Cancelled;
                task.message = "action cancelled via the API".to_owned();
                task.completed = Some(at);
            }
            TaskStatus::Running => task.status = TaskStatus::Aborting,
            TaskStatus::Aborting => {}
            over => {
                return Err(ModelError::TaskOver {
                    id,
                    status: over.as_str(),
                });
            }
        }
        Ok(Reply::Done)
    }

    /// Puts together the result of a task, and commits what it buffered.
    pub(super) fn task_finished(&mut self, at: Time, name: &UnitName, id: u64, outcome: Outcome) {
        let Some(task) = self.tasks.get(&id) else { return };
        let (exec, aborting) = (
            matches!(task.kind, TaskKind::Exec { .. }),
            task.status == TaskStatus::Aborting,
        );
        let committing = matches!(outcome.exit, Exit::Code(code) if code == 0 || exec);
        let committed = if committing {
            self.try_commit(name, &outcome)
        } else {
            Ok(())
        };
        let mut stderr = outcome.stderr;
        if let Err(reason) = &committed {
            stderr.extend_from_slice(reason.as_bytes());
        }
        let mut results = outcome.changes.action_results;
        if let Exit::Code(code) = outcome.exit {
            results.insert("return-code".to_owned(), Value::from(code));
        }
        add_output(&mut results, "stdout", &outcome.stdout);
        add_output(&mut results, "stderr", &stderr);
        let failed = outcome.changes.action_failed;
        let (status, message) = match outcome.exit {
            Exit::Killed if aborting => (TaskStatus::Aborted, "signal: killed".to_owned()),
            Exit::Killed => (TaskStatus::Failed, "signal: killed".to_owned()),
            Exit::MissingScript => (
                TaskStatus::Failed,
                format!("action not implemented on unit {:?}", name.as_str()),
            ),
            Exit::Code(code) if code != 0 && !exec => (TaskStatus::Failed, format!("exit status {code}")),
            Exit::Code(_) => match (failed, committed) {
                (Some(message), _) => (TaskStatus::Failed, message),
                (None, Err(_)) => (TaskStatus::Failed, NOT_COMMITTED.to_owned()),
                (None, Ok(())) => (TaskStatus::Completed, String::new()),
            },
        };
        if let Some(task) = self.tasks.get_mut(&id) {
            (task.status, task.message, task.results) = (status, message, results);
            task.completed = Some(at);
        }
    }

    fn try_commit(&mut self, name: &UnitName, outcome: &Outcome) -> Result<(), String> {
        self.check_changes(name, &outcome.changes)?;
        self.commit(name, &outcome.changes);
        Ok(())
    }

    /// The agent stopped while the task was running: it has failed and is not run again.
    pub(super) fn task_interrupted(&mut self, at: Time, id: u64) {
        if let Some(task) = self.tasks.get_mut(&id) {
            task.status = if task.status == TaskStatus::Aborting {
                TaskStatus::Aborted
            } else {
                TaskStatus::Failed
            };
            task.message = "action terminated".to_owned();
            task.completed = Some(at);
        }
    }
}

fn new_task(id: u64, group: u64, unit: UnitName, kind: TaskKind, at: Time) -> Task {
    Task {
        id,
        group,
        unit,
        kind,
        status: TaskStatus::Pending,
        message: String::new(),
        results: Map::new(),
        log: Vec::new(),
        enqueued: at,
        started: None,
        completed: None,
    }
}

/// Adds captured output as Juju collects it: by line, each with a newline; base64 if it is not text.
fn add_output(results: &mut Map<String, Value>, key: &str, output: &[u8]) {
    if output.is_empty() {
        return;
    }
    let text = match std::str::from_utf8(output) {
        Ok(text) => text.replace("\r\n", "\n"),
        Err(_) => {
            results.insert(format!("{key}-encoding"), Value::from("base64"));
            results.insert(key.to_owned(), Value::from(bytes::encode(output)));
            return;
        }
    };
    let end = if text.ends_with('\n') { "" } else { "\n" };
    results.insert(key.to_owned(), Value::from(text + end));
}
