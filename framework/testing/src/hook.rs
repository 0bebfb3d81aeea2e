//! Which hook a test wants.

use std::fmt;

use model::{HookRun, Operation};

/// A hook by name and, for relation hooks, by whom it is about. A plain `&str` is a hook about anyone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    pub(crate) name: String,
    pub(crate) about: About,
}

/// Whom a relation hook is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum About {
    Anyone,
    Unit(String),
    Application,
}

impl Hook {
    /// A hook of this name.
    pub fn named(name: impl Into<String>) -> Hook {
        Hook {
            name: name.into(),
            about: About::Anyone,
        }
    }

    /// The relation hook about this remote unit.
    #[must_use]
    pub fn about(self, unit: impl Into<String>) -> Hook {
        Hook {
            about: About::Unit(unit.into()),
            ..self
        }
    }

    /// The `relation-changed` hook about the remote application's own settings.
    #[must_use]
    pub fn about_application(self) -> Hook {
        Hook {
            about: About::Application,
            ..self
        }
    }

    /// Whether an operation is this hook.
    pub(crate) fn is(&self, operation: &Operation) -> bool {
        operation.hook().is_some_and(|run| self.is_run(run))
    }

    /// Whether a run of a hook is this hook.
    pub(crate) fn is_run(&self, run: &HookRun) -> bool {
        let remote = run.relation.as_ref().map(|relation| relation.remote_unit.as_ref());
        run.name == self.name
            && match (&self.about, remote) {
                (About::Anyone, _) => true,
                (About::Unit(wanted), Some(Some(unit))) => unit.as_str() == wanted,
                (About::Application, Some(None)) => true,
                _ => false,
            }
    }

    /// The endpoint and the last word of a relation hook's name.
    pub(crate) fn relation(&self) -> Option<(&str, &str)> {
        let (endpoint, stage) = self.name.rsplit_once("-relation-")?;
        ["created", "joined", "changed", "departed", "broken"]
            .contains(&stage)
            .then_some((endpoint, stage))
    }

    /// Whether the hook belongs to the start of a unit's life, so that it cannot come in a world at rest.
    pub(crate) fn is_early(&self) -> bool {
        let early = ["install", "leader-elected", "start"].contains(&self.name.as_str());
        early
            || self
                .relation()
                .is_some_and(|(_, stage)| stage == "created" || stage == "joined")
    }
}

impl From<&str> for Hook {
    fn from(name: &str) -> Hook {
        Hook::named(name)
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.name)?;
        match &self.about {
            About::Anyone => Ok(()),
            About::Unit(unit) => write!(f, " about {unit}"),
            About::Application => f.write_str(" about the remote application"),
        }
    }
}
