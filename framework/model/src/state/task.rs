//! Tasks: what `juju run` and `juju exec` ask of units, and what came of it.

use juju::UnitName;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::operation::Operation;
use crate::time::Time;

/// One call of `juju run` or `juju exec`: Juju's *operation*, a group of tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskGroup {
    /// Its number; operations and tasks share one counter.
    pub id: u64,
    /// Text for `show-operation`.
    pub summary: String,
    /// Its tasks, in the order of the units asked for.
    pub tasks: Vec<u64>,
    /// Units for which nothing could be scheduled, and why.
    pub failures: Vec<String>,
    /// When it was asked for.
    pub enqueued: Time,
}

/// One action or command on one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its number.
    pub id: u64,
    /// The group that it belongs to.
    pub group: u64,
    /// The unit that runs it.
    pub unit: UnitName,
    /// What is run.
    pub kind: TaskKind,
    /// How far it has come.
    pub status: TaskStatus,
    /// Why it failed; otherwise empty.
    pub message: String,
    /// What `action-set` collected, with `return-code`, `stdout` and `stderr`.
    pub results: Map<String, Value>,
    /// What `action-log` said.
    pub log: Vec<TaskLog>,
    /// When it was asked for.
    pub enqueued: Time,
    /// When its process was started.
    pub started: Option<Time>,
    /// When it ended.
    pub completed: Option<Time>,
}

/// What a task runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// An action of the charm.
    Action {
        /// Its name.
        name: String,
        /// Its parameters with the defaults filled in.
        parameters: Map<String, Value>,
    },
    /// A shell command.
    Exec {
        /// The command for `bash -c`.
        command: String,
    },
}

impl TaskKind {
    /// The action's name; a command is the predefined action `juju-exec`.
    pub fn name(&self) -> &str {
        match self {
            TaskKind::Action { name, .. } => name,
            TaskKind::Exec { .. } => "juju-exec",
        }
    }
}

/// A progress message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskLog {
    /// When it was said.
    pub at: Time,
    /// The text.
    pub message: String,
}

/// How far a task has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskStatus {
    /// Waiting for its unit.
    Pending,
    /// Its process is running.
    Running,
    /// Cancelled while running; the process is being killed.
    Aborting,
    /// Ended well.
    Completed,
    /// Ended badly, or `action-fail` was called.
    Failed,
    /// Cancelled before it was started.
    Cancelled,
    /// Killed because it was cancelled.
    Aborted,
}

impl TaskStatus {
    /// The word that Juju shows.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskStatus::Pending => "pending",
            TaskStatus::Running => "running",
            TaskStatus::Aborting => "aborting",
            TaskStatus::Completed => "completed",
            TaskStatus::Failed => "failed",
            TaskStatus::Cancelled => "cancelled",
            TaskStatus::Aborted => "aborted",
        }
    }

    /// Whether nothing more will happen to the task.
    pub fn is_final(self) -> bool {
        !matches!(self, TaskStatus::Pending | TaskStatus::Running | TaskStatus::Aborting)
    }
}

impl Task {
    /// Whether it waits for its unit.
    pub fn is_pending(&self) -> bool {
        self.status == TaskStatus::Pending
    }

    /// What the unit's agent runs for it.
    pub fn operation(&self) -> Operation {
        match self.kind {
            TaskKind::Action { .. } => Operation::Action { task: self.id },
            TaskKind::Exec { .. } => Operation::Exec { task: self.id },
        }
    }
}
