//! What a handler answers: it is done, or why it is not.

use std::fmt;

use juju::WorkloadStatus;

/// The answer of a handler. The worst answer of a hook becomes the unit's workload status.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// Nothing to say.
    Done,
    /// The unit does its work.
    Active(String),
    /// Something else has to happen first; no person is needed.
    Waiting(String),
    /// Work goes on.
    Maintenance(String),
    /// A person has to act.
    Blocked(String),
}

impl Outcome {
    /// The workload status and its message; none for [`Outcome::Done`].
    pub fn status(&self) -> Option<(WorkloadStatus, &str)> {
        match self {
            Outcome::Done => None,
            Outcome::Active(text) => Some((WorkloadStatus::Active, text)),
            Outcome::Waiting(text) => Some((WorkloadStatus::Waiting, text)),
            Outcome::Maintenance(text) => Some((WorkloadStatus::Maintenance, text)),
            Outcome::Blocked(text) => Some((WorkloadStatus::Blocked, text)),
        }
    }

    /// How bad it is; the highest of a hook wins.
    pub fn severity(&self) -> u8 {
        match self {
            Outcome::Done => 0,
            Outcome::Active(_) => 1,
            Outcome::Waiting(_) => 2,
            Outcome::Maintenance(_) => 3,
            Outcome::Blocked(_) => 4,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Done => f.write_str("done"),
            Outcome::Active(text) => write!(f, "active: {text}"),
            Outcome::Waiting(text) => write!(f, "waiting: {text}"),
            Outcome::Maintenance(text) => write!(f, "maintenance: {text}"),
            Outcome::Blocked(text) => write!(f, "blocked: {text}"),
        }
    }
}
