//! Results of `juju run`, `juju exec`, `juju show-task` and `juju show-operation`.

use serde_json::{Map, Value, json};

use crate::state::{Model, Task, TaskGroup, TaskKind, TaskStatus};
use crate::time::Time;

impl Model {
    /// One task as `show-task --format json` shows it; keys sorted.
    pub fn task_view(&self, id: u64) -> Option<Value> {
        let task = self.task(id)?;
        let mut view = outcome(task);
        view.insert("id".to_owned(), json!(task.id.to_string()));
        view.insert("unit".to_owned(), json!(task.unit));
        Some(sorted(Value::Object(view)))
    }

    /// The result map of `juju run` and `juju exec`: by unit, one task each.
    pub fn operation_view(&self, id: u64) -> Option<Value> {
        let group = self.operation(id)?;
        let tasks = group.tasks.iter().filter_map(|task| self.task(*task));
        let views = tasks.filter_map(|task| Some((task.unit.to_string(), self.task_view(task.id)?)));
        Some(sorted(Value::Object(views.collect())))
    }

    /// `show-operation --format json`.
    pub fn show_operation(&self, id: u64) -> Option<Value> {
        let group = self.operation(id)?;
        let tasks: Vec<&Task> = group.tasks.iter().filter_map(|task| self.task(*task)).collect();
        let mut view = Map::new();
        view.insert("summary".to_owned(), json!(group.summary));
        view.insert("status".to_owned(), json!(self.operation_status(id)?.as_str()));
        if !group.failures.is_empty() {
            view.insert("fail".to_owned(), json!(group.failures.join("\n")));
        }
        if let Some(task) = tasks.first() {
            view.insert("action".to_owned(), action(task));
        }
        view.insert("timing".to_owned(), group_timing(group, &tasks));
        let entries = tasks.iter().map(|task| {
            let mut entry = outcome(task);
            entry.insert("host".to_owned(), json!(task.unit));
            (task.id.to_string(), Value::Object(entry))
        });
        view.insert("tasks".to_owned(), Value::Object(entries.collect()));
        Some(sorted(json!({ id.to_string(): view })))
    }

    /// The status of a call: that of the task which is furthest from a good end.
    pub fn operation_status(&self, id: u64) -> Option<TaskStatus> {
        const ORDER: [TaskStatus; 7] = [
            TaskStatus::Running,
            TaskStatus::Aborting,
            TaskStatus::Pending,
            TaskStatus::Failed,
            TaskStatus::Aborted,
            TaskStatus::Cancelled,
            TaskStatus::Completed,
        ];
        let tasks = &self.operation(id)?.tasks;
        let statuses = tasks.iter().filter_map(|task| self.task(*task)).map(|task| task.status);
        statuses.min_by_key(|status| ORDER.iter().position(|known| known == status))
    }
}

fn outcome(task: &Task) -> Map<String, Value> {
    let mut view = Map::new();
    view.insert("status".to_owned(), json!(task.status.as_str()));
    view.insert(
        "timing".to_owned(),
        timing(Some(task.enqueued), task.started, task.completed),
    );
    if !task.log.is_empty() {
        let lines = task
            .log
            .iter()
            .map(|line| format!("{} {}", line.at.go_text(), line.message));
        view.insert("log".to_owned(), lines.collect());
    }
    if !task.message.is_empty() {
        view.insert("message".to_owned(), json!(task.message));
    }
    if !task.results.is_empty() {
        view.insert("results".to_owned(), Value::Object(task.results.clone()));
    }
    view
}

fn timing(enqueued: Option<Time>, started: Option<Time>, completed: Option<Time>) -> Value {
    let times = [("completed", completed), ("enqueued", enqueued), ("started", started)];
    let known = times
        .into_iter()
        .filter_map(|(key, time)| Some((key.to_owned(), json!(time?.go_text()))));
    Value::Object(known.collect())
}

fn group_timing(group: &TaskGroup, tasks: &[&Task]) -> Value {
    let started = tasks.iter().filter_map(|task| task.started).min();
    let over = tasks.iter().all(|task| task.status.is_final());
    let completed = tasks.iter().filter_map(|task| task.completed).max().filter(|_| over);
    timing(Some(group.enqueued), started, completed)
}

fn action(task: &Task) -> Value {
    match &task.kind {
        TaskKind::Action { name, parameters } => json!({ "name": name, "parameters": parameters }),
        TaskKind::Exec { command } => json!({ "name": "juju-exec", "parameters": { "command": command } }),
    }
}

/// Sorts the keys of all maps, as Go does.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}
