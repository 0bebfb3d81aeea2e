//! Operations and tasks as the command line shows them.

use model::{Model, Task, TaskGroup, TaskKind, TaskStatus};
use serde_json::Map;

use super::requests::Refusal;
use crate::protocol::{OperationReport, TaskReport};

/// A task's report.
pub(crate) fn task(task: &Task) -> TaskReport {
    TaskReport {
        id: task.id.to_string(),
        operation: task.group.to_string(),
        unit: task.unit.to_string(),
        status: task.status.as_str().to_owned(),
        message: task.message.clone(),
        results: task.results.clone(),
        log: task.log.iter().map(|line| (line.at.0, line.message.clone())).collect(),
        enqueued_ms: task.enqueued.0,
        started_ms: task.started.map(|time| time.0),
        completed_ms: task.completed.map(|time| time.0),
    }
}

/// An operation's report.
pub(crate) fn operation(model: &Model, group: &TaskGroup, timed_out: bool) -> OperationReport {
    let tasks: Vec<&Task> = group.tasks.iter().filter_map(|id| model.task(*id)).collect();
    let first = tasks.first().map(|task| &task.kind);
    OperationReport {
        id: group.id.to_string(),
        summary: group.summary.clone(),
        status: worst(&tasks).as_str().to_owned(),
        action: first.map(|kind| kind.name().to_owned()).unwrap_or_default(),
        parameters: match first {
            Some(TaskKind::Action { parameters, .. }) => parameters.clone(),
            Some(TaskKind::Exec { command }) => Map::from_iter([("command".to_owned(), command.clone().into())]),
            None => Map::new(),
        },
        tasks: tasks.iter().map(|found| task(found)).collect(),
        errors: group.failures.clone(),
        timed_out,
    }
}

/// All operations, oldest first.
pub(crate) fn operations(model: &Model) -> Vec<OperationReport> {
    model.operations().map(|group| operation(model, group, false)).collect()
}

/// An operation that came to nothing.
pub(crate) fn not_scheduled(id: u64, errors: Vec<String>) -> OperationReport {
    OperationReport {
        id: id.to_string(),
        summary: String::new(),
        status: "error".to_owned(),
        action: String::new(),
        parameters: Map::new(),
        tasks: Vec::new(),
        errors,
        timed_out: false,
    }
}

/// The number of an existing task.
pub(crate) fn task_id(model: &Model, text: &str) -> Result<u64, Refusal> {
    let id = text.parse().ok().filter(|id| model.task(*id).is_some());
    id.ok_or_else(|| Refusal {
        text: format!("task {text:?} not found"),
        code: 1,
    })
}

/// The number of an existing operation.
pub(crate) fn operation_id(model: &Model, text: &str) -> Result<u64, Refusal> {
    let id = text.parse().ok().filter(|id| model.operation(*id).is_some());
    id.ok_or_else(|| Refusal {
        text: format!("operation {text:?} not found"),
        code: 1,
    })
}

/// An operation is as far as the task that is least far, and as bad as the worst.
fn worst(tasks: &[&Task]) -> TaskStatus {
    let order = [
        TaskStatus::Running,
        TaskStatus::Aborting,
        TaskStatus::Pending,
        TaskStatus::Failed,
        TaskStatus::Aborted,
        TaskStatus::Cancelled,
    ];
    let found = order
        .into_iter()
        .find(|status| tasks.iter().any(|task| task.status == *status));
    found.unwrap_or(TaskStatus::Completed)
}
