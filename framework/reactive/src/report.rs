//! What a dispatch did, and how it fails.

use std::fmt;

use juju::ToolError;
use store::StoreError;

use crate::state::Change;
use crate::{Condition, Flag, HandlerError, Outcome};

/// What a successful dispatch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The handlers in the order they ran; those at the start are not listed.
    pub runs: Vec<Run>,
    /// The flags that are set now and were not after the last successful hook; managed ones are not listed.
    pub set: Vec<Flag>,
    /// The flags that are clear now and were not.
    pub cleared: Vec<Flag>,
    /// The status that was sent last, if any.
    pub status: Option<Outcome>,
    /// Why the action failed, if it did. Then nothing was kept.
    pub action_failure: Option<String>,
    /// How many conditions were evaluated.
    pub evaluations: u64,
    /// How many hook tools were called.
    pub tool_calls: u64,
}

/// One run of a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The handler: `etcd/install`.
    pub handler: String,
    /// Its answer.
    pub outcome: Outcome,
    /// The flags it changed, triggers included.
    pub changes: Vec<Change>,
}

impl Report {
    /// The names of the handlers in the order they ran.
    pub fn handlers(&self) -> Vec<&str> {
        self.runs.iter().map(|run| run.handler.as_str()).collect()
    }
}

impl fmt::Display for Report {
    /// One line for each run.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for run in &self.runs {
            write!(f, "ran {}: {}", run.handler, run.outcome)?;
            for change in &run.changes {
                write!(f, " {change}")?;
            }
            writeln!(f)?;
        }
        if let Some(reason) = &self.action_failure {
            writeln!(f, "action failed: {reason}")?;
        }
        write!(f, "{} hook tool calls", self.tool_calls)
    }
}

/// A dispatch failed; nothing was kept.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// A handler returned an error or panicked.
    #[error("cannot run handler `{handler}` of layer `{layer}` (when {condition}): {error}")]
    Handler {
        /// The layer.
        layer: String,
        /// The handler.
        handler: String,
        /// Its condition.
        condition: Box<Condition>,
        /// The chain of causes.
        error: HandlerError,
    },
    /// A handler changed a flag that it does not declare.
    #[error("handler `{handler}` does not declare to {verb} `{flag}`", verb = if *.set { "set" } else { "clear" })]
    Undeclared {
        /// The handler, with its layer.
        handler: String,
        /// The flag.
        flag: Flag,
        /// Whether it was to be set.
        set: bool,
    },
    /// A handler asked for a managed flag that no condition or trigger names, so that it was never looked up.
    #[error("handler `{handler}` reads the managed flag `{flag}`, which no condition or trigger names")]
    Unnamed {
        /// The handler, with its layer.
        handler: String,
        /// The flag.
        flag: Flag,
    },
    /// Handlers keep enabling each other.
    #[error("cannot settle: handlers enable each other without end: {}", cycle(.steps))]
    Livelock {
        /// The cycle; the last step enables the first.
        steps: Vec<Step>,
    },
    /// There is no handler for the action.
    #[error("charm has no action `{action}`")]
    UnknownAction {
        /// The action.
        action: String,
    },
    /// A hook tool failed outside a handler.
    #[error("cannot {doing}: {source}")]
    Tool {
        /// What was being done.
        doing: String,
        /// The tool's error.
        source: Box<ToolError>,
    },
    /// The unit's state cannot be read or written.
    #[error("cannot keep the unit's state: {source}")]
    Store {
        /// The store's error.
        #[from]
        source: StoreError,
    },
}

/// A handler in a cycle that does not settle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The handler, with its layer.
    pub handler: String,
    /// The changes of its run.
    pub changes: Vec<Change>,
}

fn cycle(steps: &[Step]) -> String {
    let step = |step: &Step| {
        let changes: Vec<String> = step.changes.iter().map(Change::to_string).collect();
        format!("`{}` ({}) -> ", step.handler, changes.join(" "))
    };
    let text: String = steps.iter().map(step).collect();
    let first = steps.first().map_or("", |step| step.handler.as_str());
    format!("{text}`{first}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_livelock_spells_out_its_cycle() {
        let step = |handler: &str, set| Step {
            handler: handler.into(),
            changes: vec![Change {
                flag: Flag::new("x"),
                set,
            }],
        };
        let error = DispatchError::Livelock {
            steps: vec![step("l/a", true), step("l/b", false)],
        };
        assert_eq!(
            error.to_string(),
            "cannot settle: handlers enable each other without end: `l/a` (+x) -> `l/b` (-x) -> `l/a`"
        );
    }
}
